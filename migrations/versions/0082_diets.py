"""diets: what members don't eat, kept only as long as they agree"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0082"
down_revision = "0081"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "member_diet",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("allergens", sa.ARRAY(sa.String(length=16)), nullable=False),
        sa.Column("ingredients", sa.ARRAY(sa.String(length=80)), nullable=False),
        sa.Column("policy_version", sa.String(length=40), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "cardinality(allergens) + cardinality(ingredients) > 0", name=op.f("ck_member_diet_says_something")
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_member_diet_member_id")),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_diet")),
    )


def downgrade() -> None:
    op.drop_table("member_diet")
