"""The types of events in the API's own documentation, among its webhooks."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, create_model

from facepay.webhooks.events import EventType

SIGNED = "Signed as Standard Webhooks asks; any answer from 200 to 299 says that it was heard."


@cache
def described(types: tuple[EventType[Any], ...]) -> APIRouter:
    """Each type as one of an app's `webhooks`; worked out once a process, however many apps have these types."""
    webhooks = APIRouter()
    for each in types:
        webhooks.add_api_route(
            each.name,
            _heard(_message(each)),
            methods=["POST"],
            status_code=204,
            summary=each.name,
            description=f"{each.words} {SIGNED}",
            tags=["webhooks"],
        )
    return webhooks


def _message(of: EventType[Any]) -> type[BaseModel]:
    name = "".join(part.capitalize() for part in of.name.replace(".", "_").split("_"))
    fields: dict[str, Any] = {"type": Literal[of.name], "timestamp": datetime, "data": of.payload}
    message: type[BaseModel] = create_model(name, **fields)
    return message


def _heard(message: type[BaseModel]) -> Any:
    """What the receiver would be, were it ours."""

    async def heard(body: BaseModel) -> None: ...

    heard.__annotations__["body"] = message
    return heard
