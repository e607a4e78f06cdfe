"""A member's face: how it is enrolled, and enrolling it by the camera of this computer or from files."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import JSONResponse

from facepay.console.api import Refused
from facepay.console.member_pages import Reader, Writer
from facepay.console.pages import HEADERS, Console, pages
from facepay.identity.enrolment import FRAMES_MAX
from facepay.kernel.uploads import open_form, read_files
from facepay.vision.feedback import SENTENCES

# What is said while the camera is on, by the code of the advice.
ADVICE: dict[str, str] = SENTENCES | {
    "no_face": "No face is seen.",
    "only_one_person": "Only one person, please.",
    "good": "Good. Stay like this.",
}
CAMERA_FAULTS = {
    "denied": "The browser may not use the camera: allow it in its settings, or choose photos.",
    "missing": "There is no camera here. Choose photos instead.",
    "busy": "Another program uses the camera.",
    "insecure": "Browsers give a camera to pages with https only. Choose photos instead.",
    "interrupted": "The camera was switched off.",
}
SAID_BY_VALUE = {*ADVICE.values(), *CAMERA_FAULTS.values()}
router = pages("/members/{member_id}/face")


@router.get("")
async def see_face(console: Reader, member_id: UUID) -> Response:
    return console.show(
        "member_face.html",
        member=await console.api.get(f"/v1/members/{member_id}"),
        face=await _face(console, member_id),
        words=ADVICE | CAMERA_FAULTS,
        frames_max=FRAMES_MAX,
        may_write=console.may("members:write"),
    )


@router.post("/check")
async def check(console: Writer, member_id: UUID, request: Request) -> Response:
    """For the script of the page: one frame, judged and forgotten."""
    frame, headers = await request.body(), {"Content-Type": request.headers.get("content-type", "")}
    path = f"/v1/members/{member_id}/face/check"
    return JSONResponse(await console.api.send("POST", path, content=frame, headers=headers), headers=HEADERS)


@router.post("")
async def enrol(console: Writer, member_id: UUID, request: Request) -> Response:
    async with open_form(request, files_max=FRAMES_MAX) as form:
        files = [("frames", ("photo", frame)) for frame in await read_files(form, "frames")]
    await console.api.send("PUT", f"/v1/members/{member_id}/face", files=files)
    return console.back(f"/members/{member_id}/face", "The face is enrolled.")


async def _face(console: Console, member_id: UUID) -> Any:
    try:
        return await console.api.get(f"/v1/members/{member_id}/face")
    except Refused as refused:
        if refused.problem["code"] != "face_not_enrolled":
            raise
        return None
