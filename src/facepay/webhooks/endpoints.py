"""Endpoints: where events are sent, and the secrets they are signed with."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from facepay.kernel.database import Base, Identified

URL_CHARACTERS_MAX = 2000


class WebhookEndpoint(Identified, Base):
    """Events wait while its `status` isn't active: `paused` by staff, `gone` when it said so itself, or `failing`."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("status in ('active', 'paused', 'gone', 'failing')", name="status_known"),
        CheckConstraint("cardinality(types) > 0", name="hears_something"),
        CheckConstraint("(former_secret is null) = (former_secret_until is null)", name="former_secret_ends"),
    )

    device_id: Mapped[UUID | None] = mapped_column(ForeignKey("device.id"))
    url: Mapped[str] = mapped_column(String(URL_CHARACTERS_MAX))
    types: Mapped[list[str]] = mapped_column(ARRAY(String(100)))
    description: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[str] = mapped_column(String(8), default="active")
    secret: Mapped[bytes] = mapped_column(LargeBinary)  # sealed, as is the one before
    former_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    former_secret_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]  # since when it has done nothing else
    created_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
