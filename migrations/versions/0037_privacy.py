"""Receipts of erasures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037_privacy"
down_revision = "0036_review"
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
