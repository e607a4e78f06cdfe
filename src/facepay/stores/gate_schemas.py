"""What a gate hears."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.identity.desk import Decision
from facepay.identity.recognition import Sighting
from facepay.identity.schemas import Cosine, RecognisedMember, StepUpAsked
from facepay.stores.gates import GateDecision


class GateAnswer(Decision):
    attempt_id: UUID
    decision: Literal["open", "deny", "step_up"]
    code: Annotated[str, Field(description="Why: `welcome`, `goodbye`, `unknown_face`, `already_inside`, …")]
    visit_id: UUID | None = None
    member: RecognisedMember | None = None
    similarity: Annotated[Cosine | None, Field(description="Cosine to the member's template.")] = None
    threshold: Annotated[Cosine | None, Field(description="The cosine that was needed.")] = None
    margin: Annotated[Cosine | None, Field(description="Distance to the next best member.")] = None
    faces: Annotated[int, Field(description="Faces in the frame; the nearest was decided on.")] = 1
    tailgate_suspected: bool = False
    basket_unpaid: bool = False
    step_up: StepUpAsked | None = None
    answers_left: int | None = None

    @classmethod
    def of(cls, decision: GateDecision, sighting: Sighting | None = None) -> GateAnswer:
        attempt, member = decision.attempt, decision.member
        faces = sighting.faces if sighting else 1
        return cls(
            attempt_id=attempt.id,
            decision=attempt.decision,
            code=attempt.code,
            visit_id=attempt.visit_id,
            member=RecognisedMember.model_validate(member) if member else None,
            similarity=attempt.similarity,
            threshold=attempt.threshold,
            margin=decision.margin,
            faces=faces,
            tailgate_suspected=faces > 1 and attempt.decision == "open",
            basket_unpaid=decision.basket_unpaid,
            step_up=StepUpAsked.model_validate(decision.step_up) if decision.step_up else None,
            answers_left=decision.answers_left,
        )
