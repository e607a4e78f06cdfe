"""Dishes, their numbers and tickets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023_kitchen"
down_revision = "0022_rewards"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pickup_counter",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("last > 0", name=op.f("ck_pickup_counter_counts")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_pickup_counter_store_id")),
        sa.PrimaryKeyConstraint("store_id", "business_day", name=op.f("pk_pickup_counter")),
    )

    op.create_table(
        "kitchen_ticket",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("party_id", sa.Uuid(), nullable=True),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=True),
        sa.Column("place", sa.String(length=80), nullable=True),
        sa.Column("course", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by", sa.String(length=80), nullable=True),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ready_by", sa.String(length=80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("late_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(state in ('held', 'received', 'preparing', 'ready')) = (ended_at is null)",
            name=op.f("ck_kitchen_ticket_open_until_ended"),
        ),
        sa.CheckConstraint("state <> 'held' or party_id is not null", name=op.f("ck_kitchen_ticket_courses_are_held")),
        sa.CheckConstraint(
            "state in ('held', 'received', 'preparing', 'ready', 'collected', 'cancelled', 'lapsed')",
            name=op.f("ck_kitchen_ticket_state_known"),
        ),
        sa.CheckConstraint(
            "state not in ('preparing', 'ready', 'collected') or started_at is not null",
            name=op.f("ck_kitchen_ticket_started"),
        ),
        sa.CheckConstraint(
            "state not in ('ready', 'collected') or ready_at is not null", name=op.f("ck_kitchen_ticket_ready")
        ),
        sa.CheckConstraint("(number is null) = (order_id is null)", name=op.f("ck_kitchen_ticket_called_somehow")),
        sa.CheckConstraint("num_nulls(ended_at, ended_by) <> 1", name=op.f("ck_kitchen_ticket_ended_by_somebody")),
        sa.CheckConstraint("num_nulls(order_id, party_id) = 1", name=op.f("ck_kitchen_ticket_of_order_or_party")),
        sa.CheckConstraint(
            "num_nulls(party_id, place, course) in (0, 3)", name=op.f("ck_kitchen_ticket_course_of_party")
        ),
        sa.CheckConstraint("num_nulls(ready_at, ready_by) <> 1", name=op.f("ck_kitchen_ticket_ready_by_somebody")),
        sa.CheckConstraint(
            "num_nulls(started_at, started_by) <> 1", name=op.f("ck_kitchen_ticket_started_by_somebody")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_kitchen_ticket_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kitchen_ticket")),
        sa.UniqueConstraint("order_id"),
        sa.UniqueConstraint("order_id", name=op.f("uq_kitchen_ticket_order_id")),
        sa.UniqueConstraint("store_id", "business_day", "number", name=op.f("uq_kitchen_ticket_store_id")),
    )
    op.create_index(
        "ix_kitchen_ticket_open", "kitchen_ticket", ["store_id", "id"], postgresql_where=sa.text("ended_at is null")
    )
    op.create_index(
        "ix_kitchen_ticket_party",
        "kitchen_ticket",
        ["party_id", "id"],
        postgresql_where=sa.text("party_id is not null"),
    )
    op.create_index("ix_kitchen_ticket_store_id_id", "kitchen_ticket", ["store_id", "id"])
    op.create_index("ix_kitchen_ticket_store_id_ready_at", "kitchen_ticket", ["store_id", "ready_at"])

    op.create_table(
        "ticket_dish",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sold_by", sa.String(length=8), server_default="piece", nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("taken_back", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seat", sa.BigInteger(), nullable=True),
        sa.Column("options", sa.ARRAY(sa.String(length=100)), server_default="{}", nullable=False),
        sa.CheckConstraint("sold_by in ('piece', 'weight')", name=op.f("ck_ticket_dish_sold_by_known")),
        sa.CheckConstraint("taken_back between 0 and quantity", name=op.f("ck_ticket_dish_taken_back_within_quantity")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_ticket_dish_product_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["kitchen_ticket.id"], name=op.f("fk_ticket_dish_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", "position", name=op.f("pk_ticket_dish")),
    )
