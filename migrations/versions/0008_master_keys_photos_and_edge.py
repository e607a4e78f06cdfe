"""Master keys one after another, kept enrolment photos, adapted templates, and devices with an engine of their own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("template_key", sa.Column("key_id", sa.String(length=16), nullable=True))
    op.execute(
        "update template_key set key_id ="
        " (select key_id from template where template.member_id = template_key.member_id limit 1)"
    )
    # Nothing is sealed under such a key.
    op.execute("update template_key set wrapped_key = null where key_id is null")
    op.create_check_constraint(
        op.f("ck_template_key_key_named"), "template_key", "(wrapped_key is null) = (key_id is null)"
    )
    op.create_index(op.f("ix_template_key_key_id"), "template_key", ["key_id"], unique=False)
    op.drop_column("template", "key_id")
    op.add_column("template", sa.Column("origin", sa.String(length=8), server_default="enrolled", nullable=False))
    op.create_check_constraint(op.f("ck_template_origin_known"), "template", "origin in ('enrolled', 'adapted')")
    op.create_table(
        "enrolment_photo",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["template_key.member_id"], name=op.f("fk_enrolment_photo_member_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_photo")),
    )
    op.create_index(op.f("ix_enrolment_photo_member_id"), "enrolment_photo", ["member_id"], unique=False)
    op.add_column("consent", sa.Column("keeps_photo", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("device", sa.Column("public_key", sa.LargeBinary(length=32), nullable=True))
    op.create_table(
        "spent_nonce",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_spent_nonce_device_id")),
        sa.PrimaryKeyConstraint("device_id", "nonce", name=op.f("pk_spent_nonce")),
    )
    op.create_index(op.f("ix_spent_nonce_spent_at"), "spent_nonce", ["spent_at"], unique=False)


def downgrade() -> None:
    op.drop_table("spent_nonce")
    op.drop_column("device", "public_key")
    op.drop_column("consent", "keeps_photo")
    op.drop_table("enrolment_photo")
    op.drop_constraint(op.f("ck_template_origin_known"), "template")
    op.drop_column("template", "origin")
    op.add_column("template", sa.Column("key_id", sa.String(length=16), nullable=True))
    op.execute(
        "update template set key_id ="
        " (select key_id from template_key where template_key.member_id = template.member_id)"
    )
    op.alter_column("template", "key_id", nullable=False)
    op.drop_index(op.f("ix_template_key_key_id"), "template_key")
    op.drop_constraint(op.f("ck_template_key_key_named"), "template_key")
    op.drop_column("template_key", "key_id")
