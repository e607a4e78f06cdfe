"""Receipts by mail, through a server that speaks SMTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import httpx
import pytest
from sqlalchemy import text

from tests.conftest import Clock, OpenShop
from tests.shop import Shop

pytestmark = pytest.mark.anyio

ADDRESS = "wei+receipts@example.com"


class PostOffice:
    """Takes every mail that is handed in; `port` is where."""

    def __init__(self) -> None:
        self.port = 0
        self.envelopes: list[str] = []
        self.mails: list[EmailMessage] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 post.test\r\n")
        while line := (await reader.readline()).decode().strip():
            command = line.upper()
            if command.startswith("DATA"):
                writer.write(b"354 go on\r\n")
                body = (await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n")
                self.mails.append(message_from_bytes(body, policy=policy.default))
            elif command.startswith(("MAIL", "RCPT")):
                self.envelopes.append(line)
            writer.write(b"221 bye\r\n" if command.startswith("QUIT") else b"250 ok\r\n")
            if command.startswith("QUIT"):
                break
        writer.close()


@asynccontextmanager
async def post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice()
    async with await asyncio.start_server(office.serve, "127.0.0.1", 0) as server:
        office.port = server.sockets[0].getsockname()[1]
        yield office


async def paid(shop: Shop) -> str:
    member = await shop.add_member_without_face(balance=5_000)
    answer = await shop.pass_at_kiosk((await shop.issue_pass(member))["pass"], {"TEA-001": 2})
    assert answer.json()["decision"] == "paid"
    return str(answer.json()["checkout_id"])


async def ask_for(shop: Shop, checkout_id: str, *, email: str = ADDRESS, language: str = "en") -> httpx.Response:
    return await shop.client.post(
        f"/v1/kiosks/{shop.kiosk_id}/checkouts/{checkout_id}/receipts",
        json={"email": email, "language": language},
        headers=shop.kiosk,
    )


async def test_a_receipt_goes_to_an_address_that_is_kept_nowhere(
    open_shop: OpenShop, clock: Clock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with post_office() as office:
        shop = await open_shop(smtp_url=f"smtp://127.0.0.1:{office.port}?from=shop@example.com")
        checkout = await paid(shop)
        for language in ("en", "ko", "zh"):
            assert (await ask_for(shop, checkout, language=language)).status_code == 202
        assert [mail["Subject"] for mail in office.mails] == [
            "Your receipt from Xixi Road",
            "Xixi Road 영수증",
            "Xixi Road的购物小票",
        ]
        mail = office.mails[0]
        assert (mail["From"], mail["To"]) == ("shop@example.com", ADDRESS)
        content = mail.get_content()
        assert "tea-001\n    2 \N{MULTIPLICATION SIGN} CN¥4.50 = CN¥9.00" in content
        assert "Total: CN¥9.00" in content
        assert "Wei" not in content
        assert f"RCPT TO:<{ADDRESS}>" in office.envelopes
        enough = await ask_for(shop, checkout)
        assert (enough.status_code, enough.json()["code"]) == (409, "too_many_receipts")
        clock.ahead = timedelta(minutes=16)
        assert (await ask_for(shop, checkout)).json()["code"] == "no_receipt"
        assert len(office.mails) == 3
    async with shop.app.state.database.read() as session:
        dump = str((await session.execute(text("select checkout, device from checkout, device"))).all())
    assert ADDRESS not in dump + caplog.text + "".join(capsys.readouterr())


async def test_a_mail_server_that_is_gone_keeps_no_kiosk_waiting(
    open_shop: OpenShop, capsys: pytest.CaptureFixture[str]
) -> None:
    async with post_office() as office:
        gone = office.port
    shop = await open_shop(smtp_url=f"smtp://127.0.0.1:{gone}?from=shop@example.com")
    assert (await ask_for(shop, await paid(shop))).status_code == 202
    assert ADDRESS not in "".join(capsys.readouterr())


async def test_without_a_mail_server_nothing_is_promised(shop: Shop) -> None:
    assert (await ask_for(shop, await paid(shop))).json()["code"] == "mail_not_set_up"


async def test_what_is_no_address_is_refused(open_shop: OpenShop) -> None:
    shop = await open_shop(smtp_url="smtp://127.0.0.1:1?from=shop@example.com")
    for email in ("wei", "wei@", "a@b.cn\r\nBcc: c@example.com", "wei@example.com, li@example.com", "魏@example.com"):
        assert (await ask_for(shop, shop.kiosk_id, email=email)).status_code == 422, email


async def test_a_kiosk_mails_its_own_receipts_alone(open_shop: OpenShop) -> None:
    shop = await open_shop(smtp_url="smtp://127.0.0.1:1?from=shop@example.com")
    checkout = await paid(shop)
    shop.kiosk_id, shop.kiosk = await shop.add_device("kiosk")
    assert (await ask_for(shop, checkout)).json()["code"] == "no_receipt"
