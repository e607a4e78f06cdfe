"""What a gate says and hears."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Request
from pydantic import Field

from facepay.entrance.admission import Party
from facepay.entrance.gate_turns import Authentication, TurnState
from facepay.entrance.gates import ALONE, Direction, GateDecision
from facepay.identity.capture import FILES_MAX, Capture, capture_body, read_capture, read_capture_form
from facepay.identity.schemas import AdviceAnswer, DecisionAnswer, PassShown
from facepay.identity.sighting import Sighting
from facepay.kernel.schemas import Code
from facepay.kernel.uploads import is_image, open_form, read_fields


class PassAtEntry(PassShown, Party):
    """A one-time pass, and who comes along on it."""


class NewTurn(Party):
    """Whose turn it is at the gate, and who comes along."""

    trip_id: Annotated[Code, Field(description="The device's own; a retry with it is the same turn.")]
    direction: Direction


class AtGate(DecisionAnswer):
    """What both ways of asking a gate's decision answer."""

    visit_id: UUID | None = None
    command_number: Annotated[
        int | None,
        Field(description="Decided knowing the gate's commands up to this one; one with a higher number overrides it."),
    ] = None
    tailgate_suspected: Annotated[bool, Field(description="More faces than the member and their guests.")] = False
    basket_unpaid: bool = False
    amount_owed: Annotated[int | None, Field(description="Minor units, with `debt_unsettled`.")] = None
    currency: str | None = None
    retry_after: Annotated[
        int | None,
        Field(description="With `store_full`, `party_inside`, `door_interlocked` and `please_wait`: in seconds."),
    ] = None
    opens_at: Annotated[datetime | None, Field(description="With `outside_hours`; null where it never does.")] = None

    @staticmethod
    def of_gate(decision: GateDecision, sighting: Sighting | None) -> dict[str, Any]:
        attempt, refused = decision.record, decision.refused
        return AtGate.shared(decision, sighting) | {
            "attempt_id": attempt.id,
            "visit_id": attempt.visit_id,
            "command_number": attempt.command_number,
            "tailgate_suspected": attempt.is_crowded,
            "basket_unpaid": decision.basket_unpaid,
            "amount_owed": refused and refused.amount_owed,
            "currency": refused and refused.currency,
            "retry_after": refused and refused.retry_after_seconds,
            "opens_at": refused and refused.opens_at,
        }


class GateAnswer(AtGate):
    attempt_id: UUID
    decision: Literal["open", "deny", "step_up"]
    code: Annotated[str, Field(description="Why: `welcome`, `goodbye`, `unknown_face`, `already_inside`, …")]

    @classmethod
    def of(cls, decision: GateDecision, sighting: Sighting | None = None) -> GateAnswer:
        return cls(**cls.of_gate(decision, sighting))


class TurnAnswer(AtGate):
    """Where a turn stands. While it is `processing`, the gate stays closed: `wait` for a better frame, or for the
    second factor of a `step_up`.
    """

    turn_id: UUID
    trip_id: str
    authentication: Authentication
    expires_at: Annotated[datetime, Field(description="From then on it is denied.")]
    attempt_id: UUID | None = None
    decision: Literal["open", "deny", "step_up", "wait"]
    code: Annotated[
        str,
        Field(description="Why: `waiting`, `no_face`, `welcome`, `unknown_face`, `face_left`, `turn_expired`, …"),
    ]

    @classmethod
    def of(cls, state: TurnState, *, now: datetime, sighting: Sighting | None = None) -> TurnAnswer:
        turn = state.turn
        fields = cls.of_gate(state.decision, sighting) if state.decision else cls._undecided(state, now, sighting)
        return cls(
            **fields,
            turn_id=turn.id,
            trip_id=turn.trip_id,
            authentication=turn.authentication,
            expires_at=turn.expires_at,
        )

    @staticmethod
    def _undecided(state: TurnState, now: datetime, sighting: Sighting | None) -> dict[str, Any]:
        """Of a turn that goes on, or had ended before. One that was accepted opens the gate within its time alone."""
        turn, attempt = state.turn, state.attempt
        ended = "open" if turn.accepted and now < turn.expires_at else "deny"
        return {
            "decision": "wait" if turn.authentication == "processing" else ended,
            "code": state.code,
            "attempt_id": turn.attempt_id,
            "visit_id": attempt.visit_id if attempt else None,
            "command_number": attempt.command_number if attempt else None,
            "faces": sighting.faces if sighting else 0,
            "feedback": [AdviceAnswer.model_validate(each) for each in state.advice],
        }


async def read_entry(request: Request) -> tuple[Capture, Party]:
    """Who is to be decided on, and who comes along. Raises as `read_capture`."""
    if is_image(request):
        return await read_capture(request), ALONE
    async with open_form(request, files_max=FILES_MAX) as form:
        return await read_capture_form(form), read_fields(form, Party)


def entry_body() -> dict[str, Any]:
    """The `openapi_extra` of a route that reads one."""
    body = capture_body()
    fields = Party.model_json_schema()["properties"]
    body["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"] |= fields
    return body
