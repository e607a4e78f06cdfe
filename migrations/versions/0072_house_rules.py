"""house rules, and what the night watch has found"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0072"
down_revision = "0071"
branch_labels = None
depends_on = None

ODD = "code = 'welcome' and faces > 1 + guests or code = 'not_inside'"


def upgrade() -> None:
    op.create_table(
        "house_rules",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("capacity_max", sa.BigInteger(), nullable=True),
        sa.Column("one_party_at_a_time", sa.Boolean(), nullable=False),
        sa.Column("opening_schedule_id", sa.Uuid(), nullable=True),
        sa.Column("closing_notice_minutes", sa.BigInteger(), nullable=True),
        sa.Column("closing_grace_minutes", sa.BigInteger(), nullable=False),
        sa.Column("face_must_show", sa.Boolean(), nullable=False),
        sa.Column("entries_offline", sa.Boolean(), nullable=False),
        sa.Column("stay_max_minutes", sa.BigInteger(), nullable=True),
        sa.Column("still_max_minutes", sa.BigInteger(), nullable=True),
        sa.Column("silent_after_seconds", sa.BigInteger(), nullable=True),
        sa.Column("tailgating_watched", sa.Boolean(), nullable=False),
        sa.Column("refusals_max", sa.BigInteger(), nullable=True),
        sa.Column("refusals_within_minutes", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("capacity_max > 0", name=op.f("ck_house_rules_capacity_counted")),
        sa.CheckConstraint(
            "closing_grace_minutes >= 0 and closing_notice_minutes > 0",
            name=op.f("ck_house_rules_closing_in_minutes"),
        ),
        sa.CheckConstraint(
            "refusals_max > 0 and refusals_within_minutes > 0", name=op.f("ck_house_rules_refusals_counted")
        ),
        sa.CheckConstraint("silent_after_seconds > 0", name=op.f("ck_house_rules_seconds_counted")),
        sa.CheckConstraint(
            "stay_max_minutes > 0 and still_max_minutes > 0", name=op.f("ck_house_rules_minutes_counted")
        ),
        sa.ForeignKeyConstraint(
            ["opening_schedule_id"], ["schedule.id"], name=op.f("fk_house_rules_opening_schedule_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_house_rules_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_house_rules")),
    )
    op.create_table(
        "patrol_finding",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_patrol_finding_alert_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_patrol_finding_store_id")),
        sa.PrimaryKeyConstraint("kind", "store_id", "subject", name=op.f("pk_patrol_finding")),
    )
    op.add_column("gate_attempt", sa.Column("faces", sa.BigInteger(), nullable=True))
    op.drop_index("ix_gate_attempt_gate_id", table_name="gate_attempt")
    op.create_index("ix_gate_attempt_gate_id_decided_at", "gate_attempt", ["gate_id", "decided_at"])
    op.create_index("ix_gate_attempt_odd", "gate_attempt", ["decided_at"], postgresql_where=sa.text(ODD))
    op.create_index(
        "ix_device_event_tags_seen",
        "device_event",
        ["received_at"],
        postgresql_where=sa.text("kind = 'tags_seen'"),
    )


def downgrade() -> None:
    op.drop_index("ix_device_event_tags_seen", table_name="device_event")
    op.drop_index("ix_gate_attempt_odd", table_name="gate_attempt")
    op.drop_index("ix_gate_attempt_gate_id_decided_at", table_name="gate_attempt")
    op.create_index("ix_gate_attempt_gate_id", "gate_attempt", ["gate_id"])
    op.drop_column("gate_attempt", "faces")
    op.drop_table("patrol_finding")
    op.drop_table("house_rules")
