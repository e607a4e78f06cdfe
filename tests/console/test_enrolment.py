"""A member is enrolled before the console's camera, in a real browser that films a real face."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from fastapi import FastAPI
from playwright.async_api import expect

from facepay.vision.frames import FrameLimits, decode_frame
from tests.browser import DESKTOP, Camera, OpenPage
from tests.photos import people, variant
from tests.server import on_a_socket
from tests.shop import PASSWORD, Shop

pytestmark = [pytest.mark.anyio, pytest.mark.reopened]


async def test_the_camera_says_what_is_wrong_and_enrols_once_three_pictures_are_good(
    shop: Shop, app: FastAPI, camera: Camera, open_page: OpenPage
) -> None:
    member_id = await shop.add_member(4, enrol=False)
    path = f"/console/members/{member_id}/face"
    face = decode_frame(variant(people()[4], quality=85, scale=1.0), limits=FrameLimits())
    await camera.film(np.full_like(face, 128))
    async with on_a_socket(app) as address:
        page = await open_page(f"{address}/console/sign-in?to={path}", viewport=DESKTOP)
        await page.get_by_label("User name").fill("owner")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.locator("main").get_by_role("button", name="Sign in").click()
        await page.get_by_role("button", name="Switch the camera on").click()
        await expect(page.locator(".hint")).to_have_text("No face is seen.")
        await camera.film(face)
        for _ in range(2):  # the page waits between its looks
            await page.clock.run_for(700)
            await asyncio.sleep(0.15)
        await expect(page.get_by_role("region", name="Quality of the photos")).to_be_visible(timeout=15_000)
    enrolled = await shop.do("GET", f"/v1/members/{member_id}/face")
    assert enrolled["templates"] == 3
