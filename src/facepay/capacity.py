"""How many cores, how much memory and disk a chain needs: from what one entry and one sale cost, as it was measured.

The costs are those of `python -m benchmarks.capacity` on 2 cores of an Intel Xeon with the default pack;
docs/capacity.md says how they were measured, and what the model leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

DAY_SECONDS = 86_400
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Chain:
    """`visits` and `sales` are a store's on a usual day; `peak` is how many times a day's mean second the busiest is.

    A gate searches the faces of one of `regions`, in which members are at home. `frames` are those looked at for one
    decision; `used` is what share of a core may be at work then.
    """

    stores: int
    members: int
    visits: int = 1_000
    sales: int = 800
    peak: float = 4.0
    regions: int = 1
    frames: float = 1.2
    used: float = 0.6

    @property
    def visits_a_second(self) -> float:
        return self.stores * self.visits * self.peak / DAY_SECONDS

    @property
    def sales_a_second(self) -> float:
        return self.stores * self.sales * self.peak / DAY_SECONDS

    @property
    def decisions_a_second(self) -> float:
        """A visit is an entry and an exit."""
        return 2 * self.visits_a_second


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time in milliseconds of one core, WAL and disk in bytes; a pass is an entry or an exit.

    What is kept on disk for a year is worked out from the sizes of the rows that each leaves; the rest was measured.
    """

    frame_ms: float = 52.0
    search_ms_per_million: float = 8.0
    pass_app_ms: float = 17.0
    sale_app_ms: float = 25.0
    pass_postgres_ms: float = 4.0
    sale_postgres_ms: float = 6.3
    pass_wal: int = 5_600
    sale_wal: int = 12_400
    pass_disk: int = 760
    sale_disk: int = 2_700
    member_disk: int = 3_700
    template_memory: int = 600
    worker_memory: int = 413_000_000


@dataclass(frozen=True, slots=True)
class Hardware:
    """`gpu_frames_a_second` is nothing that was measured here: put in what yours does."""

    machine_cores_max: int = 32
    postgres_cores: int = 16
    postgres_disk: int = 4_000_000_000_000
    gpu_frames_a_second: float = 1_000.0


@dataclass(frozen=True, slots=True)
class Need:
    """One line of the answer: what is needed, and how that came about."""

    what: str
    amount: float
    unit: str
    why: str


def needs(chain: Chain, costs: Costs = Costs(), hardware: Hardware = Hardware()) -> list[Need]:
    frames = (chain.decisions_a_second + chain.sales_a_second) * chain.frames
    models = frames * costs.frame_ms / 1000 / chain.used
    at_home = chain.members / chain.regions
    # A sale is of somebody inside: only gates look through everybody.
    searches = chain.decisions_a_second * chain.frames
    search = searches * costs.search_ms_per_million * at_home / 1e9 / chain.used
    app = _per_second(chain, costs.pass_app_ms, costs.sale_app_ms) / 1000 / chain.used
    # A machine holds one copy of its region's faces, so each region has machines of its own, and may lose one of them.
    in_region = (models + search + app) / chain.regions
    needed = ceil(in_region / hardware.machine_cores_max)
    cores = ceil(in_region / needed)
    memory = at_home * costs.template_memory + cores * costs.worker_memory
    return [
        Need("decisions at the peak", chain.decisions_a_second, "/s", "stores x visits x 2 x peak / 86400 s"),
        Need("sales at the peak", chain.sales_a_second, "/s", "stores x sales x peak / 86400 s"),
        Need("frames at the peak", frames, "/s", f"(decisions + sales) x {chain.frames:g} frames"),
        Need("cores for models", models, "", f"frames x {costs.frame_ms:g} ms / {chain.used:g}"),
        Need("cores for searches", search, "", f"{costs.search_ms_per_million:g} ms a million of {at_home:,.0f} faces"),
        Need("cores for the app", app, "", f"{costs.pass_app_ms:g} ms a decision, {costs.sale_app_ms:g} ms a sale"),
        Need("machines", chain.regions * (needed + 1), "", "of each region one more than work then"),
        Need("cores of a machine", cores, "", f"{hardware.machine_cores_max} at most"),
        Need("memory of a machine", memory / 1e9, "GB", f"{costs.template_memory} B a face, and a worker a core"),
        Need(
            "GPUs instead of cores for models",
            ceil(frames / chain.used / hardware.gpu_frames_a_second),
            "",
            f"at {hardware.gpu_frames_a_second:,.0f} frames/s each, which was not measured",
        ),
        *_postgres(chain, costs, hardware),
    ]


def _postgres(chain: Chain, costs: Costs, hardware: Hardware) -> list[Need]:
    cores = _per_second(chain, costs.pass_postgres_ms, costs.sale_postgres_ms) / 1000 / chain.used
    wal = _per_second(chain, costs.pass_wal, costs.sale_wal)
    a_year = YEAR_DAYS * chain.stores * (2 * chain.visits * costs.pass_disk + chain.sales * costs.sale_disk)
    shards = max(ceil(cores / hardware.postgres_cores), ceil(a_year / hardware.postgres_disk))
    of_members = chain.members * costs.member_disk
    return [
        Need(
            "cores for Postgres",
            cores,
            "",
            f"{costs.pass_postgres_ms:g} ms a decision, {costs.sale_postgres_ms:g} ms a sale",
        ),
        Need("WAL at the peak", wal / 1e6, "MB/s", f"{costs.pass_wal:,} B a decision, {costs.sale_wal:,} B a sale"),
        Need("disk for members", of_members / 1e9, "GB", f"{costs.member_disk:,} B a member"),
        Need(
            "disk a year", a_year / 1e12, "TB", f"{costs.pass_disk:,} B a decision, {costs.sale_disk:,} B a sale, kept"
        ),
        Need(
            "Postgres shards",
            shards,
            "",
            f"of {hardware.postgres_cores} cores and {hardware.postgres_disk / 1e12:g} TB for a year; each twice",
        ),
    ]


def _per_second(chain: Chain, of_pass: float, of_sale: float) -> float:
    return chain.decisions_a_second * of_pass + chain.sales_a_second * of_sale
