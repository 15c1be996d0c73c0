"""How a worker ends that is told to: it finishes what it is at, and breaks off what takes longer than PATIENCE_SECONDS.

The main process tells the others by closing a pipe, so that they learn of its death, too. What is broken off meets
SoftTimeLimitExceeded, and gives back what it had claimed: nothing waits for a claim to run out.
"""

import os
import signal
import threading
import time
from typing import Any

from celery.signals import task_postrun, task_prerun, worker_init, worker_process_init, worker_shutting_down

PATIENCE_SECONDS, AGAIN_SECONDS = 8.0, 3.0

_pipe: list[int] = []
_at_work = threading.Event()


@worker_init.connect
def open_pipe(**_: Any) -> None:
    """Before the first process is forked."""
    _pipe.extend(os.pipe())


@worker_shutting_down.connect
def tell_processes(**_: Any) -> None:
    if _pipe:
        os.close(_pipe.pop())


@worker_process_init.connect
def listen(**_: Any) -> None:
    if _pipe:
        os.close(_pipe.pop())
        threading.Thread(target=_break_off_when_told, args=[_pipe.pop()], daemon=True).start()


def _break_off_when_told(pipe: int) -> None:
    os.read(pipe, 1)  # of a pipe that nobody writes to: its end
    time.sleep(PATIENCE_SECONDS)
    while True:
        if _at_work.is_set():
            os.kill(os.getpid(), signal.SIGUSR1)  # by which Celery makes known that time is over
        time.sleep(AGAIN_SECONDS)


@task_prerun.connect
def begin(**_: Any) -> None:
    _at_work.set()


@task_postrun.connect
def end(**_: Any) -> None:
    _at_work.clear()
