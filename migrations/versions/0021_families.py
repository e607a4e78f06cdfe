"""Families, their limits, and what awaits a yes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021_families"
down_revision = "0020_catalog"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "family",
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_family_payer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family")),
        sa.UniqueConstraint("payer_id"),
        sa.UniqueConstraint("payer_id", name=op.f("uq_family_payer_id")),
    )

    op.create_table(
        "family_approval",
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("skus", postgresql.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("amount_max", sa.BigInteger(), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "amount_max > 0 and expires_at > created_at", name=op.f("ck_family_approval_is_for_something")
        ),
        sa.ForeignKeyConstraint(["family_id"], ["family.id"], name=op.f("fk_family_approval_family_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_family_approval_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_approval")),
    )
    op.create_index(op.f("ix_family_approval_family_id"), "family_approval", ["family_id"])
    op.create_index(
        "ix_family_approval_unused", "family_approval", ["member_id"], postgresql_where=sa.text("order_id is null")
    )

    op.create_table(
        "family_member",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("payment_max", sa.BigInteger(), nullable=True),
        sa.Column("daily_max", sa.BigInteger(), nullable=True),
        sa.Column("blocked_categories", sa.ARRAY(sa.String(length=200)), nullable=False),
        sa.Column("blocked_skus", sa.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("hours", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("age_limited_goods", sa.Boolean(), nullable=False),
        sa.Column("web_shops", sa.Boolean(), nullable=False),
        sa.Column("consent_noted_by", sa.String(length=80), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role = 'child' or consent_noted_by is not null", name=op.f("ck_family_member_adults_agree")
        ),
        sa.CheckConstraint("role in ('adult', 'child')", name=op.f("ck_family_member_role_known")),
        sa.CheckConstraint("payment_max >= 0 and daily_max >= 0", name=op.f("ck_family_member_limits_in_bounds")),
        sa.ForeignKeyConstraint(["family_id"], ["family.id"], name=op.f("fk_family_member_family_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_family_member_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_family_member")),
    )
    op.create_index(op.f("ix_family_member_family_id"), "family_member", ["family_id"])

    op.create_table(
        "family_refusal",
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("skus", sa.ARRAY(sa.String(length=64)), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("refused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["family_id"], ["family.id"], name=op.f("fk_family_refusal_family_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_family_refusal_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_family_refusal_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family_refusal")),
    )
    op.create_index(op.f("ix_family_refusal_family_id"), "family_refusal", ["family_id"])
    op.create_index("ix_family_refusal_member_id_refused_at", "family_refusal", ["member_id", "refused_at"])
