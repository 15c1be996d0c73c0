"""Requests to a deployment from many clients at once, and how it answered each."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

import requests

from memories.usage.embedded import percentile

TIMEOUT_SECONDS = 60.0
NO_ANSWER = "no answer"
TOPICS = ("the trip to Lisbon", "a leaking tap", "my sister's wedding", "the invoice", "jazz records", "the new office")


@dataclass(frozen=True)
class Answer:
    """`outcome`: the status as text, or NO_ANSWER."""

    operation: str
    outcome: str
    seconds: float

    @property
    def is_success(self) -> bool:
        return self.outcome.startswith("2")


class Target:
    """A deployment, and what is said to it: each request another text, so that no cache answers for it."""

    def __init__(self, base_url: str, *, api_key: str, tenant: str | None) -> None:
        self._base_url, self._api_key, self._tenant = base_url.rstrip("/"), api_key, tenant
        self.conversation = f"load-test-{uuid.uuid4().hex[:12]}"
        self._kept = threading.local()
        self._number = count()

    def send(self, operation: str) -> Answer:
        method, path, arguments = self._request(operation)
        started = time.perf_counter()
        try:
            with self._session().request(
                method, f"{self._base_url}{path}", timeout=TIMEOUT_SECONDS, **arguments
            ) as one:
                outcome = str(one.status_code)
        except requests.RequestException:
            outcome = NO_ANSWER
        return Answer(operation, outcome, time.perf_counter() - started)

    def clean_up(self) -> bool:
        """Delete what was stored; whether that worked."""
        path, named = f"/v1/conversations/{self.conversation}", {"tenant_id": self._tenant} if self._tenant else {}
        try:
            answer = self._session().delete(f"{self._base_url}{path}", params=named, timeout=TIMEOUT_SECONDS)
        except requests.RequestException:
            return False
        return answer.status_code in (204, 404)

    def _request(self, operation: str) -> tuple[str, str, dict[str, Any]]:
        number, named = next(self._number), {"tenant_id": self._tenant} if self._tenant else {}
        text = f"{self.conversation} {number}: about {TOPICS[number % len(TOPICS)]}"
        match operation:
            case "store":
                message = {"conversation_id": self.conversation, "role": "user", "content": text}
                return "POST", "/v1/messages", {"json": {**message, **named}}
            case "search":
                return "GET", "/v1/memory/search", {"params": {"query": text, **named}}
        raise ValueError(operation)

    def _session(self) -> requests.Session:
        """One connection for each client."""
        if not hasattr(self._kept, "session"):
            self._kept.session = requests.Session()
            self._kept.session.headers["X-API-Key"] = self._api_key
        session: requests.Session = self._kept.session
        return session


def load(
    target: Target,
    operations: Sequence[str],
    *,
    requests: int,
    concurrency: int,
    on_answer: Callable[[Answer], object] = lambda _: None,
) -> list[Answer]:
    """So many requests by so many clients at once, `operations` in turn; Ctrl-C keeps what was answered."""
    answers: list[Answer] = []
    stopped = threading.Event()
    wanted = iter([operations[number % len(operations)] for number in range(requests)])
    lock = threading.Lock()

    def be_a_client() -> None:
        while not stopped.is_set():
            with lock:
                operation = next(wanted, None)
            if operation is None:
                return
            answer = target.send(operation)
            answers.append(answer)
            on_answer(answer)

    with ThreadPoolExecutor(concurrency) as pool:
        clients = [pool.submit(be_a_client) for _ in range(concurrency)]
        try:
            for client in clients:
                client.result()
        except KeyboardInterrupt:
            stopped.set()
    return answers


@dataclass(frozen=True)
class Figures:
    """Of the answers to one operation; times in milliseconds, of those that succeeded, None if none did."""

    requests: int
    success_rate: float
    rate_limited: int
    average: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    outcomes: Mapping[str, int]

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> "Figures":
        given = list(answers)
        took = sorted(one.seconds * 1000 for one in given if one.is_success)
        outcomes = Counter(one.outcome for one in given)
        return cls(
            requests=len(given),
            success_rate=len(took) / len(given) if given else 0.0,
            rate_limited=outcomes["429"],
            average=sum(took) / len(took) if took else None,
            p50=percentile(took, 0.50),
            p95=percentile(took, 0.95),
            p99=percentile(took, 0.99),
            outcomes=dict(sorted(outcomes.items())),
        )
