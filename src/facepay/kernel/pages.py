"""Pages for a browser: files of the package, under a policy by which they load, run and talk to nothing but ours."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import Response

from facepay.kernel.errors import NotFound
from facepay.kernel.routers import Router

INDEX = "index.html"
INCLUDE = re.compile(rb"<!-- include (\S+) -->")
# What several pages share: the camera, screens and their words (`./words.en.js` is the page's own), calls of the API.
SHARED = Path(__file__).parent / "shared"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def page_router(path: str, *folders: Path, camera: bool = False) -> Router:
    """The first folder's `index.html` at `path`, and the other files of all of them below: read once, without inline
    scripts and styles. A file of an earlier folder goes before one of the same name in a later one, and a line
    `<!-- include x.html -->` of the index stands for that file of theirs, or else of SHARED.

    `camera` lets the page ask for the camera. Whoever adds one names `path` and `path/{name}` in PUBLIC_PATHS, since
    nothing in a page is secret: what it shows, it asks of the API.
    """
    files = {
        file.name: file.read_bytes()
        for folder in reversed(folders)
        for file in folder.iterdir()
        if file.suffix in MEDIA_TYPES
    }
    html = {file.name: file.read_bytes() for folder in (SHARED, *reversed(folders)) for file in folder.glob("*.html")}
    headers = {
        "Content-Security-Policy": POLICY,
        "Permissions-Policy": f"camera={'(self)' if camera else '()'}, microphone=(), geolocation=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    index = INCLUDE.sub(lambda named: html[named[1].decode()], html[INDEX])
    router = Router(include_in_schema=False)

    @router.get(path)
    async def page() -> Response:
        return Response(index, media_type="text/html", headers=headers)

    @router.get(path + "/{name}")
    async def file_of_page(name: str) -> Response:
        if name not in files:
            raise NotFound("There is no such file.")
        return Response(files[name], media_type=MEDIA_TYPES[Path(name).suffix], headers=headers)

    return router
