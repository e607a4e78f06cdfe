"""What staff call, with the token that `sign_in` answers: stores, members, faces, wallets, orders, webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from facepay.client.calls import Call, Page, frames_as, given, new_key
from facepay.client.models import (
    CommandAnswer,
    ConsentAnswer,
    DeviceWithToken,
    EndpointAnswer,
    EndpointWithSecret,
    EnrolledFace,
    EventAnswer,
    MemberAnswer,
    OrderAnswer,
    PairingOffered,
    PassAnswer,
    ProductAnswer,
    ReceiptAnswer,
    RefundAnswer,
    StockAnswer,
    StoreAnswer,
    TokenAnswer,
    TopUpAnswer,
    WalletAnswer,
)


def sign_in(username: str, password: str) -> Call[TokenAnswer]:
    form = {"username": username, "password": password}
    return Call(method="POST", route="/v1/auth/token", answer=TokenAnswer, form=form)


def add_store(name: str, code: str, timezone: str, **more: Any) -> Call[StoreAnswer]:
    return _post("/v1/stores", StoreAnswer, given(name=name, code=code, timezone=timezone, **more))


def stores() -> Call[Page[StoreAnswer]]:
    return Call(method="GET", route="/v1/stores", answer=Page[StoreAnswer])


def add_device(store_id: UUID, role: str, name: str, *, token_days: int | None = None) -> Call[DeviceWithToken]:
    body = given(role=role, name=name, token_days=token_days)
    return _post("/v1/stores/{store_id}/devices", DeviceWithToken, body, {"store_id": store_id})


def offer_pairing(device_id: UUID, *, token_days: int | None = None) -> Call[PairingOffered]:
    """A code that makes a tablet this device, once, within ten minutes."""
    body = given(token_days=token_days)
    return _post("/v1/devices/{device_id}/pairings", PairingOffered, body, {"device_id": device_id})


def command(
    device_id: UUID, what: Mapping[str, Any], reason: str, *, key: str | None = None, **more: Any
) -> Call[CommandAnswer]:
    """`what` is for instance `{"kind": "open"}` (docs/devices.md)."""
    body = given(reason=reason, **more) | {"command": dict(what)}
    return _post("/v1/devices/{device_id}/commands", CommandAnswer, body, {"device_id": device_id}, key or new_key())


def add_product(sku: str, name: str, price: int, tax_rate_basis_points: int, **more: Any) -> Call[ProductAnswer]:
    body = given(sku=sku, name=name, price=price, tax_rate_basis_points=tax_rate_basis_points, **more)
    return _post("/v1/products", ProductAnswer, body)


def set_stock(store_id: UUID, sku: str, quantity: int) -> Call[StockAnswer]:
    route, ids = "/v1/stores/{store_id}/stock/{sku}", {"store_id": store_id, "sku": sku}
    return Call(method="PUT", route=route, answer=StockAnswer, ids=ids, json={"quantity": quantity})


def add_member(display_name: str, *, consent: Mapping[str, Any] | None = None, **more: Any) -> Call[MemberAnswer]:
    """`consent` is `{"policy_version": ..., "accepted": True}`; without it, they have no face here."""
    body = given(display_name=display_name, **more) | ({"consent": dict(consent)} if consent else {})
    return _post("/v1/members", MemberAnswer, body)


def members(*, search: str | None = None, status: str | None = None) -> Call[Page[MemberAnswer]]:
    query = given(search=search, status=status)
    return Call(method="GET", route="/v1/members", answer=Page[MemberAnswer], query=query)


def member(member_id: UUID) -> Call[MemberAnswer]:
    return Call(method="GET", route="/v1/members/{member_id}", answer=MemberAnswer, ids={"member_id": member_id})


def change_member(member_id: UUID, **changes: Any) -> Call[MemberAnswer]:
    """A field that is None is emptied."""
    ids, body = {"member_id": member_id}, dict.fromkeys(changes) | given(**changes)
    route = "/v1/members/{member_id}"
    return Call(method="PATCH", route=route, answer=MemberAnswer, ids=ids, json=body, repeatable=True)


def record_consent(member_id: UUID, policy_version: str, accepted: bool) -> Call[ConsentAnswer]:
    ids, body = {"member_id": member_id}, {"policy_version": policy_version, "accepted": accepted}
    route = "/v1/members/{member_id}/consent"
    return Call(method="PUT", route=route, answer=ConsentAnswer, ids=ids, json=body)


def enrol(member_id: UUID, *photos: bytes) -> Call[EnrolledFace]:
    """One to five photos of the member alone."""
    route, ids = "/v1/members/{member_id}/face", {"member_id": member_id}
    return Call(method="PUT", route=route, answer=EnrolledFace, ids=ids, files=frames_as("frames", photos))


def withdraw_face(member_id: UUID) -> Call[ReceiptAnswer]:
    """Their consent to be recognised ends, and all that was kept of their face is erased."""
    ids = {"member_id": member_id}
    return Call(method="DELETE", route="/v1/members/{member_id}/face", answer=ReceiptAnswer, ids=ids)


def make_pass(member_id: UUID) -> Call[PassAnswer]:
    """What the member's phone shows."""
    return _post("/v1/members/{member_id}/passes", PassAnswer, None, {"member_id": member_id})


def wallet(member_id: UUID) -> Call[WalletAnswer]:
    ids = {"member_id": member_id}
    return Call(method="GET", route="/v1/members/{member_id}/wallet", answer=WalletAnswer, ids=ids)


def top_up(member_id: UUID, amount: int, currency: str, *, key: str | None = None) -> Call[TopUpAnswer]:
    """In minor units."""
    route, body = "/v1/members/{member_id}/wallet/top-ups", {"amount": amount, "currency": currency}
    return _post(route, TopUpAnswer, body, {"member_id": member_id}, key or new_key())


def orders(*, store_id: UUID | None = None, member_id: UUID | None = None) -> Call[Page[OrderAnswer]]:
    query = given(store_id=store_id, member_id=member_id)
    return Call(method="GET", route="/v1/orders", answer=Page[OrderAnswer], query=query)


def order(order_id: UUID) -> Call[OrderAnswer]:
    return Call(method="GET", route="/v1/orders/{order_id}", answer=OrderAnswer, ids={"order_id": order_id})


def refund(order_id: UUID, reason: str, *, amount: int | None = None, key: str | None = None) -> Call[RefundAnswer]:
    """All that is left of it, or an amount in minor units."""
    body = given(reason=reason, amount=amount)
    return _post("/v1/orders/{order_id}/refunds", RefundAnswer, body, {"order_id": order_id}, key or new_key())


def cancel(order_id: UUID, reason: str, *, key: str | None = None) -> Call[RefundAnswer]:
    body = {"reason": reason}
    return _post("/v1/orders/{order_id}/cancellation", RefundAnswer, body, {"order_id": order_id}, key or new_key())


def add_endpoint(url: str, types: Sequence[str], *, description: str | None = None) -> Call[EndpointWithSecret]:
    """Where webhooks go; the secret is shown this once (`facepay.client.webhooks.verify` takes it)."""
    return _post(
        "/v1/webhook-endpoints", EndpointWithSecret, given(url=url, types=list(types), description=description)
    )


def endpoints() -> Call[Page[EndpointAnswer]]:
    return Call(method="GET", route="/v1/webhook-endpoints", answer=Page[EndpointAnswer])


def events(
    *, type_: str | None = None, subject_id: UUID | None = None, device_id: UUID | None = None
) -> Call[Page[EventAnswer]]:
    query = given(type=type_, subject_id=subject_id, device_id=device_id)
    return Call(method="GET", route="/v1/webhook-events", answer=Page[EventAnswer], query=query)


def event_stream(*, types: Sequence[str] = (), device_id: UUID | None = None, after: int | None = None) -> Call[None]:
    """For `client.stream`: events named after their type, whose data is the body that webhooks are sent.

    From now on; with `after` from behind that event, and 0 from the oldest that is kept.
    """
    query = given(type=list(types) or None, device_id=device_id, after=after)
    return Call(method="GET", route="/v1/webhook-events/stream", answer=type(None), query=query)


def _post(
    route: str,
    answer: type[Any],
    body: Mapping[str, Any] | None,
    ids: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> Call[Any]:
    return Call(method="POST", route=route, answer=answer, ids=ids or {}, json=body, key=key)
