"""Where webhooks may go. Staff name the URL, so it must not reach what only this machine or its network can."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore
from pydantic import AnyHttpUrl

from facepay.kernel.errors import Problem

HOST_NAME = re.compile(r"(?!.*\.\d+$)[a-z0-9_-][a-z0-9._-]*")  # an address ends in a number
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the IPv4 Internet, as an IPv6 network sees it
Address = IPv4Address | IPv6Address
# A host's addresses.
Resolve = Callable[[str, int], Awaitable[list[str]]]


class UrlRefused(Problem):
    """Webhooks go by https to public addresses, and where FACEPAY_WEBHOOK_PRIVATE_HOSTS allows."""

    status = 422
    code = "webhook_url_refused"
    title = "Webhooks can't be sent there"


class AddressRefused(Exception):
    """The host has an address that webhooks may not be sent to."""


@dataclass(frozen=True, slots=True)
class Destinations:
    """`hosts` and `networks` are allowed besides, and by http too."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Destinations:
        """Host names, addresses and networks (`10.0.0.0/8`), apart by commas. Raises ValueError for a bad network."""
        parts = [part.strip().lower() for part in text.split(",") if part.strip()]
        hosts = frozenset(part for part in parts if HOST_NAME.fullmatch(part))
        return cls(hosts, tuple(ip_network(part) for part in parts if part not in hosts))

    def check(self, url: AnyHttpUrl) -> None:
        """What can be told without resolving the host. Raises UrlRefused."""
        host = (url.host or "").strip("[]")
        if url.username is not None or url.password is not None:
            raise UrlRefused("The URL must not hold a user name or a password.")
        if url.fragment is not None or url.port == 0:
            raise UrlRefused("The URL must have neither a fragment nor the port 0.")
        address: Address | None = None
        with suppress(ValueError):
            address = ip_address(host)
        if address is not None and not self.allow(host, address):
            raise UrlRefused("The URL names an address that isn't public.")
        if url.scheme != "https" and not self._is_named(host, address):
            raise UrlRefused("The URL must begin with https.")

    def allow(self, host: str, address: Address) -> bool:
        """Whether a host may be reached at this address, which it has or is."""
        return self._is_named(host, address) or is_public(address)

    def _is_named(self, host: str, address: Address | None) -> bool:
        if address is None:
            return host in self.hosts
        return host in self.hosts or any(_plain(address) in network for network in self.networks)


def is_public(address: Address) -> bool:
    """Whether it is an address of one machine on the Internet, and of no network within ours."""
    plain = _plain(address)
    if isinstance(plain, IPv6Address) and (plain.is_site_local or plain.sixtofour or plain.teredo):
        return False
    return plain.is_global and not plain.is_multicast and not plain.is_reserved


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


async def resolve(host: str, port: int) -> list[str]:
    """Raises OSError (`socket.gaierror`)."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a host once, checks every address, and connects to one that was checked: a name that says something
    else a moment later changes nothing. TLS still asks for a certificate of the name.
    """

    def __init__(self, destinations: Destinations, resolve: Resolve) -> None:
        self._destinations, self._resolve = destinations, resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (httpcore's interface)
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises AddressRefused, and httpcore's ConnectError and ConnectTimeout."""
        try:
            async with asyncio.timeout(timeout):
                return await self._connect(host, port, socket_options)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error

    async def _connect(
        self, host: str, port: int, socket_options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> httpcore.AsyncNetworkStream:
        addresses = [ip_address(each) for each in await self._resolve(host, port)]
        if not addresses or not all(self._destinations.allow(host, each) for each in addresses):
            raise AddressRefused
        *others, last = map(str, addresses)
        for address in others:
            with suppress(httpcore.ConnectError):
                return await self._network.connect_tcp(address, port, socket_options=socket_options)
        return await self._network.connect_tcp(last, port, socket_options=socket_options)
