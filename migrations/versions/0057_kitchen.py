"""Dishes, their numbers and tickets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
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
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("number", sa.String(length=8), nullable=False),
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
            "(state in ('received', 'preparing', 'ready')) = (ended_at is null)",
            name=op.f("ck_kitchen_ticket_open_until_ended"),
        ),
        sa.CheckConstraint(
            "state in ('received', 'preparing', 'ready', 'collected', 'cancelled', 'lapsed')",
            name=op.f("ck_kitchen_ticket_state_known"),
        ),
        sa.CheckConstraint(
            "state not in ('preparing', 'ready', 'collected') or started_at is not null",
            name=op.f("ck_kitchen_ticket_started"),
        ),
        sa.CheckConstraint(
            "state not in ('ready', 'collected') or ready_at is not null", name=op.f("ck_kitchen_ticket_ready")
        ),
        sa.CheckConstraint("num_nulls(ended_at, ended_by) <> 1", name=op.f("ck_kitchen_ticket_ended_by_somebody")),
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
        "ix_kitchen_ticket_open",
        "kitchen_ticket",
        ["store_id", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at is null"),
    )
    op.create_index("ix_kitchen_ticket_store_id_id", "kitchen_ticket", ["store_id", "id"], unique=False)
    op.create_index("ix_kitchen_ticket_store_id_ready_at", "kitchen_ticket", ["store_id", "ready_at"], unique=False)

    op.create_table(
        "ticket_dish",
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sold_by", sa.String(length=8), server_default="piece", nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("taken_back", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("sold_by in ('piece', 'weight')", name=op.f("ck_ticket_dish_sold_by_known")),
        sa.CheckConstraint("taken_back between 0 and quantity", name=op.f("ck_ticket_dish_taken_back_within_quantity")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_ticket_dish_product_id")),
        sa.ForeignKeyConstraint(["ticket_id"], ["kitchen_ticket.id"], name=op.f("fk_ticket_dish_ticket_id")),
        sa.PrimaryKeyConstraint("ticket_id", "position", name=op.f("pk_ticket_dish")),
    )


def downgrade() -> None:
    op.drop_table("ticket_dish")
    op.drop_table("kitchen_ticket")
    op.drop_table("pickup_counter")
