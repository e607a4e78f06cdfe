"""Who may go where: zones, holders, credentials, policies, presence and emergencies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018_access"
down_revision = "0017_entrance"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "access_holder",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("company", sa.String(length=200), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("blocked_by", sa.String(length=80), nullable=True),
        sa.Column("blocked_why", sa.String(length=200), nullable=True),
        sa.Column("may_escort", sa.Boolean(), nullable=False),
        sa.Column("escort_required", sa.Boolean(), nullable=False),
        sa.Column("anti_passback_exempt", sa.Boolean(), nullable=False),
        sa.Column("needs_more_time", sa.Boolean(), nullable=False),
        sa.Column("face_ends", sa.Boolean(), nullable=False),
        sa.Column("host_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "kind = 'employee' or valid_until is not null", name=op.f("ck_access_holder_temporary_ends")
        ),
        sa.CheckConstraint("kind in ('employee', 'contractor', 'visitor')", name=op.f("ck_access_holder_kind_known")),
        sa.CheckConstraint(
            "(blocked_at is null) = (blocked_by is null) and (blocked_at is null) = (blocked_why is null)",
            name=op.f("ck_access_holder_blocked_whole"),
        ),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_access_holder_ends_after_it_begins")),
        sa.ForeignKeyConstraint(
            ["host_id"], ["access_holder.id"], name=op.f("fk_access_holder_host_id"), ondelete="set null"
        ),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_access_holder_member_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_access_holder_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_holder")),
        sa.UniqueConstraint("member_id"),
        sa.UniqueConstraint("member_id", name=op.f("uq_access_holder_member_id")),
    )
    op.create_index("ix_access_holder_host_id", "access_holder", ["host_id"])
    op.create_index("ix_access_holder_store_id_id", "access_holder", ["store_id", "id"])

    op.create_table(
        "access_profile",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_access_profile_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_profile")),
    )
    op.create_index("uq_access_profile_name", "access_profile", ["store_id", "name"], unique=True)

    op.create_table(
        "authentication_policy",
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_authentication_policy_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authentication_policy")),
    )
    op.create_index("uq_authentication_policy_name", "authentication_policy", ["store_id", "name"], unique=True)

    op.create_table(
        "zone",
        sa.Column("capacity_max", sa.BigInteger(), nullable=True),
        sa.Column("anti_passback", sa.String(length=8), nullable=False),
        sa.Column("anti_passback_minutes", sa.BigInteger(), nullable=True),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(anti_passback = 'timed') = (anti_passback_minutes is not null)", name=op.f("ck_zone_minutes_if_timed")
        ),
        sa.CheckConstraint(
            "anti_passback in ('none', 'soft', 'hard', 'timed')", name=op.f("ck_zone_anti_passback_known")
        ),
        sa.CheckConstraint("capacity_max > 0", name=op.f("ck_zone_capacity_positive")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_zone_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone")),
    )
    op.create_index("uq_zone_name", "zone", ["store_id", "name"], unique=True)

    op.create_table(
        "access_point",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("from_zone_id", sa.Uuid(), nullable=True),
        sa.Column("to_zone_id", sa.Uuid(), nullable=True),
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("open_seconds", sa.BigInteger(), nullable=False),
        sa.Column("open_seconds_extended", sa.BigInteger(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "from_zone_id is distinct from to_zone_id", name=op.f("ck_access_point_leads_somewhere_else")
        ),
        sa.CheckConstraint("least(open_seconds, open_seconds_extended) > 0", name=op.f("ck_access_point_opens")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_access_point_device_id")),
        sa.ForeignKeyConstraint(["from_zone_id"], ["zone.id"], name=op.f("fk_access_point_from_zone_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["authentication_policy.id"], name=op.f("fk_access_point_policy_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_access_point_store_id")),
        sa.ForeignKeyConstraint(["to_zone_id"], ["zone.id"], name=op.f("fk_access_point_to_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_point")),
    )
    op.create_index("ix_access_point_from_zone_id", "access_point", ["from_zone_id"])
    op.create_index("ix_access_point_to_zone_id", "access_point", ["to_zone_id"])
    op.create_index("uq_access_point_name", "access_point", ["store_id", "name"], unique=True)
    op.create_index(
        "uq_access_point_way",
        "access_point",
        ["device_id", "from_zone_id", "to_zone_id"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )

    op.create_table(
        "authentication_policy_version",
        sa.Column("policy_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("rules", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["authentication_policy.id"], name=op.f("fk_authentication_policy_version_policy_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_authentication_policy_version")),
        sa.UniqueConstraint("policy_id", "version", name=op.f("uq_authentication_policy_version_policy_id")),
    )

    op.create_table(
        "credential",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("card_format", sa.String(length=64), nullable=True),
        sa.Column("facility_code", sa.BigInteger(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("reader_user", sa.String(length=64), nullable=True),
        sa.Column("pin_hash", sa.String(length=200), nullable=True),
        sa.Column("duress_hash", sa.String(length=200), nullable=True),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_by", sa.String(length=80), nullable=True),
        sa.Column("suspended_why", sa.String(length=200), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=80), nullable=True),
        sa.Column("revoked_why", sa.String(length=200), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'badge') = (num_nonnulls(card_format, facility_code, number) = 3) and (kind = 'pin') ="
            " (pin_hash is not null or kind = 'pin' and revoked_at is not null) and (kind = 'fingerprint') ="
            " (reader_user is not null) and (kind = 'invitation') = (token_hash is not null)",
            name=op.f("ck_credential_of_kind"),
        ),
        sa.CheckConstraint(
            "kind in ('badge', 'pin', 'fingerprint', 'invitation')", name=op.f("ck_credential_kind_known")
        ),
        sa.CheckConstraint(
            "(revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_why is null)",
            name=op.f("ck_credential_revoked_whole"),
        ),
        sa.CheckConstraint(
            "(suspended_at is null) = (suspended_by is null) and (suspended_at is null) = (suspended_why is null)",
            name=op.f("ck_credential_suspended_whole"),
        ),
        sa.CheckConstraint("duress_hash is null or pin_hash is not null", name=op.f("ck_credential_duress_beside_pin")),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_credential_ends_after_it_begins")),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["access_holder.id"], name=op.f("fk_credential_holder_id"), ondelete="cascade"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credential")),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_credential_token_hash")),
    )
    op.create_index(op.f("ix_credential_holder_id"), "credential", ["holder_id"])
    op.create_index(
        "ix_credential_number", "credential", ["number", "facility_code"], postgresql_where=sa.text("kind = 'badge'")
    )
    op.create_index(
        "ix_credential_reader_user", "credential", ["reader_user"], postgresql_where=sa.text("kind = 'fingerprint'")
    )
    op.create_index(
        "uq_credential_badge",
        "credential",
        ["card_format", "facility_code", "number"],
        unique=True,
        postgresql_where=sa.text("kind = 'badge' and revoked_at is null"),
    )
    op.create_index(
        "uq_credential_pin",
        "credential",
        ["holder_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'pin' and revoked_at is null"),
    )
    op.create_index(
        "uq_credential_reader_user",
        "credential",
        ["reader_user"],
        unique=True,
        postgresql_where=sa.text("kind = 'fingerprint' and revoked_at is null"),
    )

    op.create_table(
        "emergency",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("zone_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("declared_by", sa.String(length=80), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_by", sa.String(length=80), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(length=200), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind in ('release', 'lockdown')", name=op.f("ck_emergency_kind_known")),
        sa.CheckConstraint(
            "(ended_at is null) = (ended_by is null) and (ended_at is null) = (ended_why is null)",
            name=op.f("ck_emergency_ended_whole"),
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_emergency_store_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_emergency_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_emergency")),
    )
    op.create_index("ix_emergency_store_id_id", "emergency", ["store_id", "id"])
    op.create_index(
        "uq_emergency_live",
        "emergency",
        ["store_id", "zone_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at is null"),
        postgresql_nulls_not_distinct=True,
    )

    op.create_table(
        "holder_profile",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_holder_profile_ends_after_it_begins")),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["access_holder.id"], name=op.f("fk_holder_profile_holder_id"), ondelete="cascade"
        ),
        sa.ForeignKeyConstraint(["profile_id"], ["access_profile.id"], name=op.f("fk_holder_profile_profile_id")),
        sa.PrimaryKeyConstraint("holder_id", "profile_id", name=op.f("pk_holder_profile")),
    )
    op.create_index(op.f("ix_holder_profile_profile_id"), "holder_profile", ["profile_id"])

    op.create_table(
        "invitation",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("host_id", sa.Uuid(), nullable=True),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("visitor_name", sa.String(length=200), nullable=False),
        sa.Column("company", sa.String(length=200), nullable=True),
        sa.Column("escort_required", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("invited_by", sa.String(length=80), nullable=False),
        sa.Column("redeemed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redeemed_by", sa.String(length=80), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=80), nullable=True),
        sa.Column("holder_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("(redeemed_at is null) = (redeemed_by is null)", name=op.f("ck_invitation_redeemed_whole")),
        sa.CheckConstraint(
            "(withdrawn_at is null) = (withdrawn_by is null)", name=op.f("ck_invitation_withdrawn_whole")
        ),
        sa.CheckConstraint(
            "redeemed_at is null or withdrawn_at is null", name=op.f("ck_invitation_redeemed_or_withdrawn")
        ),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_invitation_ends_after_it_begins")),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["access_holder.id"], name=op.f("fk_invitation_holder_id"), ondelete="cascade"
        ),
        sa.ForeignKeyConstraint(
            ["host_id"], ["access_holder.id"], name=op.f("fk_invitation_host_id"), ondelete="set null"
        ),
        sa.ForeignKeyConstraint(["profile_id"], ["access_profile.id"], name=op.f("fk_invitation_profile_id")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_invitation_store_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index(op.f("ix_invitation_holder_id"), "invitation", ["holder_id"])
    op.create_index(op.f("ix_invitation_host_id"), "invitation", ["host_id"])
    op.create_index("ix_invitation_store_id_id", "invitation", ["store_id", "id"])
    op.create_index("ix_invitation_valid_until", "invitation", ["valid_until"])

    op.create_table(
        "presence",
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("zone_id", sa.Uuid(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["holder_id"], ["access_holder.id"], name=op.f("fk_presence_holder_id"), ondelete="cascade"
        ),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_presence_zone_id")),
        sa.PrimaryKeyConstraint("holder_id", name=op.f("pk_presence")),
    )
    op.create_index("ix_presence_zone_id_since", "presence", ["zone_id", "since"])

    op.create_table(
        "access_point_reader",
        sa.Column("access_point_id", sa.Uuid(), nullable=False),
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["access_point_id"], ["access_point.id"], name=op.f("fk_access_point_reader_access_point_id")
        ),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_access_point_reader_device_id")),
        sa.PrimaryKeyConstraint("access_point_id", "device_id", name=op.f("pk_access_point_reader")),
    )
    op.create_index(op.f("ix_access_point_reader_device_id"), "access_point_reader", ["device_id"])

    op.create_table(
        "profile_rule",
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("effect", sa.String(length=8), nullable=False),
        sa.Column("access_point_id", sa.Uuid(), nullable=True),
        sa.Column("zone_id", sa.Uuid(), nullable=True),
        sa.Column("schedule_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("effect in ('allow', 'deny')", name=op.f("ck_profile_rule_effect_known")),
        sa.CheckConstraint("access_point_id is null or zone_id is null", name=op.f("ck_profile_rule_about_one_thing")),
        sa.ForeignKeyConstraint(["access_point_id"], ["access_point.id"], name=op.f("fk_profile_rule_access_point_id")),
        sa.ForeignKeyConstraint(["profile_id"], ["access_profile.id"], name=op.f("fk_profile_rule_profile_id")),
        sa.ForeignKeyConstraint(["schedule_id"], ["schedule.id"], name=op.f("fk_profile_rule_schedule_id")),
        sa.ForeignKeyConstraint(["zone_id"], ["zone.id"], name=op.f("fk_profile_rule_zone_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_rule")),
    )
    op.create_index(op.f("ix_profile_rule_profile_id"), "profile_rule", ["profile_id"])
