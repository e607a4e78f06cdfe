"""Signing in, and staff accounts, over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response, Security
from fastapi.security import OAuth2PasswordRequestForm
from sqlalchemy import select

from facepay.kernel.auth import InsufficientScope, Principal, current_staff
from facepay.kernel.clock import Now
from facepay.kernel.database import Db, Session
from facepay.kernel.errors import Unauthenticated
from facepay.kernel.paging import Page, Paging, page
from facepay.kernel.passwords import HasherOf
from facepay.kernel.problems import problems
from facepay.kernel.routers import Router
from facepay.kernel.secrets import get_master_key
from facepay.settings import SettingsOf
from facepay.staff import accounts, sessions
from facepay.staff.accounts import LastOwner, StaffAccount, StaffNotFound, UsernameTaken, WrongCredentials
from facepay.staff.schemas import Me, NewStaff, PasswordChange, SessionAnswer, StaffAnswer, StaffChange, TokenAnswer
from facepay.staff.tokens import InvalidScope, issue_token

router = Router(prefix="/v1")
Self = Annotated[Principal, Security(current_staff, scopes=["account:own"])]
Owner = Annotated[Principal, Security(current_staff, scopes=["staff:write"])]
REFUSALS = (Unauthenticated, InsufficientScope)


@router.post("/auth/token", tags=["sign-in"], summary="Sign in", responses=problems(InvalidScope, WrongCredentials))
async def sign_in(
    form: Annotated[OAuth2PasswordRequestForm, Depends()],
    request: Request,
    response: Response,
    database: Db,
    hasher: HasherOf,
    settings: SettingsOf,
    now: Now,
) -> TokenAnswer:
    """OAuth2's password flow, as *Authorize* on this page uses it. `scope` may ask for less than the role has."""
    account = await accounts.sign_in(database, username=form.username, password=form.password, hasher=hasher, now=now)
    lasts = timedelta(minutes=settings.admin_token_minutes)
    token, scopes = issue_token(account, master_key=get_master_key(request), asked=form.scopes, now=now, lasts=lasts)
    response.headers["Cache-Control"] = "no-store"
    return TokenAnswer(access_token=token, expires_in=int(lasts.total_seconds()), scope=" ".join(sorted(scopes)))


@router.get("/auth/me", tags=["sign-in"], summary="See who is signed in", responses=problems(*REFUSALS))
async def see_me(me: Self) -> Me:
    return Me(id=me.id, username=me.name, role=me.role, scopes=sorted(me.scopes))


@router.put(
    "/auth/password",
    tags=["sign-in"],
    status_code=204,
    summary="Change your own password",
    responses=problems(*REFUSALS, WrongCredentials),
)
async def change_own_password(body: PasswordChange, me: Self, database: Db, hasher: HasherOf, now: Now) -> None:
    """All your tokens end with it: sign in again."""
    await accounts.change_own_password(
        database,
        staff=me,
        current=body.current_password.get_secret_value(),
        new=body.new_password.get_secret_value(),
        hasher=hasher,
        now=now,
    )


@router.get(
    "/auth/sessions", tags=["sign-in"], summary="List your own sessions in browsers", responses=problems(*REFUSALS)
)
async def list_own_sessions(me: Self, session: Session, now: Now) -> list[SessionAnswer]:
    """Those that are open, the one used last first."""
    found = await sessions.sessions_of(session, staff_id=me.id, now=now)
    return [SessionAnswer.model_validate(each) for each in found]


@router.delete(
    "/auth/sessions",
    tags=["sign-in"],
    status_code=204,
    summary="End your own sessions in browsers",
    responses=problems(*REFUSALS),
)
async def end_own_sessions(
    me: Self, session: Session, session_id: Annotated[UUID | None, Query(description="This one alone.")] = None
) -> None:
    """Whoever uses one has to sign in again. Repeating it changes nothing."""
    await sessions.end_sessions(session, staff_id=me.id, session_id=session_id)


@router.post(
    "/staff", tags=["staff"], status_code=201, summary="Add staff", responses=problems(*REFUSALS, UsernameTaken)
)
async def add_staff(
    body: NewStaff, response: Response, session: Session, _: Owner, hasher: HasherOf, now: Now
) -> StaffAnswer:
    """Owners may do everything; operators all but stores, devices, lookalikes, passes and staff; auditors only
    read; an app, the backend of the shop's own app, only issues passes."""
    account = await accounts.add_account(
        session,
        username=body.username,
        display_name=body.display_name,
        role=body.role,
        password_hash=await hasher.hash(body.password.get_secret_value()),
        now=now,
    )
    response.headers["Location"] = f"/v1/staff/{account.id}"
    return StaffAnswer.model_validate(account)


@router.get("/staff", tags=["staff"], summary="List staff", responses=problems(*REFUSALS))
async def list_staff(session: Session, _: Owner, paging: Paging) -> Page[StaffAnswer]:
    """Newest first, the disabled ones too."""
    return await page(session, select(StaffAccount), by=StaffAccount.id, paging=paging, show=StaffAnswer.model_validate)


@router.get("/staff/{staff_id}", tags=["staff"], summary="See staff", responses=problems(*REFUSALS, StaffNotFound))
async def see_staff(staff_id: UUID, session: Session, _: Owner) -> StaffAnswer:
    return StaffAnswer.model_validate(await accounts.get_account(session, staff_id))


@router.patch(
    "/staff/{staff_id}",
    tags=["staff"],
    summary="Change staff",
    responses=problems(*REFUSALS, StaffNotFound, LastOwner),
)
async def change_staff(
    staff_id: UUID, body: StaffChange, session: Session, _: Owner, hasher: HasherOf, now: Now
) -> StaffAnswer:
    """Only the fields that are sent change. A new role or password, or `disabled: true`, ends their tokens at once."""
    changes = body.sent()
    if password := changes.pop("password", None):
        changes["password_hash"] = await hasher.hash(password.get_secret_value())
    account = await accounts.change_account(session, account_id=staff_id, changes=changes, now=now)
    return StaffAnswer.model_validate(account)


@router.delete(
    "/staff/{staff_id}",
    tags=["staff"],
    status_code=204,
    summary="Take away access",
    responses=problems(*REFUSALS, StaffNotFound, LastOwner),
)
async def disable_staff(staff_id: UUID, session: Session, _: Owner, now: Now) -> None:
    """At once, tokens included. The account stays on record, and `disabled: false` brings it back."""
    await accounts.change_account(session, account_id=staff_id, changes={"disabled": True}, now=now)
