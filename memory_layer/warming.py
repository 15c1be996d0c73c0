"""What a process does beside its first requests: it loads what it will need, and has Python's collector leave it alone.

Django, the libraries and the models are most of a million objects that stay. To go through them with every full
collection took a third of the time of a request (docs/performance.md).
"""

import gc
import threading
from collections.abc import Callable

YOUNG = 10_000  # objects made before the collector looks for cycles among them; a search makes as many


def warm_up_in_background(*loads: Callable[[], object]) -> None:
    threading.Thread(target=warm_up, args=loads, daemon=True).start()


def warm_up(*loads: Callable[[], object]) -> None:
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    try:
        for load in loads:
            load()
    finally:
        gc.collect()
        gc.freeze()
