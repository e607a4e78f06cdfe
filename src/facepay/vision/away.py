"""Why an engine on other machines doesn't answer. Apart from `remote`, so that routes can name them for free."""

from __future__ import annotations

from facepay.kernel.errors import Problem


class EngineUnavailable(Problem):
    """Nobody recognises faces now: no machine of the engine's answers. Nothing has been done."""

    status = 503
    code = "engine_unavailable"
    title = "Recognition is away"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": "2"})


class EngineMismatch(Problem):
    """The engine that answers has other models, limits or another version than this process: it isn't asked."""

    status = 503
    code = "engine_mismatch"
    title = "Another engine than expected"

    def __init__(self, differences: list[str]) -> None:
        super().__init__(
            "The engine was deployed with other settings or another version than this process has.",
            headers={"Retry-After": "30"},
            differences=differences,
        )
