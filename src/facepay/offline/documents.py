"""What the server signs for a store without network, and whoever has its public key reads: policies and passes.

Both are JSON Web Signatures (RFC 7515, compact, EdDSA on Ed25519 as RFC 8037 has it) under one key of the master
key's, told apart by their audience. Instants are whole seconds since 1970, amounts minor units of `currency`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm
from jwt.types import Options
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from facepay.kernel.secrets import MasterKey
from facepay.schedules.timetables import Timetable, covers

PURPOSE = "offline"
ALGORITHM = "EdDSA"
# Time is judged by whoever reads, and by the clock they trust.
CHECKS: Options = {"require": ["jti", "sub", "iat", "exp"], "verify_iat": False, "verify_exp": False}


class Mode(StrEnum):
    DENY = "deny"
    ALLOW_SIGNED_PASS = "allow_signed_pass"  # noqa: S105


class Document(BaseModel):
    """Fields by name, or by the claims that RFC 7519 has for them."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: UUID = Field(validation_alias=AliasChoices("jti", "id"), serialization_alias="jti")
    issued_at: datetime = Field(validation_alias=AliasChoices("iat", "issued_at"), serialization_alias="iat")
    expires_at: datetime = Field(validation_alias=AliasChoices("exp", "expires_at"), serialization_alias="exp")
    currency: str


class ListedProduct(BaseModel):
    """A product at the price, tax included, that is shown while the policy is in force."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    sku: str
    gtin: str | None
    name: str
    price: int
    tax_rate_basis_points: int


class Hours(BaseModel):
    """When a store is open, by its own clocks."""

    model_config = ConfigDict(frozen=True)

    timetable: Timetable
    timezone: str

    def cover(self, at: datetime) -> bool:
        return covers(self.timetable, at, self.timezone)


class Policy(Document):
    """What one device may do without network, from `issued_at` until before `expires_at`.

    `payment_max` bounds one payment and `pass_max` all payments with one pass at this device. Passes that the policy
    revokes open and pay nothing. `products_left_out` counts those of the store that found no room in the list.
    """

    device_id: UUID = Field(validation_alias=AliasChoices("sub", "device_id"), serialization_alias="sub")
    store_id: UUID
    mode: Mode
    payment_max: int
    pass_max: int
    products: tuple[ListedProduct, ...]
    products_left_out: int
    revoked_passes: frozenset[UUID]
    entries: bool = True
    hours: Hours | None = None

    def entry_fault(self, at: datetime, *, tolerance: timedelta = timedelta()) -> str | None:
        """Why nobody may come in by a pass, if so: for faces that must show and people who are counted, a device needs
        the network, but it can tell the hours. An exit is nobody's to refuse.
        """
        if not self.entries:
            return "entries_denied"
        if self.hours and not any(self.hours.cover(at + each) for each in (-tolerance, timedelta(), tolerance)):
            return "outside_hours"
        return None


class Pass(Document):
    """A member's promise to pay up to `amount_max` in all, wherever a device takes it without asking us."""

    member_id: UUID = Field(validation_alias=AliasChoices("sub", "member_id"), serialization_alias="sub")
    amount_max: int


AUDIENCES: Mapping[type[Document], str] = {Policy: "facepay-offline-policy", Pass: "facepay-offline-pass"}
D = TypeVar("D", bound=Document)


class DocumentUnreadable(Exception):
    """Not signed by this key, altered since, or something else than what was expected."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Public keys by the names (`kid`) that documents call them by."""

    keys: Mapping[str, Ed25519PublicKey]

    @classmethod
    def from_jwks(cls, answer: Mapping[str, Any]) -> Reader:
        """From what `GET /v1/offline-keys` answered (RFC 7517). Raises ValueError for a key of another kind."""
        keys = {}
        for each in answer["keys"]:
            key = OKPAlgorithm.from_jwk(each)
            if not isinstance(key, Ed25519PublicKey):
                raise ValueError("an offline key is an Ed25519 public key")
            keys[each["kid"]] = key
        return cls(keys)

    def read(self, kind: type[D], text: str) -> D:
        """Raises DocumentUnreadable. Whether it has expired is for the caller to say."""
        try:
            key = self.keys[jwt.get_unverified_header(text)["kid"]]
            claims = jwt.decode(text, key, algorithms=[ALGORITHM], audience=AUDIENCES[kind], options=CHECKS)
            del claims["aud"]
            return kind.model_validate(claims)
        except (jwt.PyJWTError, KeyError, TypeError, ValidationError) as error:
            raise DocumentUnreadable(f"no {kind.__name__.lower()} of this shop's") from error


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs under the master key in force, and reads what the keys before it have signed."""

    master_key: MasterKey

    def sign(self, document: Document) -> str:
        key = self.master_key.signing_key(PURPOSE)
        claims = document.model_dump(mode="json", by_alias=True)
        times = {"iat": int(document.issued_at.timestamp()), "exp": int(document.expires_at.timestamp())}
        claims |= times | {"aud": AUDIENCES[type(document)]}
        return jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": _name(key.public_key())})

    @property
    def reader(self) -> Reader:
        keys = (each.signing_key(PURPOSE).public_key() for each in (self.master_key, *self.master_key.others))
        return Reader({_name(key): key for key in keys})

    def jwks(self) -> list[dict[str, str]]:
        """The public keys, the one in force first, as JSON Web Keys."""
        return [
            {**OKPAlgorithm.to_jwk(key, as_dict=True), "kid": name, "use": "sig", "alg": ALGORITHM}
            for name, key in self.reader.keys.items()
        ]


def _name(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def whole_seconds(instant: datetime) -> datetime:
    """As documents state it."""
    return instant.astimezone(UTC).replace(microsecond=0)
