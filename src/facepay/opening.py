"""Recognition opens: models, gallery and watchlist on the app's state, beside the pages that need none of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from contextlib import AsyncExitStack

import structlog
from starlette.datastructures import State

from facepay.bootstrap import frame_limits, open_engine
from facepay.calibration.versions import CalibrationKeeper
from facepay.entrance.edge_galleries import may_hold
from facepay.identity.narrowing import HomeRegions
from facepay.identity.recognition import Recogniser
from facepay.settings import Settings
from facepay.templates.area import area_of
from facepay.templates.gallery import Gallery
from facepay.templates.keeper import GalleryKeeper, progress_in_log
from facepay.templates.memory_gallery import MemoryGallery
from facepay.templates.milvus import GalleryUnavailable
from facepay.templates.milvus_gallery import MilvusGallery
from facepay.templates.protection import Protection
from facepay.vision.engine import Engine
from facepay.vision.pool import InferencePool
from facepay.watchlist.gallery import keeper_of
from facepay.watchlist.lookout import Likeness, Lookout

log = structlog.get_logger()
STARTUP_FAILURE = 3  # as of uvicorn, where a lifespan fails


async def recognise_once_loaded(
    state: State, settings: Settings, loading: Future[Engine] | None, stack: AsyncExitStack
) -> None:
    """Pages are served meanwhile. A process whose models or gallery can't be opened ends, and says why."""
    try:
        at_work = asyncio.wrap_future(loading) if loading else asyncio.to_thread(open_engine, settings)
        engine = await at_work
        stack.callback(engine.close)
        await open_recognition(state, settings, engine, stack)
    except Exception as error:
        log.critical("not_started", error=type(error).__name__, why=str(error))
        raise SystemExit(STARTUP_FAILURE) from error
    await state.gallery_keeper.listen(state.database, state.hub)


async def open_recognition(state: State, settings: Settings, engine: Engine, stack: AsyncExitStack) -> None:
    workers = settings.inference_workers if settings.engine == "onnx" else settings.engine_in_flight_max
    state.inference = InferencePool(engine, workers=workers, queue_max=settings.inference_queue_max)
    stack.callback(state.inference.close)
    protection = Protection(state.master_key)
    state.gallery = _gallery_of(settings, protection, engine, stack)
    state.gallery_keeper = GalleryKeeper(gallery=state.gallery, protection=protection, pack=engine.pack)
    await _load_gallery(state)
    lookout = Lookout(
        database=state.database,
        likeness=Likeness(
            banned=keeper_of(state.watchlist_protection, pack=engine.pack),
            members=state.gallery_keeper,
            settings=settings,
        ),
        limits=frame_limits(settings),
        clock=state.clock,
    )
    state.recogniser = Recogniser(
        database=state.database,
        inference=state.inference,
        keeper=state.gallery_keeper,
        calibrations=CalibrationKeeper.of(engine.pack),
        settings=settings,
        metrics=state.metrics,
        regions=HomeRegions(state.clock),
        may_hold=may_hold,
        look_out=lookout if settings.watchlist else None,
    )
    log.info("ready", pack=engine.pack, templates=state.gallery.size)


def _gallery_of(settings: Settings, protection: Protection, engine: Engine, stack: AsyncExitStack) -> Gallery:
    if settings.gallery == "memory":
        return MemoryGallery(protection.rotate, area_of(f"{engine.pack} {protection.key_id}"))
    gallery = MilvusGallery.of(settings, protection, pack=engine.pack, dimensions=engine.embedding_dim)
    stack.push_async_callback(asyncio.to_thread, gallery.close)
    return gallery


async def _load_gallery(state: State) -> None:
    """A shop opens without Milvus: whoever is to be recognised before it is back gets its 503."""
    try:
        if isinstance(state.gallery, MilvusGallery):
            await asyncio.to_thread(state.gallery.open)
        await state.gallery_keeper.load(state.database, progress=progress_in_log())
    except GalleryUnavailable as unavailable:
        log.warning("gallery_not_loaded", why=str(unavailable))
