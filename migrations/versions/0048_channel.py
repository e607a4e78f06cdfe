"""Commands to devices, what they tell, and their doors"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

# Here, so that there is a row to lock before the first command, however a device came to be.
OPEN_CHANNEL = """
create function open_channel() returns trigger language plpgsql as $$
begin
    insert into device_channel (device_id) values (new.id);
    return null;
end
$$
"""
ON_REGISTRATION = """
create trigger device_registered after insert on device for each row execute function open_channel()
"""


def upgrade() -> None:
    op.create_table(
        "device_channel",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("command_number", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("exits_locked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("locked or not exits_locked", name=op.f("ck_device_channel_locked_both_ways")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_channel_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_channel")),
    )

    op.create_table(
        "device_command",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("issued_by", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("first_delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.Column("failure", sa.String(length=200), nullable=True),
        sa.Column("expired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effect_expected", sa.String(length=40), nullable=True),
        sa.Column("effect_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effect_observed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effect_missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("outcome in ('done', 'failed')", name=op.f("ck_device_command_outcome_known")),
        sa.CheckConstraint(
            "(outcome is null) = (acknowledged_at is null)", name=op.f("ck_device_command_outcome_acknowledged")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_command_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_command")),
    )
    op.create_index("ix_device_command_device_id_id", "device_command", ["device_id", "id"], unique=False)
    op.create_index(
        "ix_device_command_pending",
        "device_command",
        ["device_id", "number"],
        unique=False,
        postgresql_where=sa.text("outcome is null and expired_at is null"),
    )
    op.create_index(
        "ix_device_command_watched",
        "device_command",
        ["effect_due_at"],
        unique=False,
        postgresql_where=sa.text(
            "effect_due_at is not null and effect_observed_at is null and effect_missed_at is null"
        ),
    )
    op.create_index("uq_device_command_number", "device_command", ["device_id", "number"], unique=True)

    op.create_table(
        "device_event",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("happened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_event_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_event")),
    )
    op.create_index("ix_device_event_device_id_id", "device_event", ["device_id", "id"], unique=False)
    op.create_index("ix_device_event_kind", "device_event", ["device_id", "kind", "happened_at"], unique=False)
    op.create_index("ix_device_event_received_at", "device_event", ["received_at"], unique=False)
    op.create_index("uq_device_event_sequence", "device_event", ["device_id", "run", "sequence"], unique=True)

    op.create_table(
        "device_sequence",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.String(length=16), nullable=False),
        sa.Column("run", sa.String(length=64), nullable=False),
        sa.Column("highest", sa.BigInteger(), nullable=False),
        sa.Column("missing", postgresql.INT8MULTIRANGE(), nullable=False),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("alerted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_sequence_device_id")),
        sa.PrimaryKeyConstraint("device_id", "series", "run", name=op.f("pk_device_sequence")),
    )
    op.create_index(
        "ix_device_sequence_gaps",
        "device_sequence",
        ["missing_since"],
        unique=False,
        postgresql_where=sa.text("missing_since is not null and alerted_at is null"),
    )

    op.execute(OPEN_CHANNEL)
    op.execute(ON_REGISTRATION)


def downgrade() -> None:
    op.execute("drop trigger device_registered on device")
    op.execute("drop function open_channel()")
    op.drop_table("device_sequence")
    op.drop_table("device_event")
    op.drop_table("device_command")
    op.drop_table("device_channel")
