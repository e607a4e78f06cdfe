"""Lists come in pages; a cursor is where the next page starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
U = TypeVar("U")


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


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """A page's rows, before what they are shown as is looked up for all of them at once."""

    rows: Sequence[T]
    next_cursor: UUID | None

    def shown(self, items: Sequence[U]) -> Page[U]:
        """One for each row."""
        return Page(items=list(items), next_cursor=self.next_cursor)


async def rows_of_page(
    session: AsyncSession,
    query: Select[T],
    *,
    by: InstrumentedAttribute[UUID],
    paging: PageQuery,
    oldest_first: bool = False,
) -> Rows[T]:
    """The rows of `query` after the cursor, from the newest on unless it is said otherwise.

    `by` is its UUIDv7, unique and in time order.
    """
    if paging.cursor is not None:
        query = query.where(by > paging.cursor if oldest_first else by < paging.cursor)
    order = by.asc() if oldest_first else by.desc()
    rows = (await session.scalars(query.order_by(order).limit(paging.limit + 1))).all()
    more = len(rows) > paging.limit
    rows = rows[: paging.limit]
    return Rows(rows, getattr(rows[-1], by.key) if more else None)


async def page(
    session: AsyncSession,
    query: Select[Any],
    *,
    by: InstrumentedAttribute[UUID],
    paging: PageQuery,
    show: Callable[[Any], U],
    oldest_first: bool = False,
) -> Page[U]:
    """`rows_of_page`, each shown by itself."""
    found = await rows_of_page(session, query, by=by, paging=paging, oldest_first=oldest_first)
    return found.shown([show(row) for row in found.rows])
