"""Tables, parties, what they eat, and who pays."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030_dining"
down_revision = "0029_fitting"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dining_policy",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("service_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("service_product_id", sa.Uuid(), nullable=True),
        sa.Column("service_from_covers", sa.BigInteger(), nullable=False),
        sa.Column("tips_basis_points", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("tip_max_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("margin_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("unattended_minutes", sa.BigInteger(), nullable=False),
        sa.Column("guests_fall_to", sa.String(length=8), nullable=False),
        sa.Column("unsecured_max", sa.BigInteger(), nullable=False),
        sa.Column("debt_max", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("guests_fall_to in ('host', 'table')", name=op.f("ck_dining_policy_guests_fall_to_known")),
        sa.CheckConstraint("margin_basis_points between 0 and 10000", name=op.f("ck_dining_policy_margin_in_bounds")),
        sa.CheckConstraint(
            "service_basis_points = 0 or service_product_id is not null", name=op.f("ck_dining_policy_service_is_sold")
        ),
        sa.CheckConstraint("service_basis_points between 0 and 5000", name=op.f("ck_dining_policy_service_in_bounds")),
        sa.CheckConstraint("service_from_covers > 0", name=op.f("ck_dining_policy_covers_counted")),
        sa.CheckConstraint("tip_max_basis_points between 0 and 20000", name=op.f("ck_dining_policy_tip_in_bounds")),
        sa.CheckConstraint("unattended_minutes > 0", name=op.f("ck_dining_policy_minutes_counted")),
        sa.CheckConstraint("unsecured_max >= 0 and debt_max >= 0", name=op.f("ck_dining_policy_not_negative")),
        sa.ForeignKeyConstraint(
            ["service_product_id"], ["product.id"], name=op.f("fk_dining_policy_service_product_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_dining_policy_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_dining_policy")),
    )

    op.create_table(
        "dining_table",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("seats", sa.BigInteger(), nullable=False),
        sa.Column("regions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("seat_offset", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(merged_into_id is null) = (seat_offset = 0)", name=op.f("ck_dining_table_offset_while_merged")
        ),
        sa.CheckConstraint(
            "seat_offset >= 0 and merged_into_id <> id", name=op.f("ck_dining_table_merged_into_another")
        ),
        sa.CheckConstraint("seats between 1 and 20", name=op.f("ck_dining_table_seats_in_bounds")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_dining_table_device_id")),
        sa.ForeignKeyConstraint(["merged_into_id"], ["dining_table.id"], name=op.f("fk_dining_table_merged_into_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_dining_table_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_table")),
    )
    op.create_index(op.f("ix_dining_table_merged_into_id"), "dining_table", ["merged_into_id"])
    op.create_index(
        "uq_dining_table_device",
        "dining_table",
        ["device_id"],
        unique=True,
        postgresql_where=sa.text("removed_at is null"),
    )
    op.create_index(
        "uq_dining_table_name",
        "dining_table",
        ["store_id", "name"],
        unique=True,
        postgresql_where=sa.text("removed_at is null"),
    )

    op.create_table(
        "menu_item",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("section", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("courses", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("schedule_id", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("cardinality(courses) between 1 and 9", name=op.f("ck_menu_item_has_courses")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_menu_item_product_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name=op.f("fk_menu_item_schedule_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_menu_item_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_menu_item")),
    )
    op.create_index("uq_menu_item_product", "menu_item", ["store_id", "product_id"], unique=True)

    op.create_table(
        "dining_party",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("table_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("host_cover_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state = 'closed') = (closed_at is not null)", name=op.f("ck_dining_party_closed_at_its_end")
        ),
        sa.CheckConstraint("state in ('seated', 'paying', 'closed')", name=op.f("ck_dining_party_state_known")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_dining_party_store_id")),
        sa.ForeignKeyConstraint(["table_id"], ["dining_table.id"], name=op.f("fk_dining_party_table_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_party")),
    )
    op.create_index("ix_dining_party_store_id_id", "dining_party", ["store_id", "id"])
    op.create_index(
        "uq_dining_party_open", "dining_party", ["table_id"], unique=True, postgresql_where=sa.text("closed_at is null")
    )

    op.create_table(
        "dining_agreement",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("as_host", sa.Boolean(), nullable=False),
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
        sa.CheckConstraint(
            "decision in ('agreed', 'declined', 'step_up')", name=op.f("ck_dining_agreement_decision_known")
        ),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_dining_agreement_identified_by_known")),
        sa.CheckConstraint("up_to > 0", name=op.f("ck_dining_agreement_up_to_positive")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_dining_agreement_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dining_agreement_member_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_agreement_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_agreement")),
    )
    op.create_index(op.f("ix_dining_agreement_device_id"), "dining_agreement", ["device_id"])
    op.create_index(op.f("ix_dining_agreement_member_id"), "dining_agreement", ["member_id"])
    op.create_index(op.f("ix_dining_agreement_party_id"), "dining_agreement", ["party_id"])
    op.create_index(
        "ix_dining_agreement_worth_review",
        "dining_agreement",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )

    op.create_table(
        "dining_cover",
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("seat", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("allergens", sa.ARRAY(sa.String(length=16)), nullable=True),
        sa.Column("seated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("left_at is null or allergens is null", name=op.f("ck_dining_cover_allergens_go")),
        sa.CheckConstraint("seat > 0", name=op.f("ck_dining_cover_seat_counts")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dining_cover_member_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_cover_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_cover")),
    )
    op.create_index("ix_dining_cover_member_id_id", "dining_cover", ["member_id", "id"])
    op.create_index(op.f("ix_dining_cover_party_id"), "dining_cover", ["party_id"])
    op.create_index(
        "uq_dining_cover_member",
        "dining_cover",
        ["member_id"],
        unique=True,
        postgresql_where=sa.text("left_at is null"),
    )
    op.create_index(
        "uq_dining_cover_seat",
        "dining_cover",
        ["party_id", "seat"],
        unique=True,
        postgresql_where=sa.text("left_at is null"),
    )

    op.create_table(
        "dining_payment",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("wish", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
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
        sa.CheckConstraint(
            "(decision = 'paid') = (order_id is not null)", name=op.f("ck_dining_payment_paid_has_order")
        ),
        sa.CheckConstraint(
            "decision in ('paid', 'declined', 'step_up')", name=op.f("ck_dining_payment_decision_known")
        ),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_dining_payment_identified_by_known")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_dining_payment_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dining_payment_member_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_dining_payment_order_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_payment_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_payment")),
    )
    op.create_index(op.f("ix_dining_payment_device_id"), "dining_payment", ["device_id"])
    op.create_index(op.f("ix_dining_payment_member_id"), "dining_payment", ["member_id"])
    op.create_index(op.f("ix_dining_payment_order_id"), "dining_payment", ["order_id"])
    op.create_index(op.f("ix_dining_payment_party_id"), "dining_payment", ["party_id"])
    op.create_index(
        "ix_dining_payment_worth_review",
        "dining_payment",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )

    op.create_table(
        "dining_departure",
        sa.Column("cover_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_departure_cover_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_departure_party_id")),
        sa.PrimaryKeyConstraint("cover_id", name=op.f("pk_dining_departure")),
    )
    op.create_index(op.f("ix_dining_departure_party_id"), "dining_departure", ["party_id"])
    op.create_index(op.f("ix_dining_departure_settles_at"), "dining_departure", ["settles_at"])

    op.create_table(
        "dining_guarantee",
        sa.Column("cover_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreed_max", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("(hold_id is null) = (expires_at is null)", name=op.f("ck_dining_guarantee_hold_expires")),
        sa.CheckConstraint(
            "(hold_id is null) = (held = 0) and held >= 0", name=op.f("ck_dining_guarantee_hold_has_amount")
        ),
        sa.CheckConstraint("agreed_max >= 0", name=op.f("ck_dining_guarantee_agreed_not_negative")),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_guarantee_cover_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_dining_guarantee_payer_id")),
        sa.PrimaryKeyConstraint("cover_id", name=op.f("pk_dining_guarantee")),
    )
    op.create_index(
        "ix_dining_guarantee_expires_at",
        "dining_guarantee",
        ["expires_at"],
        postgresql_where=sa.text("hold_id is not null"),
    )
    op.create_index(op.f("ix_dining_guarantee_payer_id"), "dining_guarantee", ["payer_id"])

    op.create_table(
        "dining_item",
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("cover_id", sa.Uuid(), nullable=True),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("options", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("course", sa.BigInteger(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("answering_id", sa.Uuid(), nullable=True),
        sa.Column("ordered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.String(length=80), nullable=True),
        sa.Column("cancelled_why", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("course between 1 and 9", name=op.f("ck_dining_item_course_in_bounds")),
        sa.CheckConstraint(
            "num_nulls(cancelled_at, cancelled_by) <> 1", name=op.f("ck_dining_item_cancelled_by_somebody")
        ),
        sa.CheckConstraint("quantity between 1 and 99", name=op.f("ck_dining_item_quantity_in_bounds")),
        sa.CheckConstraint("unit_price >= 0", name=op.f("ck_dining_item_price_not_negative")),
        sa.ForeignKeyConstraint(["answering_id"], ["dining_cover.id"], name=op.f("fk_dining_item_answering_id")),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_item_cover_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_item_party_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_dining_item_product_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["kitchen_ticket.id"], name=op.f("fk_dining_item_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_item")),
    )
    op.create_index(op.f("ix_dining_item_cover_id"), "dining_item", ["cover_id"])
    op.create_index(op.f("ix_dining_item_party_id"), "dining_item", ["party_id"])
    op.create_index("uq_dining_item_dish", "dining_item", ["ticket_id", "position"], unique=True)

    op.create_table(
        "dining_seating",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("cover_id", sa.Uuid(), nullable=False),
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
        sa.CheckConstraint("decision in ('member', 'guest', 'step_up')", name=op.f("ck_dining_seating_decision_known")),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_dining_seating_identified_by_known")),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_seating_cover_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_dining_seating_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dining_seating_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_seating")),
    )
    op.create_index(op.f("ix_dining_seating_cover_id"), "dining_seating", ["cover_id"])
    op.create_index(op.f("ix_dining_seating_device_id"), "dining_seating", ["device_id"])
    op.create_index(op.f("ix_dining_seating_member_id"), "dining_seating", ["member_id"])
    op.create_index(
        "ix_dining_seating_worth_review",
        "dining_seating",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )

    op.create_table(
        "dining_settlement",
        sa.Column("cover_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("settled_by", sa.String(length=12), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "settled_by in ('payment', 'departure')", name=op.f("ck_dining_settlement_settled_by_known")
        ),
        sa.CheckConstraint("split in ('seat', 'person', 'one')", name=op.f("ck_dining_settlement_split_known")),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_settlement_cover_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_dining_settlement_order_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_settlement_party_id")),
        sa.PrimaryKeyConstraint("cover_id", name=op.f("pk_dining_settlement")),
    )
    op.create_index(op.f("ix_dining_settlement_order_id"), "dining_settlement", ["order_id"])
    op.create_index(op.f("ix_dining_settlement_party_id"), "dining_settlement", ["party_id"])

    op.create_table(
        "dining_paid_share",
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount >= 0 and parts > 0", name=op.f("ck_dining_paid_share_is_a_share")),
        sa.ForeignKeyConstraint(["item_id"], ["dining_item.id"], name=op.f("fk_dining_paid_share_item_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_dining_paid_share_order_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_paid_share_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_paid_share")),
    )
    op.create_index(op.f("ix_dining_paid_share_order_id"), "dining_paid_share", ["order_id"])
    op.create_index("ix_dining_paid_share_party_id", "dining_paid_share", ["party_id"])

    op.create_foreign_key(op.f("fk_kitchen_ticket_party_id"), "kitchen_ticket", "dining_party", ["party_id"], ["id"])
