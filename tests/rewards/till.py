"""A shop with rules to test with, and what its members hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from facepay.checkout.audit import CHECKS
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.wallet.verify import verify
from tests.conftest import Clock
from tests.shop import PASSWORD, Shop

EARNING = [{"category": None, "points_per_100": 10}]
COUPON = {"code": "WELCOME10", "basis_points": 1000, "budget": 100_000, "ends_at": "2999-01-01T00:00:00Z"}


async def set_rules(shop: Shop, *, tiers: Sequence[Any] = (), earning: Sequence[Any] = ()) -> Any:
    return await shop.do("PUT", "/v1/rewards/rules", json={"tiers": list(tiers), "earning": list(earning)})


async def add_coupon(shop: Shop, **changes: Any) -> str:
    return str((await shop.do("POST", "/v1/coupons", json=COUPON | changes))["id"])


async def coupon(shop: Shop, coupon_id: str) -> Any:
    return await shop.do("GET", f"/v1/coupons/{coupon_id}")


async def give(shop: Shop, member_id: str, amount: int, *, days: int = 30, now: datetime | None = None) -> None:
    body = {"amount": amount, "expires_at": ((now or utc_now()) + timedelta(days=days)).isoformat()}
    await shop.do("POST", f"/v1/members/{member_id}/gifts", json=body, headers={"Idempotency-Key": uuid4().hex})


async def pass_by(shop: Shop, clock: Clock, **lasting: float) -> None:
    """Time goes by, and staff sign in again."""
    clock.ahead += timedelta(**lasting)
    form = {"username": "owner", "password": PASSWORD}
    token = (await shop.client.post("/v1/auth/token", data=form)).json()["access_token"]
    shop.staff = {"Authorization": f"Bearer {token}"}


async def rewards(shop: Shop, member_id: str) -> Any:
    return await shop.do("GET", f"/v1/members/{member_id}/rewards")


async def holdings(shop: Shop, member_id: str) -> tuple[int, int, int]:
    """Money, gift balance, points."""
    now = await rewards(shop, member_id)
    points = now["points"]["available"] - now["points_owed"]
    return await shop.balance(member_id), now["gift"]["available"], points


async def buy(shop: Shop, basket: dict[str, int], *, who: int = 0, **wish: Any) -> Any:
    return (await shop.at_kiosk(who, basket, **wish)).json()


async def paid(shop: Shop, basket: dict[str, int], **wish: Any) -> Any:
    answer = await buy(shop, basket, **wish)
    assert answer["code"] == "paid", answer
    return answer["order"]


async def refund(shop: Shop, order_id: str, amount: int | None = None) -> Any:
    body: dict[str, Any] = {"reason": "torn"} | ({"amount": amount} if amount else {})
    path = f"/v1/orders/{order_id}/refunds"
    return await shop.do("POST", path, json=body, headers={"Idempotency-Key": uuid4().hex})


async def assert_books_in_order(database: Database) -> None:
    report = await verify(database, extra_checks=CHECKS)
    assert report.ok, str(report)


async def ledger_of(database: Database, kind: str, owner_id: str | None = None) -> int:
    """The balance of an account of this kind, as the ledger writes it."""
    query = text(
        "select b.posted from ledger.accounts a, ledger.balance(a.id) b"
        " where a.kind = :kind and a.owner_id is not distinct from cast(:owner as uuid)"
    )
    async with database.begin() as session:
        return int(await session.scalar(query, {"kind": kind, "owner": UUID(owner_id) if owner_id else None}) or 0)
