"""restaurants: tables, menus, parties, what they order; kitchen tickets of a table's courses"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0079"
down_revision = "0078"
branch_labels = None
depends_on = None

BEFORE = {
    "state_known": "state in ('received', 'preparing', 'ready', 'collected', 'cancelled', 'lapsed')",
    "open_until_ended": "(state in ('received', 'preparing', 'ready')) = (ended_at is null)",
}
AFTER = {
    "state_known": "state in ('held', 'received', 'preparing', 'ready', 'collected', 'cancelled', 'lapsed')",
    "open_until_ended": "(state in ('held', 'received', 'preparing', 'ready')) = (ended_at is null)",
}
ADDED = {
    "of_order_or_party": "num_nulls(order_id, party_id) = 1",
    "called_somehow": "(number is null) = (order_id is null)",
    "course_of_party": "num_nulls(party_id, place, course) in (0, 3)",
    "courses_are_held": "state <> 'held' or party_id is not null",
}


def upgrade() -> None:
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
    op.create_index(op.f("ix_dining_table_merged_into_id"), "dining_table", ["merged_into_id"], unique=False)
    op.create_index(
        "uq_dining_table_name",
        "dining_table",
        ["store_id", "name"],
        unique=True,
        postgresql_where=sa.text("removed_at is null"),
    )
    op.create_index(
        "uq_dining_table_device",
        "dining_table",
        ["device_id"],
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
    op.create_index("ix_dining_party_store_id_id", "dining_party", ["store_id", "id"], unique=False)
    op.create_index(
        "uq_dining_party_open", "dining_party", ["table_id"], unique=True, postgresql_where=sa.text("closed_at is null")
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
    op.create_index("ix_dining_cover_member_id_id", "dining_cover", ["member_id", "id"], unique=False)
    op.create_index(op.f("ix_dining_cover_party_id"), "dining_cover", ["party_id"], unique=False)
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
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_item_cover_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_item_party_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_dining_item_product_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["kitchen_ticket.id"], name=op.f("fk_dining_item_ticket_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_item")),
    )
    op.create_index(op.f("ix_dining_item_cover_id"), "dining_item", ["cover_id"], unique=False)
    op.create_index(op.f("ix_dining_item_party_id"), "dining_item", ["party_id"], unique=False)
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
    op.create_index(op.f("ix_dining_seating_cover_id"), "dining_seating", ["cover_id"], unique=False)
    op.create_index(op.f("ix_dining_seating_device_id"), "dining_seating", ["device_id"], unique=False)
    op.create_index(op.f("ix_dining_seating_member_id"), "dining_seating", ["member_id"], unique=False)
    op.create_index(
        "ix_dining_seating_worth_review",
        "dining_seating",
        ["id"],
        unique=False,
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.add_column("kitchen_ticket", sa.Column("party_id", sa.Uuid(), nullable=True))
    op.add_column("kitchen_ticket", sa.Column("place", sa.String(length=80), nullable=True))
    op.add_column("kitchen_ticket", sa.Column("course", sa.BigInteger(), nullable=True))
    op.alter_column("kitchen_ticket", "order_id", existing_type=sa.UUID(), nullable=True)
    op.alter_column("kitchen_ticket", "number", existing_type=sa.VARCHAR(length=8), nullable=True)
    op.create_index(
        "ix_kitchen_ticket_party",
        "kitchen_ticket",
        ["party_id", "id"],
        unique=False,
        postgresql_where=sa.text("party_id is not null"),
    )
    op.create_foreign_key(op.f("fk_kitchen_ticket_party_id"), "kitchen_ticket", "dining_party", ["party_id"], ["id"])
    op.add_column("ticket_dish", sa.Column("seat", sa.BigInteger(), nullable=True))
    op.add_column(
        "ticket_dish", sa.Column("options", sa.ARRAY(sa.String(length=100)), server_default="{}", nullable=False)
    )
    _checks(BEFORE, AFTER | ADDED)


def downgrade() -> None:
    _checks(AFTER | ADDED, BEFORE)
    op.drop_column("ticket_dish", "options")
    op.drop_column("ticket_dish", "seat")
    op.drop_constraint(op.f("fk_kitchen_ticket_party_id"), "kitchen_ticket", type_="foreignkey")
    op.drop_index(
        "ix_kitchen_ticket_party", table_name="kitchen_ticket", postgresql_where=sa.text("party_id is not null")
    )
    op.alter_column("kitchen_ticket", "number", existing_type=sa.VARCHAR(length=8), nullable=False)
    op.alter_column("kitchen_ticket", "order_id", existing_type=sa.UUID(), nullable=False)
    op.drop_column("kitchen_ticket", "course")
    op.drop_column("kitchen_ticket", "place")
    op.drop_column("kitchen_ticket", "party_id")
    op.drop_index(
        "ix_dining_seating_worth_review",
        table_name="dining_seating",
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.drop_index(op.f("ix_dining_seating_member_id"), table_name="dining_seating")
    op.drop_index(op.f("ix_dining_seating_device_id"), table_name="dining_seating")
    op.drop_index(op.f("ix_dining_seating_cover_id"), table_name="dining_seating")
    op.drop_table("dining_seating")
    op.drop_index("uq_dining_item_dish", table_name="dining_item")
    op.drop_index(op.f("ix_dining_item_party_id"), table_name="dining_item")
    op.drop_index(op.f("ix_dining_item_cover_id"), table_name="dining_item")
    op.drop_table("dining_item")
    op.drop_index("uq_dining_cover_seat", table_name="dining_cover", postgresql_where=sa.text("left_at is null"))
    op.drop_index("uq_dining_cover_member", table_name="dining_cover", postgresql_where=sa.text("left_at is null"))
    op.drop_index(op.f("ix_dining_cover_party_id"), table_name="dining_cover")
    op.drop_index("ix_dining_cover_member_id_id", table_name="dining_cover")
    op.drop_table("dining_cover")
    op.drop_index("uq_dining_party_open", table_name="dining_party", postgresql_where=sa.text("closed_at is null"))
    op.drop_index("ix_dining_party_store_id_id", table_name="dining_party")
    op.drop_table("dining_party")
    op.drop_index("uq_menu_item_product", table_name="menu_item")
    op.drop_table("menu_item")
    op.drop_index("uq_dining_table_device", table_name="dining_table")
    op.drop_index("uq_dining_table_name", table_name="dining_table")
    op.drop_index(op.f("ix_dining_table_merged_into_id"), table_name="dining_table")
    op.drop_table("dining_table")


def _checks(before: dict[str, str], after: dict[str, str]) -> None:
    for name in before:
        op.drop_constraint(op.f(f"ck_kitchen_ticket_{name}"), "kitchen_ticket")
    for name, rule in after.items():
        op.create_check_constraint(op.f(f"ck_kitchen_ticket_{name}"), "kitchen_ticket", rule)
