from __future__ import annotations

import re
import subprocess
import sys


def test_a_store_that_loses_its_network_loses_nothing_else() -> None:
    """Gates, kiosks and a lane over a cut socket; the command itself checks posts, stock and books."""
    command = [sys.executable, "-m", "facepay.cli", "simulate", "--offline"]
    # At this pace hardly anybody waits for an answer when the cable is cut: who does is told once it is whole again.
    options = ["--visits", "2", "--outage", "2", "--pace", "0.3"]
    played = subprocess.run([*command, *options], capture_output=True, text=True, timeout=180)
    assert played.returncode == 0, played.stdout + played.stderr
    told = re.search(r"Told later: (\d+)", played.stdout)
    assert told, played.stdout
    assert int(told[1]) > 0
    assert "Books: in order" in played.stdout
