"""Members, what they agreed to, and the trail of their faces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011_members"
down_revision = "0010_channel"
branch_labels = None
depends_on = None

# Samples of names and phone numbers would outlive the members who were erased.
WITHOUT_STATISTICS = (
    "alter table member alter column display_name set statistics 0, alter column phone set statistics 0",
    "alter index ix_member_phone_ending alter column 1 set statistics 0",
)


def upgrade() -> None:
    op.create_table(
        "member",
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=16), nullable=True),
        sa.Column("home_region", sa.String(length=64), nullable=True),
        sa.Column("born_on", sa.Date(), nullable=True),
        sa.Column("age_checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("pin_hash", sa.String(length=200), nullable=True),
        sa.Column("pin_failures", sa.BigInteger(), nullable=False),
        sa.Column("pin_locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "status <> 'erased' or (display_name = '' and phone is null and born_on is null and payer_id is null)",
            name=op.f("ck_member_erased_is_empty"),
        ),
        sa.CheckConstraint("status in ('active', 'blocked', 'erased')", name=op.f("ck_member_status_known")),
        sa.CheckConstraint("payer_id <> id", name=op.f("ck_member_payer_is_another")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_member_payer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
    )
    op.create_index(op.f("ix_member_home_region"), "member", ["home_region"])
    op.create_index(
        "ix_member_phone_ending",
        "member",
        [sa.literal_column("right(phone, 4)")],
        postgresql_where=sa.text("phone is not null"),
    )
    op.create_index("uq_member_phone", "member", ["phone"], unique=True, postgresql_where=sa.text("phone is not null"))

    op.create_table(
        "biometric_use",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("use", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("reference_id", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("use ~ '^[a-z_]{1,20}$'", name=op.f("ck_biometric_use_use_worded")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_biometric_use_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_biometric_use")),
    )
    op.create_index("ix_biometric_use_member_id_id", "biometric_use", ["member_id", "id"])
    op.create_index(op.f("ix_biometric_use_used_at"), "biometric_use", ["used_at"])

    op.create_table(
        "consent",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("jurisdiction", sa.String(length=8), nullable=True),
        sa.Column("keeps_photo", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_consent_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(
        "ix_consent_expires_at", "consent", ["expires_at"], postgresql_where=sa.text("withdrawn_at is null")
    )
    op.create_index(op.f("ix_consent_member_id"), "consent", ["member_id"])
    op.create_index(
        "uq_consent_standing", "consent", ["member_id"], unique=True, postgresql_where=sa.text("withdrawn_at is null")
    )

    op.create_table(
        "wallet_freeze",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("frozen_by", sa.String(length=80), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("thawed_by", sa.String(length=80), nullable=True),
        sa.Column("thawed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(thawed_at is null) = (thawed_by is null)", name=op.f("ck_wallet_freeze_thawed_by_someone")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_wallet_freeze_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wallet_freeze")),
    )
    op.create_index(
        "uq_wallet_freeze_member_id",
        "wallet_freeze",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("thawed_at is null"),
    )

    for statement in WITHOUT_STATISTICS:
        op.execute(statement)
