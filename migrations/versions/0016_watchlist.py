"""Bans, their faces, hits and appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016_watchlist"
down_revision = "0015_identity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ban",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("story", sa.String(length=500), nullable=True),
        sa.Column("on_hit", sa.String(length=8), nullable=False),
        sa.Column("days", sa.BigInteger(), nullable=False),
        sa.Column("review_days", sa.BigInteger(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("ending", sa.String(length=16), nullable=True),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", sa.String(length=16), nullable=True),
        sa.Column("gallery_version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ending in ('rejected', 'unanswered', 'lifted', 'lapsed', 'unreviewed', 'appeal_upheld')",
            name=op.f("ck_ban_ending_known"),
        ),
        sa.CheckConstraint("on_hit in ('ask', 'refuse')", name=op.f("ck_ban_on_hit_known")),
        sa.CheckConstraint(
            "reason in ('theft', 'violence', 'threat', 'fraud', 'court_order', 'other')",
            name=op.f("ck_ban_reason_known"),
        ),
        sa.CheckConstraint("approved_by <> proposed_by", name=op.f("ck_ban_two_persons")),
        sa.CheckConstraint(
            "num_nulls(approved_by, approved_at, review_at, lapses_at) in (0, 4)", name=op.f("ck_ban_approved_whole")
        ),
        sa.CheckConstraint("num_nulls(ended_at, ended_by, ending) in (0, 3)", name=op.f("ck_ban_ended_for_a_reason")),
        sa.CheckConstraint(
            "num_nulls(story, wrapped_key, key_id) = case when ended_at is null then 0 else 3 end and"
            " (ended_at is null or name is null)",
            name=op.f("ck_ban_erased_when_ended"),
        ),
        sa.CheckConstraint("review_days between 1 and days", name=op.f("ck_ban_reviewed_in_time")),
        sa.ForeignKeyConstraint(["approved_by"], ["staff_account.id"], name=op.f("fk_ban_approved_by")),
        sa.ForeignKeyConstraint(["proposed_by"], ["staff_account.id"], name=op.f("fk_ban_proposed_by")),
        sa.ForeignKeyConstraint(["reviewed_by"], ["staff_account.id"], name=op.f("fk_ban_reviewed_by")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_ban_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ban")),
    )
    op.create_index(op.f("ix_ban_gallery_version"), "ban", ["gallery_version"])
    op.create_index(op.f("ix_ban_key_id"), "ban", ["key_id"])
    op.create_index("ix_ban_lapses", "ban", ["lapses_at"], postgresql_where=sa.text("ended_at is null"))
    op.create_index(op.f("ix_ban_store_id"), "ban", ["store_id"])

    op.create_table(
        "ban_appeal",
        sa.Column("ban_id", sa.Uuid(), nullable=False),
        sa.Column("proposed_by", sa.Uuid(), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.Column("words", sa.String(length=2000), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("upheld", sa.Boolean(), nullable=True),
        sa.Column("finding", sa.String(length=500), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("decided_by not in (proposed_by, approved_by)", name=op.f("ck_ban_appeal_third_person")),
        sa.CheckConstraint(
            "num_nulls(decided_by, decided_at, upheld) in (0, 3)", name=op.f("ck_ban_appeal_decided_whole")
        ),
        sa.ForeignKeyConstraint(["ban_id"], ["ban.id"], name=op.f("fk_ban_appeal_ban_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["staff_account.id"], name=op.f("fk_ban_appeal_decided_by")),
        sa.ForeignKeyConstraint(["recorded_by"], ["staff_account.id"], name=op.f("fk_ban_appeal_recorded_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ban_appeal")),
    )
    op.create_index(op.f("ix_ban_appeal_ban_id"), "ban_appeal", ["ban_id"])
    op.create_index(
        "uq_ban_appeal_open", "ban_appeal", ["ban_id"], unique=True, postgresql_where=sa.text("decided_at is null")
    )

    op.create_table(
        "ban_face",
        sa.Column("ban_id", sa.Uuid(), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("sealed_template", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_photo", sa.LargeBinary(), nullable=False),
        sa.Column("embedding_norm", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["ban_id"], ["ban.id"], name=op.f("fk_ban_face_ban_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ban_face")),
    )
    op.create_index(op.f("ix_ban_face_ban_id"), "ban_face", ["ban_id"])

    op.create_table(
        "watchlist_hit",
        sa.Column("ban_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("false_positive_rate", sa.Double(), nullable=False),
        sa.Column("searched", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.String(length=100), nullable=False),
        sa.Column("answer", sa.String(length=8), nullable=True),
        sa.Column("answered_by", sa.String(length=80), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_face", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_frame", sa.LargeBinary(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("answer in ('admit', 'refuse')", name=op.f("ck_watchlist_hit_answer_known")),
        sa.CheckConstraint(
            "num_nulls(answer, answered_by, answered_at) in (0, 3)", name=op.f("ck_watchlist_hit_answered_by_somebody")
        ),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_watchlist_hit_alert_id")),
        sa.ForeignKeyConstraint(["ban_id"], ["ban.id"], name=op.f("fk_watchlist_hit_ban_id")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_watchlist_hit_device_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_watchlist_hit_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watchlist_hit")),
    )
    op.create_index(op.f("ix_watchlist_hit_ban_id"), "watchlist_hit", ["ban_id"])
    op.create_index(
        "ix_watchlist_hit_sealed",
        "watchlist_hit",
        ["counts_until"],
        postgresql_where=sa.text("sealed_face is not null"),
    )
    op.create_index("ix_watchlist_hit_store_id_id", "watchlist_hit", ["store_id", "id"])
    op.create_index(
        "uq_watchlist_hit_open",
        "watchlist_hit",
        ["ban_id", "store_id"],
        unique=True,
        postgresql_where=sa.text("answer is null"),
    )

    op.create_table(
        "watchlist_view",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("shown", sa.String(length=16), nullable=False),
        sa.Column("ban_id", sa.Uuid(), nullable=True),
        sa.Column("hit_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(length=200), nullable=False),
        sa.Column("viewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["ban_id"], ["ban.id"], name=op.f("fk_watchlist_view_ban_id")),
        sa.ForeignKeyConstraint(["hit_id"], ["watchlist_hit.id"], name=op.f("fk_watchlist_view_hit_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_account.id"], name=op.f("fk_watchlist_view_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_watchlist_view")),
    )
    op.create_index(op.f("ix_watchlist_view_ban_id"), "watchlist_view", ["ban_id"])
