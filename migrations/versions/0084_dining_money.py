"""restaurants: policies, holds, agreements, payments by shares, departures"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0084"
down_revision = "0083"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dining_policy",
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("service_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("service_product_id", sa.Uuid(), nullable=True),
        sa.Column("service_from_covers", sa.BigInteger(), nullable=False),
        sa.Column("tips_basis_points", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("tip_max_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("margin_basis_points", sa.BigInteger(), nullable=False),
        sa.Column("unattended_minutes", sa.BigInteger(), nullable=False),
        sa.Column("guests_fall_to", sa.String(length=8), nullable=False),
        sa.Column("unsecured_max", sa.BigInteger(), nullable=False),
        sa.Column("debt_max", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("guests_fall_to in ('host', 'table')", name=op.f("ck_dining_policy_guests_fall_to_known")),
        sa.CheckConstraint("margin_basis_points between 0 and 10000", name=op.f("ck_dining_policy_margin_in_bounds")),
        sa.CheckConstraint(
            "service_basis_points = 0 or service_product_id is not null", name=op.f("ck_dining_policy_service_is_sold")
        ),
        sa.CheckConstraint("service_basis_points between 0 and 5000", name=op.f("ck_dining_policy_service_in_bounds")),
        sa.CheckConstraint("service_from_covers > 0", name=op.f("ck_dining_policy_covers_counted")),
        sa.CheckConstraint("tip_max_basis_points between 0 and 20000", name=op.f("ck_dining_policy_tip_in_bounds")),
        sa.CheckConstraint("unattended_minutes > 0", name=op.f("ck_dining_policy_minutes_counted")),
        sa.CheckConstraint("unsecured_max >= 0 and debt_max >= 0", name=op.f("ck_dining_policy_not_negative")),
        sa.ForeignKeyConstraint(
            ["service_product_id"], ["product.id"], name=op.f("fk_dining_policy_service_product_id")
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_dining_policy_store_id")),
        sa.PrimaryKeyConstraint("store_id", name=op.f("pk_dining_policy")),
    )
    op.create_table(
        "dining_agreement",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.Column("as_host", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("identified_by", sa.String(length=8), server_default="face", nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("false_positive_rate", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("searched", sa.BigInteger(), nullable=True),
        sa.Column("narrowed_by", sa.String(length=16), nullable=True),
        sa.Column("basis", sa.String(length=100), nullable=True),
        sa.Column("pack", sa.String(length=100), nullable=True),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "decision in ('agreed', 'declined', 'step_up')", name=op.f("ck_dining_agreement_decision_known")
        ),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_dining_agreement_identified_by_known")),
        sa.CheckConstraint("up_to > 0", name=op.f("ck_dining_agreement_up_to_positive")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_dining_agreement_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dining_agreement_member_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_agreement_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_agreement")),
    )
    op.create_index(op.f("ix_dining_agreement_device_id"), "dining_agreement", ["device_id"], unique=False)
    op.create_index(op.f("ix_dining_agreement_member_id"), "dining_agreement", ["member_id"], unique=False)
    op.create_index(op.f("ix_dining_agreement_party_id"), "dining_agreement", ["party_id"], unique=False)
    op.create_index(
        "ix_dining_agreement_worth_review",
        "dining_agreement",
        ["id"],
        unique=False,
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.create_table(
        "dining_payment",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("wish", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("identified_by", sa.String(length=8), server_default="face", nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("false_positive_rate", sa.Double(), nullable=True),
        sa.Column("margin", sa.Double(), nullable=True),
        sa.Column("searched", sa.BigInteger(), nullable=True),
        sa.Column("narrowed_by", sa.String(length=16), nullable=True),
        sa.Column("basis", sa.String(length=100), nullable=True),
        sa.Column("pack", sa.String(length=100), nullable=True),
        sa.Column("quality", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(decision = 'paid') = (order_id is not null)", name=op.f("ck_dining_payment_paid_has_order")
        ),
        sa.CheckConstraint(
            "decision in ('paid', 'declined', 'step_up')", name=op.f("ck_dining_payment_decision_known")
        ),
        sa.CheckConstraint("identified_by in ('face', 'pass')", name=op.f("ck_dining_payment_identified_by_known")),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_dining_payment_device_id")),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name=op.f("fk_dining_payment_member_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_dining_payment_order_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_payment_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_payment")),
    )
    op.create_index(op.f("ix_dining_payment_device_id"), "dining_payment", ["device_id"], unique=False)
    op.create_index(op.f("ix_dining_payment_member_id"), "dining_payment", ["member_id"], unique=False)
    op.create_index(op.f("ix_dining_payment_order_id"), "dining_payment", ["order_id"], unique=False)
    op.create_index(op.f("ix_dining_payment_party_id"), "dining_payment", ["party_id"], unique=False)
    op.create_index(
        "ix_dining_payment_worth_review",
        "dining_payment",
        ["id"],
        unique=False,
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.create_table(
        "dining_departure",
        sa.Column("cover_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_by", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_departure_cover_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_departure_party_id")),
        sa.PrimaryKeyConstraint("cover_id", name=op.f("pk_dining_departure")),
    )
    op.create_index(op.f("ix_dining_departure_party_id"), "dining_departure", ["party_id"], unique=False)
    op.create_index(op.f("ix_dining_departure_settles_at"), "dining_departure", ["settles_at"], unique=False)
    op.create_table(
        "dining_guarantee",
        sa.Column("cover_id", sa.Uuid(), nullable=False),
        sa.Column("payer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("hold_id", sa.Uuid(), nullable=True),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("agreed_max", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("(hold_id is null) = (expires_at is null)", name=op.f("ck_dining_guarantee_hold_expires")),
        sa.CheckConstraint(
            "(hold_id is null) = (held = 0) and held >= 0", name=op.f("ck_dining_guarantee_hold_has_amount")
        ),
        sa.CheckConstraint("agreed_max >= 0", name=op.f("ck_dining_guarantee_agreed_not_negative")),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_guarantee_cover_id")),
        sa.ForeignKeyConstraint(["payer_id"], ["member.id"], name=op.f("fk_dining_guarantee_payer_id")),
        sa.PrimaryKeyConstraint("cover_id", name=op.f("pk_dining_guarantee")),
    )
    op.create_index(
        "ix_dining_guarantee_expires_at",
        "dining_guarantee",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("hold_id is not null"),
    )
    op.create_index(op.f("ix_dining_guarantee_payer_id"), "dining_guarantee", ["payer_id"], unique=False)
    op.create_table(
        "dining_settlement",
        sa.Column("cover_id", sa.Uuid(), nullable=False),
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("settled_by", sa.String(length=12), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "settled_by in ('payment', 'departure')", name=op.f("ck_dining_settlement_settled_by_known")
        ),
        sa.CheckConstraint("split in ('seat', 'person', 'one')", name=op.f("ck_dining_settlement_split_known")),
        sa.ForeignKeyConstraint(["cover_id"], ["dining_cover.id"], name=op.f("fk_dining_settlement_cover_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_dining_settlement_order_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_settlement_party_id")),
        sa.PrimaryKeyConstraint("cover_id", name=op.f("pk_dining_settlement")),
    )
    op.create_index(op.f("ix_dining_settlement_order_id"), "dining_settlement", ["order_id"], unique=False)
    op.create_index(op.f("ix_dining_settlement_party_id"), "dining_settlement", ["party_id"], unique=False)
    op.create_table(
        "dining_paid_share",
        sa.Column("party_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("amount >= 0 and parts > 0", name=op.f("ck_dining_paid_share_is_a_share")),
        sa.ForeignKeyConstraint(["item_id"], ["dining_item.id"], name=op.f("fk_dining_paid_share_item_id")),
        sa.ForeignKeyConstraint(["order_id"], ["shop_order.id"], name=op.f("fk_dining_paid_share_order_id")),
        sa.ForeignKeyConstraint(["party_id"], ["dining_party.id"], name=op.f("fk_dining_paid_share_party_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dining_paid_share")),
    )
    op.create_index(op.f("ix_dining_paid_share_order_id"), "dining_paid_share", ["order_id"], unique=False)
    op.create_index("ix_dining_paid_share_party_id", "dining_paid_share", ["party_id"], unique=False)
    op.add_column("dining_item", sa.Column("answering_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_dining_item_answering_id"), "dining_item", "dining_cover", ["answering_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_dining_item_answering_id"), "dining_item", type_="foreignkey")
    op.drop_column("dining_item", "answering_id")
    op.drop_index("ix_dining_paid_share_party_id", table_name="dining_paid_share")
    op.drop_index(op.f("ix_dining_paid_share_order_id"), table_name="dining_paid_share")
    op.drop_table("dining_paid_share")
    op.drop_index(op.f("ix_dining_settlement_party_id"), table_name="dining_settlement")
    op.drop_index(op.f("ix_dining_settlement_order_id"), table_name="dining_settlement")
    op.drop_table("dining_settlement")
    op.drop_index(op.f("ix_dining_guarantee_payer_id"), table_name="dining_guarantee")
    op.drop_index(
        "ix_dining_guarantee_expires_at", table_name="dining_guarantee", postgresql_where=sa.text("hold_id is not null")
    )
    op.drop_table("dining_guarantee")
    op.drop_index(op.f("ix_dining_departure_settles_at"), table_name="dining_departure")
    op.drop_index(op.f("ix_dining_departure_party_id"), table_name="dining_departure")
    op.drop_table("dining_departure")
    op.drop_index(
        "ix_dining_payment_worth_review",
        table_name="dining_payment",
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.drop_index(op.f("ix_dining_payment_party_id"), table_name="dining_payment")
    op.drop_index(op.f("ix_dining_payment_order_id"), table_name="dining_payment")
    op.drop_index(op.f("ix_dining_payment_member_id"), table_name="dining_payment")
    op.drop_index(op.f("ix_dining_payment_device_id"), table_name="dining_payment")
    op.drop_table("dining_payment")
    op.drop_index(
        "ix_dining_agreement_worth_review",
        table_name="dining_agreement",
        postgresql_where=sa.text("similarity < threshold + 0.05 or code in ('wrong_answer', 'step_up_impossible')"),
    )
    op.drop_index(op.f("ix_dining_agreement_party_id"), table_name="dining_agreement")
    op.drop_index(op.f("ix_dining_agreement_member_id"), table_name="dining_agreement")
    op.drop_index(op.f("ix_dining_agreement_device_id"), table_name="dining_agreement")
    op.drop_table("dining_agreement")
    op.drop_table("dining_policy")
