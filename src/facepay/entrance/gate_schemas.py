"""What a gate hears."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.entrance.gates import GateDecision
from facepay.identity.schemas import DecisionAnswer
from facepay.identity.sighting import Sighting


class GateAnswer(DecisionAnswer):
    attempt_id: UUID
    decision: Literal["open", "deny", "step_up"]
    code: Annotated[str, Field(description="Why: `welcome`, `goodbye`, `unknown_face`, `already_inside`, …")]
    visit_id: UUID | None = None
    tailgate_suspected: bool = False
    basket_unpaid: bool = False

    @classmethod
    def of(cls, decision: GateDecision, sighting: Sighting | None = None) -> GateAnswer:
        attempt = decision.record
        return cls(
            **cls.shared(decision, sighting),
            attempt_id=attempt.id,
            visit_id=attempt.visit_id,
            tailgate_suspected=sighting is not None and sighting.faces > 1 and attempt.decision == "open",
            basket_unpaid=decision.basket_unpaid,
        )
