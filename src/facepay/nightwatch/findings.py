"""What the night watch has found and not seen the end of: each is alerted of once, however many rounds find it.

A round compares what it finds with what was found before. What is new is alerted of; of what is over, the alert ends
by itself, where it's the kind that does. Staff may resolve an alert before that: it isn't raised again for the same.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from facepay.alerts.alerts import SUBJECT_MAX
from facepay.kernel.database import Base


class Finding(Base):
    """`subject` is the alert's."""

    __tablename__ = "patrol_finding"

    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    store_id: Mapped[UUID] = mapped_column(ForeignKey("store.id"), primary_key=True)
    subject: Mapped[str] = mapped_column(String(SUBJECT_MAX), primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(ForeignKey("alert.id"))
    found_at: Mapped[datetime]
