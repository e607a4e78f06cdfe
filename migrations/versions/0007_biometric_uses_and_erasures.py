"""Biometric uses, receipts of erasures, and consents that expire."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure_receipt",
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("erased", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("given_up", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("erased_by", sa.String(length=80), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "reason in ('withdrawal', 'request', 'retention')", name=op.f("ck_erasure_receipt_reason_known")
        ),
        sa.CheckConstraint("scope in ('face', 'member')", name=op.f("ck_erasure_receipt_scope_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_receipt")),
    )
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
    op.create_index("ix_biometric_use_member_id_id", "biometric_use", ["member_id", "id"], unique=False)
    op.create_index(op.f("ix_biometric_use_used_at"), "biometric_use", ["used_at"], unique=False)
    op.add_column("consent", sa.Column("jurisdiction", sa.String(length=8), nullable=True))
    op.add_column("consent", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_consent_expires_at",
        "consent",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("withdrawn_at is null"),
    )


def downgrade() -> None:
    op.drop_index("ix_consent_expires_at", table_name="consent", postgresql_where=sa.text("withdrawn_at is null"))
    op.drop_column("consent", "expires_at")
    op.drop_column("consent", "jurisdiction")
    op.drop_index(op.f("ix_biometric_use_used_at"), table_name="biometric_use")
    op.drop_index("ix_biometric_use_member_id_id", table_name="biometric_use")
    op.drop_table("biometric_use")
    op.drop_table("erasure_receipt")
