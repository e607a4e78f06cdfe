"""What goes together, diets and tastes, and the weather."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027_recommender"
down_revision = "0026_shelves"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "member_diet",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("allergens", sa.ARRAY(sa.String(length=16)), nullable=False),
        sa.Column("ingredients", sa.ARRAY(sa.String(length=80)), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cardinality(allergens) + cardinality(ingredients) > 0", name=op.f("ck_member_diet_says_something")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_member_diet_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_diet")),
    )

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
    op.create_index(op.f("ix_preference_product_id"), "preference", ["product_id"])

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
    op.create_index(op.f("ix_profiling_consent_member_id"), "profiling_consent", ["member_id"])
    op.create_index(
        "uq_profiling_consent_standing",
        "profiling_consent",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at is null"),
    )

    op.create_table(
        "weather_report",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("weather", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_weather_report_store_id")),
        sa.PrimaryKeyConstraint("store_id", "reported_at", name=op.f("pk_weather_report")),
    )
