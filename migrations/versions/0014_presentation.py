"""Challenges, and frames seen before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014_presentation"
down_revision = "0013_calibration"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "presentation_challenge",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("steps", postgresql.ARRAY(sa.String(length=16)), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_presentation_challenge_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_presentation_challenge")),
    )
    op.create_index(op.f("ix_presentation_challenge_expires_at"), "presentation_challenge", ["expires_at"])

    op.create_table(
        "seen_frame",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("bands", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("look", postgresql.BIT(length=256), nullable=True),
        sa.Column("shape", sa.LargeBinary(length=40), nullable=True),
        sa.Column("source", sa.LargeBinary(length=16), nullable=True),
        sa.Column("forget_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_seen_frame_device_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seen_frame")),
    )
    op.create_index("ix_seen_frame_bands", "seen_frame", ["bands"], postgresql_using="gin")
    op.create_index(op.f("ix_seen_frame_digest"), "seen_frame", ["digest"])
    op.create_index(op.f("ix_seen_frame_forget_at"), "seen_frame", ["forget_at"])
