"""Schedules as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.kernel.schemas import Answer, Change, Line, Request, unsent
from facepay.schedules.timetables import Timetable


class NewSchedule(Request):
    name: Annotated[Line, Field(examples=["Opening hours"])]
    timetable: Timetable


class ScheduleChange(Change):
    """A timetable that is sent takes the place of the whole one there was."""

    name: Line = Field(default_factory=unsent, examples=["Opening hours"])
    timetable: Timetable = Field(default_factory=unsent)


class ScheduleAnswer(Answer):
    id: UUID
    store_id: UUID
    name: str
    timetable: Timetable
    version: Annotated[int, Field(description="One more with each other timetable.")]
    created_at: datetime
    changed_at: datetime


class ScheduleState(Answer):
    at: datetime
    timezone: Annotated[str, Field(description="The store's.")]
    covers: bool
    changes_at: Annotated[datetime | None, Field(description="From when on it is otherwise, if ever.")]
