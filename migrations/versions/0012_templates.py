"""What is kept of faces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012_templates"
down_revision = "0011_members"
branch_labels = None
depends_on = None

# Here, so that it holds for whoever changes home_region, an import in SQL too. As for every change of the gallery, the
# member's row is locked first and the gallery's then.
MOVED = """
create function count_move() returns trigger language plpgsql as $$
declare
    counted bigint;
begin
    if exists (select from template_key where member_id = new.id and wrapped_key is not null) then
        update gallery_version set version = version + 1 where id = 1 returning version into counted;
        update template_key set gallery_version = counted where member_id = new.id;
        perform pg_notify('facepay', 'gallery');
    end if;
    return null;
end
$$
"""
ON_MOVE = """
create trigger member_moved after update of home_region on member for each row
    when (old.home_region is distinct from new.home_region) execute function count_move()
"""


def upgrade() -> None:
    op.create_table(
        "gallery_version",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gallery_version")),
    )

    op.create_table(
        "template_key",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", sa.String(length=16), nullable=True),
        sa.Column("gallery_version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(wrapped_key is null) = (key_id is null)", name=op.f("ck_template_key_key_named")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_template_key_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_template_key")),
    )
    op.create_index(op.f("ix_template_key_gallery_version"), "template_key", ["gallery_version"])
    op.create_index(op.f("ix_template_key_key_id"), "template_key", ["key_id"])

    op.create_table(
        "decision_frame",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["template_key.member_id"], name=op.f("fk_decision_frame_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_frame")),
    )
    op.create_index(op.f("ix_decision_frame_expires_at"), "decision_frame", ["expires_at"])
    op.create_index(op.f("ix_decision_frame_member_id"), "decision_frame", ["member_id"])

    op.create_table(
        "enrolment_photo",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["template_key.member_id"], name=op.f("fk_enrolment_photo_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_photo")),
    )
    op.create_index(op.f("ix_enrolment_photo_member_id"), "enrolment_photo", ["member_id"])

    op.create_table(
        "template",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("pack", sa.String(length=100), nullable=False),
        sa.Column("origin", sa.String(length=8), server_default="enrolled", nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("origin in ('enrolled', 'adapted')", name=op.f("ck_template_origin_known")),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name=op.f("fk_template_consent_id")),
        sa.ForeignKeyConstraint(["member_id"], ["template_key.member_id"], name=op.f("fk_template_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_template")),
    )
    op.create_index(op.f("ix_template_member_id"), "template", ["member_id"])

    op.execute(MOVED)
    op.execute(ON_MOVE)
