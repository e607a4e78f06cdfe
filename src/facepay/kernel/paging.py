"""Lists come in pages; a cursor is where the next page starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, BaseModel
from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from facepay.kernel.schemas import printable

PAGE_MAX = 200
T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_cursor: UUID | None = None


class PageQuery(BaseModel):
    limit: int
    cursor: UUID | None


def _page_query(
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="Rows a page.")] = 50,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
) -> PageQuery:
    return PageQuery(limit=limit, cursor=cursor)


Paging = Annotated[PageQuery, Depends(_page_query)]
# What a list is searched for; an empty search box finds everything.
SearchText = Annotated[str, Query(max_length=100), AfterValidator(printable)]


async def page(
    session: AsyncSession,
    query: Select[Any],
    *,
    by: InstrumentedAttribute[UUID],
    paging: PageQuery,
    show: Callable[[Any], T],
    oldest_first: bool = False,
) -> Page[T]:
    """The rows of `query` after the cursor, from the newest on unless it is said otherwise.

    `by` is its UUIDv7, unique and in time order.
    """
    if paging.cursor is not None:
        query = query.where(by > paging.cursor if oldest_first else by < paging.cursor)
    order = by.asc() if oldest_first else by.desc()
    rows: list[Any] = list(await session.scalars(query.order_by(order).limit(paging.limit + 1)))
    shown = rows[: paging.limit]
    more = len(rows) > paging.limit
    return Page(items=[show(row) for row in shown], next_cursor=getattr(shown[-1], by.key) if more else None)
