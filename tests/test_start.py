"""A process that has just started: pages and whatever recognises nobody at once, faces once the models are there."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

import pytest

from facepay.app import create_app
from facepay.vision.engine import Engine
from facepay.vision.liveness.passive import PassiveModelError
from tests.conftest import OpenShop, client_of, settings_for

pytestmark = pytest.mark.anyio


async def test_a_shop_that_has_just_started_recognises_nobody_until_its_models_are_loaded(
    open_shop: OpenShop, database_url: str, engine: Engine
) -> None:
    shop = await open_shop()
    loading: Future[Engine] = Future()
    app = create_app(settings_for(database_url), engine=loading)
    async with app.router.lifespan_context(app), client_of(app) as client:
        starting = await shop.reached_by(client)
        for path in ("/livez", "/docs", "/console/sign-in", "/kiosk"):
            assert (await client.get(path)).status_code == 200
        readiness = await client.get("/readyz")
        assert (readiness.status_code, readiness.json()["checks"]["models"]) == (503, "loading")
        refused = await starting.at_gate(0)
        assert (refused.status_code, refused.json()["code"]) == (503, "starting")
        assert int(refused.headers["retry-after"]) > 0
        loading.set_result(engine)
        async with asyncio.timeout(10):
            while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110  nothing tells us
                await asyncio.sleep(0.01)
        assert (await starting.at_gate(0)).status_code == 200


def test_a_process_whose_models_cannot_be_loaded_ends_and_says_why(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loading: Future[Engine] = Future()
    app = create_app(settings_for(database_url), engine=loading)
    loading.set_exception(PassiveModelError("There is no liveness model at /nowhere."))

    async def serve() -> None:
        async with app.router.lifespan_context(app):
            await asyncio.sleep(60)

    with pytest.raises(SystemExit) as ended:
        asyncio.run(serve())
    assert ended.value.code == 3
    assert "There is no liveness model at /nowhere." in capsys.readouterr().out
