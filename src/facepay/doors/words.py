"""What people at a door are told. The log has the true reason; whoever found a badge learns nothing from the door.

Reasons that are about somebody (who they are, whether they may) are all told alike. Those that are about the place and
the moment are told as they are, since they help an honest person, and only once everything was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOT_ACCEPTED = "not_accepted"
WORDS: Mapping[str, str] = MappingProxyType(
    {
        NOT_ACCEPTED: "That did not open the door. Please try once more, or ask the staff.",
        "granted": "Please come through.",
        "emergency": "The doors are open. Please leave the building.",
        "released": "This door is open.",
        "give_more": "Please go on.",
        "next_person": "Now the other person, please.",
        "name_yourself_first": "Please show your badge, finger or face first.",
        "door_locked": "This door is locked. Please ask the staff.",
        "lockdown": "Nobody can come in now. Please follow what the staff say.",
        "access_point_off": "This way is closed. Please ask the staff.",
        "outside_hours": "Nobody can pass here at this time.",
        "not_now": "You can't pass here at this time.",
        "zone_full": "It is full inside. Please wait until somebody has left.",
        "already_inside": "You are inside already. If you aren't, please ask the staff.",
        "wrong_zone": "Please come through the door before this one. If you did, please ask the staff.",
        "too_soon": "You were here a moment ago. Please wait, or ask the staff.",
        "escort_needed": "Please come with the person who looks after you.",
        "same_holder": "This door wants two different people.",
        "door_interlocked": "Please wait until the other door is closed.",
        "attempt_over": "That is over. Please start again.",
        "please_wait": "Please wait for the staff.",
        "result_invalid": "Please put your finger on the reader again.",
        "result_stale": "Please put your finger on the reader again.",
        "result_replayed": "Please put your finger on the reader again.",
        "counter_went_back": "Please put your finger on the reader again.",
        "reader_unknown": "This reader doesn't belong here. Please ask the staff.",
        "finger_not_live": "Please put your finger on the reader again, clean and flat.",
        "no_face": "Please look into the camera.",
        "low_quality": "Please come closer, and look into the camera.",
        "faces_disagree": "One person at a time, please.",
    }
)


def told(code: str, *, stopped: bool = False) -> str:
    """The code that the door is given for this reason. What has `stopped` an attempt is about what was shown (a picture
    of a face, an old signature), and says nothing about anybody.
    """
    return code if stopped or code in WORDS else NOT_ACCEPTED
