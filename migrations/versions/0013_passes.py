"""One-time passes, guesses at their codes, what a member was identified by, and accounts for the shop's own app."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

RECORDS = ("gate_attempt", "checkout")
ROLES = ("owner", "operator", "auditor")


def upgrade() -> None:
    op.create_table(
        "one_time_pass",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_one_time_pass_member_id"),
        sa.PrimaryKeyConstraint("member_id", name="pk_one_time_pass"),
        sa.UniqueConstraint("code_hash", name="uq_one_time_pass_code_hash"),
        sa.UniqueConstraint("token_hash", name="uq_one_time_pass_token_hash"),
    )
    op.create_index("ix_one_time_pass_expires_at", "one_time_pass", ["expires_at"])
    op.create_table(
        "code_guesses",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("wrong", sa.BigInteger(), nullable=False),
        sa.Column("counted_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_code_guesses_device_id"),
        sa.PrimaryKeyConstraint("device_id", name="pk_code_guesses"),
    )
    for table in RECORDS:
        op.add_column(table, sa.Column("identified_by", sa.String(8), server_default="face", nullable=False))
        op.create_check_constraint(op.f(f"ck_{table}_identified_by_known"), table, "identified_by in ('face', 'pass')")
    _allow_roles(*ROLES, "app")


def downgrade() -> None:
    op.execute("delete from staff_account where role = 'app'")
    _allow_roles(*ROLES)
    for table in RECORDS:
        op.drop_column(table, "identified_by")
    op.drop_table("code_guesses")
    op.drop_table("one_time_pass")


def _allow_roles(*roles: str) -> None:
    name = op.f("ck_staff_account_role_known")
    op.drop_constraint(name, "staff_account")
    op.create_check_constraint(name, "staff_account", f"role in ({', '.join(map(repr, roles))})")
