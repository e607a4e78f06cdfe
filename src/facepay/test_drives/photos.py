"""Pictures of a car: small, without metadata, and sealed. They go some time after their drive has ended.

Each is sealed to its own row under a key of the house, and not the member's: they show a car, and are the shop's claim
as much as the member's defence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import cv2
import numpy as np
from cryptography.exceptions import InvalidTag
from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Database, Identified
from facepay.kernel.errors import NotFound
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey, seal, unseal
from facepay.test_drives.drives import Drive
from facepay.vision.frames import FrameLimits, decode_frame

PURPOSE = "drive photo"
PHOTOS_MAX = 8
SIDE_PX_MAX, JPEG_QUALITY = 1600, 85
FORGOTTEN_AT_ONCE_MAX = 500
Taken = Literal["return", "inspection"]


class DrivePhoto(Identified, Base):
    __tablename__ = "drive_photo"
    __table_args__ = (CheckConstraint("taken in ('return', 'inspection')", name="taken_known"),)

    drive_id: Mapped[UUID] = mapped_column(ForeignKey("test_drive.id"), index=True)
    taken: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    taken_by: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]


class PhotoNotFound(NotFound):
    """The drive has no picture with this id, or none any more."""

    code = "photo_not_found"
    title = "No such picture"


@dataclass(frozen=True, slots=True, repr=False)
class Pictures:
    """JPEGs that may be kept, and the key to seal them with."""

    jpegs: tuple[bytes, ...]
    key: MasterKey

    def keep(self, session: AsyncSession, *, drive_id: UUID, taken: Taken, by: str, now: datetime) -> None:
        """Written with the session's next flush."""
        for jpeg in self.jpegs:
            photo_id = new_id()
            sealed = seal(self.key.derive(PURPOSE), jpeg, bound_to=photo_id.bytes + drive_id.bytes)
            session.add(
                DrivePhoto(id=photo_id, drive_id=drive_id, taken=taken, sealed=sealed, taken_by=by, created_at=now)
            )


async def prepare(photos: Sequence[bytes], *, key: MasterKey, limits: FrameLimits) -> Pictures:
    """Raises vision's problems with frames. No connection is held meanwhile."""
    jpegs = [await asyncio.to_thread(_small, photo, limits) for photo in photos]
    return Pictures(tuple(jpegs), key)


async def photos_of(session: AsyncSession, drive_id: UUID) -> list[DrivePhoto]:
    found = await session.scalars(select(DrivePhoto).where(DrivePhoto.drive_id == drive_id).order_by(DrivePhoto.id))
    return list(found)


async def look_at(session: AsyncSession, *, drive_id: UUID, photo_id: UUID, key: MasterKey) -> bytes:
    """As JPEG. Raises PhotoNotFound, also where its key is gone."""
    photo = await session.get(DrivePhoto, photo_id)
    if photo is not None and photo.drive_id == drive_id:
        for each in key.derive_each(PURPOSE):
            try:
                return unseal(each, photo.sealed, bound_to=photo_id.bytes + drive_id.bytes)
            except InvalidTag:
                continue
    raise PhotoNotFound("There is no such picture.")


async def forget_photos(database: Database, *, lasts: timedelta, now: datetime) -> int:
    """Of drives that ended so long ago; answers how many."""
    old = select(Drive.id).where(Drive.ended_at < now - lasts)
    some = select(DrivePhoto.id).where(DrivePhoto.drive_id.in_(old)).limit(FORGOTTEN_AT_ONCE_MAX)
    async with database.begin() as session:
        gone = await session.scalars(
            delete(DrivePhoto).where(DrivePhoto.id.in_(some)).returning(DrivePhoto.id),
            execution_options={"synchronize_session": False},
        )
        return len(gone.all())


def _small(photo: bytes, limits: FrameLimits) -> bytes:
    image = decode_frame(photo, limits=limits)
    scale = SIDE_PX_MAX / max(image.shape[:2])
    if scale < 1:
        image = np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "pixels can always be encoded"
    return jpeg.tobytes()
