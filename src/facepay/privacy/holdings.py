"""What every table holds of a member, and what becomes of it: erasure and export both follow this list.

A table that isn't in it is in no receipt, so tests/test_privacy.py fails until it is: say how its rows are found,
what erasure does with them, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, LargeBinary, Table, false, or_, select

from facepay.kernel.database import Base


class Fate(Enum):
    """What erasing a member does with the rows that hold something of them."""

    NOTHING_HELD = "no row is about a member"
    ERASED = "the rows are deleted"
    UNLINKED = "the rows stay, and no longer say who it was"
    STRIPPED = "the row and its id stay, and nothing else"
    KEPT = "the rows stay, under the member's id alone"


@dataclass(frozen=True, slots=True)
class Holding:
    """`by` are the columns that name the member, or `through` a column that points at another table's rows: at their
    key, or at the column that is named last.

    `beside` are columns that name another member than the rows are about: theirs aren't shown to whom they name.
    `with_face` rows go as soon as the face does. `cleared` are the columns that unlinking sets to null. `hidden`
    columns aren't shown to the member: secrets, or other members; bytes never are. What is erased `by_hand` has a
    function of its own in erasure.py.
    """

    fate: Fate
    why: str
    by: tuple[str, ...] = ()
    through: tuple[str, str] | tuple[str, str, str] | None = None
    beside: tuple[str, ...] = ()
    with_face: bool = False
    cleared: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    by_hand: bool = False
    exported: bool = True

    @property
    def may_keep_id(self) -> bool:
        return self.fate in (Fate.STRIPPED, Fate.KEPT)


MEMBER = ("member_id",)
MEASURED = ("similarity", "threshold", "false_positive_rate", "margin", "searched", "quality")
NOTHING = Holding(Fate.NOTHING_HELD, "of the shop, its staff and its devices")
BOOKS = "books of account: commercial and tax law ask for them (GDPR art. 17(3)(b))"
OF_ORDER = ("order_id", "shop_order")
OF_HOLDER = ("holder_id", "access_holder")
OF_TOLD_VISIT = ("subject_id", "visit")

HOLDINGS: Mapping[str, Holding] = MappingProxyType(
    {
        # Who they are
        "member": Holding(
            Fate.STRIPPED,
            "the ledger points at it",
            by=("id",),
            beside=("payer_id",),
            hidden=("pin_hash", "payer_id"),
            by_hand=True,
        ),
        "consent": Holding(Fate.KEPT, "shows that the face was used with consent (GDPR art. 7(1))", by=MEMBER),
        "profiling_consent": Holding(Fate.KEPT, "shows that their taste was kept with consent", by=MEMBER),
        "family": Holding(Fate.ERASED, "for whom they pay", by=("payer_id",), by_hand=True),
        "family_member": Holding(Fate.ERASED, "who pays for them, and what they may buy", by=MEMBER, by_hand=True),
        "family_refusal": Holding(Fate.ERASED, "what they were kept from buying", by=MEMBER, by_hand=True),
        "family_approval": Holding(Fate.ERASED, "what they were let buy once", by=MEMBER, by_hand=True),
        "preference": Holding(
            Fate.ERASED, "what they like, by how their face was turned and smiled", by=MEMBER, with_face=True
        ),
        "product_feedback": Holding(Fate.ERASED, "what they said of products", by=MEMBER, with_face=True),
        "member_diet": Holding(Fate.ERASED, "what they don't eat (GDPR art. 9): gone with their consent", by=MEMBER),
        # Their face
        "template": Holding(Fate.ERASED, "the face", by=MEMBER, with_face=True, by_hand=True),
        "template_key": Holding(
            Fate.STRIPPED,
            "the key is destroyed; the row tells every replica's gallery to forget",
            by=MEMBER,
            with_face=True,
            by_hand=True,
        ),
        "enrolment_photo": Holding(Fate.ERASED, "the face as a picture, sealed", by=MEMBER, with_face=True),
        "decision_frame": Holding(Fate.ERASED, "what a camera saw, sealed", by=MEMBER, with_face=True),
        "lookalike": Holding(
            Fate.ERASED,
            "whom they look like",
            by=("member_a", "member_b"),
            with_face=True,
            hidden=("member_a", "member_b", "note", "removal"),
        ),
        "step_up": Holding(
            Fate.ERASED, "whom a face was taken for", by=("candidate_ids",), with_face=True, hidden=("candidate_ids",)
        ),
        "one_time_pass": Holding(Fate.ERASED, "their way in without a face", by=MEMBER),
        "offline_pass": Holding(Fate.ERASED, "their way in where there is no network", by=MEMBER),
        "watch": Holding(
            Fate.ERASED, "that their face alone isn't trusted", by=MEMBER, with_face=True, hidden=("reason", "lifting")
        ),
        "biometric_use": Holding(Fate.ERASED, "the trail is the member's, and goes with them", by=MEMBER),
        # Where they were
        "visit": Holding(Fate.ERASED, "where they were, and when", by=MEMBER),
        "visit_group": Holding(Fate.NOTHING_HELD, "that some came together: the visits say who, and go with them"),
        "access_event": Holding(
            Fate.NOTHING_HELD,
            "that a door was asked to open; for whom, the rows beside it say",
            through=("id", "access_event_person", "event_id"),
            hidden=("person_digests",),
        ),
        "access_event_person": Holding(
            Fate.UNLINKED,
            "the door did open, for somebody; the log says that they were erased",
            by=MEMBER,
            cleared=("member_id", "holder_id", "details", "salt"),
            hidden=("unlinked_by",),
            by_hand=True,
        ),
        "access_holder": Holding(
            Fate.ERASED, "that they may pass doors", by=MEMBER, hidden=("host_id", "blocked_by", "blocked_why")
        ),
        "credential": Holding(
            Fate.ERASED,
            "what they show at a door",
            through=OF_HOLDER,
            hidden=("pin_hash", "duress_hash", "suspended_by", "suspended_why", "revoked_by", "revoked_why"),
        ),
        "holder_profile": Holding(Fate.ERASED, "which doors they may pass", through=OF_HOLDER),
        "presence": Holding(Fate.ERASED, "where they are", through=OF_HOLDER),
        "access_attempt": Holding(Fate.NOTHING_HELD, "when a door served somebody, for a day; its factors say whom"),
        "access_attempt_factor": Holding(Fate.ERASED, "what they gave at a door, for a day", through=OF_HOLDER),
        "invitation": Holding(Fate.ERASED, "whom they came to see", through=OF_HOLDER, hidden=("host_id",)),
        "gate_turn": Holding(Fate.NOTHING_HELD, "when a gate served somebody, for a day; the attempt says whom"),
        "gate_attempt": Holding(
            Fate.UNLINKED,
            "the gate did open, for somebody",
            by=MEMBER,
            cleared=("member_id", "visit_id", "group_id", *MEASURED),
        ),
        "basket_change": Holding(
            Fate.UNLINKED, "goods were taken, by somebody", through=("visit_id", "visit"), cleared=("visit_id", "note")
        ),
        "basket_closing": Holding(Fate.ERASED, "when they paid for what they took", through=("visit_id", "visit")),
        "shelf_presence": Holding(Fate.ERASED, "before which shelf they stood", through=("visit_id", "visit")),
        "checkout": Holding(
            Fate.UNLINKED,
            "what a kiosk decided, for somebody",
            by=MEMBER,
            cleared=("member_id", *MEASURED),
        ),
        "dining_cover": Holding(
            Fate.UNLINKED,
            "somebody ate there; what they can't eat goes when they leave, or with them",
            by=MEMBER,
            cleared=("member_id", "allergens"),
        ),
        "dining_seating": Holding(
            Fate.UNLINKED, "whom a table's camera saw sit down", by=MEMBER, cleared=("member_id", *MEASURED)
        ),
        "dining_item": Holding(
            Fate.NOTHING_HELD, "what was eaten at a place; the cover says whose", through=("cover_id", "dining_cover")
        ),
        "dining_party": Holding(Fate.NOTHING_HELD, "that some ate together: their covers say who"),
        "dining_guarantee": Holding(Fate.ERASED, "what they answered for at a table", by=("payer_id",)),
        "dining_agreement": Holding(
            Fate.UNLINKED, "that somebody answered for a table", by=MEMBER, cleared=("member_id", *MEASURED)
        ),
        "dining_payment": Holding(
            Fate.UNLINKED, "what a table's screen decided, for somebody", by=MEMBER, cleared=("member_id", *MEASURED)
        ),
        "dining_departure": Holding(Fate.NOTHING_HELD, "that a place is empty", through=("cover_id", "dining_cover")),
        "dining_settlement": Holding(Fate.NOTHING_HELD, "that a place has paid", through=("cover_id", "dining_cover")),
        "dining_paid_share": Holding(Fate.KEPT, BOOKS, through=OF_ORDER),
        "fitting_look": Holding(Fate.UNLINKED, "whom a mirror saw", by=MEMBER, cleared=("member_id", *MEASURED)),
        "fitting_session": Holding(
            Fate.UNLINKED,
            "that they stand at a mirror, their colours and what they said there: all of it ends with the session",
            by=MEMBER,
            with_face=True,
            cleared=("member_id", "memory"),
        ),
        "fitting_request": Holding(
            Fate.NOTHING_HELD,
            "what was brought to a mirror; while the session lasts, it says to whom",
            through=("session_id", "fitting_session"),
        ),
        "smile_play": Holding(
            Fate.UNLINKED,
            "what a smile won, for somebody: the coupon is in the books",
            by=MEMBER,
            cleared=("member_id", "strength", "neutral", *MEASURED),
        ),
        "passage": Holding(
            Fate.UNLINKED,
            "what a lane decided, for somebody",
            by=("member_id", "payer_id", "held_of"),
            cleared=("member_id", "payer_id", "held_of", *MEASURED),
            hidden=("payer_id", "held_of", "visit_ids"),
        ),
        "passage_tag": Holding(Fate.NOTHING_HELD, "tags that a lane read, for a day; the passage says whose"),
        "payment_attempt": Holding(
            Fate.ERASED, "how they proved that it was them who paid", through=("intent_id", "payment_intent")
        ),
        "payment_intent": Holding(
            Fate.UNLINKED,
            "a shop on the web asked somebody for a payment; the order says who paid",
            by=MEMBER,
            cleared=("member_id", "description", "return_url", "metadata"),
        ),
        "offline_post": Holding(
            Fate.UNLINKED,
            "what a device did without network, for somebody",
            by=MEMBER,
            cleared=("member_id", "pass_id", "visit_id", "note"),
        ),
        "dispute": Holding(Fate.ERASED, "what they and staff said of a decision", by=MEMBER, hidden=("lookalike_id",)),
        "evidence_access": Holding(Fate.ERASED, "who looked at a frame of theirs", by=MEMBER),
        # Their test drives
        "driving_licence": Holding(Fate.ERASED, "that they may drive", by=MEMBER, hidden=("checked_by",)),
        "credit_score": Holding(Fate.ERASED, "what a provider said of them", by=MEMBER, hidden=("set_by",)),
        "test_drive": Holding(
            Fate.UNLINKED,
            "a car was out, with somebody: its orders say who paid",
            by=MEMBER,
            cleared=("member_id", "claim_why", "disputed_why", "ended_why"),
            hidden=("created_by", "inspected_by"),
        ),
        "drive_charge": Holding(
            Fate.NOTHING_HELD, "which order paid for what of a drive", through=("drive_id", "test_drive")
        ),
        "drive_photo": Holding(
            Fate.ERASED,
            "how a car came back from them, sealed",
            through=("drive_id", "test_drive"),
            hidden=("taken_by",),
        ),
        "handover": Holding(
            Fate.UNLINKED,
            "what a machine decided, for somebody",
            by=MEMBER,
            cleared=("member_id", "released_why", *MEASURED),
            hidden=("released_by",),
        ),
        "idempotency_record": Holding(
            Fate.UNLINKED, "copies of answers, a day long: a retry must not act again", by_hand=True, exported=False
        ),
        # Their money
        # Of a family's purchase, whoever paid and whoever bought see the same, and not who the other is.
        "shop_order": Holding(Fate.KEPT, BOOKS, by=("member_id", "buyer_id"), hidden=("member_id", "buyer_id")),
        "order_line": Holding(Fate.KEPT, BOOKS, through=OF_ORDER),
        "order_discount": Holding(Fate.KEPT, BOOKS, through=OF_ORDER),
        "refund": Holding(Fate.KEPT, BOOKS, through=OF_ORDER),
        "sold_tag": Holding(Fate.KEPT, BOOKS, through=OF_ORDER),
        "kitchen_ticket": Holding(Fate.KEPT, "what was handed out for an order", through=OF_ORDER),
        "ticket_dish": Holding(Fate.KEPT, "what was handed out for an order", through=("ticket_id", "kitchen_ticket")),
        # Those that are a member's own: unlinked, they would be anybody's.
        "coupon": Holding(Fate.KEPT, BOOKS, by=MEMBER),
        "birthday_coupon": Holding(
            Fate.UNLINKED, "what its coupon wasn't used for goes back", by=MEMBER, cleared=("member_id",)
        ),
        "coupon_use": Holding(Fate.KEPT, BOOKS, by=MEMBER),
        "top_up": Holding(Fate.KEPT, BOOKS, by=MEMBER),
        "top_up_refund": Holding(Fate.KEPT, BOOKS, by=MEMBER),
        "value_lot": Holding(Fate.KEPT, BOOKS, by=MEMBER),
        "lot_draw": Holding(Fate.KEPT, BOOKS, through=("lot_id", "value_lot")),
        "debt_write_off": Holding(Fate.KEPT, BOOKS, by=MEMBER),
        "member_notice": Holding(Fate.ERASED, "what they were told of their money", by=MEMBER),
        "provider_customer": Holding(Fate.ERASED, "whom the payment provider knows them as", by=MEMBER),
        "wallet_freeze": Holding(Fate.ERASED, "staff's words on them", by=MEMBER),
        "spending_limit": Holding(Fate.ERASED, "their own limits", by=MEMBER),
        # Exported as the wallet's statement.
        "ledger.accounts": Holding(Fate.KEPT, BOOKS, exported=False),
        "ledger.balances": Holding(Fate.KEPT, BOOKS, exported=False),
        "ledger.transfers": Holding(Fate.KEPT, BOOKS, exported=False),
        "ledger.entries": Holding(Fate.KEPT, BOOKS, exported=False),
        "ledger.holds": Holding(Fate.KEPT, BOOKS, exported=False),
        "ledger.refundable": Holding(Fate.KEPT, BOOKS, exported=False),
        "ledger.folds": NOTHING,
        "chain.logs": NOTHING,
        "chain.links": Holding(Fate.NOTHING_HELD, "digests of records, which hold digests of people"),
        # The mock keeps a payment provider's books here, which are another company's.
        "provider_mock_customer": Holding(Fate.KEPT, "another company's books", by=MEMBER, exported=False),
        "provider_mock_movement": Holding(Fate.KEPT, "another company's books", exported=False),
        "provider_mock_delivery": Holding(Fate.KEPT, "another company's books", exported=False),
        # The shop's own
        "access_point": NOTHING,
        "reader_counter": NOTHING,
        "access_point_reader": NOTHING,
        "access_profile": NOTHING,
        "alembic_version": NOTHING,
        "alert": Holding(Fate.NOTHING_HELD, "what to look at in a store: a tag, a slot, a device; never who"),
        "alert_sighting": Holding(Fate.NOTHING_HELD, "as the alert that it is counted in"),
        "alert_escalation": Holding(Fate.NOTHING_HELD, "which staff were called"),
        "escalation_plan": NOTHING,
        "on_call_list": NOTHING,
        "on_call_shift": Holding(Fate.NOTHING_HELD, "which staff are called when"),
        "attention_count": Holding(Fate.NOTHING_HELD, "how people looked at a product on a day, and not who"),
        "attention_places": Holding(
            Fate.NOTHING_HELD, "where in a picture people stand now, for a minute, and not who"
        ),
        "ban": Holding(
            Fate.NOTHING_HELD, "whom the shop has banned, member or not; it ends, and is erased, by its own rules"
        ),
        "ban_appeal": Holding(Fate.NOTHING_HELD, "what somebody said against a ban; goes with the ban"),
        "ban_face": Holding(Fate.NOTHING_HELD, "a banned person's photos and templates; they go with the ban"),
        "authentication_policy": NOTHING,
        "authentication_policy_version": NOTHING,
        "birthday_offer": NOTHING,
        "car": NOTHING,
        "car_model": NOTHING,
        "drive_rules": NOTHING,
        "machine_slot": NOTHING,
        "calibration": Holding(Fate.NOTHING_HELD, "a curve through the scores of hundreds of people and more"),
        "camera_state": Holding(Fate.NOTHING_HELD, "how a camera is and how its view is made; no picture"),
        "campaign": NOTHING,
        "closed_day": NOTHING,
        "code_guesses": NOTHING,
        "device": NOTHING,
        "device_channel": NOTHING,
        "device_command": Holding(Fate.NOTHING_HELD, "what staff told a device to do, show or say; it names nobody"),
        "device_event": Holding(Fate.NOTHING_HELD, "what a device's sensors saw, and not whom"),
        "device_sequence": NOTHING,
        "door_sensor": Holding(Fate.NOTHING_HELD, "how a door stands, and not who opened it"),
        "dining_policy": NOTHING,
        "dining_table": NOTHING,
        "earning_rule": NOTHING,
        "emergency": Holding(Fate.NOTHING_HELD, "that all doors were opened or shut, by which staff and why"),
        "erasure_receipt": Holding(Fate.NOTHING_HELD, "a receipt names nobody"),
        "garment": NOTHING,
        "gallery_sync": Holding(Fate.NOTHING_HELD, "how many references a device was given on a day, and not whose"),
        "gallery_version": NOTHING,
        "hour_sales": Holding(Fate.NOTHING_HELD, "what a store sold in an hour, and not to whom"),
        "interlock": NOTHING,
        "interlock_door": NOTHING,
        "house_rules": NOTHING,
        "lane_policy": NOTHING,
        "pairing": NOTHING,
        "upkeep_task": NOTHING,
        "pairing_guesses": Holding(Fate.NOTHING_HELD, "how many wrong codes came from an address, for minutes"),
        "patrol_finding": Holding(
            Fate.NOTHING_HELD, "that something was found: a visit's, gate's or tag's id, no name"
        ),
        "pickup_counter": NOTHING,
        "planogram": NOTHING,
        "menu_item": NOTHING,
        "offline_policy": NOTHING,
        "offline_queue": Holding(Fate.NOTHING_HELD, "how far a device's queue has come"),
        "presentation_challenge": Holding(Fate.NOTHING_HELD, "what a device asked somebody to do, for seconds"),
        "product": NOTHING,
        "product_neighbours": Holding(Fate.NOTHING_HELD, "what many people like together, of whom it knows none"),
        "product_popularity": Holding(Fate.NOTHING_HELD, "what many people buy in a store, and none of them"),
        "product_sales": Holding(Fate.NOTHING_HELD, "what a store sold of a product on a day, and not to whom"),
        "profile_rule": NOTHING,
        "reaction": NOTHING,
        "reaction_outcome": NOTHING,
        "restock": NOTHING,
        "review_mark": Holding(Fate.NOTHING_HELD, "how alike two faces were, and not whose or when"),
        "schedule": NOTHING,
        "seen_frame": Holding(Fate.NOTHING_HELD, "digests of frames, FACEPAY_REPLAY_DAYS long, and not whose"),
        "shelf_slot": NOTHING,
        "slot_product": NOTHING,
        "shelf_event": Holding(Fate.NOTHING_HELD, "what a shelf weighed, and not whose hand it was"),
        "shelf_motion": Holding(Fate.NOTHING_HELD, "that something moved before a slot, for a day"),
        "slot_scale": NOTHING,
        "slot_stock": NOTHING,
        "spent_nonce": NOTHING,
        "staff_account": NOTHING,
        "staff_action": Holding(Fate.KEPT, "who did what to whom, for whoever has to account for it", by=MEMBER),
        "staff_session": NOTHING,
        "stock": NOTHING,
        "store": NOTHING,
        "tier": NOTHING,
        "viewed_product": NOTHING,
        "watchlist_hit": Holding(Fate.NOTHING_HELD, "who looked like a banned person, for minutes; then only that"),
        "watchlist_view": Holding(Fate.NOTHING_HELD, "which of the staff looked at the watchlist, and what for"),
        "weather_report": NOTHING,
        "webhook_delivery": Holding(
            Fate.ERASED, "how it went to tell of their visits; of other events it is nobody's", through=OF_TOLD_VISIT
        ),
        "webhook_endpoint": NOTHING,
        "webhook_event": Holding(
            Fate.ERASED,
            "that a visit of theirs was told; all others hold ids and amounts of the shop's own",
            through=OF_TOLD_VISIT,
        ),
        "zone": NOTHING,
    }
)


class UndeclaredTable(LookupError):
    """Nobody has said what a table holds of a member."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"privacy/holdings.py doesn't list the table {name!r}: add a Holding that says which columns name a"
            " member, what erasing them does with the rows, and why (or NOTHING, where no row is about a member)"
        )


def holding_of(name: str) -> Holding:
    """Raises UndeclaredTable."""
    try:
        return HOLDINGS[name]
    except KeyError:
        raise UndeclaredTable(name) from None


def held_rows(table: Table, member_id: UUID) -> ColumnElement[bool]:
    """Which of a table's rows hold something of the member."""
    holding = holding_of(table.name)
    if holding.through is not None:
        column, name, *pointed = holding.through
        parent = Base.metadata.tables[name]
        (key,) = (parent.c[each] for each in pointed) if pointed else parent.primary_key
        return table.c[column].in_(select(key).where(held_rows(parent, member_id)))
    columns = [table.c[name] for name in holding.by]
    named = [
        column.contains([member_id]) if isinstance(column.type, ARRAY) else column == member_id for column in columns
    ]
    return or_(false(), *named)


def shown_columns(table: Table) -> list[ColumnElement[object]]:
    """What of a table's rows is shown to the member they are about."""
    hidden = holding_of(table.name).hidden
    return [
        column for column in table.columns if column.name not in hidden and not isinstance(column.type, LargeBinary)
    ]
