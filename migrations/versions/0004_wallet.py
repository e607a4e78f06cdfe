"""The ledger, in SQL; beside it the payment provider, top-ups and debts."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0004_wallet"
down_revision = "0003_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # As one string of many statements, which only the driver's own cursor takes.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute((Path(__file__).parents[1] / "ledger.sql").read_text(encoding="utf-8"))

    op.create_table(
        "debt_write_off",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount > 0", name=op.f("ck_debt_write_off_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_debt_write_off")),
    )
    op.create_index(op.f("ix_debt_write_off_member_id"), "debt_write_off", ["member_id"])

    op.create_table(
        "provider_customer",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_provider_customer")),
    )

    op.create_table(
        "provider_mock_customer",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_mock_customer")),
        sa.UniqueConstraint("member_id"),
        sa.UniqueConstraint("member_id", name=op.f("uq_provider_mock_customer_member_id")),
    )

    op.create_table(
        "provider_mock_delivery",
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_mock_delivery")),
    )
    op.create_index(op.f("ix_provider_mock_delivery_due_at"), "provider_mock_delivery", ["due_at"])

    op.create_table(
        "top_up",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.String(length=100), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("failure_code", sa.String(length=40), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(status = 'failed') = (failure_code is not null)", name=op.f("ck_top_up_failed_says_why")),
        sa.CheckConstraint("(status = 'pending') = (settled_at is null)", name=op.f("ck_top_up_settled")),
        sa.CheckConstraint(
            "(status = 'succeeded') = (transfer_id is not null)", name=op.f("ck_top_up_succeeded_is_posted")
        ),
        sa.CheckConstraint("status in ('pending', 'succeeded', 'failed')", name=op.f("ck_top_up_status_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_top_up_amount_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_up")),
        sa.UniqueConstraint("charge_id"),
        sa.UniqueConstraint("charge_id", name=op.f("uq_top_up_charge_id")),
    )
    op.create_index(op.f("ix_top_up_member_id"), "top_up", ["member_id"])
    op.create_index("ix_top_up_pending", "top_up", ["checked_at"], postgresql_where=sa.text("status = 'pending'"))
    op.create_index(op.f("ix_top_up_settled_at"), "top_up", ["settled_at"])

    op.create_table(
        "provider_mock_movement",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.String(length=40), nullable=False),
        sa.Column("charge_id", sa.String(length=40), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("fate", sa.String(length=40), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status = 'pending') = (decided_at is null)", name=op.f("ck_provider_mock_movement_decided")
        ),
        sa.CheckConstraint("kind in ('charge', 'refund')", name=op.f("ck_provider_mock_movement_kind_known")),
        sa.CheckConstraint(
            "status in ('pending', 'succeeded', 'failed')", name=op.f("ck_provider_mock_movement_status_known")
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_provider_mock_movement_amount_positive")),
        sa.ForeignKeyConstraint(
            ["charge_id"], ["provider_mock_movement.id"], name=op.f("fk_provider_mock_movement_charge_id")
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["provider_mock_customer.id"], name=op.f("fk_provider_mock_movement_customer_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_mock_movement")),
        sa.UniqueConstraint("key"),
        sa.UniqueConstraint("key", name=op.f("uq_provider_mock_movement_key")),
        sa.UniqueConstraint("reference"),
        sa.UniqueConstraint("reference", name=op.f("uq_provider_mock_movement_reference")),
    )
    op.create_index(op.f("ix_provider_mock_movement_charge_id"), "provider_mock_movement", ["charge_id"])
    op.create_index(op.f("ix_provider_mock_movement_decided_at"), "provider_mock_movement", ["decided_at"])
    op.create_index(
        "ix_provider_mock_movement_due",
        "provider_mock_movement",
        ["due_at"],
        postgresql_where=sa.text("status = 'pending'"),
    )

    op.create_table(
        "top_up_refund",
        sa.Column("top_up_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("charge_id", sa.String(length=100), nullable=False),
        sa.Column("refund_id", sa.String(length=100), nullable=True),
        sa.Column("hold_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("failure_code", sa.String(length=40), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=12), nullable=False),
        sa.Column("transfer_id", sa.Uuid(), nullable=True),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(status = 'failed') = (failure_code is not null)", name=op.f("ck_top_up_refund_failed_says_why")
        ),
        sa.CheckConstraint("(status = 'pending') = (settled_at is null)", name=op.f("ck_top_up_refund_settled")),
        sa.CheckConstraint(
            "(status = 'succeeded') = (transfer_id is not null)", name=op.f("ck_top_up_refund_succeeded_is_posted")
        ),
        sa.CheckConstraint("status in ('pending', 'succeeded', 'failed')", name=op.f("ck_top_up_refund_status_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_top_up_refund_amount_positive")),
        sa.ForeignKeyConstraint(["top_up_id"], ["top_up.id"], name=op.f("fk_top_up_refund_top_up_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_top_up_refund")),
        sa.UniqueConstraint("refund_id"),
        sa.UniqueConstraint("refund_id", name=op.f("uq_top_up_refund_refund_id")),
    )
    op.create_index(
        "ix_top_up_refund_pending", "top_up_refund", ["checked_at"], postgresql_where=sa.text("status = 'pending'")
    )
    op.create_index(op.f("ix_top_up_refund_settled_at"), "top_up_refund", ["settled_at"])
    op.create_index(op.f("ix_top_up_refund_top_up_id"), "top_up_refund", ["top_up_id"])
