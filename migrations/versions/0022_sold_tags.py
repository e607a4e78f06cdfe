"""Tags that were sold, each once at a time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sold_tag",
        sa.Column("epc", sa.String(length=24), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("sold_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("epc ~ '^[0-9A-F]{24}$'", name=op.f("ck_sold_tag_epc_in_hex")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_sold_tag_order_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_sold_tag_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sold_tag")),
    )
    op.create_index("ix_sold_tag_epc_id", "sold_tag", ["epc", "id"], unique=False)
    op.create_index(op.f("ix_sold_tag_order_id"), "sold_tag", ["order_id"], unique=False)
    op.create_index(
        "uq_sold_tag_sold", "sold_tag", ["epc"], unique=True, postgresql_where=sa.text("returned_at is null")
    )


def downgrade() -> None:
    op.drop_table("sold_tag")
