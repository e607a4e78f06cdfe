"""NumPy on one thread, as under `facepay`: with a test process on each core its threads only wait for each other, and a
rotation is drawn in 1 to 3 s of CPU instead of 0.03 s. NumPy reads it once: to be imported before it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
