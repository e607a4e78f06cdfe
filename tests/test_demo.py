from __future__ import annotations

import subprocess
import sys


def test_the_demo_plays_a_day_and_its_books_are_in_order() -> None:
    command = [sys.executable, "-m", "facepay.cli", "demo"]
    played = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert played.returncode == 0, played.stdout + played.stderr
    for line in ("welcome", "unknown_face", "insufficient_fund", "basket_unpaid", "buy, QR", "frame_seen", "in order"):
        assert line in played.stdout
