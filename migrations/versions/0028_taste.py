"""Who looks at what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028_taste"
down_revision = "0027_recommender"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "attention_count",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("looks", sa.BigInteger(), nullable=False),
        sa.Column("others", sa.BigInteger(), nullable=False),
        sa.Column("smiles", sa.BigInteger(), nullable=False),
        sa.Column("dwell_ms", sa.BigInteger(), nullable=False),
        sa.Column("attention_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint("attention_ms >= 0 and dwell_ms >= attention_ms", name=op.f("ck_attention_count_times")),
        sa.CheckConstraint("others between 0 and looks and smiles >= 0", name=op.f("ck_attention_count_counts")),
        sa.CheckConstraint("since <= day", name=op.f("ck_attention_count_days")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_attention_count_product_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_attention_count_store_id")),
        sa.PrimaryKeyConstraint("store_id", "product_id", "day", name=op.f("pk_attention_count")),
    )
    op.create_index(op.f("ix_attention_count_product_id"), "attention_count", ["product_id"])

    op.create_table(
        "attention_places",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("places", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_attention_places_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_attention_places")),
    )

    op.create_table(
        "viewed_product",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("yaw_degrees", sa.Double(), nullable=False),
        sa.Column("pitch_degrees", sa.Double(), nullable=False),
        sa.Column("tolerance_degrees", sa.Double(), nullable=False),
        sa.CheckConstraint(
            "tolerance_degrees > 0 and tolerance_degrees <= 45", name=op.f("ck_viewed_product_tolerance")
        ),
        sa.CheckConstraint(
            "yaw_degrees between -90 and 90 and pitch_degrees between -90 and 90",
            name=op.f("ck_viewed_product_in_front"),
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_viewed_product_device_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_viewed_product_product_id")),
        sa.PrimaryKeyConstraint("device_id", "product_id", name=op.f("pk_viewed_product")),
    )
    op.create_index(op.f("ix_viewed_product_product_id"), "viewed_product", ["product_id"])
