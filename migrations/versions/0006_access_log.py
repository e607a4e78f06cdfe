"""The access log: its tables, and what may be done with them, in SQL."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006_access_log"
down_revision = "0005_stores"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_event",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.Column("access_point_id", sa.Uuid(), nullable=True),
        sa.Column("device_id", sa.Uuid(), nullable=True),
        sa.Column("zone_id", sa.Uuid(), nullable=True),
        sa.Column("policy", sa.String(length=80), nullable=True),
        sa.Column("factors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("person_digests", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("decision in ('granted', 'denied')", name=op.f("ck_access_event_decision_known")),
        sa.CheckConstraint(
            "kind in ('attempt', 'door', 'emergency', 'credential', 'configuration', 'presence', 'retention',"
            " 'erasure', 'export')",
            name=op.f("ck_access_event_kind_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_event")),
        sa.UniqueConstraint("position", name=op.f("uq_access_event_position")),
    )
    op.create_index(
        "ix_access_event_attempts",
        "access_event",
        ["store_id", "event_at"],
        postgresql_where=sa.text("kind = 'attempt'"),
    )
    op.create_index("ix_access_event_access_point_id_id", "access_event", ["access_point_id", "id"])
    op.create_index(
        "ix_access_event_chain_wide",
        "access_event",
        ["kind", "position"],
        postgresql_where=sa.text("kind in ('retention', 'erasure')"),
    )
    op.create_index("ix_access_event_store_id_id", "access_event", ["store_id", "id"])

    op.create_table(
        "access_event_person",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.Column("details", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("unlinked_by", sa.Uuid(), nullable=True),
        sa.Column("unlinked_after", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(unlinked_by is null) = (salt is not null) and (unlinked_by is null) = (details is not null) and"
            " (unlinked_by is null) = (unlinked_after is null) and (unlinked_by is null or (member_id is null"
            " and holder_id is null))",
            name=op.f("ck_access_event_person_unlinked_whole"),
        ),
        sa.ForeignKeyConstraint(["event_id"], ["access_event.id"], name=op.f("fk_access_event_person_event_id")),
        sa.PrimaryKeyConstraint("event_id", "place", name=op.f("pk_access_event_person")),
    )
    op.create_index("ix_access_event_person_member_id_event_id", "access_event_person", ["member_id", "event_id"])
    op.create_index(
        "ix_access_event_person_unlinked_by",
        "access_event_person",
        ["unlinked_by"],
        postgresql_where=sa.text("unlinked_by is not null"),
    )

    # As one string of many statements, which only the driver's own cursor takes.
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute((Path(__file__).parents[1] / "access_log.sql").read_text(encoding="utf-8"))
