"""What a decision at an access point stands on: the point, the policy in force at this moment, and who was named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access.holders import Holder
from facepay.access.points import AccessPoint, leads_out
from facepay.access.policies import InForce, Rule, in_force
from facepay.channel.doors import Door
from facepay.doors.attempts import AccessAttempt, AttemptFactor
from facepay.doors.rulings import Claimant, FactorSet, Given, Ruling, rule_on
from facepay.kernel.auth import PresentationCheck, Principal, WrongStore
from facepay.stores.stores import Store

RUN_OUT = frozenset({"holder_ended", "credential_ended"})


@dataclass(frozen=True, slots=True)
class Place:
    device: Principal
    point: AccessPoint
    policy: InForce
    timezone: str
    now: datetime
    leads_out: bool  # also to a zone that is nearer to outside: neither a lockdown nor a fault holds people back

    @property
    def direction(self) -> Literal["entry", "exit"]:
        return "exit" if self.point.to_zone_id is None else "entry"

    def overlooks(self, fault: str | None) -> bool:
        """Whose time has run out inside gets out; that somebody was blocked, or a badge revoked, was decided."""
        return self.direction == "exit" and fault in RUN_OUT

    @property
    def window(self) -> timedelta:
        return max(map(_window, self.policy.rules), default=timedelta(seconds=1))

    @property
    def newcomer(self) -> Rule | None:
        """What is asked of somebody nothing is known of: the first rule, whoever it is for."""
        return next(iter(self.policy.rules), None)

    @property
    def liveness(self) -> frozenset[PresentationCheck]:
        """Whatever any rule wants of a face: the device's own checks are the least."""
        return self.device.presentation_checks.union(*map(_checks, self.policy.rules))


@dataclass(frozen=True, slots=True)
class Case:
    """An attempt as it stands: what was given, by whom, and how the door is. `holders` are all who were named."""

    place: Place
    attempt: AccessAttempt
    door: Door
    given: Sequence[AttemptFactor] = ()
    holders: Mapping[UUID, Holder] = field(default_factory=dict)

    def of(self, holders: Mapping[UUID, Holder]) -> Case:
        """The same as it stands with those who are there: of somebody who was erased meanwhile, nothing was given."""
        given = [each for each in self.given if each.holder_id is None or each.holder_id in holders]
        return replace(self, given=given, holders=holders)

    @property
    def claimants(self) -> list[Claimant]:
        """Those who take part, in the order in which they came."""
        return [self._claimant(list(theirs)) for _, theirs in groupby(self.given, key=lambda each: each.person)]

    @property
    def giving(self) -> Claimant | None:
        """Who is in the middle of it; None where the next factor is of somebody new."""
        last = self.claimants[-1:]
        return last[0] if last and not last[0].is_complete else None

    @property
    def named(self) -> list[UUID]:
        """Whom proven factors are of, in the order of their ids."""
        return sorted({each.holder_id for each in self.claimants if each.holder_id})

    @property
    def deadline(self) -> datetime:
        """From when on nothing is taken: the rules for those who were named may have less patience."""
        rules = [rule for each in self.named if (rule := self.place.policy.rule_for(self.holders[each]))]
        return min([self.attempt.expires_at, *(self.attempt.opened_at + _window(rule) for rule in rules)])

    @property
    def liveness(self) -> frozenset[PresentationCheck]:
        """What a face has to pass now. Of somebody who isn't named yet, whatever any rule wants."""
        named = self.giving.holder_id if self.giving else None
        rule = self.place.policy.rule_for(self.holders[named]) if named else None
        return self.place.device.presentation_checks | _checks(rule) if rule else self.place.liveness

    @property
    def open_seconds(self) -> int:
        """As long as the slowest of them needs."""
        point = self.place.point
        slow = any(self.holders[each].needs_more_time for each in self.named)
        return max(point.open_seconds, point.open_seconds_extended) if slow else point.open_seconds

    def needs_escort(self, holder: Holder) -> bool:
        """Not on the way out: nobody is locked in for want of company."""
        rule = self.place.policy.rule_for(holder)
        wanted = holder.escort_required or (holder.kind == "visitor" and rule is not None and rule.visitors_escorted)
        return wanted and self.place.direction == "entry"

    def ruling(self, *barriers: str) -> Ruling:
        """What comes of what was given so far."""
        rule = self.place.newcomer
        newcomer = tuple(dict.fromkeys(each for rule in self.place.policy.rules for each in _sets(rule)))
        persons = rule.persons if rule else 1
        return rule_on(self.claimants, newcomer=newcomer, persons=persons, barriers=barriers)

    def _claimant(self, given: Sequence[AttemptFactor]) -> Claimant:
        """Somebody for whom there is no rule is asked what those are who give the same."""
        holder_id = next((each.holder_id for each in given if each.fault is None and each.holder_id), None)
        holder = self.holders[holder_id] if holder_id else None
        rule = (self.place.policy.rule_for(holder) if holder else None) or self._rule_taking(given)
        if rule is None:
            return Claimant(holder_id, (), ())
        persons = max(rule.persons, 2 if holder and self.needs_escort(holder) else 1)
        return Claimant(holder_id, tuple(_as_given(each, _checks(rule)) for each in given), _sets(rule), persons)

    def _rule_taking(self, given: Sequence[AttemptFactor]) -> Rule | None:
        factors = {each.factor for each in given}
        taking = (rule for rule in self.place.policy.rules if any(factors <= each for each in _sets(rule)))
        return next(taking, self.place.newcomer)


def _as_given(factor: AttemptFactor, wanted: frozenset[PresentationCheck]) -> Given:
    """A face that was shown before the policy wanted more of it proves nothing any more."""
    unchecked = factor.factor == "face" and not wanted <= set(factor.checks)
    return Given(factor.factor, factor.fault or ("liveness_missing" if unchecked else None))


def _sets(rule: Rule) -> tuple[FactorSet, ...]:
    return tuple(frozenset(each) for each in rule.factors)


def _checks(rule: Rule) -> frozenset[PresentationCheck]:
    return frozenset(rule.liveness) if any("face" in each for each in rule.factors) else frozenset()


def _window(rule: Rule) -> timedelta:
    return timedelta(seconds=rule.window_seconds)


async def place_of(session: AsyncSession, *, device: Principal, access_point_id: UUID, now: datetime) -> Place:
    """Raises WrongStore for any other door's access point, known or not."""
    found = await session.execute(
        select(AccessPoint, Store.timezone)
        .join(Store, Store.id == AccessPoint.store_id)
        .where(AccessPoint.id == access_point_id, AccessPoint.device_id == device.id)
    )
    row = found.one_or_none()
    if row is None:
        raise WrongStore("This token belongs to another device.")
    point, timezone = row
    policy = await in_force(session, policy_id=point.policy_id, at=now, tz=timezone)
    return Place(device, point, policy, timezone, now, await leads_out(session, point))


async def named_holders(session: AsyncSession, given: Sequence[AttemptFactor]) -> dict[UUID, Holder]:
    """All whom these factors are of."""
    return await _holders(session, select(Holder), [each.holder_id for each in given])


async def hold_holders(session: AsyncSession, given: Sequence[AttemptFactor]) -> dict[UUID, Holder]:
    """The same, but for those who were erased; and nobody else is until the transaction ends."""
    held = select(Holder).with_for_update(read=True, key_share=True)
    return await _holders(session, held, [each.holder_id for each in given])


async def lock_holders(session: AsyncSession, holder_ids: Iterable[UUID | None]) -> dict[UUID, Holder]:
    """Those of them who are there, as they are now and until the transaction ends."""
    return await _holders(session, select(Holder).with_for_update(key_share=True), holder_ids)


async def _holders(
    session: AsyncSession, query: Select[Holder], holder_ids: Iterable[UUID | None]
) -> dict[UUID, Holder]:
    ids = set(filter(None, holder_ids))
    if not ids:
        return {}
    fresh = query.where(Holder.id.in_(ids)).order_by(Holder.id).execution_options(populate_existing=True)
    return {holder.id: holder for holder in await session.scalars(fresh)}
