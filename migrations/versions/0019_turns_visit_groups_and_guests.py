"""Turns at gates, visit groups and guests; visits of a store in the order of their list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visit_group",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("gate_id", sa.Uuid(), nullable=True),
        sa.Column("opened_by", sa.String(length=80), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("host_named_by", sa.String(length=80), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["gate_id"], ["device.id"], name=op.f("fk_visit_group_gate_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_visit_group_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_group")),
    )
    op.create_table(
        "gate_turn",
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("guests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("accepted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("trip_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("face_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("direction in ('entry', 'exit')", name=op.f("ck_gate_turn_direction_known")),
        sa.ForeignKeyConstraint(["attempt_id"], ["gate_attempt.id"], name=op.f("fk_gate_turn_attempt_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_gate_turn_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_turn")),
    )
    op.create_index(
        "uq_gate_turn_open", "gate_turn", ["device_id"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_index("uq_gate_turn_trip", "gate_turn", ["device_id", "trip_id"], unique=True)
    op.add_column("gate_attempt", sa.Column("guests", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("gate_attempt", sa.Column("group_id", sa.Uuid(), nullable=True))
    op.add_column("store", sa.Column("guests_max", sa.BigInteger(), nullable=True))
    op.add_column("visit", sa.Column("guests", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("visit", sa.Column("group_id", sa.Uuid(), nullable=True))
    op.add_column("visit", sa.Column("is_host", sa.Boolean(), server_default="false", nullable=False))
    op.create_check_constraint(op.f("ck_visit_guests_counted"), "visit", "guests >= 0")
    op.create_check_constraint(op.f("ck_visit_host_of_a_group"), "visit", "group_id is not null or not is_host")
    op.create_index(
        "ix_visit_group_id", "visit", ["group_id"], unique=False, postgresql_where=sa.text("group_id is not null")
    )
    op.create_index("ix_visit_store_id_id", "visit", ["store_id", "id"], unique=False)
    op.create_index("uq_visit_group_host", "visit", ["group_id"], unique=True, postgresql_where=sa.text("is_host"))
    op.create_foreign_key(op.f("fk_visit_group_id"), "visit", "visit_group", ["group_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_visit_group_id"), "visit", type_="foreignkey")
    op.drop_index("uq_visit_group_host", table_name="visit", postgresql_where=sa.text("is_host"))
    op.drop_index("ix_visit_store_id_id", table_name="visit")
    op.drop_index("ix_visit_group_id", table_name="visit", postgresql_where=sa.text("group_id is not null"))
    op.drop_column("visit", "is_host")
    op.drop_column("visit", "group_id")
    op.drop_column("visit", "guests")
    op.drop_column("store", "guests_max")
    op.drop_column("gate_attempt", "group_id")
    op.drop_column("gate_attempt", "guests")
    op.drop_index("uq_gate_turn_trip", table_name="gate_turn")
    op.drop_index("uq_gate_turn_open", table_name="gate_turn", postgresql_where=sa.text("ended_at is null"))
    op.drop_table("gate_turn")
    op.drop_table("visit_group")
