"""Words that a lane shows to whoever stands in it, by the code of its decision. A lane may have words of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

WORDS: Mapping[str, str] = MappingProxyType(
    {
        "processing": "Please look at the camera.",
        "paid": "Paid. Thank you, goodbye!",
        "paid_before": "Paid already. Thank you, goodbye!",
        "nothing_taken": "Goodbye!",
        "no_face": "Please look at the camera, or show the code in the app.",
        "face_left": "Please look at the camera until you are recognised.",
        "low_quality": "Please look straight at the camera.",
        "unknown_face": "We don't recognise you. Show the code in the app, or pay at a kiosk.",
        "several_people": "One at a time, please: whoever pays, look at the camera alone or show the code in the app.",
        "unknown_tag": "We can't name one of your goods. Please go to a kiosk.",
        "tag_disputed": "One of your goods may be the other lane's. Please go to a kiosk.",
        "insufficient_funds": "There isn't enough money in your wallet. Top it up, or pay at a kiosk.",
        "amount_needs_step_up": "For this amount, please enter your PIN or show the code in the app.",
        "member_blocked": "Please ask the staff.",
        "payer_blocked": "Whoever pays for you can't pay at present. Please ask the staff.",
        "family_limit": "This is more than your family lets you spend. Please ask whoever pays for you, or the staff.",
        "family_rule": "Your family doesn't let you buy one of these now. Ask whoever pays for you, or the staff.",
        "age_restricted": "One of your goods isn't sold at your age. Please give it to the staff.",
        "age_check_needed": "For one of your goods we have to see how old you are. The staff are coming.",
        "wallet_frozen": "Your wallet is frozen. Please ask the staff.",
        "lane_locked": "This lane is closed. Please wait for the staff.",
        "emergency": "Please leave now.",
        "released": "Please go through.",
        "passage_expired": "Time is over. Please begin again.",
        "passage_abandoned": "Time is over. Please begin again.",
        "gave_up": "Nothing was charged.",
    }
)
OTHERWISE = "Please go to a kiosk, or ask the staff."


def words_for(code: str) -> str:
    return WORDS.get(code, OTHERWISE)
