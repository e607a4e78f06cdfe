"""Look-alikes, second factors, passes and watches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015_identity"
down_revision = "0014_presentation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lookalike",
        sa.Column("member_a", sa.Uuid(), nullable=False),
        sa.Column("member_b", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=8), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("note", sa.String(length=200), nullable=True),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("marked_by", sa.Uuid(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.Uuid(), nullable=True),
        sa.Column("removal", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(reason = 'reviewed') = (marked_by is not null)", name=op.f("ck_lookalike_reviewed_by_somebody")
        ),
        sa.CheckConstraint("reason in ('measured', 'reviewed')", name=op.f("ck_lookalike_reason_known")),
        sa.CheckConstraint("member_a < member_b", name=op.f("ck_lookalike_ordered")),
        sa.CheckConstraint(
            "num_nulls(removed_at, removed_by, removal) in (0, 3)", name=op.f("ck_lookalike_removed_with_reason")
        ),
        sa.ForeignKeyConstraint(["marked_by"], ["staff_account.id"], name=op.f("fk_lookalike_marked_by")),
        sa.ForeignKeyConstraint(["member_a"], ["member.id"], name=op.f("fk_lookalike_member_a")),
        sa.ForeignKeyConstraint(["member_b"], ["member.id"], name=op.f("fk_lookalike_member_b")),
        sa.ForeignKeyConstraint(["removed_by"], ["staff_account.id"], name=op.f("fk_lookalike_removed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lookalike")),
        sa.UniqueConstraint("member_a", "member_b", name=op.f("uq_lookalike_member_a")),
    )
    op.create_index(op.f("ix_lookalike_member_b"), "lookalike", ["member_b"])

    op.create_table(
        "one_time_pass",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_one_time_pass_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_one_time_pass")),
        sa.UniqueConstraint("code_hash"),
        sa.UniqueConstraint("code_hash", name=op.f("uq_one_time_pass_code_hash")),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_one_time_pass_token_hash")),
    )
    op.create_index(op.f("ix_one_time_pass_expires_at"), "one_time_pass", ["expires_at"])

    op.create_table(
        "watch",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("watched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("watched_by", sa.Uuid(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.Column("lifting", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "num_nulls(lifted_at, lifted_by, lifting) in (0, 3)", name=op.f("ck_watch_lifted_with_reason")
        ),
        sa.ForeignKeyConstraint(["lifted_by"], ["staff_account.id"], name=op.f("fk_watch_lifted_by")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_watch_member_id")),
        sa.ForeignKeyConstraint(["watched_by"], ["staff_account.id"], name=op.f("fk_watch_watched_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watch")),
    )
    op.create_index(
        "uq_watch_member_id", "watch", ["member_id"], unique=True, postgresql_where=sa.text("lifted_at is null")
    )

    op.create_table(
        "code_guesses",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("wrong", sa.BigInteger(), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_code_guesses_device_id")),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_code_guesses")),
    )

    op.create_table(
        "gallery_sync",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("generation", sa.String(length=32), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("references_sent", sa.BigInteger(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_gallery_sync_device_id")),
        sa.PrimaryKeyConstraint("device_id", "day", name=op.f("pk_gallery_sync")),
    )

    op.create_table(
        "step_up",
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("candidate_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("factor", sa.String(length=16), nullable=False),
        sa.Column("wrong_answers", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_step_up_device_id")),
        sa.PrimaryKeyConstraint("attempt_id", name=op.f("pk_step_up")),
    )
