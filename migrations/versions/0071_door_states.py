"""How doors stand, interlocks, and doors that stand open for everybody"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

# Of runs from before: in which order they were heard last.
ORDER_RUNS = """
update device_sequence set run_order = ordered.number
from (
    select device_id, series, run, row_number() over (order by last_at) as number from device_sequence
) as ordered
where (device_sequence.device_id, device_sequence.series, device_sequence.run)
    = (ordered.device_id, ordered.series, ordered.run)
"""


def upgrade() -> None:
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
    op.create_index(op.f("ix_interlock_door_device_id"), "interlock_door", ["device_id"], unique=False)

    op.add_column("device_channel", sa.Column("released", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("device_channel", sa.Column("emergency", sa.String(length=8), nullable=True))
    op.create_check_constraint(
        op.f("ck_device_channel_locked_or_released"), "device_channel", "not (locked and released)"
    )
    op.create_check_constraint(
        op.f("ck_device_channel_emergency_known"), "device_channel", "emergency in ('release', 'lockdown')"
    )
    op.add_column("device_sequence", sa.Column("run_order", sa.BigInteger(), sa.Identity(), nullable=False))
    op.execute(ORDER_RUNS)


def downgrade() -> None:
    op.drop_column("device_sequence", "run_order")
    op.drop_constraint(op.f("ck_device_channel_emergency_known"), "device_channel")
    op.drop_constraint(op.f("ck_device_channel_locked_or_released"), "device_channel")
    op.drop_column("device_channel", "emergency")
    op.drop_column("device_channel", "released")
    op.drop_table("interlock_door")
    op.drop_table("interlock")
    op.drop_table("door_sensor")
