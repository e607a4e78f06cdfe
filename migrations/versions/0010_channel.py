"""Commands to devices, what they tell, and their doors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010_channel"
down_revision = "0009_alerts"
branch_labels = None
depends_on = None

# Here, so that there is a row to lock before the first command, however a device came to be.
#
# A door that is registered in an emergency of the whole store is under it from its first moment on. Whoever declares
# or ends one holds the lock meanwhile (access/emergencies.py).
OPEN_CHANNEL = """
create function open_channel() returns trigger language plpgsql as $$
declare
    held text;
begin
    if new.role in ('gate', 'lane', 'door') then
        perform pg_advisory_xact_lock_shared(hashtextextended('emergency:' || new.store_id, 0));
        select kind into held from emergency
        where store_id = new.store_id and zone_id is null and ended_at is null
        order by kind = 'release' desc limit 1;
    end if;
    insert into device_channel (device_id, emergency) values (new.id, held);
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
        sa.Column("released", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("emergency", sa.String(length=8), nullable=True),
        sa.CheckConstraint("emergency in ('release', 'lockdown')", name=op.f("ck_device_channel_emergency_known")),
        sa.CheckConstraint("locked or not exits_locked", name=op.f("ck_device_channel_locked_both_ways")),
        sa.CheckConstraint("not (locked and released)", name=op.f("ck_device_channel_locked_or_released")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_channel_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_channel")),
    )
    op.create_index(
        "ix_device_channel_held",
        "device_channel",
        ["device_id"],
        postgresql_where=sa.text("emergency is not null"),
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
    op.create_index("ix_device_command_device_id_id", "device_command", ["device_id", "id"])
    op.create_index(
        "ix_device_command_pending",
        "device_command",
        ["device_id", "number"],
        postgresql_where=sa.text("outcome is null and expired_at is null"),
    )
    op.create_index(
        "ix_device_command_watched",
        "device_command",
        ["effect_due_at"],
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
    op.create_index("ix_device_event_device_id_id", "device_event", ["device_id", "id"])
    op.create_index("ix_device_event_kind", "device_event", ["device_id", "kind", "happened_at"])
    op.create_index("ix_device_event_received_at", "device_event", ["received_at"])
    op.create_index(
        "ix_device_event_tags_seen", "device_event", ["received_at"], postgresql_where=sa.text("kind = 'tags_seen'")
    )
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
        sa.Column("run_order", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_device_sequence_device_id")),
        sa.PrimaryKeyConstraint("device_id", "series", "run", name=op.f("pk_device_sequence")),
    )
    op.create_index(
        "ix_device_sequence_gaps",
        "device_sequence",
        ["missing_since"],
        postgresql_where=sa.text("missing_since is not null and alerted_at is null"),
    )

    op.create_table(
        "door_sensor",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("aspect", sa.String(length=8), nullable=False),
        sa.Column("shows", sa.String(length=12), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_order", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("aspect in ('leaf', 'bolt', 'tamper')", name=op.f("ck_door_sensor_aspect_known")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_door_sensor_device_id")),
        sa.PrimaryKeyConstraint("device_id", "aspect", name=op.f("pk_door_sensor")),
    )

    op.create_table(
        "interlock",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.Uuid(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["claimed_by"], ["device.id"], name=op.f("fk_interlock_claimed_by")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_interlock_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interlock")),
    )
    op.create_index("uq_interlock_name", "interlock", ["store_id", "name"], unique=True)

    op.create_table(
        "interlock_door",
        sa.Column("interlock_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_interlock_door_device_id")),
        sa.ForeignKeyConstraint(
            ["interlock_id"], ["interlock.id"], name=op.f("fk_interlock_door_interlock_id"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("interlock_id", "device_id", name=op.f("pk_interlock_door")),
    )
    op.create_index(op.f("ix_interlock_door_device_id"), "interlock_door", ["device_id"])

    op.execute(OPEN_CHANNEL)
    op.execute(ON_REGISTRATION)
