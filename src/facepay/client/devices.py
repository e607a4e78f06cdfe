"""What gates, kiosks, lanes and every other device call, with a device's token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import TypeAdapter

from facepay.client.calls import Call, frames_as, given, new_key
from facepay.client.models import (
    AcknowledgementAnswer,
    ChallengeAnswer,
    CheckoutAnswer,
    CommandsAnswer,
    EventsAnswer,
    GateAnswer,
    HeartbeatAnswer,
    PairedDevice,
    PassageAnswer,
    ProductsOnSale,
    QuoteAnswer,
)

Way = Literal["entries", "exits"]
Lines = Mapping[str, int]


def pair(code: str) -> Call[PairedDevice]:
    """Become the device that a code was made for; the answer holds its token. The code is good once."""
    return Call(method="POST", route="/v1/pairings", answer=PairedDevice, json={"code": code})


def heartbeat(device_id: UUID, *, status: str | None = None, sent_at: datetime | None = None) -> Call[HeartbeatAnswer]:
    body = given(sent_at=sent_at or datetime.now(UTC), status=status)
    return _call("/v1/devices/{id}/heartbeats", HeartbeatAnswer, {"id": device_id}, json=body, repeatable=True)


def commands(device_id: UUID, *, after: int = 0, wait_seconds: int = 0) -> Call[CommandsAnswer]:
    """What waits for the device after this number; where nothing does, wait for it."""
    query = {"after": after, "wait": wait_seconds}
    ids = {"device_id": device_id}
    return Call(method="GET", route="/v1/devices/{device_id}/commands", answer=CommandsAnswer, ids=ids, query=query)


def command_stream(device_id: UUID) -> Call[None]:
    """For `client.stream`: events `door` and `command`, whose id is the command's number."""
    route = "/v1/devices/{device_id}/commands/stream"
    return Call(method="GET", route=route, answer=type(None), ids={"device_id": device_id})


def acknowledge(
    device_id: UUID, number: int, outcome: Literal["done", "failed"] = "done", *, failure: str | None = None
) -> Call[AcknowledgementAnswer]:
    ids = {"id": device_id, "number": number}
    body = given(outcome=outcome, failure=failure)
    return _call(
        "/v1/devices/{id}/commands/{number}/acknowledgement", AcknowledgementAnswer, ids, body, repeatable=True
    )


def report_events(device_id: UUID, run: str, events: Sequence[Mapping[str, Any]]) -> Call[EventsAnswer]:
    """Each with `sequence`, `happened_at`, `kind` and `details`: one that was heard before isn't counted twice."""
    body = {"run": run, "events": TypeAdapter(list[dict[str, Any]]).dump_python(list(map(dict, events)), mode="json")}
    return _call("/v1/devices/{id}/events", EventsAnswer, {"id": device_id}, json=body, repeatable=True)


def pass_gate(
    gate_id: UUID,
    way: Way,
    *frames: bytes,
    guests: int | None = None,
    group_id: UUID | None = None,
    challenge_id: UUID | None = None,
    phone_last_four: str | None = None,
    signed_face: str | None = None,
    key: str | None = None,
) -> Call[GateAnswer]:
    """Come in or go out by face: one frame, or a burst of up to ten."""
    form = given(challenge_id=challenge_id, phone_last_four=phone_last_four, signed_face=signed_face)
    form |= given(guests=guests, group_id=group_id)
    route = f"/v1/gates/{{gate_id}}/{way}"
    return _with_frames(route, GateAnswer, {"gate_id": gate_id}, frames, form, key)


def enter(gate_id: UUID, *frames: bytes, key: str | None = None, **more: Any) -> Call[GateAnswer]:
    return pass_gate(gate_id, "entries", *frames, key=key, **more)


def leave(gate_id: UUID, *frames: bytes, key: str | None = None, **more: Any) -> Call[GateAnswer]:
    return pass_gate(gate_id, "exits", *frames, key=key, **more)


def pass_gate_by_phone(gate_id: UUID, way: Way, shown: str, *, key: str | None = None) -> Call[GateAnswer]:
    """By what a member's phone shows."""
    route = f"/v1/gates/{{id}}/{way}/pass"
    return _call(route, GateAnswer, {"id": gate_id}, {"pass": shown}, key=key or new_key())


def answer_at_gate(
    gate_id: UUID, way: Way, attempt_id: UUID, answer: str, *, key: str | None = None
) -> Call[GateAnswer]:
    """The last digits or the PIN that a step-up asked for."""
    route, ids = f"/v1/gates/{{id}}/{way}/{{attempt_id}}/step-up", {"id": gate_id, "attempt_id": attempt_id}
    return _call(route, GateAnswer, ids, {"answer": answer}, key=key or new_key())


def challenge_at_gate(gate_id: UUID) -> Call[ChallengeAnswer]:
    return _call("/v1/gates/{id}/challenges", ChallengeAnswer, {"id": gate_id})


def challenge_at_kiosk(kiosk_id: UUID) -> Call[ChallengeAnswer]:
    return _call("/v1/kiosks/{id}/challenges", ChallengeAnswer, {"id": kiosk_id})


def products(kiosk_id: UUID, *, barcode: str | None = None, search: str | None = None) -> Call[ProductsOnSale]:
    route, query = "/v1/kiosks/{kiosk_id}/products", given(barcode=barcode, q=search)
    return Call(method="GET", route=route, answer=ProductsOnSale, ids={"kiosk_id": kiosk_id}, query=query)


def quote(kiosk_id: UUID, basket: Lines) -> Call[QuoteAnswer]:
    """What sku -> quantity would cost."""
    return _call("/v1/kiosks/{id}/quotes", QuoteAnswer, {"id": kiosk_id}, {"lines": lines_of(basket)}, repeatable=True)


def check_out(
    kiosk_id: UUID,
    basket: Lines | Sequence[Mapping[str, Any]],
    *frames: bytes,
    coupons: Sequence[str] = (),
    redeem_points: int = 0,
    challenge_id: UUID | None = None,
    phone_last_four: str | None = None,
    signed_face: str | None = None,
    key: str | None = None,
) -> Call[CheckoutAnswer]:
    """Pay sku -> quantity by face. Sent again, it charges nobody again."""
    lines = lines_of(basket) if isinstance(basket, Mapping) else list(basket)
    whole = {"lines": lines, "coupons": list(coupons), "redeem_points": redeem_points}
    form = given(challenge_id=challenge_id, phone_last_four=phone_last_four, signed_face=signed_face)
    form["basket"] = TypeAdapter(dict[str, Any]).dump_json(whole).decode()
    return _with_frames("/v1/kiosks/{kiosk_id}/checkouts", CheckoutAnswer, {"kiosk_id": kiosk_id}, frames, form, key)


def check_out_by_phone(kiosk_id: UUID, basket: Lines, shown: str, *, key: str | None = None) -> Call[CheckoutAnswer]:
    body = {"pass": shown, "basket": {"lines": lines_of(basket)}}
    return _call("/v1/kiosks/{id}/checkouts/pass", CheckoutAnswer, {"id": kiosk_id}, body, key=key or new_key())


def answer_at_kiosk(kiosk_id: UUID, checkout_id: UUID, answer: str, *, key: str | None = None) -> Call[CheckoutAnswer]:
    ids = {"id": kiosk_id, "checkout_id": checkout_id}
    route = "/v1/kiosks/{id}/checkouts/{checkout_id}/step-up"
    return _call(route, CheckoutAnswer, ids, {"answer": answer}, key=key or new_key())


def begin_passage(lane_id: UUID, trip_id: str, *, started_at: datetime | None = None) -> Call[PassageAnswer]:
    """`trip_id` is the lane's own name for it: told again, it is the same passage."""
    body = given(trip_id=trip_id, started_at=started_at or datetime.now(UTC))
    return _call("/v1/lanes/{id}/passages", PassageAnswer, {"id": lane_id}, body, repeatable=True)


def read_tags(
    lane_id: UUID, passage_id: UUID, sequence: int, reads: Sequence[Mapping[str, Any]]
) -> Call[PassageAnswer]:
    """Each with `epc`, `rssi_dbm`, `read_at` and `antenna`; parts are numbered from 1."""
    told = TypeAdapter(list[dict[str, Any]]).dump_python(list(map(dict, reads)), mode="json")
    return _passage(lane_id, passage_id, "/reads", {"sequence": sequence, "reads": told})


def show_face(lane_id: UUID, passage_id: UUID, *frames: bytes, key: str | None = None) -> Call[PassageAnswer]:
    ids = {"lane_id": lane_id, "passage_id": passage_id}
    return _with_frames("/v1/lanes/{lane_id}/passages/{passage_id}/frames", PassageAnswer, ids, frames, {}, key)


def answer_at_lane(lane_id: UUID, passage_id: UUID, answer: str, *, key: str | None = None) -> Call[PassageAnswer]:
    ids = {"lane_id": lane_id, "passage_id": passage_id}
    route = "/v1/lanes/{lane_id}/passages/{passage_id}/step-up"
    return _call(route, PassageAnswer, ids, {"answer": answer}, key=key or new_key())


def finish_passage(
    lane_id: UUID, passage_id: UUID, parts: int, *, finished_at: datetime | None = None
) -> Call[PassageAnswer]:
    return _passage(lane_id, passage_id, "/finish", given(parts=parts, finished_at=finished_at))


def abandon_passage(lane_id: UUID, passage_id: UUID) -> Call[PassageAnswer]:
    ids = {"lane_id": lane_id, "passage_id": passage_id}
    route = "/v1/lanes/{lane_id}/passages/{passage_id}"
    return Call(method="DELETE", route=route, answer=PassageAnswer, ids=ids)


def lines_of(basket: Lines) -> list[dict[str, Any]]:
    return [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]


def _passage(lane_id: UUID, passage_id: UUID, what: str, body: Mapping[str, Any]) -> Call[PassageAnswer]:
    ids = {"lane_id": lane_id, "passage_id": passage_id}
    route = "/v1/lanes/{lane_id}/passages/{passage_id}" + what
    return _call(route, PassageAnswer, ids, body, repeatable=True)


def _with_frames(
    route: str,
    answer: type[Any],
    ids: Mapping[str, Any],
    frames: tuple[bytes, ...],
    form: Mapping[str, Any],
    key: str | None,
) -> Call[Any]:
    files = frames_as("frame", frames)
    if not frames:  # a signed face goes alone, in the same kind of form
        files, form = tuple((name, (None, str(value).encode(), None)) for name, value in form.items()), {}
    return Call(method="POST", route=route, answer=answer, ids=ids, form=form, files=files, key=key or new_key())


def _call(
    route: str,
    answer: type[Any],
    ids: Mapping[str, Any],
    json: Mapping[str, Any] | None = None,
    *,
    key: str | None = None,
    repeatable: bool = False,
) -> Call[Any]:
    return Call(method="POST", route=route, answer=answer, ids=ids, json=json, key=key, repeatable=repeatable)
