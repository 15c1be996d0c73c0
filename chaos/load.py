"""The load: clients that store, change, delete and search all the time, as a process of its own.

`python -m chaos.load URL LEDGER`, until it is told to stop by SIGTERM; then each client ends what it is at. A client
repeats what was not answered, or answered by 429 or 5xx, with the same Idempotency-Key or external_id, until it is
answered or its patience ends; what has neither it sends once.
"""

import argparse
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from chaos.ledger import NO_ANSWER, NOT_CONNECTED, Answer, Item, Ledger, Request

KEY = "key-of-the-load"
TENANTS = ("ash", "birch", "cedar", "elm")
BATCH = 10
ANSWER_SECONDS, PATIENCE_SECONDS, PAUSE_MAX = 15.0, 150.0, 4.0
MIX = {"search": 34, "store": 28, "batch": 8, "ingest": 12, "update": 10, "delete": 8}
MESSAGES_KEPT = 200
TOWNS = ("Austin", "Lisbon", "Oslo", "Kyoto", "Lima", "Cork", "Bergen", "Quito")
SAID = (
    "we talked about the leaking tap in the kitchen",
    "the invoice of March is still to be paid",
    "my sister plays the violin on Sundays",
    "the train to Lisbon leaves at seven",
    "I prefer jazz records to concerts",
    "the new office has no windows",
)


@dataclass
class Known:
    """A message that its client may change: accepted, and its own."""

    mark: str
    id: str
    tenant: str


@dataclass
class Client:
    """One after the other; `pause` seconds between two requests, on average."""

    name: str
    url: str
    ledger: Ledger
    pause: float
    stopping: threading.Event
    chance: random.Random
    session: requests.Session = field(default_factory=requests.Session)
    known: list[Known] = field(default_factory=list)
    number: int = 0

    def __post_init__(self) -> None:
        self.session.headers["X-API-Key"] = KEY

    def run(self) -> None:
        acts: dict[str, Callable[[], None]] = {name: getattr(self, name) for name in MIX}
        while not self.stopping.wait(self.chance.uniform(0, 2 * self.pause)):
            acts[self.chance.choices(list(MIX), list(MIX.values()))[0]]()

    # --- Requests ---------------------------------------------------------------------------------------------------

    def search(self) -> None:
        request = self._request("search", self.chance.choice(TENANTS))
        known = [one.mark for one in self.known if one.tenant == request.tenant][-1:]
        query = " ".join([self.chance.choice(SAID), *known])
        self._try(request, "GET", "/v1/memory/search", params={"tenant_id": request.tenant, "query": query})

    def store(self) -> None:
        tenant, item, way = self.chance.choice(TENANTS), self._item(), self.chance.choice(("key", "id", "both", "none"))
        request = self._request("store", tenant, [item], is_repeatable=way != "none")
        body = self._message(item, tenant) | ({"external_id": item.mark} if way in ("id", "both") else {})
        self._learn(request, self._send(request, "POST", "/v1/messages", json=body, keyed=way in ("key", "both")))

    def batch(self) -> None:
        tenant, with_ids = self.chance.choice(TENANTS), self.chance.random() < 0.5
        items = [self._item() for _ in range(BATCH)]
        request = self._request("batch", tenant, items)
        messages = [self._message(one, tenant) | ({"external_id": one.mark} if with_ids else {}) for one in items]
        body = {"tenant_id": tenant, "messages": messages}
        self._learn(request, self._send(request, "POST", "/v1/messages/batch", json=body, keyed=not with_ids))

    def ingest(self) -> None:
        tenant, user = self.chance.choice(TENANTS), f"{self.name}-user-{self.chance.randrange(5)}"
        item = self._item(f"I live in {self.chance.choice(TOWNS)}.")
        request = self._request("ingest", tenant, [item])
        turn = {"tenant_id": tenant, "user_id": user, "session_id": f"{user}-talk", "role": "user"}
        self._learn(request, self._send(request, "POST", "/v1/ingest", json=turn | {"content": item.content}))

    def update(self) -> None:
        if self.known:
            one = self._taken()
            item = self._item("It was changed:")
            request = self._request("update", one.tenant, [item], message=one.mark)
            body = {"json": {"content": item.content}, "params": {"tenant_id": one.tenant}}
            self._send(request, "PATCH", f"/v1/messages/{one.id}", keyed=False, **body)

    def delete(self) -> None:
        if self.known:
            one = self._taken()
            request = self._request("delete", one.tenant, message=one.mark)
            params = {"tenant_id": one.tenant}
            self._send(request, "DELETE", f"/v1/messages/{one.id}", keyed=False, params=params)

    # --- What they are made of --------------------------------------------------------------------------------------

    def _request(self, operation: str, tenant: str, items: Any = (), **more: Any) -> Request:
        self.number += 1
        return Request(f"{self.name}-{self.number}", operation, tenant, tuple(items), **more)

    def _item(self, words: str = "") -> Item:
        self.number += 1
        mark = f"{self.name}x{self.number}"
        return Item(mark, f"{words or 'I said that'} {self.chance.choice(SAID)}, {mark}.")

    def _message(self, item: Item, tenant: str) -> dict[str, Any]:
        about = {"conversation_id": f"{self.name}-{self.chance.randrange(20)}", "role": "user"}
        return {"tenant_id": tenant, "content": item.content, **about}

    def _taken(self) -> Known:
        """Each is changed once: what a second change may follow is then always known."""
        return self.known.pop(self.chance.randrange(len(self.known)))

    def _learn(self, request: Request, answer: Answer) -> None:
        self.known += [Known(mark, one, request.tenant) for mark, one in answer.ids.items()]
        del self.known[:-MESSAGES_KEPT]

    # --- Sending ----------------------------------------------------------------------------------------------------

    def _send(self, request: Request, method: str, path: str, *, keyed: bool = True, **arguments: Any) -> Answer:
        """The last answer; every try is in the ledger."""
        self.ledger.sent(request)
        headers = {"Idempotency-Key": request.name} if keyed else {}
        give_up, pause = time.monotonic() + PATIENCE_SECONDS, 0.2
        while True:
            answer = self._try(request, method, path, headers=headers, **arguments)
            again = request.is_repeatable and answer.is_worth_a_repeat
            if not again or time.monotonic() > give_up:
                return answer
            time.sleep(pause * self.chance.uniform(0.5, 1))
            pause = min(pause * 2, PAUSE_MAX)

    def _try(self, request: Request, method: str, path: str, **arguments: Any) -> Answer:
        started, ids = time.monotonic(), {}
        try:
            with self.session.request(method, self.url + path, timeout=ANSWER_SECONDS, **arguments) as given:
                outcome = str(given.status_code)
                if given.ok and request.items and given.content:
                    ids = _ids(request, given.json())
        except requests.RequestException as error:
            outcome = NOT_CONNECTED if _is_not_connected(error) else NO_ANSWER
        answer = Answer(request.name, request.operation, outcome, time.time(), time.monotonic() - started, ids)
        self.ledger.answered(answer)
        return answer


def _is_not_connected(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _ids(request: Request, body: Any) -> dict[str, str]:
    """The ids that an answer gives to the request's items, by their marks."""
    match request.operation:
        case "batch":
            ids = [one["id"] for one in body["created"]]
        case "ingest":
            ids = [body["chat_log_id"]]
        case _:
            ids = [body["id"]]
    return {item.mark: one for item, one in zip(request.items, ids, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between a client's requests, on average")
    given = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with Ledger(given.ledger) as ledger:
        names = [f"q{number}{given.seed}" for number in range(given.clients)]
        clients = [Client(one, given.url, ledger, given.pause, stopping, random.Random(one)) for one in names]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main()
