"""Challenges as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from facepay.kernel.schemas import Answer
from facepay.presentation.challenges import Challenge
from facepay.vision.liveness.challenge import WORDS, Action


class ChallengeStep(Answer):
    """Left and right are the person's own. Frames must not be mirrored, whatever the screen shows them."""

    action: Action
    words: Annotated[str, Field(description="What to show or say.", examples=["Turn your head to your left."])]


class ChallengeAnswer(Answer):
    id: Annotated[UUID, Field(description="A nonce: send it back as `challenge_id` beside the frames, once.")]
    steps: list[ChallengeStep]
    expires_at: datetime

    @classmethod
    def of(cls, challenge: Challenge) -> ChallengeAnswer:
        steps = [ChallengeStep(action=Action(step), words=WORDS[Action(step)]) for step in challenge.steps]
        return cls(id=challenge.id, steps=steps, expires_at=challenge.expires_at)
