"""Authentication policies and access profiles over HTTP: with what one passes, and who passes where and when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import Response, Security
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access import policies, profiles
from facepay.access.points import AccessPointNotFound
from facepay.access.policies import (
    AuthenticationPolicy,
    AuthenticationPolicyVersion,
    PolicyNameTaken,
    PolicyNotFound,
)
from facepay.access.profiles import AccessProfile, NewRule, ProfileNameTaken, ProfileNotFound
from facepay.access.setup_schemas import (
    NewPolicy,
    NewProfile,
    PolicyAnswer,
    PolicyChange,
    PolicyVersionAnswer,
    ProfileAnswer,
    ProfileChange,
    ProfileRuleAnswer,
    ProfileRuleBody,
)
from facepay.access.zones import ZoneNotFound
from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page, rows_of_page
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.schedules.schedules import ScheduleNotFound
from facepay.stores.stores import StoreClosed, StoreNotFound, get_store

router = Router(prefix="/v1", tags=["access"])
Reader = Annotated[Principal, Security(current_staff, scopes=["access:read"])]
Configurer = Annotated[Principal, Security(current_staff, scopes=["access:configure"])]
REFUSALS = (Unauthenticated, InsufficientScope)
RULE_REFUSALS = (AccessPointNotFound, ZoneNotFound, ScheduleNotFound, ProfileNameTaken)


@router.post(
    "/stores/{store_id}/authentication-policies",
    status_code=201,
    summary="Add an authentication policy",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, ScheduleNotFound, PolicyNameTaken),
)
async def add_policy(
    store_id: UUID, body: NewPolicy, response: Response, session: Session, by: Configurer, now: Now
) -> PolicyAnswer:
    """Rules are asked in their order, and the first that applies to the holder and the hour counts. Where none does,
    nobody passes. Every version is kept.
    """
    policy = await policies.add_policy(
        session, store_id=store_id, name=body.name, rules=body.rules, actor=f"staff:{by.id}", now=now
    )
    response.headers["Location"] = f"/v1/authentication-policies/{policy.id}"
    return (await _policies(session, [policy]))[0]


@router.get(
    "/stores/{store_id}/authentication-policies",
    summary="List a store's authentication policies",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_policies(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[PolicyAnswer]:
    """Newest first, as they are now."""
    await get_store(session, store_id)
    query = select(AuthenticationPolicy).where(AuthenticationPolicy.store_id == store_id)
    found = await rows_of_page(session, query, by=AuthenticationPolicy.id, paging=paging)
    return found.shown(await _policies(session, found.rows))


@router.get(
    "/authentication-policies/{policy_id}",
    summary="See an authentication policy",
    responses=problems(*REFUSALS, PolicyNotFound),
)
async def see_policy(policy_id: UUID, session: Session, _: Reader) -> PolicyAnswer:
    return (await _policies(session, [await policies.get_policy(session, policy_id)]))[0]


@router.patch(
    "/authentication-policies/{policy_id}",
    summary="Change an authentication policy",
    responses=problems(*REFUSALS, PolicyNotFound, ScheduleNotFound, PolicyNameTaken),
)
async def change_policy(
    policy_id: UUID, body: PolicyChange, session: Session, by: Configurer, now: Now
) -> PolicyAnswer:
    """Other rules are another version, which decides from now on, also for whoever stands at a door already."""
    sent = body.model_fields_set
    policy = await policies.change_policy(
        session,
        policy_id=policy_id,
        name=body.name if "name" in sent else None,
        rules=body.rules if "rules" in sent else None,
        actor=f"staff:{by.id}",
        now=now,
    )
    return (await _policies(session, [policy]))[0]


@router.get(
    "/authentication-policies/{policy_id}/versions",
    summary="See every version of an authentication policy",
    responses=problems(*REFUSALS, PolicyNotFound),
)
async def list_versions(policy_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[PolicyVersionAnswer]:
    """Newest first. The access log names them as `<policy id>@<version>`."""
    await policies.get_policy(session, policy_id)
    query = select(AuthenticationPolicyVersion).where(AuthenticationPolicyVersion.policy_id == policy_id)
    by = AuthenticationPolicyVersion.id
    return await page(session, query, by=by, paging=paging, show=PolicyVersionAnswer.model_validate)


@router.post(
    "/stores/{store_id}/access-profiles",
    status_code=201,
    summary="Add an access profile",
    responses=problems(*REFUSALS, StoreNotFound, StoreClosed, *RULE_REFUSALS),
)
async def add_profile(
    store_id: UUID, body: NewProfile, response: Response, session: Session, by: Configurer, now: Now
) -> ProfileAnswer:
    """Holders who have it may pass where a rule allows it and none of any of their profiles denies it."""
    profile = await profiles.add_profile(
        session, store_id=store_id, name=body.name, rules=_new(body.rules), actor=f"staff:{by.id}", now=now
    )
    response.headers["Location"] = f"/v1/access-profiles/{profile.id}"
    return (await _profiles(session, [profile]))[0]


@router.get(
    "/stores/{store_id}/access-profiles",
    summary="List a store's access profiles",
    responses=problems(*REFUSALS, StoreNotFound),
)
async def list_profiles(store_id: UUID, session: Session, _: Reader, paging: Paging) -> Page[ProfileAnswer]:
    """Newest first."""
    await get_store(session, store_id)
    query = select(AccessProfile).where(AccessProfile.store_id == store_id)
    found = await rows_of_page(session, query, by=AccessProfile.id, paging=paging)
    return found.shown(await _profiles(session, found.rows))


@router.get(
    "/access-profiles/{profile_id}",
    summary="See an access profile",
    responses=problems(*REFUSALS, ProfileNotFound),
)
async def see_profile(profile_id: UUID, session: Session, _: Reader) -> ProfileAnswer:
    return (await _profiles(session, [await profiles.get_profile(session, profile_id)]))[0]


@router.patch(
    "/access-profiles/{profile_id}",
    summary="Change an access profile",
    responses=problems(*REFUSALS, ProfileNotFound, *RULE_REFUSALS),
)
async def change_profile(
    profile_id: UUID, body: ProfileChange, session: Session, by: Configurer, now: Now
) -> ProfileAnswer:
    """Rules that are sent take the place of all there were, for everybody who has the profile."""
    sent = body.model_fields_set
    profile = await profiles.change_profile(
        session,
        profile_id=profile_id,
        name=body.name if "name" in sent else None,
        rules=_new(body.rules) if "rules" in sent else None,
        actor=f"staff:{by.id}",
        now=now,
    )
    return (await _profiles(session, [profile]))[0]


def _new(rules: Sequence[ProfileRuleBody]) -> list[NewRule]:
    return [NewRule(**rule.model_dump()) for rule in rules]


async def _policies(session: AsyncSession, found: Sequence[AuthenticationPolicy]) -> list[PolicyAnswer]:
    rules = await policies.newest_rules(session, policy_ids=[policy.id for policy in found])
    return [
        PolicyAnswer(
            id=policy.id,
            store_id=policy.store_id,
            name=policy.name,
            version=policy.version,
            rules=rules[policy.id],
            created_at=policy.created_at,
        )
        for policy in found
    ]


async def _profiles(session: AsyncSession, found: Sequence[AccessProfile]) -> list[ProfileAnswer]:
    rules = await profiles.rules_of_profiles(session, profile_ids=[profile.id for profile in found])
    return [
        ProfileAnswer(
            id=profile.id,
            store_id=profile.store_id,
            name=profile.name,
            rules=[ProfileRuleAnswer.model_validate(rule) for rule in rules[profile.id]],
            created_at=profile.created_at,
        )
        for profile in found
    ]
