"""Questions to the servers that the service needs, each bounded in time: a probe that hangs tells nobody anything."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.db import connection

OK = "ok"


class NotReady(Exception):
    """Says what is wrong, and what to do about it, in words fit for anybody."""


@dataclass
class Probe:
    """`ask` returns when all is well; `advice` is for an operator who reads that it failed.

    It is asked in a thread, and by one at a time: what hangs holds up one thread, however many want to know.
    """

    name: str
    ask: Callable[[], object]
    advice: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _answer: "Future[object]" = field(default_factory=Future, repr=False)
    _is_asking: bool = False

    def asked(self) -> "Future[object]":
        with self._lock:
            if not self._is_asking:
                self._answer, self._is_asking = Future(), True
                threading.Thread(target=self._run, args=[self._answer], daemon=True).start()
            return self._answer

    def _run(self, answer: "Future[object]") -> None:
        try:
            said, error = self.ask(), None
        except Exception as failure:  # noqa: BLE001 - whatever is wrong is the answer
            said, error = None, failure
        finally:
            connection.close()  # the thread ends, and its connection is its own
            self._is_asking = False
        if error:
            answer.set_exception(error)
        else:
            answer.set_result(said)


def ask(probes: Sequence[Probe], *, seconds: float) -> dict[str, str]:
    """By name "ok", or what is wrong; all are asked at once, and after `seconds` no answer is the answer."""
    end = time.monotonic() + seconds
    answers = [(probe, probe.asked()) for probe in probes]
    return {probe.name: _state(probe, answer, end=end, seconds=seconds) for probe, answer in answers}


def _state(probe: Probe, answer: "Future[object]", *, end: float, seconds: float) -> str:
    """Of an unexpected failure its kind: its text may name hosts and users, which are nobody's business here."""
    try:
        answer.result(max(0.0, end - time.monotonic()))
    except NotReady as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - as above
        hangs = isinstance(error, TimeoutError) and not answer.done()
        what = f"no answer within {seconds:g} s" if hangs else f"failed ({type(error).__name__})"
        return f"{what}; {probe.advice}" if probe.advice else what
    return OK
