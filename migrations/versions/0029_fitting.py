"""Garments, and what is said before mirrors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029_fitting"
down_revision = "0028_taste"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "garment",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("style", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("size", sa.String(length=16), nullable=True),
        sa.Column("size_system", sa.String(length=16), nullable=True),
        sa.Column("occasions", sa.ARRAY(sa.String(length=40)), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind in ('top', 'bottom', 'dress', 'outer', 'shoes', 'accessory')", name=op.f("ck_garment_kind_known")
        ),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_garment_product_id")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_garment")),
    )
    op.create_index(op.f("ix_garment_style"), "garment", ["style"])

    op.create_table(
        "fitting_session",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("memory", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ended_at is null or (member_id is null and memory is null)",
            name=op.f("ck_fitting_session_forgotten_when_ended"),
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_fitting_session_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_fitting_session_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_fitting_session_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fitting_session")),
    )
    op.create_index(op.f("ix_fitting_session_member_id"), "fitting_session", ["member_id"])
    op.create_index(
        "ix_fitting_session_open_used_at", "fitting_session", ["used_at"], postgresql_where=sa.text("ended_at is null")
    )
    op.create_index(op.f("ix_fitting_session_store_id"), "fitting_session", ["store_id"])
    op.create_index(
        "uq_fitting_session_open",
        "fitting_session",
        ["device_id"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
    )

    op.create_table(
        "fitting_look",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
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
            "decision in ('member', 'guest', 'step_up', 'nobody')", name=op.f("ck_fitting_look_decision_known")
        ),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_fitting_look_identified_by_known")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_fitting_look_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_fitting_look_member_id")),
        sa.ForeignKeyConstraint(["session_id"], ["fitting_session.id"], name=op.f("fk_fitting_look_session_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fitting_look")),
    )
    op.create_index(op.f("ix_fitting_look_device_id"), "fitting_look", ["device_id"])
    op.create_index(op.f("ix_fitting_look_member_id"), "fitting_look", ["member_id"])
    op.create_index(op.f("ix_fitting_look_session_id"), "fitting_look", ["session_id"])
    op.create_index(
        "ix_fitting_look_worth_review",
        "fitting_look",
        ["id"],
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )

    op.create_table(
        "fitting_request",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unanswered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state in ('asked', 'accepted', 'bringing', 'brought', 'not_found', 'cancelled')",
            name=op.f("ck_fitting_request_state_known"),
        ),
        sa.ForeignKeyConstraint(["accepted_by"], ["staff_account.id"], name=op.f("fk_fitting_request_accepted_by")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_fitting_request_device_id")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["garment.product_id"], name=op.f("fk_fitting_request_product_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["session_id"], ["fitting_session.id"], name=op.f("fk_fitting_request_session_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_fitting_request_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fitting_request")),
    )
    op.create_index(op.f("ix_fitting_request_device_id"), "fitting_request", ["device_id"])
    op.create_index(op.f("ix_fitting_request_product_id"), "fitting_request", ["product_id"])
    op.create_index(op.f("ix_fitting_request_session_id"), "fitting_request", ["session_id"])
    op.create_index("ix_fitting_request_store_id_id", "fitting_request", ["store_id", "id"])
    op.create_index(
        "ix_fitting_request_store_id_open",
        "fitting_request",
        ["store_id", "id"],
        postgresql_where=sa.text("state in ('asked', 'accepted', 'bringing')"),
    )
    op.create_index(
        "uq_fitting_request_open",
        "fitting_request",
        ["session_id", "product_id"],
        unique=True,
        postgresql_where=sa.text("state in ('asked', 'accepted', 'bringing')"),
    )
