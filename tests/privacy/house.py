"""A member who has done everything there is to do in a shop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.access_log.log import NewEvent, Person, write
from facepay.campaigns.playing import SmilePlay, reward
from facepay.catalog.products import Allergen, get_product_by_sku
from facepay.checkout.orders import Order, OrderLine
from facepay.checkout.sold_tags import Piece, claim_tags
from facepay.dining.agreeing import Agreement
from facepay.dining.departures import Departure
from facepay.dining.holds import Guarantee
from facepay.dining.items import PartyItem
from facepay.dining.parties import Cover
from facepay.dining.paying import TablePayment
from facepay.dining.seatings import Seating
from facepay.dining.tabs import PaidShare, Settlement
from facepay.doors.attempts import AttemptFactor, start
from facepay.entrance.gates import GateAttempt
from facepay.entrance.visits import current_visit
from facepay.families.families import Family
from facepay.fitting.looks import MirrorLook
from facepay.fitting.outfits import Kind
from facepay.fitting.requests import FittingRequest
from facepay.fitting.sessions import FittingSession, Memory
from facepay.identity.lookalikes import Lookalike, pair_of
from facepay.identity.watches import Watch
from facepay.kernel.clock import utc_now
from facepay.kernel.database import Database
from facepay.kernel.ids import new_id
from facepay.kernel.secrets import MasterKey
from facepay.kitchen.numbers import draw_number
from facepay.kitchen.tickets import Dish, open_ticket
from facepay.members.members import Member
from facepay.notices.notices import NoticeKind, notify_member
from facepay.review.disputes import Dispute
from facepay.review.evidence import EvidenceAccess
from facepay.rewards import birthdays
from facepay.shelves.baskets import close_basket
from facepay.simulate.device import OfflineDevice
from facepay.simulate.journal import Journal
from facepay.staff.accounts import StaffAccount
from facepay.templates.templates import DecisionFrame, EnrolmentPhoto
from facepay.test_drives.drives import DriveCharge
from facepay.vision.colours import Appearance, Illuminant, Lab
from facepay.webhooks.endpoints import add_endpoint
from tests.campaigns.stand import add_campaign
from tests.online.web import WebShop, came_to
from tests.photos import people
from tests.rewards.till import EARNING, add_coupon, give, refund, set_rules
from tests.shelves.shelf import Shelf
from tests.shop import Shop
from tests.taste.screen import AGREED, Screen
from tests.test_drives.forecourt import PHOTO as PHOTO_OF_CAR
from tests.test_drives.forecourt import Forecourt

NAME = "Zhuge Kongming"
PHONE = "+8613812345678"
BORN_ON = utc_now().date().replace(year=1992)
PHOTO = b"a photo that the member let us keep"
TAG = "3074257BF7194E4000001A85"


@dataclass(frozen=True)
class Regular:
    """What staff and devices were told of the member."""

    id: str
    payment: dict[str, Any]


async def add_regular(shop: Shop, database: Database, *, teas: int = 0) -> Regular:
    """Enrolled, inside, with a coupon, points, a gift, limits, a thawed wallet, a payment, a step-up and a pass."""
    await set_rules(shop, earning=EARNING)
    await add_coupon(shop)
    member = await shop.add_member(0, phone=PHONE, pin="739150")
    await shop.top_up_by_provider(member, 10_000)
    await shop.do("PATCH", f"/v1/members/{member}", json={"display_name": NAME})
    await shop.do("PUT", f"/v1/members/{member}/profiling-consent", json=AGREED)
    diet = {"allergens": ["nuts"], "consent": AGREED}
    await shop.do("PUT", f"/v1/members/{member}/diet", json=diet)
    await give(shop, member, 300)
    await shop.do("PUT", f"/v1/members/{member}/limits", json={"payment_max": 9000})
    wallet = f"/v1/members/{member}/wallet"
    await shop.do("POST", f"{wallet}/freeze", json={"reason": f"{NAME} lost their phone"})
    await shop.do("DELETE", f"{wallet}/freeze")
    top_up = (await shop.do("GET", f"{wallet}/top-ups"))["items"][0]["id"]
    once = {"Idempotency-Key": uuid4().hex}
    await shop.do("POST", f"{wallet}/top-ups/{top_up}/refunds", json={"amount": 1000}, headers=once)
    await listen(shop, database)
    assert (await shop.at_gate(0, key="entry-0001")).json()["member"]["display_name"] == NAME
    paid = (await shop.at_kiosk(0, {"TEA-001": 1}, key="payment-0001", coupons=["WELCOME10"])).json()
    assert paid["code"] == "paid", paid
    await refund(shop, paid["order"]["id"], 100)
    await _owe(shop, member, paid["order"]["id"])
    for _ in range(teas):
        assert (await shop.at_kiosk(0, {"TEA-001": 1})).json()["code"] == "paid"
    assert (await shop.at_kiosk(0, {"UMB-003": 1})).json()["decision"] == "step_up"
    await shop.issue_pass(member)
    await _pay_on_the_web(shop, member)
    await _look_at_a_screen(shop)
    await _like_a_product(shop, member)
    await _stand_in_a_lane(shop)
    await _go_offline(shop, member)
    await _take_from_a_shelf(shop, database, UUID(member))
    await _plant(shop, database, UUID(member))
    await _smile(shop, database, UUID(member))
    await _pass_a_door(shop, database, UUID(member))
    await _visit_the_warehouse(shop, database, member)
    await _sit_at_a_table(shop, database, UUID(member))
    await _try_on(shop, database, UUID(member))
    await _drive(shop, database, member)
    await _have_a_birthday(shop, database, member)
    await _belong_to_a_family(shop, database, member)
    return Regular(member, paid)


async def listen(shop: Shop, database: Database) -> None:
    """Somebody hears of what happens, so that there is something to deliver."""
    async with database.begin() as session:
        await add_endpoint(
            session,
            url="https://shop.example.com/webhooks",
            types=["visit.entered"],
            description=None,
            device_id=UUID(shop.gate_id),
            key=MasterKey(bytes(32)),
            now=utc_now(),
        )


async def _pay_on_the_web(shop: Shop, member: str) -> None:
    """In a shop that calls its customers by their names."""
    web = await WebShop.open(shop)
    notes = {"return_url": f"https://shop.example.com/?for={PHONE[1:]}", "metadata": {"customer": NAME}}
    page = await web.ask(member_id=member, amount=500, **notes)
    assert came_to(await page.type("739150")) == ("succeeded", None)
    await web.ask(member_id=member, amount=500, description=NAME)  # and is never paid


async def _look_at_a_screen(shop: Shop) -> None:
    screen = await Screen.put_up(shop, utc_now)
    assert (await screen.see(people()[0], at=utc_now(), interval_ms="50"))["skus"] == ["TEA-001"]


async def _like_a_product(shop: Shop, member: str) -> None:
    said = await shop.do("PUT", f"/v1/members/{member}/taste/BAO-002/feedback", json={"liked": True})
    assert said == {"learnt": True}


async def _stand_in_a_lane(shop: Shop) -> None:
    """With nothing in their hands, and the exit not yet open."""
    lane_id, lane = await shop.add_device("lane")
    path = f"/v1/lanes/{lane_id}/passages"
    body = {"trip_id": "trip-0001", "started_at": "2026-01-01T09:30:00Z"}
    started = (await shop.client.post(path, json=body, headers=lane)).json()
    headers = lane | {"Content-Type": "image/jpeg"}
    seen = await shop.client.post(f"{path}/{started['passage_id']}/frames", content=people()[0], headers=headers)
    assert seen.json()["authentication"]["status"] == "accepted", seen.text


async def _go_offline(shop: Shop, member_id: str) -> None:
    """They leave, and come in again, at a gate without network."""
    gate_id, gate = await shop.add_device("gate")
    with TemporaryDirectory() as folder, Journal(Path(folder) / "gate.sqlite") as journal:
        device = OfflineDevice(UUID(gate_id), shop.client, journal, gate)
        terms = {"mode": "allow_signed_pass", "payment_max": 10_000, "pass_max": 10_000}
        await shop.do("PUT", f"/v1/stores/{shop.store_id}/offline-policy", json=terms)
        await device.sync()
        issued = await shop.do("POST", f"/v1/members/{member_id}/offline-passes", json={"amount_max": 10_000})
        assert device.admit(issued["pass"], "exit").allowed
        assert device.admit(issued["pass"]).allowed
        assert {each["verdict"] for each in await device.tell()} == {"accepted"}


async def _take_from_a_shelf(shop: Shop, database: Database, member_id: UUID) -> None:
    """Seen by its camera, and with nothing to pay for it yet."""
    shelf = await Shelf.put_up(shop)
    headers = shelf.headers | {"Content-Type": "image/jpeg"}
    await shop.client.post(f"/v1/shelves/{shelf.id}/frames", content=people()[0], headers=headers)
    assert await shelf.tell(shelf.event("A1", -512.0)) == ["take"]
    async with database.begin() as session:
        visit = await current_visit(session, store_id=UUID(shop.store_id), member_id=member_id)
        assert visit
        await close_basket(session, visit_ids=[visit.id], order_id=None, now=utc_now())


async def _owe(shop: Shop, member: str, order: str) -> None:
    """More than they have is charged after an order, and the rest written off; then they have as much as before."""
    had = await shop.balance(member)
    body = {"lines": [{"sku": "UMB-003", "quantity": 2}], "reason": "left out"}
    await shop.do("POST", f"/v1/orders/{order}/supplements", json=body, headers={"Idempotency-Key": uuid4().hex})
    once = {"Idempotency-Key": uuid4().hex}
    await shop.do("POST", f"/v1/members/{member}/debts/write-off", json={"reason": "goodwill"}, headers=once)
    await shop.top_up(member, had)


async def _plant(shop: Shop, database: Database, member_id: UUID) -> None:
    """What takes other settings, or another kind of test, to come about."""
    other = UUID(await shop.add_member(1, enrol=False))
    one, two = pair_of(member_id, other)
    async with database.begin() as session:
        await session.execute(
            insert(Lookalike).values(member_a=one, member_b=two, reason="measured", similarity=0.5, marked_at=utc_now())
        )
        await _plant_dispute(session, shop, member_id)
        await notify_member(session, member_id=member_id, kind=NoticeKind.GOODS_RETURNED, reason=NAME, now=utc_now())
        await session.execute(insert(EnrolmentPhoto).values(member_id=member_id, sealed=PHOTO, created_at=utc_now()))
        line = (await session.scalars(select(OrderLine))).first()
        assert line is not None
        await claim_tags(session, pieces={TAG: Piece(line.product_id, line.order_id)}, now=utc_now())
        await _plant_ticket(session, UUID(shop.store_id), line)


async def _plant_ticket(session: AsyncSession, store_id: UUID, line: OrderLine) -> None:
    now = utc_now()
    number, dish = await draw_number(session, store_id=store_id, now=now), Dish(line.product_id, line.name, 1)
    await open_ticket(session, store_id=store_id, order_id=line.order_id, number=number, dishes=[dish], now=now)


async def _smile(shop: Shop, database: Database, member_id: UUID) -> None:
    """They win a discount, which they have not used yet."""
    await add_campaign(shop)
    now = utc_now()
    played = SmilePlay(
        device_id=UUID(shop.kiosk_id),
        store_id=UUID(shop.store_id),
        member_id=member_id,
        strength=0.9,
        neutral=0.1,
        created_at=now,
        decided_at=now,
    )
    async with database.begin() as session:
        member = await session.get_one(Member, member_id, with_for_update={"key_share": True})
        assert (await reward(session, played, member, now)).coupon is not None


async def _belong_to_a_family(shop: Shop, database: Database, member_id: str) -> None:
    """Something is refused to them, and let pass later; before that, they paid for a family themselves."""
    payer = await shop.do("POST", "/v1/members", json={"display_name": "Liu Bei"})
    family = await shop.do("POST", "/v1/families", json={"payer_id": payer["id"]})
    child = {"member_id": member_id, "role": "child", "payment_max": 100}
    await shop.do("POST", f"/v1/families/{family['id']}/members", json=child)
    shown = (await shop.issue_pass(member_id))["pass"]  # a face is asked for more, now that somebody looks like them
    assert (await shop.pass_at_kiosk(shown, {"TEA-001": 1})).json()["code"] == "family_limit"
    once = {"member_id": member_id, "amount_max": 450}
    await shop.do("POST", f"/v1/families/{family['id']}/approvals", json=once)
    async with database.begin() as session:
        session.add(Family(payer_id=UUID(member_id), made_by="staff:1", created_at=utc_now()))


async def _pass_a_door(shop: Shop, database: Database, member_id: UUID) -> None:
    opened = NewEvent(
        "attempt",
        UUID(shop.store_id),
        "granted",
        "device:door",
        "granted",
        persons=[Person(member_id, details={"name": NAME})],
    )
    async with database.begin() as session:
        await write(session, opened, now=utc_now())


async def _sit_at_a_table(shop: Shop, database: Database, member_id: UUID) -> None:
    """They have ordered, and can't eat everything."""
    device, headers = await shop.add_device("table")
    body = {"name": "1", "device_id": device, "seats": 2}
    await shop.do("POST", f"/v1/stores/{shop.store_id}/tables", json=body)
    shown, sent = await shop.issue_pass(str(member_id)), headers | {"Idempotency-Key": "table-0001"}
    path, body = f"/v1/tables/{device}/parties/pass", {"pass": shown["pass"], "seat": 1}
    party = (await shop.client.post(path, json=body, headers=sent)).json()["party"]
    assert party["covers"][0]["member"]["display_name"] == NAME
    now = utc_now()
    async with database.begin() as session:
        tea = await get_product_by_sku(session, "TEA-001")
        cover = await session.get_one(Cover, UUID(party["covers"][0]["id"]))
        cover.allergens = [Allergen.NUTS]
        cup = {"name": tea.name, "quantity": 1, "unit_price": tea.price, "currency": tea.currency, "course": 1}
        session.add(PartyItem(party_id=cover.party_id, cover_id=cover.id, product_id=tea.id, ordered_at=now, **cup))
        await _settle_at_a_table(session, UUID(device), cover, member_id)


async def _try_on(shop: Shop, database: Database, member_id: UUID) -> None:
    """They stand before a mirror, which knows their colours, and ask for a shirt."""
    device, _ = await shop.add_device("mirror")
    await shop.do("PUT", "/v1/garments", json=[{"sku": "TEA-001", "style": "SHIRT", "kind": "top", "size": "M"}])
    now, where = utc_now(), {"device_id": UUID(device), "store_id": UUID(shop.store_id)}
    colours = Appearance(Lab(70, 12, 18), None, (), Illuminant(Lab(95, 0, 0)))
    async with database.begin() as session:
        tea = await get_product_by_sku(session, "TEA-001")
        fitting = FittingSession(member_id=member_id, opened_at=now, used_at=now, **where)
        fitting.remember(Memory(appearance=colours, sizes={Kind.TOP: "M"}))
        session.add(fitting)
        await session.flush()
        seen = {"member_id": member_id, "similarity": 0.9, "created_at": now, "decided_at": now}
        session.add_all(
            [
                MirrorLook(decision="member", code="welcome", device_id=UUID(device), session_id=fitting.id, **seen),
                FittingRequest(session_id=fitting.id, product_id=tea.id, asked_at=now, **where),
            ]
        )


async def _settle_at_a_table(session: AsyncSession, device_id: UUID, cover: Cover, member_id: UUID) -> None:
    """They are seen, answer for what they ordered, can't pay for it at first, and leave."""
    now, party_id = utc_now(), cover.party_id
    seen = {"device_id": device_id, "member_id": member_id, "similarity": 0.9, "created_at": now, "decided_at": now}
    order_id = await session.scalar(select(Order.id).where(Order.member_id == member_id).limit(1))
    wish = {"seats": [1], "coupons": []}
    session.add_all(
        [
            Seating(decision="member", code="recognised", cover_id=cover.id, **seen),
            Agreement(decision="agreed", code="agreed", party_id=party_id, up_to=450, as_host=False, **seen),
            TablePayment(
                decision="declined", code="insufficient_funds", party_id=party_id, wish=wish, currency="CNY", **seen
            ),
            Guarantee(cover_id=cover.id, payer_id=member_id, currency="CNY", agreed_max=450),
            Departure(cover_id=cover.id, party_id=party_id, gone_at=now, settles_at=now, told_by="staff:1"),
            Settlement(
                cover_id=cover.id,
                party_id=party_id,
                order_id=order_id,
                settled_by="departure",
                split="one",
                settled_at=now,
            ),
            PaidShare(party_id=party_id, amount=450, parts=1, order_id=order_id),
        ]
    )


async def _drive(shop: Shop, database: Database, member_id: str) -> None:
    """For nothing, out and back, with a scratch that they say was there before."""
    court = await Forecourt.open(shop, levels=[{"name": "Everybody"}])
    await court.permit(member_id, balance=0, score=700)
    drive = await court.reserved(member_id)
    body = {"machine_id": court.machine_id, "reason": f"{NAME} looks like somebody else; passport seen"}
    await court.act(f"/{drive['id']}/release", body)
    await court.acknowledge()
    await court.bring_back(drive["number"])
    path = f"/v1/test-drives/{drive['id']}"
    await shop.do("POST", f"{path}/photos", files=[("photo", PHOTO_OF_CAR)])
    await court.act(f"/{drive['id']}/inspection", {"damage": 100, "reason": "Scratch"})
    await court.act(f"/{drive['id']}/dispute", {"reason": f"{NAME} says that it was there before"})
    await court.act(f"/{drive['id']}/resolution", {"amount": 0, "reason": f"{NAME} is right"})
    async with database.begin() as session:
        order_id = await session.scalar(select(Order.id).where(Order.member_id == UUID(member_id)).limit(1))
        fee = {"kind": "fee", "amount": 100, "order_id": order_id, "created_at": utc_now()}
        session.add(DriveCharge(drive_id=UUID(drive["id"]), **fee))


async def _have_a_birthday(shop: Shop, database: Database, member_id: str) -> None:
    """With a coupon of their own, which they have not used yet."""
    await shop.do("PUT", "/v1/rewards/birthday-offer", json={"amount": 100, "budget": 100})
    await shop.do("PATCH", f"/v1/members/{member_id}", json={"born_on": str(BORN_ON)})
    async with database.begin() as session:
        member = await session.get_one(Member, UUID(member_id), with_for_update={"key_share": True})
        offer, today = await birthdays.read_offer(session), BORN_ON.replace(year=utc_now().year)
        assert await birthdays.give(session, member=member, offer=offer, birthday=today, time_zone="UTC", now=utc_now())


async def _visit_the_warehouse(shop: Shop, database: Database, member_id: str) -> None:
    """Invited by somebody who works there, and halfway through its door."""
    store = f"/v1/stores/{shop.store_id}"
    zone = await shop.do("POST", f"{store}/zones", json={"name": "Warehouse"})
    policy = await shop.do("POST", f"{store}/authentication-policies", json={"name": "Any", "rules": []})
    door, _ = await shop.add_device("door")
    point = {"name": "In", "device_id": door, "to_zone_id": zone["id"], "policy_id": policy["id"]}
    point = await shop.do("POST", f"{store}/access-points", json=point)
    profile = await shop.do("POST", f"{store}/access-profiles", json={"name": "Guests", "rules": []})
    host = await shop.do("POST", "/v1/members", json={"display_name": "Liu Bei"})
    host = await shop.do("POST", f"{store}/holders", json={"member_id": host["id"], "kind": "employee"})
    now = utc_now()
    times = {"valid_from": now.isoformat(), "valid_until": (now + timedelta(days=1)).isoformat()}
    invitation = {"host_id": host["id"], "profile_id": profile["id"], "visitor_name": NAME} | times
    token = (await shop.do("POST", f"{store}/invitations", json=invitation))["token"]
    visitor = await shop.do("POST", f"{store}/redemptions", json={"token": token, "member_id": member_id})
    outside = {"zone_id": None, "why": f"{NAME} left by the loading bay"}
    await shop.do("PUT", f"/v1/holders/{visitor['id']}/presence", json=outside)
    async with database.begin() as session:
        attempt, _ = await start(
            session,
            access_point_id=UUID(point["id"]),
            opened_under=f"{policy['id']}@1",
            lasts=timedelta(seconds=30),
            now=now,
        )
        given = {"attempt_id": attempt.id, "place": 0, "person": 0, "factor": "invitation", "given_at": now}
        theirs = {"holder_id": UUID(visitor["id"]), "measured": {"name": NAME}, "checks": []}
        await session.execute(insert(AttemptFactor).values(given | theirs))


async def _plant_dispute(session: AsyncSession, shop: Shop, member_id: UUID) -> None:
    staff = await session.scalar(select(StaffAccount.id))
    attempt, store = await session.scalar(select(GateAttempt.id)), UUID(shop.store_id)
    made, now = {"id": new_id(), "member_id": member_id}, utc_now()
    await session.execute(insert(DecisionFrame).values(made | {"sealed": PHOTO, "expires_at": now}))
    await session.execute(insert(Watch).values(made | {"reason": NAME, "watched_at": now, "watched_by": staff}))
    said = {"reason": f"{NAME} wasn't here", "said_by": "member", "opened_at": now, "opened_by": staff}
    await session.execute(insert(Dispute).values(made | said | {"gate_attempt_id": attempt, "store_id": store}))
    looked = {"dispute_id": made["id"], "staff_id": staff, "reason": NAME, "accessed_at": now}
    await session.execute(insert(EvidenceAccess).values(made | looked))
