"""recommender: what members say of products, what was learnt of all together, and the weather at stores"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0086"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "product_feedback",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict in ('liked', 'disliked', 'tried_on')", name=op.f("ck_product_feedback_verdict_known")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_product_feedback_member_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_product_feedback_product_id")),
        sa.PrimaryKeyConstraint("member_id", "product_id", name=op.f("pk_product_feedback")),
    )
    op.create_index(op.f("ix_product_feedback_product_id"), "product_feedback", ["product_id"])
    op.create_table(
        "product_neighbours",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("together", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("together_shares", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("alike", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("alike_shares", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("bought_again", sa.REAL(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_product_neighbours_product_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_product_neighbours")),
    )
    op.create_table(
        "product_popularity",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("share", sa.REAL(), nullable=False),
        sa.Column("by_part", sa.ARRAY(sa.REAL()), nullable=False),
        sa.Column("by_weather", sa.ARRAY(sa.REAL()), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_product_popularity_product_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_product_popularity_store_id")),
        sa.PrimaryKeyConstraint("store_id", "product_id", name=op.f("pk_product_popularity")),
    )
    op.create_index("ix_product_popularity_store_id_share", "product_popularity", ["store_id", "share"])
    op.create_table(
        "weather_report",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("weather", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_weather_report_store_id")),
        sa.PrimaryKeyConstraint("store_id", "reported_at", name=op.f("pk_weather_report")),
    )


def downgrade() -> None:
    for table in ("weather_report", "product_popularity", "product_neighbours", "product_feedback"):
        op.drop_table(table)
