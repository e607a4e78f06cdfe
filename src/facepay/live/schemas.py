"""The live view as the API shows it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from facepay.alerts.kinds import AlertKinds
from facepay.identity.schemas import Cosine
from facepay.identity.verdicts import Means
from facepay.kernel.schemas import Answer
from facepay.live.view import LiveView, OpenAlerts
from facepay.nightwatch.guard_schemas import FiguresAnswer, GuardAlert
from facepay.stores.devices import DeviceRole


class TodayAnswer(Answer):
    """Since midnight by the store's clock."""

    inside: Annotated[int, Field(description="People now: members and their guests.")]
    visits: Annotated[int, Field(description="Visits that are open now: members.")]
    capacity_max: int | None
    entries: Annotated[int, Field(description="Visits that began today.")]
    people: Annotated[int, Field(description="Members and guests who came in today.")]
    refusals: Annotated[int, Field(description="By gates, kiosks and lanes.")]
    disputed: Annotated[int, Field(description="What shelves are in doubt about, until staff decide.")]
    orders: Annotated[int | None, Field(description="Null without `orders:read`.")]
    turnover: Annotated[
        int | None, Field(description="Minor units, less what was refunded; null without `orders:read`.")
    ]


class PersonAnswer(Answer):
    """`member_id` and `name` are null without `members:read`. Nobody's face is shown."""

    visit_id: UUID
    entered_at: datetime
    entry_gate_id: UUID
    guests: int
    group_id: UUID | None
    is_host: bool
    basket_unpaid: bool
    member_id: UUID | None
    name: str | None


class HealthAnswer(Answer):
    id: UUID
    name: str
    role: DeviceRole
    last_seen_at: datetime | None
    clock_skew_ms: int | None
    status: str | None
    silent: Annotated[bool, Field(description="By the store's `silent_after_seconds`.")]


class LastDecisionAnswer(Answer):
    """What a device decided last. `member_id` and `name` are null without `members:read`, the amount without
    `orders:read`.
    """

    device_id: UUID
    id: Annotated[UUID, Field(description="Of the gate attempt, the checkout or the passage.")]
    decision: Annotated[str, Field(examples=["open", "deny", "paid", "declined", "release", "step_up"])]
    code: Annotated[str, Field(examples=["welcome"])]
    identified_by: Means
    similarity: Cosine | None
    threshold: Cosine | None
    decided_at: datetime
    amount: int | None
    currency: str | None
    member_id: UUID | None
    name: str | None


class LowSlotAnswer(Answer):
    device_id: UUID
    slot: str
    pieces: int
    restock_below: int


class OpenAlertsAnswer(Answer):
    figures: FiguresAnswer
    first: Annotated[
        list[GuardAlert],
        Field(description="The first fifty: what nobody looks after, the gravest, what has waited longest."),
    ]

    @classmethod
    def of(cls, alerts: OpenAlerts, kinds: AlertKinds) -> Self:
        return cls(
            figures=FiguresAnswer.model_validate(alerts.figures),
            first=[GuardAlert.of_kind(alert, alerts.uncounted, kinds) for alert in alerts.first],
        )


class LiveAnswer(Answer):
    at: datetime
    store_id: UUID
    currency: str
    timezone: str
    today: TodayAnswer
    people: Annotated[list[PersonAnswer], Field(description="The first 200, whoever came in last first.")]
    devices: Annotated[list[HealthAnswer], Field(description="The first 500, by role.")]
    decisions: Annotated[
        list[LastDecisionAnswer], Field(description="The last one of each gate, kiosk and lane; the newest first.")
    ]
    low_slots: Annotated[list[LowSlotAnswer], Field(description="The first 100, the emptiest first.")]
    alerts: Annotated[OpenAlertsAnswer | None, Field(description="Null without `alerts:read`.")]

    @classmethod
    def of(cls, view: LiveView, kinds: AlertKinds) -> Self:
        return cls(
            at=view.at,
            store_id=view.store.id,
            currency=view.store.currency,
            timezone=view.store.timezone,
            today=TodayAnswer.model_validate(view.today),
            people=[PersonAnswer.model_validate(each) for each in view.people],
            devices=[HealthAnswer.model_validate(each) for each in view.devices],
            decisions=[LastDecisionAnswer.model_validate(each) for each in view.decisions],
            low_slots=[LowSlotAnswer.model_validate(each) for each in view.low_slots],
            alerts=OpenAlertsAnswer.of(view.alerts, kinds) if view.alerts else None,
        )

    def but_for_the_time(self) -> Self:
        """Two looks that show the same are equal by this."""
        return self.model_copy(update={"at": None})


class StoreFiguresAnswer(Answer):
    store_id: UUID
    inside: Annotated[int, Field(description="People: members and their guests.")]
    silent: Annotated[int, Field(description="Devices that no longer say that they are alive.")]
    alerts: Annotated[int | None, Field(description="Open ones; null without `alerts:read`.")]
