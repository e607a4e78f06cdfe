"""Webhooks go where they may: no name, number or redirect leads them into the shop's own network."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AnyHttpUrl

from facepay.webhooks.destinations import Destinations, UrlRefused, is_public
from facepay.webhooks.sending import ANSWER_BYTES_MAX, Reply, Sender
from tests.certificates import certificate_for, server_with
from tests.server import free_port
from tests.webhooks.receiver import Answer, Receiver, receiving

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PUBLIC = "93.184.215.14"


class Names:
    """A resolver that answers each time what comes next, and the last for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def sending(allowed: str = "", **parts: object) -> AsyncIterator[Sender]:
    sender = Sender(Destinations.from_text(allowed), connections_max=10, **parts)  # type: ignore[arg-type]
    try:
        yield sender
    finally:
        await sender.close()


async def post(sender: Sender, url: str) -> Reply:
    return await sender.send(url, headers={"webhook-id": "1"}, body=b"{}", now=NOW)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hooks",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fe80::1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://user:pass@shop.example/",
        "https://user@shop.example/",
        "https://shop.example:0/",
        "https://shop.example/#secret",
    ],
)
async def test_a_url_that_names_what_is_not_public_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        Destinations().check(AnyHttpUrl(url))
    async with sending() as sender:
        assert (await post(sender, url)).failure == "address_refused"


@pytest.mark.parametrize("url", ["https://shop.example/", "https://shop.example:8443/a?b=c", f"https://{PUBLIC}/"])
def test_a_url_that_names_what_is_public_is_taken(url: str) -> None:
    Destinations().check(AnyHttpUrl(url))


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        [PUBLIC, "10.0.0.1"],
        ["fd00::1"],
        ["fe80::1%1"],
        ["::ffff:192.168.0.1"],
        ["169.254.169.254"],
        [],
    ],
)
async def test_a_name_is_refused_for_any_one_of_its_addresses(addresses: list[str]) -> None:
    async with sending(resolve=Names(addresses)) as sender:
        reply = await post(sender, "https://rebound.example/")
    assert (reply.failure, reply.status) == ("address_refused", None)


async def test_this_machine_is_refused_by_its_real_name_too(receiver: Receiver) -> None:
    async with sending() as sender:
        assert (await post(sender, receiver.url(host="localhost", scheme="https"))).failure == "address_refused"
    assert receiver.heard == []


async def test_the_setting_allows_hosts_addresses_and_networks_also_without_tls(receiver: Receiver) -> None:
    for allowed, host in (("127.0.0.1", "127.0.0.1"), ("10.0.0.0/8, 127.0.0.0/8", "127.0.0.1"), ("Till", "till")):
        async with sending(allowed, resolve=Names(["127.0.0.1"])) as sender:
            assert (await post(sender, receiver.url(host=host))).succeeded
    assert len(receiver.heard) == 3
    async with sending("till", resolve=Names(["127.0.0.1"])) as sender:
        assert (await post(sender, receiver.url(host="other"))).failure == "address_refused"
    with pytest.raises(ValueError, match="does not appear to be"):
        Destinations.from_text("10.0.0.0/33")


@given(st.ip_addresses(v=6) | st.ip_addresses(v=4).map(lambda each: IPv6Address(f"::ffff:{each}")))
def test_an_address_within_another_is_judged_by_itself(address: IPv6Address) -> None:
    plain = address.ipv4_mapped or address
    if is_public(address):
        assert plain.is_global
        assert not plain.is_multicast
    if address.ipv4_mapped is not None:
        assert is_public(address) == is_public(address.ipv4_mapped)


def test_the_internet_as_an_ipv6_network_sees_it_is_public() -> None:
    assert is_public(IPv6Address(int(IPv6Address("64:ff9b::")) | int(IPv4Address(PUBLIC))))
    assert is_public(ip_address("2606:2800:21f:cb07:6820:80da:af6b:8b2c"))


async def test_the_connection_goes_to_the_address_that_was_checked_and_tls_asks_for_the_name(tmp_path: Path) -> None:
    """The name says something else from its second asking on, which nobody hears."""
    names = Names(["127.0.0.1"], ["169.254.169.254"])
    certificate, key = certificate_for("shop.test", tmp_path)
    authority, server = ssl.create_default_context(cafile=certificate), server_with(certificate, key)
    async with receiving(server) as receiver, sending("shop.test", resolve=names, tls=authority) as sender:
        assert (await post(sender, receiver.url(host="shop.test", scheme="https"))).succeeded
        assert names.asked == 1
        assert receiver.heard[0].headers["host"] == f"shop.test:{receiver.port}"
    names = Names(["127.0.0.1"])
    async with receiving(server) as receiver, sending("other.test", resolve=names, tls=authority) as sender:
        assert (await post(sender, receiver.url(host="other.test", scheme="https"))).failure == "tls_failed"
        assert receiver.heard == []


async def test_a_redirect_is_an_answer_like_any_other_and_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda heard: Answer(302, headers={"Location": receiver.url("/private")})
    async with sending("127.0.0.1") as sender:
        reply = await post(sender, receiver.url())
    assert (reply.status, reply.succeeded) == (302, False)
    assert [each.path for each in receiver.heard] == ["/hooks"]


async def test_who_never_answers_is_left_after_a_while(receiver: Receiver) -> None:
    receiver.open.clear()
    async with sending("127.0.0.1", whole_seconds_max=0.05) as sender:
        assert (await post(sender, receiver.url())).failure == "timeout"


async def test_who_never_stops_answering_is_heard_for_64_kb(receiver: Receiver) -> None:
    receiver.answer = lambda heard: Answer(200, endless=True)
    async with sending("127.0.0.1") as sender:
        reply = await post(sender, receiver.url())
    assert (reply.succeeded, len(reply.excerpt)) == (True, 500)
    assert ANSWER_BYTES_MAX == 65_536


async def test_a_name_that_takes_for_ever_to_resolve_is_left_after_a_while() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async with sending(resolve=never, connect_seconds_max=0.05) as sender:
        assert (await post(sender, "https://slow.example/")).failure == "timeout"


async def test_nobody_there_or_nobody_who_speaks_http_is_a_failure() -> None:
    async def gibberish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(gibberish, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, sending("127.0.0.1") as sender:
        assert (await post(sender, f"http://127.0.0.1:{port}/")).failure == "answer_unreadable"
        assert (await post(sender, f"http://127.0.0.1:{free_port()}/")).failure == "connection_failed"
    async with sending("127.0.0.1", resolve=Names(["127.0.0.2", "127.0.0.1"])) as sender:
        assert (await post(sender, f"http://127.0.0.1:{free_port()}/")).failure == "address_refused"
