"""Exceptions as logs, traces and error reports may show them: their kind and where they were raised.

What an exception says may repeat a text, a row or a key: a database quotes the row that it refuses. Only kinds that
speak of servers, settings and constraints are quoted, and of those the first line.
"""

import traceback
from collections.abc import Iterator
from typing import Any

FRAMES_MAX = 50
QUOTED = frozenset(
    {
        "CircuitOpen",
        "ConnectionError",
        "ConnectionRefusedError",
        "ImproperlyConfigured",
        "IntegrityError",
        "ModuleNotFoundError",
        "OperationalError",
        "PoolTimeout",
        "ProviderRejected",
        "ProviderUnavailable",
        "SoftTimeLimitExceeded",
        "TimeLimitExceeded",
        "TimeoutError",
        "WorkerLostError",
    }
)


def quotable(kind: str, words: str) -> str:
    """What may be shown of the `words` of an exception whose class has the name `kind`."""
    return words.partition("\n")[0] if kind in QUOTED else ""


def described(error: BaseException) -> list[dict[str, Any]]:
    """The exception and what led to it, the last first: `type`, `says` and `at`, the innermost frame last."""
    return [_one(each) for each in _chain(error)]


def as_text(error: BaseException) -> str:
    """The same for people, who read the innermost last."""
    parts = [f"{one['type']}: {one['says']}\n    " + "\n    ".join(one["at"]) for one in described(error)]
    return "\n  caused by ".join(parts)


def _one(error: BaseException) -> dict[str, Any]:
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_MAX:]
    return {
        "type": f"{kind.__module__}.{kind.__qualname__}",
        "says": quotable(kind.__name__, str(error)),
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
