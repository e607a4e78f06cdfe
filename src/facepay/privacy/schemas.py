"""Receipts and the biometric trail as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from facepay.kernel.jurisdictions import Jurisdiction
from facepay.kernel.schemas import Answer, Request
from facepay.privacy.receipts import Reason


class ErasureWish(Request):
    """What may be said of an erasure."""

    forfeit: bool = False


class ReceiptAnswer(Answer):
    """Proof of an erasure, which names nobody. `facepay privacy verify` checks it, with the shop's public key."""

    id: UUID
    scope: Literal["face", "member"]
    reason: Reason
    erased: Annotated[dict[str, int], Field(description="Rows, by table.", examples=[{"template": 3, "consent": 1}])]
    given_up: Annotated[dict[str, int], Field(description="Minor units by currency; still due to who shows this.")]
    erased_by: Annotated[str, Field(examples=["staff:019a0b1c-7c8e-7d21-9a57-2f3f5d1f0c11"])]
    erased_at: datetime
    public_key: Annotated[str, Field(description="Ed25519, in hex.")]
    signature: str


class BiometricUseAnswer(Answer):
    """`actor` used the face, for the decision `reference_id`; `similarity` is the plain cosine."""

    id: UUID
    use: str
    actor: str
    reference_id: UUID | None
    similarity: float | None
    used_at: datetime


class JurisdictionStatus(Answer):
    """How long a face is kept under one law, and how many are due to be erased because nobody saw their member."""

    jurisdiction: Jurisdiction
    law: str
    rule: str
    source: str
    idle_days: Annotated[int, Field(description="The law's limit or the shop's own, whichever is first.")]
    enrolled_people: int
    filing_people: Annotated[int | None, Field(description="At how many people the law asks for a filing.")]
    idle: int


class PrivacyStatus(Answer):
    """What is held, and what is due."""

    enrolled_people: int
    consents_ended: Annotated[int, Field(description="Ran out; the faces are erased with the next housekeeping.")]
    consents_ending: Annotated[int, Field(description="Run out within `FACEPAY_CONSENT_WARNING_DAYS`.")]
    jurisdictions: list[JurisdictionStatus]
    public_key: Annotated[str, Field(description="Under which receipts are signed now.")]
