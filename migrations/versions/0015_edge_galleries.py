"""Devices that hold their store's gallery; a member who moves is a change of the gallery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
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
        perform pg_notify('facepay_gallery', counted::text);
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
    op.add_column("device", sa.Column("exchange_key", sa.LargeBinary(length=32), nullable=True))
    op.add_column("device", sa.Column("edge_matching", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "gallery_sync",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("generation", sa.String(length=32), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("references_sent", sa.BigInteger(), nullable=False),
        sa.Column("synced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name="fk_gallery_sync_device_id"),
        sa.PrimaryKeyConstraint("device_id", "day", name="pk_gallery_sync"),
    )
    op.execute(MOVED)
    op.execute(ON_MOVE)


def downgrade() -> None:
    op.execute("drop trigger member_moved on member")
    op.execute("drop function count_move()")
    op.drop_table("gallery_sync")
    op.drop_column("device", "edge_matching")
    op.drop_column("device", "exchange_key")
