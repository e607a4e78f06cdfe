"""Emergencies"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0074"
branch_labels = None
depends_on = None

# A door that is registered in an emergency of the whole store is under it from its first moment on. Whoever declares
# or ends one holds the lock meanwhile (access/emergencies.py).
OPEN_CHANNEL = """
create or replace function open_channel() returns trigger language plpgsql as $$
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
OPEN_CHANNEL_BEFORE = """
create or replace function open_channel() returns trigger language plpgsql as $$
begin
    insert into device_channel (device_id) values (new.id);
    return null;
end
$$
"""


def upgrade() -> None:
    op.create_table(
        "emergency",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("zone_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("declared_by", sa.String(length=80), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('release', 'lockdown')", name=op.f("ck_emergency_kind_known")),
        sa.CheckConstraint(
            "(ended_at is null) = (ended_by is null) and (ended_at is null) = (ended_why is null)",
            name=op.f("ck_emergency_ended_whole"),
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_emergency_store_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_emergency_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency")),
    )
    op.create_index("ix_emergency_store_id_id", "emergency", ["store_id", "id"], unique=False)
    op.create_index(
        "uq_emergency_live",
        "emergency",
        ["store_id", "zone_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
        postgresql_nulls_not_distinct=True,
    )
    op.execute(OPEN_CHANNEL)


def downgrade() -> None:
    op.execute(OPEN_CHANNEL_BEFORE)
    op.drop_table("emergency")
