"""Stores and devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005_stores"
down_revision = "0004_wallet"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "store",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("address", sa.String(length=200), nullable=True),
        sa.Column("region", sa.String(length=64), nullable=True),
        sa.Column("guests_max", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_store")),
        sa.UniqueConstraint("code"),
        sa.UniqueConstraint("code", name=op.f("uq_store_code")),
    )

    op.create_table(
        "device",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("public_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("exchange_key", sa.LargeBinary(length=32), nullable=True),
        sa.Column("edge_matching", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_skew_ms", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(length=200), nullable=True),
        sa.Column("presentation_checks", postgresql.ARRAY(sa.String(length=16)), server_default="{}", nullable=False),
        sa.Column("camera", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "role in ('gate', 'kiosk', 'lane', 'shelf', 'display', 'kitchen', 'webshop', 'door', 'reader',"
            " 'camera', 'table', 'mirror', 'vending', 'monitor')",
            name=op.f("ck_device_role_known"),
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_device_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_device_token_hash")),
    )
    op.create_index(op.f("ix_device_store_id"), "device", ["store_id"])

    op.create_table(
        "spent_nonce",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_spent_nonce_device_id")),
        sa.PrimaryKeyConstraint("device_id", "nonce", name=op.f("pk_spent_nonce")),
    )
    op.create_index(op.f("ix_spent_nonce_spent_at"), "spent_nonce", ["spent_at"])

    op.create_table(
        "pairing",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("token_lasts_days", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_pairing_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_pairing")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_pairing_code_hash")),
    )
    op.create_index(op.f("ix_pairing_expires_at"), "pairing", ["expires_at"])

    op.create_table(
        "pairing_guesses",
        sa.Column("address_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wrong", sa.BigInteger(), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address_hash", name=op.f("pk_pairing_guesses")),
    )
    op.create_index(op.f("ix_pairing_guesses_counted_from"), "pairing_guesses", ["counted_from"])
