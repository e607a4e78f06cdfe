"""A real browser, headless, whose camera films whatever a test puts before it.

Chromium or Google Chrome has to be installed (`FACEPAY_BROWSER` names one elsewhere): nothing is downloaded. Where
there is none, the tests that need one are skipped.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from facepay.vision.frames import Image

# Without https: browsers trust no page there, but on 127.0.0.1 and localhost.
INSECURE_HOST = "shop.test"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
)
PHONE = {"width": 360, "height": 640}
DESKTOP = {"width": 1280, "height": 800}
FRAMES_A_SECOND = 20


def find_browser() -> str | None:
    named = os.environ.get("FACEPAY_BROWSER")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


class Camera:
    """The browser's camera: a Y4M file of one frame, which Chromium reads anew for each frame that it takes."""

    def __init__(self, file: Path, *, width: int = 640, height: int = 480) -> None:
        self.file, self.size = file, (width, height)
        self._header = f"YUV4MPEG2 W{width} H{height} F{FRAMES_A_SECOND}:1 Ip A1:1 C420mpeg2\nFRAME\n".encode()
        self.file.write_bytes(self._header + self._planes(np.zeros((height, width, 3), np.uint8)))

    async def film(self, image: Image) -> None:
        """From now on it sees this BGR picture, as large as fits its frame. Returns once it has seen it."""
        with self.file.open("r+b") as file:
            file.seek(len(self._header))
            file.write(self._planes(self._fitted(image)))
        await asyncio.sleep(4 / FRAMES_A_SECOND)

    def _fitted(self, image: Image) -> Image:
        (width, height), (rows, columns) = self.size, image.shape[:2]
        scale = min(width / columns, height / rows)
        shift = [[scale, 0, (width - scale * columns) / 2], [0, scale, (height - scale * rows) / 2]]
        fitted = cv2.warpAffine(image, np.array(shift), self.size, flags=cv2.INTER_AREA, borderValue=(96, 96, 96))
        return np.asarray(fitted, np.uint8)

    @staticmethod
    def _planes(image: Image) -> bytes:
        return bytes(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).tobytes())


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Camera:
    return Camera(tmp_path_factory.mktemp("camera") / "camera.y4m")


@pytest.fixture(scope="session")
async def browser(camera: Camera) -> AsyncIterator[Browser]:
    """One for all tests of a worker; each page has a profile of its own."""
    path = find_browser()
    if path is None:
        pytest.skip(f"no browser: install chromium, or name one in FACEPAY_BROWSER (looked for {', '.join(NAMES)})")
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera.file}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, headless=True, args=flags)
        yield browser
        await browser.close()


OpenPage = Callable[..., Awaitable[Page]]


class Watch:
    """What a page does that none of ours may: errors (a policy that it breaks is one), and requests elsewhere."""

    def __init__(self, page: Page, address: str) -> None:
        self.faults: list[str] = []
        self._host = urlsplit(address).netloc
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        # Refusals of the API are answers, which Chromium takes for errors.
        where = urlsplit(message.location["url"])
        refused = "Failed to load resource" in message.text and where.path.startswith("/v1/")
        insecure = where.hostname == INSECURE_HOST and "Cross-Origin-Opener-Policy" in message.text
        if message.type in ("error", "warning") and where.netloc == self._host and not (refused or insecure):
            self.faults.append(f"{where.path}: {message.text}")

    def _see(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host and not request.is_navigation_request():
            self.faults.append(f"asked {request.url}")


@pytest.fixture
async def open_page(browser: Browser) -> AsyncIterator[OpenPage]:
    """Opens a page in a browser profile of its own, on a phone unless told otherwise. It must do nothing wrong."""
    async with AsyncExitStack() as stack:
        watches: list[Watch] = []

        async def open_at(
            address: str, *, viewport: Mapping[str, int] = PHONE, camera: bool = True, **profile: Any
        ) -> Page:
            context = await browser.new_context(
                viewport={"width": viewport["width"], "height": viewport["height"]}, **profile
            )
            stack.push_async_callback(context.close)
            await context.grant_permissions(["camera"] if camera else [])
            page = await context.new_page()
            page.set_default_timeout(10_000)
            watches.append(Watch(page, address))
            await page.clock.install()
            await page.goto(address)
            return page

        yield open_at
        for watch in watches:
            assert not watch.faults, watch.faults
