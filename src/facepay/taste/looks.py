"""A burst from a camera: who looked at what. Members who agreed to it get it as theirs; all others are counted.

What was seen of anybody else ends with the request: their embeddings are compared, here as at a gate, and gone.
"""

from __future__ import annotations

from asyncio import gather
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from facepay.channel.sequences import note_sequence
from facepay.identity.policy import Match, Use
from facepay.identity.recognition import RecogniserOf
from facepay.identity.sighting import Sighting
from facepay.identity.standing import standing_member
from facepay.kernel.auth import Principal
from facepay.kernel.database import Db
from facepay.members.biometric_uses import Use as FaceUse
from facepay.members.biometric_uses import record_use
from facepay.presentation.examination import SWAP_FMR, examine
from facepay.recommender.consents import who_agreed
from facepay.recommender.preferences import Evidence, learn
from facepay.recommender.recommending import Recommendation, recommend
from facepay.settings import SettingsOf
from facepay.shelves.judging import happened_at
from facepay.stores.devices import Device, DeviceRole
from facepay.stores.stores import Store
from facepay.taste.counts import LATE_MAX, Tally, count
from facepay.taste.lookers import Burst, Looker, lookers_of
from facepay.taste.places import Place, keep_places, places_at, where_they_are, where_they_were
from facepay.taste.views import Viewed, ViewNotSet, view_of
from facepay.vision.attention import AREA_SHARE_MIN, follow
from facepay.vision.evidence import FrameEvidence

# Nobody is asked for more before a shelf, so the strictest of the searches decides.
USE: Use = "door"
# The nearest: each costs 10 ms a frame.
LOOKERS_MAX = 6
SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """`counted` is false where the burst came before, or too late. `shown` is for the nearest member who agreed."""

    counted: bool
    lookers: int
    skus: tuple[str, ...]
    shown: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True)
class _Scene:
    """The device's view, how far its clock is ahead, and its store's time zone."""

    view: Sequence[Viewed]
    skew_ms: int
    time_zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class _Moment:
    began_at: datetime
    ended_at: datetime
    now: datetime

    @property
    def is_late(self) -> bool:
        return self.now - self.began_at > LATE_MAX


@dataclass(frozen=True, slots=True)
class Audience:
    """The people before a shelf or a display, as its camera sees them."""

    database: Db
    recogniser: RecogniserOf
    settings: SettingsOf

    async def see(self, burst: Burst, *, device: Principal, now: datetime) -> Seen:
        """Raises ViewNotSet, TooManyGaps, vision's problems with the frames, and Overloaded."""
        async with self.database.begin() as session:
            scene = await _scene(session, device.id)
        moment = _moment(burst, scene.skew_ms, now)
        lookers, evidences = await self._lookers(burst, scene.view)
        known = await self._recognise(lookers, evidences, device, now)
        async with self.database.begin() as session:
            noted = await note_sequence(
                session, device_id=device.id, run=burst.run, sequences=[burst.sequence], now=now, series="look"
            )
            counted = bool(noted.fresh) and not moment.is_late
            places = await places_at(session, device_id=device.id, now=now) if counted else ()
            agreed = await _agreed(session, known, before=moment.began_at, now=now) if self.settings.profiling else {}
            _record_uses(session, agreed, device, now)
            if counted:
                await self._keep(session, device, scene, moment, lookers, agreed, places)
        shown = await self._suggest(agreed, device, now)
        skus = {viewed.product_id: viewed.sku for viewed in scene.view}
        looked_at = {product_id for looker in lookers for product_id in looker.looks}
        return Seen(counted, len(lookers), tuple(sorted(skus[each] for each in looked_at)), tuple(shown))

    async def _lookers(self, burst: Burst, view: Sequence[Viewed]) -> tuple[list[Looker], list[FrameEvidence]]:
        recogniser = self.recogniser
        evidences, _ = await gather(
            recogniser.inference.analyse_burst(
                burst.frames, embed=LOOKERS_MAX, area_share_min=AREA_SHARE_MIN, points=True, can_wait=True
            ),
            recogniser.catch_up(USE),
        )
        for evidence in evidences:
            recogniser.metrics.observe_stages(evidence.timings_ms, ended_ns=evidence.ended_ns)
        tracks = follow(evidences, same_person_cosine_min=recogniser.calibration.similarity_at(SWAP_FMR))
        return lookers_of(tracks, evidences, view=view, interval_ms=burst.interval_ms), evidences

    async def _recognise(
        self, lookers: Sequence[Looker], evidences: Sequence[FrameEvidence], device: Principal, now: datetime
    ) -> dict[int, Match]:
        """Members by the index of their looker; nobody whom two lookers are taken for, since one of them isn't, and
        nobody who may be a picture.
        """
        found: dict[int, tuple[Match, Sighting]] = {}
        for index, looker in enumerate(lookers):
            alone = [replace(evidences[number], faces=(face,), timings_ms={}) for number, face in looker.track.views]
            sighting = await self.recogniser.judge(alone, device=device, use=USE)
            if isinstance(sighting.outcome, Match):
                found[index] = sighting.outcome, sighting
        times = Counter(match.member_id for match, _ in found.values())
        return {
            index: match
            for index, (match, sighting) in found.items()
            if times[match.member_id] == 1 and await self._is_live(sighting, device, now)
        }

    async def _is_live(self, sighting: Sighting, device: Principal, now: datetime) -> bool:
        """By what the device requires. Whoever passes by is asked for nothing, and no frame is remembered: where it
        takes that, nobody is recognised.
        """
        if not device.presentation_checks:
            return True
        async with self.database.read() as session:
            attack = await examine(
                session,
                device=device,
                evidences=sighting.evidences,
                challenge_id=None,
                now=now,
                settings=self.settings,
                calibration=sighting.calibration,
            )
        return attack is None

    async def _keep(
        self,
        session: AsyncSession,
        device: Principal,
        scene: _Scene,
        moment: _Moment,
        lookers: Sequence[Looker],
        agreed: Mapping[int, Match],
        places: Sequence[Place],
    ) -> None:
        """What members looked at as theirs, in the order of their ids; everybody, members too, in the counts."""
        before = where_they_were(places, lookers, began_at=moment.began_at)
        half_life = timedelta(days=self.settings.taste_half_life_days)
        for index, match in sorted(agreed.items(), key=lambda each: each[1].member_id):
            evidence = _evidence(lookers[index], moment)
            await learn(session, member_id=match.member_id, evidence=evidence, half_life=half_life)
        tallies = _tallies(lookers, before, agreed)
        day = moment.began_at.astimezone(scene.time_zone).date()
        await count(session, store_id=device.store, day=day, tallies=tallies)
        after = where_they_are(places, lookers, before, ended_at=moment.ended_at)
        await keep_places(session, device_id=device.id, places=after)

    async def _suggest(self, agreed: Mapping[int, Match], device: Principal, now: datetime) -> Sequence[Recommendation]:
        """On a display, to the nearest of them; nobody's row is held meanwhile."""
        if device.role != DeviceRole.DISPLAY or not agreed:
            return ()
        async with self.database.read() as session:
            return await recommend(
                session,
                member_id=agreed[min(agreed)].member_id,
                store_id=device.store,
                limit=SHOWN_MAX,
                settings=self.settings,
                now=now,
            )


async def _scene(session: AsyncSession, device_id: UUID) -> _Scene:
    view = await view_of(session, device_id=device_id)
    if not view:
        raise ViewNotSet("Nobody has said yet what is to be seen at this device.")
    row = await session.execute(
        select(Device.clock_skew_ms, Store.timezone)
        .join(Store, Store.id == Device.store_id)
        .where(Device.id == device_id)
    )
    skew_ms, time_zone = row.one()
    return _Scene(view, skew_ms or 0, ZoneInfo(time_zone))


def _moment(burst: Burst, skew_ms: int, now: datetime) -> _Moment:
    """A burst is over before it is told of, whatever the device's clock says."""
    lasted = timedelta(milliseconds=burst.duration_ms)
    began_at = min(happened_at(burst.captured_at, skew_ms=skew_ms, now=now), now - lasted)
    return _Moment(began_at, began_at + lasted, now)


async def _agreed(
    session: AsyncSession, known: Mapping[int, Match], *, before: datetime, now: datetime
) -> dict[int, Match]:
    """Those who agreed, held against withdrawal until the transaction ends. Of the others nothing is written, not even
    that they were recognised. Whoever has a lookalike, or is watched, may be somebody else.
    """
    ids = {match.member_id for match in known.values()}
    candidates = await who_agreed(session, member_ids=ids, before=before) if ids else set()
    sure = set()
    for member_id in sorted(candidates):
        standing = await standing_member(session, member_id=member_id, now=now, alone=False)
        if standing is not None and not standing.has_lookalikes and not standing.is_watched:
            sure.add(member_id)
    # Asked again: one may have withdrawn while this waited for their row.
    still = await who_agreed(session, member_ids=sure, before=before) if sure else set()
    return {index: match for index, match in known.items() if match.member_id in still}


def _record_uses(session: AsyncSession, agreed: Mapping[int, Match], device: Principal, now: datetime) -> None:
    for match in agreed.values():
        record_use(
            session,
            member_id=match.member_id,
            use=FaceUse.RECOGNISED,
            actor=f"device:{device.id}",
            reference_id=device.id,
            similarity=match.similarity,
            now=now,
        )


def _evidence(looker: Looker, moment: _Moment) -> list[Evidence]:
    return [
        Evidence(product_id, moment.began_at, moment.ended_at, look.attention_ms, look.smile_ms, look.smile)
        for product_id, look in looker.looks.items()
    ]


def _tallies(
    lookers: Sequence[Looker], before: Sequence[Place | None], agreed: Mapping[int, Match]
) -> dict[UUID, Tally]:
    """A look is counted when it begins, its time as it goes on: also while they stand there and look elsewhere."""
    tallies: dict[UUID, Tally] = {}
    for index, (looker, place) in enumerate(zip(lookers, before, strict=True)):
        known, smiled = (place.looked_at, place.smiled_at) if place else (frozenset(), frozenset())
        for product_id in known | looker.looks.keys():
            tally, look = tallies.setdefault(product_id, Tally()), looker.looks.get(product_id)
            tally.dwell_ms += looker.dwell_ms
            if product_id not in known:
                tally.looks += 1
                tally.others += index not in agreed
            if look is not None:
                tally.attention_ms += look.attention_ms
                tally.smiles += look.smiled and product_id not in smiled
    return tallies
