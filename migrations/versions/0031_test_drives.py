"""Cars, keys, licences, drives and what they cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031_test_drives"
down_revision = "0030_dining"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create extension if not exists btree_gist")

    op.create_table(
        "car_model",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("licence_class", sa.String(length=8), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_car_model")),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("name", name=op.f("uq_car_model_name")),
    )

    op.create_table(
        "car",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("plate", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("mileage_km", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("state in ('available', 'out', 'inspection', 'retired')", name=op.f("ck_car_state_known")),
        sa.CheckConstraint("mileage_km >= 0", name=op.f("ck_car_mileage_not_negative")),
        sa.ForeignKeyConstraint(["model_id"], ["car_model.id"], name=op.f("fk_car_model_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_car_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_car")),
        sa.UniqueConstraint("plate"),
        sa.UniqueConstraint("plate", name=op.f("uq_car_plate")),
    )
    op.create_index("ix_car_store_id_model_id", "car", ["store_id", "model_id"])

    op.create_table(
        "credit_score",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("score", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("set_by", sa.String(length=80), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_credit_score_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_credit_score")),
    )

    op.create_table(
        "drive_rules",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_drive_rules_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_drive_rules")),
    )

    op.create_table(
        "driving_licence",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("number_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number_last_four", sa.String(length=4), nullable=False),
        sa.Column("classes", sa.ARRAY(sa.String(length=8)), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("checked_by", sa.String(length=80), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused_why", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "(status = 'pending') = (checked_at is null)", name=op.f("ck_driving_licence_checked_once_decided")
        ),
        sa.CheckConstraint(
            "(status = 'refused') = (refused_why is not null)", name=op.f("ck_driving_licence_refusals_have_reasons")
        ),
        sa.CheckConstraint("status in ('pending', 'checked', 'refused')", name=op.f("ck_driving_licence_status_known")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_driving_licence_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_driving_licence")),
        sa.UniqueConstraint("number_hash"),
        sa.UniqueConstraint("number_hash", name=op.f("uq_driving_licence_number_hash")),
    )

    op.create_table(
        "machine_slot",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("car_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("number between 1 and 999", name=op.f("ck_machine_slot_number_in_bounds")),
        sa.ForeignKeyConstraint(["car_id"], ["car.id"], name=op.f("fk_machine_slot_car_id")),
        sa.ForeignKeyConstraint(["machine_id"], ["device.id"], name=op.f("fk_machine_slot_machine_id")),
        sa.PrimaryKeyConstraint("machine_id", "number", name=op.f("pk_machine_slot")),
        sa.UniqueConstraint("car_id"),
        sa.UniqueConstraint("car_id", name=op.f("uq_machine_slot_car_id")),
    )

    op.create_table(
        "test_drive",
        sa.Column("number", sa.String(length=8), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("car_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("busy_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("deposit_id", sa.Uuid(), nullable=True),
        sa.Column("deposit", sa.BigInteger(), nullable=False),
        sa.Column("deposit_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fee_order_id", sa.Uuid(), nullable=True),
        sa.Column("picked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mileage_out_km", sa.BigInteger(), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("late_hours_charged", sa.BigInteger(), nullable=False),
        sa.Column("unready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("returned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("mileage_in_km", sa.BigInteger(), nullable=True),
        sa.Column("fuel_percent", sa.BigInteger(), nullable=True),
        sa.Column("inspected_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("inspected_by", sa.String(length=80), nullable=True),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("claim_why", sa.String(length=200), nullable=True),
        sa.Column("claim_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disputed_why", sa.String(length=200), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=200), nullable=True),
        sa.Column("created_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        postgresql.ExcludeConstraint(
            (sa.column("car_id"), "="),
            (sa.text("tstzrange(starts_at, busy_until)"), "&&"),
            where=sa.text("state in ('reserved', 'opening', 'out', 'late', 'returned')"),
            using="gist",
            name="ex_test_drive_car",
        ),
        postgresql.ExcludeConstraint(
            (sa.column("member_id"), "="),
            (sa.text("tstzrange(starts_at, due_at)"), "&&"),
            where=sa.text("state in ('reserved', 'opening', 'out', 'late')"),
            using="gist",
            name="ex_test_drive_member",
        ),
        sa.CheckConstraint(
            "(ended_at is null) = (not state in ('closed', 'cancelled', 'no_show'))",
            name=op.f("ck_test_drive_ended_once"),
        ),
        sa.CheckConstraint(
            "member_id is not null or not (not state in ('closed', 'cancelled', 'no_show'))",
            name=op.f("ck_test_drive_somebody_drives"),
        ),
        sa.CheckConstraint(
            "not state in ('closed', 'cancelled', 'no_show') or deposit = 0",
            name=op.f("ck_test_drive_ended_holds_nothing"),
        ),
        sa.CheckConstraint(
            "state in ('reserved', 'opening', 'out', 'late', 'returned', 'claimed', 'disputed', 'closed',"
            " 'cancelled', 'no_show')",
            name=op.f("ck_test_drive_state_known"),
        ),
        sa.CheckConstraint("claim > 0", name=op.f("ck_test_drive_claim_positive")),
        sa.CheckConstraint(
            "deposit >= 0 and (deposit > 0) = (deposit_id is not null)", name=op.f("ck_test_drive_deposit_is_held")
        ),
        sa.CheckConstraint("fuel_percent between 0 and 100", name=op.f("ck_test_drive_fuel_in_bounds")),
        sa.CheckConstraint("late_hours_charged >= 0", name=op.f("ck_test_drive_late_hours_not_negative")),
        sa.CheckConstraint("starts_at < due_at and starts_at < busy_until", name=op.f("ck_test_drive_times_in_order")),
        sa.ForeignKeyConstraint(["car_id"], ["car.id"], name=op.f("fk_test_drive_car_id")),
        sa.ForeignKeyConstraint(["fee_order_id"], ["shop_order.id"], name=op.f("fk_test_drive_fee_order_id")),
        sa.ForeignKeyConstraint(["machine_id"], ["device.id"], name=op.f("fk_test_drive_machine_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_test_drive_member_id")),
        sa.ForeignKeyConstraint(["model_id"], ["car_model.id"], name=op.f("fk_test_drive_model_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_test_drive_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_test_drive")),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("number", name=op.f("uq_test_drive_number")),
    )
    op.create_index(
        "ix_test_drive_deposit_until",
        "test_drive",
        ["deposit_until"],
        postgresql_where=sa.text("deposit_until is not null"),
    )
    op.create_index("ix_test_drive_member_id_starts_at", "test_drive", ["member_id", "starts_at"])
    op.create_index("ix_test_drive_store_id_id", "test_drive", ["store_id", "id"])
    op.create_index(
        "ix_test_drive_unended",
        "test_drive",
        ["store_id", "state"],
        postgresql_where=sa.text("not state in ('closed', 'cancelled', 'no_show')"),
    )

    op.create_table(
        "drive_charge",
        sa.Column("drive_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind in ('fee', 'late', 'no_show', 'cancellation', 'damage')", name=op.f("ck_drive_charge_kind_known")
        ),
        sa.ForeignKeyConstraint(["drive_id"], ["test_drive.id"], name=op.f("fk_drive_charge_drive_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_drive_charge_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drive_charge")),
    )
    op.create_index(op.f("ix_drive_charge_drive_id"), "drive_charge", ["drive_id"])
    op.create_index(
        "uq_drive_charge_kind",
        "drive_charge",
        ["drive_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind <> 'late'"),
    )

    op.create_table(
        "drive_photo",
        sa.Column("drive_id", sa.Uuid(), nullable=False),
        sa.Column("taken", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("taken_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("taken in ('return', 'inspection')", name=op.f("ck_drive_photo_taken_known")),
        sa.ForeignKeyConstraint(["drive_id"], ["test_drive.id"], name=op.f("fk_drive_photo_drive_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drive_photo")),
    )
    op.create_index(op.f("ix_drive_photo_drive_id"), "drive_photo", ["drive_id"])

    op.create_table(
        "handover",
        sa.Column("machine_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("drive_id", sa.Uuid(), nullable=True),
        sa.Column("command_id", sa.Uuid(), nullable=True),
        sa.Column("locker", sa.BigInteger(), nullable=True),
        sa.Column("car_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(length=8), nullable=True),
        sa.Column("released_by", sa.String(length=80), nullable=True),
        sa.Column("released_why", sa.String(length=200), nullable=True),
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
        sa.CheckConstraint("(decision = 'open') = (command_id is not null)", name=op.f("ck_handover_open_has_command")),
        sa.CheckConstraint(
            "(identified_by = 'staff') = (released_by is not null)", name=op.f("ck_handover_staff_say_who_they_are")
        ),
        sa.CheckConstraint("decision in ('open', 'refused', 'step_up')", name=op.f("ck_handover_decision_known")),
        sa.CheckConstraint("identified_by in ('face', 'pass', 'staff')", name=op.f("ck_handover_identified_by_known")),
        sa.CheckConstraint("outcome in ('key_out', 'failed')", name=op.f("ck_handover_outcome_known")),
        sa.CheckConstraint(
            "num_nulls(command_id, locker, car_id) in (0, 3)", name=op.f("ck_handover_command_opens_locker")
        ),
        sa.ForeignKeyConstraint(["car_id"], ["car.id"], name=op.f("fk_handover_car_id")),
        sa.ForeignKeyConstraint(["command_id"], ["device_command.id"], name=op.f("fk_handover_command_id")),
        sa.ForeignKeyConstraint(["drive_id"], ["test_drive.id"], name=op.f("fk_handover_drive_id")),
        sa.ForeignKeyConstraint(["machine_id"], ["device.id"], name=op.f("fk_handover_machine_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_handover_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_handover_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handover")),
        sa.UniqueConstraint("command_id"),
        sa.UniqueConstraint("command_id", name=op.f("uq_handover_command_id")),
    )
    op.create_index(op.f("ix_handover_drive_id"), "handover", ["drive_id"])
    op.create_index(op.f("ix_handover_machine_id"), "handover", ["machine_id"])
    op.create_index(op.f("ix_handover_member_id"), "handover", ["member_id"])
    op.create_index(
        "ix_handover_pending", "handover", ["id"], postgresql_where=sa.text("decision = 'open' and outcome is null")
    )
    op.create_index("ix_handover_store_id_id", "handover", ["store_id", "id"])
