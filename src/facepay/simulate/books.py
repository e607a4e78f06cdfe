"""Whether money went where the answers say: what people were told against what the server has written down."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from facepay.client import shop
from facepay.simulate.opening import MONEY, Opened


@dataclass(frozen=True, slots=True)
class Books:
    """`taken` is in minor units."""

    paid: int
    orders: int
    wallets: int
    taken: int
    faults: tuple[str, ...]


async def proved(opened: Opened) -> Books:
    """Every paid answer is one order with its total, no order was paid for that nobody heard of, and every wallet is
    short of exactly what its member was told. A payment whose answer never came may have an order or none.
    """
    record, faults = opened.crowd.record, list[str]()
    told = {answer.order.id: answer.order for answer in record.paid if answer.order}
    listed = {order.id: order async for order in opened.staff.all(shop.orders(store_id=opened.store_id))}
    if len(told) != len(record.paid):
        faults.append(f"{len(record.paid)} payments were answered with {len(told)} orders")
    if missing := told.keys() - listed.keys():
        faults.append(f"{len(missing)} paid orders are not on the server")
    if changed := [each for each in told.keys() & listed.keys() if told[each].total != listed[each].total]:
        faults.append(f"{len(changed)} orders have another total than was answered")
    unheard = listed.keys() - told.keys()
    if len(unheard) > record.unknown:
        faults.append(f"{len(unheard)} orders nobody was told of, and {record.unknown} answers that never came")
    spent: Counter[UUID] = Counter()
    for order in listed.values():
        spent[order.member_id] += order.total
    members = [person for person in opened.crowd.people if person.member_id]
    for person in members:
        assert person.member_id
        left = (await opened.staff(shop.wallet(person.member_id))).posted
        if left != MONEY[person.kind] - spent[person.member_id]:
            faults.append(
                f"{person.name} has {left} left of {MONEY[person.kind]}, and bought for {spent[person.member_id]}"
            )
    return Books(len(record.paid), len(listed), len(members), spent.total(), tuple(faults))
