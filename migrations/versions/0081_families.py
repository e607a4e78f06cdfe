"""families: who pays for whom, within which limits; who bought what somebody else paid"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0081"
down_revision = "0080"
branch_labels = None
depends_on = None

ERASED = "status <> 'erased' or (display_name = '' and phone is null and born_on is null{})"


def upgrade() -> None:
    op.create_table(
        "family",
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_family_payer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_family")),
        sa.UniqueConstraint("payer_id", name=op.f("uq_family_payer_id")),
    )
    op.create_table(
        "family_approval",
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("skus", sa.ARRAY(sa.String(length=64)), nullable=False),
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
    op.create_index(op.f("ix_family_approval_family_id"), "family_approval", ["family_id"], unique=False)
    op.create_index(
        "ix_family_approval_unused",
        "family_approval",
        ["member_id"],
        unique=False,
        postgresql_where=sa.text("order_id is null"),
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
    op.create_index(op.f("ix_family_member_family_id"), "family_member", ["family_id"], unique=False)
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
    op.create_index(op.f("ix_family_refusal_family_id"), "family_refusal", ["family_id"], unique=False)
    op.create_index(
        "ix_family_refusal_member_id_refused_at", "family_refusal", ["member_id", "refused_at"], unique=False
    )
    op.add_column("member", sa.Column("payer_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_member_payer_id"), "member", "member", ["payer_id"], ["id"])
    op.create_check_constraint(op.f("ck_member_payer_is_another"), "member", "payer_id <> id")
    _check("member", "erased_is_empty", ERASED.format(" and payer_id is null"))
    op.add_column("shop_order", sa.Column("buyer_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_shop_order_buyer_id_created_at",
        "shop_order",
        ["buyer_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("buyer_id is not null"),
    )
    op.create_foreign_key(op.f("fk_shop_order_buyer_id"), "shop_order", "member", ["buyer_id"], ["id"])
    op.create_check_constraint(op.f("ck_shop_order_buyer_is_another"), "shop_order", "buyer_id <> member_id")
    op.add_column("passage", sa.Column("held_of", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_passage_held_of"), "passage", "member", ["held_of"], ["id"])
    op.execute("update passage set held_of = payer_id where hold_id is not null")
    op.create_check_constraint(
        op.f("ck_passage_hold_is_of_somebody"), "passage", "(hold_id is null) = (held_of is null)"
    )


def downgrade() -> None:
    op.drop_column("passage", "held_of")
    op.drop_column("shop_order", "buyer_id")
    _check("member", "erased_is_empty", ERASED.format(""))
    op.drop_column("member", "payer_id")
    for table in ("family_member", "family_approval", "family_refusal", "family"):
        op.drop_table(table)


def _check(table: str, name: str, rule: str) -> None:
    op.drop_constraint(op.f(f"ck_{table}_{name}"), table)
    op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
