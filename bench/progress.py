"""What a benchmark is at, and how long it has been at it."""

import time

STARTED = time.monotonic()


def tell(what: str) -> None:
    print(f"[{time.monotonic() - STARTED:5.0f} s] {what}", flush=True)
