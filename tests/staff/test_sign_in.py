from __future__ import annotations

import asyncio
import base64
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from fastapi import FastAPI

from facepay.kernel.auth import SCOPES
from facepay.kernel.passwords import PasswordHasher
from facepay.kernel.secrets import MasterKey
from tests.answers import verdict
from tests.conftest import Clock, OpenApp, client_of
from tests.shop import PASSWORD

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]
WRONG = (401, "wrong_credentials")


async def sign_in(client: httpx.AsyncClient, username: str = "owner", password: str = PASSWORD, **form: str) -> Any:
    return await client.post("/v1/auth/token", data={"username": username, "password": password} | form)


async def me(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})


async def test_the_first_owner_signs_in_as_oauth2_says(client: httpx.AsyncClient) -> None:
    response = await sign_in(client, username="OWNER", grant_type="password")
    answer = response.json()
    assert response.headers["cache-control"] == "no-store"
    assert (answer["token_type"], answer["expires_in"]) == ("bearer", 3600)
    assert set(answer["scope"].split()) == set(SCOPES)
    seen = (await me(client, answer["access_token"])).json()
    assert (seen["username"], seen["role"], seen["scopes"]) == ("owner", "owner", sorted(SCOPES))


async def test_a_token_may_ask_for_less_but_never_for_more(client: httpx.AsyncClient) -> None:
    answer = (await sign_in(client, scope="members:read gate:decide account:own")).json()
    assert answer["scope"] == "account:own members:read"
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert (await client.get("/v1/members", headers=headers)).is_success
    refused = await client.get("/v1/products", headers=headers)
    assert verdict(refused) == (403, "insufficient_scope")
    assert refused.json()["missing_scopes"] == ["catalog:read"]
    none = await sign_in(client, scope="everything")
    assert (verdict(none), none.json()["error"]) == ((400, "invalid_scope"), "invalid_scope")


async def test_wrong_credentials_get_one_answer_whatever_is_wrong(client: httpx.AsyncClient) -> None:
    problems = []
    for username, password in [
        ("owner", "not the pass phrase"),
        ("nobody", PASSWORD),
        ("a\0b", PASSWORD),
        ("owner ' or 1=1 --", PASSWORD),
        ("所有者", "\N{WATERMELON}" * 1000),
    ]:
        response = await sign_in(client, username, password)
        assert verdict(response) == WRONG
        assert response.json()["error"] == "invalid_grant"
        problems.append(response.json() | {"request_id": ""})
    assert all(problem == problems[0] for problem in problems)
    assert verdict(await client.post("/v1/auth/token", data={"username": "owner"})) == (422, "invalid_request")
    assert verdict(await client.post("/v1/auth/token", json={"username": "owner"})) == (422, "invalid_request")


async def test_an_unknown_name_costs_as_much_as_a_wrong_password(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[str] = []

    async def hash_(self: PasswordHasher, password: str) -> str:
        spent.append("hash")
        return ""

    async def verify(self: PasswordHasher, hashed: str, password: str) -> bool:
        spent.append("verify")
        return False

    monkeypatch.setattr(PasswordHasher, "hash", hash_)
    monkeypatch.setattr(PasswordHasher, "verify", verify)
    for username in ("owner", "nobody", "not a user name"):
        assert verdict(await sign_in(client, username, "guess")) == WRONG
    assert spent == ["verify", "hash", "hash"]


async def test_five_wrong_passwords_lock_the_account_for_a_quarter_of_an_hour(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    for _ in range(4):
        assert verdict(await sign_in(client, password="guess")) == WRONG
    assert (await sign_in(client)).is_success  # forgives the four
    for _ in range(5):
        assert verdict(await sign_in(client, password="guess")) == WRONG
    assert verdict(await sign_in(client)) == WRONG
    clock.ahead = timedelta(minutes=14)
    assert verdict(await sign_in(client)) == WRONG
    clock.ahead = timedelta(minutes=15, seconds=1)
    assert (await sign_in(client)).is_success


async def test_guesses_side_by_side_are_counted_too(
    client: httpx.AsyncClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    verify = PasswordHasher.verify

    async def counted(self: PasswordHasher, hashed: str, password: str) -> bool:
        tried.append(password)
        return await verify(self, hashed, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)
    answers = await asyncio.gather(*(sign_in(client, password=f"guess {number}") for number in range(10)))
    assert [verdict(answer) for answer in answers] == [WRONG] * 10
    assert len(tried) == 5


async def test_a_token_ends_when_its_time_is_up(client: httpx.AsyncClient, clock: Clock) -> None:
    token = (await sign_in(client)).json()["access_token"]
    clock.ahead = timedelta(minutes=59)
    assert (await me(client, token)).is_success
    clock.ahead = timedelta(minutes=60, seconds=1)
    assert verdict(await me(client, token)) == (401, "unauthenticated")


async def test_forged_and_broken_tokens_are_refused(client: httpx.AsyncClient, app: FastAPI) -> None:
    good = (await sign_in(client)).json()["access_token"]
    claims = jwt.decode(good, options={"verify_signature": False})
    key = app.state.master_key.derive("staff-token")
    deep = base64.urlsafe_b64encode(b"[" * 20_000).decode().rstrip("=")
    forged = [
        jwt.encode(claims, b"x" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, key * 2, algorithm="HS512"),
        jwt.encode(claims | {"aud": "elsewhere"}, key, algorithm="HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, algorithm="HS256"),
        jwt.encode(claims | {"epoch": 7}, key, algorithm="HS256"),
        good[:-4] + "AAAA",
        good.rsplit(".", 1)[0],
        f"{deep}.{deep}.{deep}",
        "a.b.c",
        "é",
    ]
    for token in forged:
        response = await client.get("/v1/auth/me", headers={b"Authorization": f"Bearer {token}".encode()})
        assert verdict(response) == (401, "unauthenticated"), token[:40]
        assert response.headers["www-authenticate"].startswith("Bearer")
    assert (await me(client, good)).is_success


async def test_changing_ones_own_password_ends_all_ones_tokens(client: httpx.AsyncClient) -> None:
    token = (await sign_in(client)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}

    async def change(current: str, new: str) -> httpx.Response:
        body = {"current_password": current, "new_password": new}
        return await client.put("/v1/auth/password", json=body, headers=headers)

    assert verdict(await change("not it", "an even longer pass phrase")) == WRONG
    assert verdict(await change(PASSWORD, "short")) == (422, "invalid_request")
    assert (await change(PASSWORD, "an even longer pass phrase")).status_code == 204
    assert verdict(await me(client, token)) == (401, "unauthenticated")
    assert verdict(await sign_in(client)) == WRONG
    assert (await sign_in(client, password="an even longer pass phrase")).is_success


async def test_a_new_master_key_signs_nobody_out(open_app: OpenApp) -> None:
    old, new = MasterKey.generate_text(), MasterKey.generate_text()
    async with client_of(await open_app(master_key=old)) as client:
        token = (await sign_in(client)).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for keys, status in ((f"{new},{old}", 200), (new, 401)):
        async with client_of(await open_app(master_key=keys)) as client:
            assert (await client.get("/v1/auth/me", headers=headers)).status_code == status
