"""Who looks at what"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0061"
down_revision = "0060"
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
    op.create_index(op.f("ix_attention_count_product_id"), "attention_count", ["product_id"], unique=False)

    op.create_table(
        "preference",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looks", sa.BigInteger(), nullable=False),
        sa.Column("attention_ms", sa.BigInteger(), nullable=False),
        sa.Column("smile_ms", sa.BigInteger(), nullable=False),
        sa.Column("excluded", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("looks >= 0 and smile_ms between 0 and attention_ms", name=op.f("ck_preference_counts")),
        sa.CheckConstraint(
            "not excluded or score = 0 and looks = 0 and attention_ms = 0", name=op.f("ck_preference_excluded_is_empty")
        ),
        sa.CheckConstraint("score between 0 and 600.0", name=op.f("ck_preference_score_in_bounds")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_preference_member_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_preference_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_preference")),
        sa.UniqueConstraint("member_id", "product_id", name=op.f("uq_preference_member_id")),
    )
    op.create_index(op.f("ix_preference_product_id"), "preference", ["product_id"], unique=False)

    op.create_table(
        "profiling_consent",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evidence_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_profiling_consent_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiling_consent")),
    )
    op.create_index(op.f("ix_profiling_consent_member_id"), "profiling_consent", ["member_id"], unique=False)
    op.create_index(
        "uq_profiling_consent_standing",
        "profiling_consent",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at is null"),
    )

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
    op.create_index(op.f("ix_viewed_product_product_id"), "viewed_product", ["product_id"], unique=False)


def downgrade() -> None:
    op.drop_table("viewed_product")
    op.drop_table("attention_places")
    op.drop_table("profiling_consent")
    op.drop_table("preference")
    op.drop_table("attention_count")
