"""Schemathesis reads /openapi.json and tries what nobody thought of, against a real HTTP server."""

from __future__ import annotations

from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests import Session
from schemathesis import APIOperation
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.conftest import LiveShop

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
EXAMPLES_EACH = 2


def test_no_request_breaks_the_contract(live_shop: LiveShop) -> None:
    schema = schemathesis.openapi.from_url(f"{live_shop.address}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 40
    with Session() as session:
        for operation in operations:
            headers = {"Authorization": f"Bearer {live_shop.token_for(operation.path)}"}
            hold_to_contract(operation, headers, session)


def hold_to_contract(operation: APIOperation[Any, Any, Any, Any], headers: dict[str, str], session: Session) -> None:
    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES_EACH,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def holds(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(headers=headers, session=session, checks=CHECKS)

    holds()
