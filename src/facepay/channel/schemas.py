"""Commands and events as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from facepay.channel.commands import LASTS_MAX, Command, Outcome, Status
from facepay.channel.delivery import Delivered
from facepay.channel.events import GAPS_SHOWN_MAX, Recorded, Reported, Verdict
from facepay.channel.payloads import PAYLOAD, Payload
from facepay.channel.sequences import DeviceSequence, Numbers
from facepay.kernel.schemas import Answer, Code, DeviceClock, Line, Request

NUMBER_MAX = 2**53
LASTS_SECONDS_MAX = int(LASTS_MAX.total_seconds())
Run = Annotated[Code, Field(description="The run of numbers, say the id of the device's boot.", examples=["boot-17"])]
Detail = (
    Line
    | Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True, ge=-NUMBER_MAX, le=NUMBER_MAX)]
    | Annotated[float, Field(ge=-NUMBER_MAX, le=NUMBER_MAX)]
    | None
)


class NewCommand(Request):
    command: Payload
    reason: Annotated[Line, Field(description="Stays on record.", examples=["Delivery at the back door"])]
    lasts_seconds: Annotated[
        int | None,
        Field(
            ge=1,
            le=LASTS_SECONDS_MAX,
            strict=True,
            description="Until it expires: by default 30, and for lock, unlock, release and configure a day.",
        ),
    ] = None
    has_sensor: Annotated[
        bool, Field(strict=True, description="Whether something at the door can show that it moved.")
    ] = True


class DeliveredCommand(Answer):
    number: Annotated[int, Field(description="Ascending at each device. Apply each once; acknowledge it each time.")]
    command: Payload
    issued_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, command: Command) -> Self:
        return cls(
            number=command.number,
            command=_payload(command),
            issued_at=command.issued_at,
            expires_at=command.expires_at,
        )


class DoorAnswer(Answer):
    """How the door is to be, as of the command with this number: for a device that has just started."""

    locked: bool
    exits_locked: bool
    released: Annotated[bool, Field(description="It is to stand open for everybody.")]
    command_number: int


class CommandsAnswer(Answer):
    items: list[DeliveredCommand]
    door: DoorAnswer

    @classmethod
    def of(cls, delivered: Delivered) -> Self:
        return cls(
            items=[DeliveredCommand.of(command) for command in delivered.commands],
            door=DoorAnswer.model_validate(delivered.door),
        )


class Acknowledgement(Request):
    outcome: Outcome
    failure: Annotated[Line | None, Field(description="Why, where it failed.", examples=["Bolt is jammed"])] = None

    @model_validator(mode="after")
    def _failures_have_reasons(self) -> Self:
        if (self.outcome == "failed") != (self.failure is not None):
            raise ValueError("a failure, and nothing else, has a reason")
        return self


class AcknowledgementAnswer(Answer):
    number: int
    outcome: Outcome
    late: Annotated[bool, Field(description="It had expired.")]

    @classmethod
    def of(cls, command: Command) -> Self:
        assert command.outcome is not None
        return cls.model_validate(
            {"number": command.number, "outcome": command.outcome, "late": command.acknowledged_late}
        )


class CommandAnswer(DeliveredCommand):
    """All that is on record of a command."""

    id: UUID
    device_id: UUID
    status: Status
    issued_by: str
    reason: str
    deliveries: int
    first_delivered_at: datetime | None
    last_delivered_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_late: bool
    failure: str | None
    effect_expected: Annotated[str | None, Field(description="The event of a sensor that shows its effect.")]
    effect_observed_at: datetime | None
    effect_missed_at: Annotated[datetime | None, Field(description="When it was given up, and an alert raised.")]

    @classmethod
    def at(cls, command: Command, now: datetime) -> Self:
        columns = {name: getattr(command, name) for name in cls.model_fields if hasattr(command, name)}
        return cls.model_validate(columns | {"command": _payload(command), "status": command.status_at(now)})


class EventReport(Request):
    sequence: Annotated[int, Field(ge=1, le=NUMBER_MAX, strict=True, description="From 1 on in each run, by one.")]
    happened_at: Annotated[DeviceClock, Field(description="By the device's own clock, however wrong that is.")]
    kind: Annotated[
        str,
        StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$"),
        Field(
            description="`door_opened`, `door_closed`, `door_locked` and `door_unlocked` show what commands did;"
            " `door_forced`, `door_held_open`, `tamper` and `door_unknown` (the sensor can't tell) raise alerts;"
            " `tamper_ended` says that it is over; `tags_seen` at an exit names EPCs as details; any other is kept.",
            examples=["door_opened"],
        ),
    ]
    details: dict[Code, Detail] = Field(default={}, max_length=20)


class EventReports(Request):
    run: Run
    events: Annotated[list[EventReport], Field(min_length=1, max_length=100)]

    def reported(self) -> list[Reported]:
        return [Reported(**dict(event)) for event in self.events]


class Gap(Answer):
    first: int
    last: int


class EventVerdict(Answer):
    sequence: int
    verdict: Annotated[
        Verdict, Field(description="`conflicting`: the number was used before, for something else, and that stays.")
    ]


class EventsAnswer(Answer):
    events: list[EventVerdict]
    highest: int
    missing: Annotated[list[Gap], Field(description="Send these, if you still have them; the first hundred.")]

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        return cls(
            events=[EventVerdict(sequence=sequence, verdict=verdict) for sequence, verdict in recorded.verdicts],
            highest=recorded.numbers.highest,
            missing=_gaps(recorded.numbers),
        )


class DeviceEventAnswer(Answer):
    id: UUID
    device_id: UUID
    run: str
    sequence: int
    kind: str
    happened_at: datetime
    received_at: datetime
    details: dict[str, Any]


class RunAnswer(Answer):
    """One run of a device's numbers."""

    series: str
    run: str
    highest: int
    missing: list[Gap]
    last_at: datetime

    @classmethod
    def of(cls, sequence: DeviceSequence) -> Self:
        return cls(
            series=sequence.series,
            run=sequence.run,
            highest=sequence.highest,
            missing=_gaps(sequence.numbers),
            last_at=sequence.last_at,
        )


class RunsAnswer(Answer):
    items: list[RunAnswer]


def _payload(command: Command) -> Payload:
    return PAYLOAD.validate_python({"kind": command.kind} | command.payload)


def _gaps(numbers: Numbers) -> list[Gap]:
    return [Gap(first=gap.start, last=gap.stop - 1) for gap in numbers.missing[:GAPS_SHOWN_MAX]]
