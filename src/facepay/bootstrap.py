"""Everything the API needs around it: a database that is up and migrated, the master key, a payment provider."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from facepay.kernel.clock import Clock, utc_now
from facepay.kernel.database import Database
from facepay.kernel.embedded import EmbeddedPostgres
from facepay.kernel.secrets import MasterKey
from facepay.migrate import connect, migrate
from facepay.settings import Settings
from facepay.vision.engine import Engine, load_engine
from facepay.vision.frames import FrameLimits
from facepay.wallet.providers.mock import Behaviour, MockProvider

MASTER_KEY_FILE = "master.key"


@contextmanager
def with_database(settings: Settings) -> Iterator[Settings]:
    """Settings with the address of a running database; the embedded one, brought up to date, where none is set."""
    if settings.database_url is not None:
        yield settings
        return
    with EmbeddedPostgres(settings.data_dir / "postgres") as postgres:
        with connect(postgres.url(role="facepay_owner")) as connection:
            migrate(connection)
        yield settings.model_copy(update={"database_url": postgres.url()})


def master_key(settings: Settings) -> MasterKey:
    """From the settings, or from the data folder, where it's made the first time.

    `FACEPAY_MASTER_KEY` may name several, apart by commas: the first is in force, the others only open.
    """
    if settings.master_key is not None:
        return MasterKey.from_text(settings.master_key.get_secret_value())
    return MasterKey.from_file(settings.data_dir / MASTER_KEY_FILE)


def payment_provider(settings: Settings, database: Database, *, key: MasterKey, clock: Clock = utc_now) -> MockProvider:
    """The mock, as nasty as the settings want it."""
    behaviour = Behaviour(
        delay=timedelta(milliseconds=settings.provider_delay_ms),
        failure_rate=settings.provider_failure_rate,
        outage_rate=settings.provider_outage_rate,
        duplicate_rate=settings.provider_duplicate_rate,
        shuffle=settings.provider_shuffle,
        seed=settings.provider_seed,
    )
    return MockProvider(database, secret=key.derive("mock provider webhooks"), behaviour=behaviour, clock=clock)


def frame_limits(settings: Settings) -> FrameLimits:
    return FrameLimits(bytes_max=settings.frame_bytes_max, megapixels_max=settings.frame_megapixels_max)


def open_engine(settings: Settings) -> Engine:
    """The models, loaded here, or what asks a Ray cluster for what they say.

    A cluster that is away now is no error: it is asked with the first frame.
    Raises `packs.PackError`, `PassiveModelError` and `ExpressionModelError` for models that this process doesn't have.
    """
    limits = frame_limits(settings)
    liveness, expression = settings.liveness_model, settings.expression_model
    if settings.engine == "onnx":
        return load_engine(
            settings.model_pack,
            liveness_model=liveness,
            expression_model=expression,
            limits=limits,
            provider=settings.execution_provider,
        )
    from facepay.vision.packs import find_pack
    from facepay.vision.remote import EngineAddress, RemoteEngine
    from facepay.vision.wire import EngineIdentity

    return RemoteEngine(
        EngineAddress.parse(settings.engine),
        EngineIdentity.of(
            find_pack(settings.model_pack), liveness_model=liveness, expression_model=expression, limits=limits
        ),
        timeout_seconds=settings.engine_timeout_seconds,
        authority=settings.engine_authority,
    )
