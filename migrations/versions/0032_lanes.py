"""Passages of lanes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0032_lanes"
down_revision = "0031_test_drives"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lane_policy",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("goods_from", sa.String(length=8), nullable=False),
        sa.Column("debt_max", sa.BigInteger(), nullable=True),
        sa.Column("epochs_min", sa.BigInteger(), nullable=False),
        sa.Column("rssi_min_dbm", sa.Double(), nullable=False),
        sa.Column("door_sensor", sa.Boolean(), server_default="true", nullable=False),
        sa.CheckConstraint("goods_from in ('rfid', 'shelves', 'both')", name=op.f("ck_lane_policy_goods_from_known")),
        sa.CheckConstraint("debt_max >= 0", name=op.f("ck_lane_policy_debt_max_not_negative")),
        sa.CheckConstraint("epochs_min > 0", name=op.f("ck_lane_policy_epochs_counted")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_lane_policy_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_lane_policy")),
    )

    op.create_table(
        "passage",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("authentication", sa.String(length=12), server_default="processing", nullable=False),
        sa.Column("authentication_code", sa.String(length=40), server_default="processing", nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=True),
        sa.Column("proven", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("several_people", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("visit_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False),
        sa.Column("basket", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("unknown_tags", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("parts", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("named", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("left_behind", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("at_kiosk", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held_of", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=False),
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
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("trip_id", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("face_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(decision in ('release', 'closed')) = (ended_at is not null)", name=op.f("ck_passage_ends_with_decision")
        ),
        sa.CheckConstraint(
            "authentication in ('processing', 'accepted', 'denied', 'step_up')",
            name=op.f("ck_passage_authentication_known"),
        ),
        sa.CheckConstraint(
            "decision in ('pending', 'hold', 'release', 'closed')", name=op.f("ck_passage_decision_known")
        ),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_passage_identified_by_known")),
        sa.CheckConstraint("order_id is null or decision = 'release'", name=op.f("ck_passage_sold_on_release")),
        sa.CheckConstraint("(hold_id is null) = (held = 0)", name=op.f("ck_passage_hold_has_amount")),
        sa.CheckConstraint("(hold_id is null) = (held_of is null)", name=op.f("ck_passage_hold_is_of_somebody")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_passage_device_id")),
        sa.ForeignKeyConstraint(["held_of"], ["member.id"], name=op.f("fk_passage_held_of")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_passage_member_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_passage_order_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_passage_payer_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_passage_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passage")),
    )
    op.create_index(op.f("ix_passage_member_id"), "passage", ["member_id"])
    op.create_index(op.f("ix_passage_order_id"), "passage", ["order_id"])
    op.create_index(op.f("ix_passage_payer_id"), "passage", ["payer_id"])
    op.create_index(
        "ix_passage_closed", "passage", ["store_id", "decided_at"], postgresql_where=sa.text("decision = 'closed'")
    )
    op.create_index("ix_passage_device_id_id", "passage", ["device_id", "id"])
    op.create_index("ix_passage_store_id_decided_at", "passage", ["store_id", "decided_at"])
    op.create_index("ix_passage_store_id_code_id", "passage", ["store_id", "code", "id"])
    op.create_index("ix_passage_store_id_id", "passage", ["store_id", "id"])
    op.create_index(
        "ix_passage_worth_review",
        "passage",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.create_index(
        "uq_passage_open", "passage", ["device_id"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_index("uq_passage_trip", "passage", ["device_id", "trip_id"], unique=True)
    op.create_index("uq_passage_trip_id", "passage", ["trip_id"], unique=True)

    op.create_table(
        "passage_tag",
        sa.Column("passage_id", sa.Uuid(), nullable=False),
        sa.Column("epc", sa.String(length=128), nullable=False),
        sa.Column("levels", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["passage_id"], ["passage.id"], name=op.f("fk_passage_tag_passage_id")),
        sa.PrimaryKeyConstraint("passage_id", "epc", name=op.f("pk_passage_tag")),
    )
    op.create_index(op.f("ix_passage_tag_epc"), "passage_tag", ["epc"])
