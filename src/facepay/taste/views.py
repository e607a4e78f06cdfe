"""What there is to see from before a camera: in which direction a head turns that looks at each product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.catalog.products import Product
from facepay.kernel.database import Base
from facepay.kernel.errors import Conflict
from facepay.stores.devices import DeviceRole, get_device
from facepay.vision.attention import Direction

LOOKING = (DeviceRole.SHELF, DeviceRole.DISPLAY)


class ViewedProduct(Base):
    __tablename__ = "viewed_product"
    __table_args__ = (
        CheckConstraint("yaw_degrees between -90 and 90 and pitch_degrees between -90 and 90", name="in_front"),
        CheckConstraint("tolerance_degrees > 0 and tolerance_degrees <= 45", name="tolerance"),
    )

    device_id: Mapped[UUID] = mapped_column(ForeignKey("device.id"), primary_key=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("product.id"), primary_key=True, index=True)
    yaw_degrees: Mapped[float]
    pitch_degrees: Mapped[float]
    tolerance_degrees: Mapped[float]


@dataclass(frozen=True, slots=True)
class Viewed:
    """A product and where it is."""

    product_id: UUID
    sku: str
    direction: Direction


class NoCameraForLooks(Conflict):
    """Looks are seen by cameras of shelves and displays."""

    code = "not_a_shelf_or_display"
    title = "Not a shelf or a display"


class ViewNotSet(Conflict):
    """Nobody has said what is to be seen at this device."""

    code = "view_not_set"
    title = "View not set"


async def set_view(session: AsyncSession, *, device_id: UUID, products: dict[UUID, Direction]) -> None:
    """Instead of what was set before. Raises DeviceNotFound and NoCameraForLooks."""
    device = await get_device(session, device_id, lock=True)
    if device.role not in LOOKING:
        raise NoCameraForLooks(f"This device is a {device.role}.", role=device.role)
    await session.execute(delete(ViewedProduct).where(ViewedProduct.device_id == device_id))
    session.add_all(
        ViewedProduct(
            device_id=device_id,
            product_id=product_id,
            yaw_degrees=direction.yaw_degrees,
            pitch_degrees=direction.pitch_degrees,
            tolerance_degrees=direction.tolerance_degrees,
        )
        for product_id, direction in products.items()
    )
    await session.flush()


async def view_of(session: AsyncSession, *, device_id: UUID) -> Sequence[Viewed]:
    """By sku; empty where none was set."""
    rows = await session.execute(
        select(ViewedProduct, Product.sku)
        .join(Product, Product.id == ViewedProduct.product_id)
        .where(ViewedProduct.device_id == device_id)
        .order_by(Product.sku)
    )
    return [
        Viewed(row.product_id, sku, Direction(row.yaw_degrees, row.pitch_degrees, row.tolerance_degrees))
        for row, sku in rows
    ]
