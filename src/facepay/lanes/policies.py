"""What a lane goes by: where it knows the goods from, how well a tag has to be seen, and how much may be owed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base
from facepay.kernel.errors import Conflict
from facepay.lanes.reads import ReadPolicy
from facepay.stores.devices import DeviceRole, get_device

GoodsFrom = Literal["rfid", "shelves", "both"]
BY_DEFAULT = ReadPolicy()


class LanePolicy(Base):
    """A lane without a row goes by the defaults; `debt_max` null is the setting's.

    Without a `door_sensor`, nobody waits to see that its door has opened.
    """

    __tablename__ = "lane_policy"
    __table_args__ = (
        CheckConstraint("goods_from in ('rfid', 'shelves', 'both')", name="goods_from_known"),
        CheckConstraint("debt_max >= 0", name="debt_max_not_negative"),
        CheckConstraint("epochs_min > 0", name="epochs_counted"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    goods_from: Mapped[str] = mapped_column(String(8), default="rfid")
    debt_max: Mapped[int | None]
    epochs_min: Mapped[int] = mapped_column(default=BY_DEFAULT.epochs_min)
    rssi_min_dbm: Mapped[float] = mapped_column(default=BY_DEFAULT.rssi_min_dbm)
    door_sensor: Mapped[bool] = mapped_column(server_default="true")

    @property
    def reads(self) -> ReadPolicy:
        return ReadPolicy(epochs_min=self.epochs_min, rssi_min_dbm=self.rssi_min_dbm)

    @property
    def by_shelves(self) -> bool:
        return self.goods_from != "rfid"

    @property
    def by_tags(self) -> bool:
        return self.goods_from != "shelves"


class NotALane(Conflict):
    """The device is no payment lane."""

    code = "not_a_lane"
    title = "Not a lane"


async def require_lane(session: AsyncSession, *, device_id: UUID) -> None:
    """Raises DeviceNotFound and NotALane."""
    if (await get_device(session, device_id)).role != DeviceRole.LANE:
        raise NotALane("This device is no lane.")


async def policy_of(session: AsyncSession, *, lane_id: UUID) -> LanePolicy:
    """The lane's own, or the defaults."""
    return await session.get(LanePolicy, lane_id) or default_policy(lane_id)


def default_policy(lane_id: UUID) -> LanePolicy:
    return LanePolicy(
        device_id=lane_id,
        goods_from="rfid",
        debt_max=None,
        epochs_min=BY_DEFAULT.epochs_min,
        rssi_min_dbm=BY_DEFAULT.rssi_min_dbm,
        door_sensor=True,
    )


async def keep_policy(session: AsyncSession, *, lane_id: UUID, values: Mapping[str, Any]) -> LanePolicy:
    """From the next passage on."""
    row = insert(LanePolicy).values(device_id=lane_id, **values)
    kept = await session.scalars(
        row.on_conflict_do_update(index_elements=["device_id"], set_=dict(values)).returning(LanePolicy),
        execution_options={"populate_existing": True},
    )
    return kept.one()
