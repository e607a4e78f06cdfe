"""Authentication policies: what somebody has to prove at an access point, by who they are and when.

A policy is a list of rules, and the first that applies counts; where none applies, nobody passes. Every version is kept
for ever, since the access log says by which one it was decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter
from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from facepay.access.holders import Holder, HolderKind
from facepay.access.setting_up import SetUp, note_setting
from facepay.kernel.auth import PresentationCheck
from facepay.kernel.database import Base, Identified, saved
from facepay.kernel.errors import Conflict, NotFound
from facepay.kernel.schemas import Request
from facepay.schedules.schedules import Schedule, ScheduleNotFound, covers
from facepay.stores.stores import get_open_store

RULES_MAX = 20
SETS_MAX = 10
Factor = Literal["face", "badge", "fingerprint", "pin", "invitation"]


def _distinct(factors: list[Factor]) -> list[Factor]:
    """Raises ValueError. A PIN is whose it is said to be: on its own it names nobody."""
    if len(set(factors)) < len(factors):
        raise ValueError("a factor stands once in a set")
    if factors == ["pin"]:
        raise ValueError("a PIN alone says of nobody who they are")
    return factors


FactorList = Annotated[list[Factor], Field(min_length=1, max_length=5), AfterValidator(_distinct)]


class Rule(Request):
    """Who passes when with what. Without `schedule_id` it always holds, without `holder_kinds` for everybody."""

    schedule_id: UUID | None = None
    holder_kinds: Annotated[list[HolderKind], Field(min_length=1, max_length=3)] | None = None
    factors: Annotated[
        list[FactorList],
        Field(
            min_length=1,
            max_length=SETS_MAX,
            description="Sets of factors: all of any one of them is enough.",
            examples=[[["face", "pin"], ["badge", "fingerprint"]]],
        ),
    ]
    persons: Annotated[Literal[1, 2], Field(description="2: two different holders, each with a whole set.")] = 1
    window_seconds: Annotated[int, Field(ge=5, le=300, description="From the first to the last factor.")] = 30
    liveness: Annotated[
        list[PresentationCheck], Field(max_length=4, description="What a face has to pass, beside its device's checks.")
    ] = Field(default=[])
    visitors_escorted: Annotated[bool, Field(description="Visitors come with somebody who may escort them.")] = False


RULES = TypeAdapter(list[Rule])


class AuthenticationPolicy(SetUp, Base):
    """`version` is the newest, which is in force."""

    __tablename__ = "authentication_policy"
    __table_args__ = (Index("uq_authentication_policy_name", "store_id", "name", unique=True),)

    version: Mapped[int]

    @property
    def reference(self) -> str:
        """As the access log has it."""
        return reference_to(self.id, self.version)

    def must_be_of(self, store_id: UUID) -> None:
        """Raises PolicyNotFound where it is another store's."""
        if self.store_id != store_id:
            raise PolicyNotFound("There is no policy with this id in this store.")


class AuthenticationPolicyVersion(Identified, Base):
    __tablename__ = "authentication_policy_version"
    __table_args__ = (UniqueConstraint("policy_id", "version"),)

    policy_id: Mapped[UUID] = mapped_column(ForeignKey("authentication_policy.id"))
    version: Mapped[int]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    changed_by: Mapped[str] = mapped_column(String(80))
    changed_at: Mapped[datetime]


class PolicyNotFound(NotFound):
    """There is no authentication policy with this id."""

    code = "policy_not_found"
    title = "No such policy"


class PolicyNameTaken(Conflict):
    """Another authentication policy of this store has this name."""

    code = "policy_name_taken"
    title = "Policy name taken"


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy at a moment: its newest version, and those of its rules whose hours it is, in their order."""

    reference: str  # "<id>@<version>"
    rules: tuple[Rule, ...]

    def rule_for(self, holder: Holder) -> Rule | None:
        """The first that applies; where none does, the holder doesn't pass."""
        fit = (each for each in self.rules if each.holder_kinds is None or holder.kind in each.holder_kinds)
        return next(fit, None)


async def in_force(session: AsyncSession, *, policy_id: UUID, at: datetime, tz: str) -> InForce:
    """By the newest version that is committed, and the wall clock of the zone `tz` (IANA). Raises PolicyNotFound."""
    newest = (
        select(AuthenticationPolicyVersion)
        .where(AuthenticationPolicyVersion.policy_id == policy_id)
        .order_by(AuthenticationPolicyVersion.version.desc())
        .limit(1)
    )
    version = await session.scalar(newest)
    if version is None:
        raise PolicyNotFound("There is no policy with this id.")
    rules = RULES.validate_python(version.rules)
    open_now = await schedules_covering(session, (each.schedule_id for each in rules), at=at, tz=tz)
    return InForce(
        reference_to(policy_id, version.version),
        tuple(each for each in rules if each.schedule_id is None or each.schedule_id in open_now),
    )


async def schedules_covering(
    session: AsyncSession, schedule_ids: Iterable[UUID | None], *, at: datetime, tz: str
) -> frozenset[UUID]:
    """Which of these schedules hold at this moment."""
    wanted = {each for each in schedule_ids if each is not None}
    if not wanted:
        return frozenset()
    found = await session.scalars(select(Schedule).where(Schedule.id.in_(wanted)))
    return frozenset(each.id for each in found if covers(each.timetable, at, tz))


def reference_to(policy_id: UUID, version: int) -> str:
    return f"{policy_id}@{version}"


async def add_policy(
    session: AsyncSession, *, store_id: UUID, name: str, rules: Sequence[Rule], actor: str, now: datetime
) -> AuthenticationPolicy:
    """Raises StoreNotFound, StoreClosed, ScheduleNotFound and PolicyNameTaken."""
    store = await get_open_store(session, store_id)
    policy = AuthenticationPolicy(store_id=store.id, name=name, version=0, created_at=now)
    session.add(policy)
    await saved(session, PolicyNameTaken("Another policy of this store has this name."))
    await _add_version(session, policy, rules, actor, now)
    await note_setting(session, policy, "policy_added", actor=actor, now=now, policy=policy.reference)
    return policy


async def change_policy(
    session: AsyncSession,
    *,
    policy_id: UUID,
    name: str | None,
    rules: Sequence[Rule] | None,
    actor: str,
    now: datetime,
) -> AuthenticationPolicy:
    """What is None stays; other rules are another version. Raises PolicyNotFound, ScheduleNotFound, PolicyNameTaken."""
    policy = await get_policy(session, policy_id, lock=True)
    fields = []
    if name is not None and name != policy.name:
        policy.name, fields = name, ["name"]
        await saved(session, PolicyNameTaken("Another policy of this store has this name."))
    if rules is not None and list(rules) != (await newest_rules(session, policy_ids=[policy.id]))[policy.id]:
        await _add_version(session, policy, rules, actor, now)
        fields.append("rules")
    if fields:
        await note_setting(
            session, policy, "policy_changed", actor=actor, now=now, policy=policy.reference, fields=fields
        )
    return policy


async def get_policy(session: AsyncSession, policy_id: UUID, *, lock: bool = False) -> AuthenticationPolicy:
    """Raises PolicyNotFound."""
    policy = await session.get(AuthenticationPolicy, policy_id, with_for_update=lock or None)
    if policy is None:
        raise PolicyNotFound("There is no policy with this id.")
    return policy


async def newest_rules(session: AsyncSession, *, policy_ids: Sequence[UUID]) -> dict[UUID, list[Rule]]:
    """The rules of these policies' versions in force."""
    newest = select(AuthenticationPolicyVersion).join(
        AuthenticationPolicy,
        (AuthenticationPolicy.id == AuthenticationPolicyVersion.policy_id)
        & (AuthenticationPolicy.version == AuthenticationPolicyVersion.version),
    )
    found = await session.scalars(newest.where(AuthenticationPolicy.id.in_(policy_ids)))
    return {each.policy_id: RULES.validate_python(each.rules) for each in found}


async def _add_version(
    session: AsyncSession, policy: AuthenticationPolicy, rules: Sequence[Rule], actor: str, now: datetime
) -> None:
    await must_have_schedules(session, (each.schedule_id for each in rules), store_id=policy.store_id)
    policy.version += 1
    session.add(
        AuthenticationPolicyVersion(
            policy_id=policy.id,
            version=policy.version,
            rules=RULES.dump_python(list(rules), mode="json"),
            changed_by=actor,
            changed_at=now,
        )
    )
    await session.flush()


async def must_have_schedules(session: AsyncSession, schedule_ids: Iterable[UUID | None], *, store_id: UUID) -> None:
    """Raises ScheduleNotFound where one isn't this store's."""
    wanted = {each for each in schedule_ids if each is not None}
    there = select(Schedule.id).where(Schedule.id.in_(wanted), Schedule.store_id == store_id)
    if wanted and wanted != set(await session.scalars(there)):
        raise ScheduleNotFound("There is no schedule with this id in this store.")
