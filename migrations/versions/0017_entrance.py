"""Gates, visits and groups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017_entrance"
down_revision = "0016_watchlist"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "house_rules",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("capacity_max", sa.BigInteger(), nullable=True),
        sa.Column("one_party_at_a_time", sa.Boolean(), nullable=False),
        sa.Column("opening_schedule_id", sa.Uuid(), nullable=True),
        sa.Column("closing_notice_minutes", sa.BigInteger(), nullable=True),
        sa.Column("closing_grace_minutes", sa.BigInteger(), nullable=False),
        sa.Column("face_must_show", sa.Boolean(), nullable=False),
        sa.Column("entries_offline", sa.Boolean(), nullable=False),
        sa.Column("stay_max_minutes", sa.BigInteger(), nullable=True),
        sa.Column("still_max_minutes", sa.BigInteger(), nullable=True),
        sa.Column("silent_after_seconds", sa.BigInteger(), nullable=True),
        sa.Column("tailgating_watched", sa.Boolean(), nullable=False),
        sa.Column("refusals_max", sa.BigInteger(), nullable=True),
        sa.Column("refusals_within_minutes", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("capacity_max > 0", name=op.f("ck_house_rules_capacity_counted")),
        sa.CheckConstraint(
            "closing_grace_minutes >= 0 and closing_notice_minutes > 0", name=op.f("ck_house_rules_closing_in_minutes")
        ),
        sa.CheckConstraint(
            "refusals_max > 0 and refusals_within_minutes > 0", name=op.f("ck_house_rules_refusals_counted")
        ),
        sa.CheckConstraint("silent_after_seconds > 0", name=op.f("ck_house_rules_seconds_counted")),
        sa.CheckConstraint(
            "stay_max_minutes > 0 and still_max_minutes > 0", name=op.f("ck_house_rules_minutes_counted")
        ),
        sa.ForeignKeyConstraint(
            ["opening_schedule_id"], ["schedule.id"], name=op.f("fk_house_rules_opening_schedule_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_house_rules_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_house_rules")),
    )

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
        "visit",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("entered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entry_gate_id", sa.Uuid(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_gate_id", sa.Uuid(), nullable=True),
        sa.Column("basket_unpaid", sa.Boolean(), nullable=False),
        sa.Column("guests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("is_host", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("group_id is not null or not is_host", name=op.f("ck_visit_host_of_a_group")),
        sa.CheckConstraint("guests >= 0", name=op.f("ck_visit_guests_counted")),
        sa.ForeignKeyConstraint(["entry_gate_id"], ["device.id"], name=op.f("fk_visit_entry_gate_id")),
        sa.ForeignKeyConstraint(["exit_gate_id"], ["device.id"], name=op.f("fk_visit_exit_gate_id")),
        sa.ForeignKeyConstraint(["group_id"], ["visit_group.id"], name=op.f("fk_visit_group_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_visit_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_visit_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index("ix_visit_group_id", "visit", ["group_id"], postgresql_where=sa.text("group_id is not null"))
    op.create_index(op.f("ix_visit_member_id"), "visit", ["member_id"])
    op.create_index("ix_visit_store_id_id", "visit", ["store_id", "id"])
    op.create_index("ix_visit_store_id_left_at", "visit", ["store_id", "left_at"])
    op.create_index("uq_visit_group_host", "visit", ["group_id"], unique=True, postgresql_where=sa.text("is_host"))
    op.create_index(
        "uq_visit_inside", "visit", ["store_id", "member_id"], unique=True, postgresql_where=sa.text("left_at is null")
    )

    op.create_table(
        "gate_attempt",
        sa.Column("gate_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("command_number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("guests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("faces", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("identified_by", sa.String(length=8), server_default="face", nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("false_positive_rate", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("searched", sa.BigInteger(), nullable=True),
        sa.Column("narrowed_by", sa.String(length=16), nullable=True),
        sa.Column("basis", sa.String(length=100), nullable=True),
        sa.Column("pack", sa.String(length=100), nullable=True),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("work_ms", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("decision in ('open', 'deny', 'step_up')", name=op.f("ck_gate_attempt_decision_known")),
        sa.CheckConstraint("direction in ('entry', 'exit')", name=op.f("ck_gate_attempt_direction_known")),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_gate_attempt_identified_by_known")),
        sa.ForeignKeyConstraint(["gate_id"], ["device.id"], name=op.f("fk_gate_attempt_gate_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_gate_attempt_member_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_gate_attempt_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_attempt")),
    )
    op.create_index("ix_gate_attempt_gate_id_code_id", "gate_attempt", ["gate_id", "code", "id"])
    op.create_index("ix_gate_attempt_gate_id_decided_at", "gate_attempt", ["gate_id", "decided_at"])
    op.create_index(
        "ix_gate_attempt_denied",
        "gate_attempt",
        ["gate_id", "decided_at"],
        postgresql_where=sa.text("decision = 'deny'"),
    )
    op.create_index(op.f("ix_gate_attempt_member_id"), "gate_attempt", ["member_id"])
    op.create_index(
        "ix_gate_attempt_odd",
        "gate_attempt",
        ["decided_at"],
        postgresql_where=sa.text("code = 'welcome' and faces > 1 + guests or code = 'not_inside'"),
    )
    op.create_index(op.f("ix_gate_attempt_visit_id"), "gate_attempt", ["visit_id"])
    op.create_index(
        "ix_gate_attempt_worth_review",
        "gate_attempt",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )

    op.create_table(
        "gate_turn",
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("guests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("accepted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("held", sa.Boolean(), server_default="false", nullable=False),
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
