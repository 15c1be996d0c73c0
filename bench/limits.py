"""Whether a limit is exact: `python -m bench.limits`.

10,000 stores, 32 at once, against 120 a minute for the tenant: by one API process, and by two.
"""

import collections
import http.client
import json
import threading
import time

from bench import servers

REQUESTS, CLIENTS, LIMIT = 10_000, 32, "120/minute"
counting = threading.Lock()
LIMITS = {"MEMORY_TENANT_RATE_LIMIT": LIMIT, "MEMORY_GLOBAL_RATE_LIMIT": "0"}


def main() -> None:
    with servers.folder(None, MEMORY_EMBEDDING_PROVIDER="mock") as place:
        from memory_layer import stack
        from tenants import keys
        from tenants.models import Tenant

        stack.prepare()
        for workers in (1, 2):
            tenant = Tenant.objects.create(slug=f"limited-{workers}")
            key = keys.issue(tenant, name="bench")[1]
            with servers.serving("memory_layer.wsgi:application", place, LIMITS, workers=workers) as server:
                report(server.port, key, workers)


def report(port: int, key: str, workers: int) -> None:
    answers: collections.Counter[int] = collections.Counter()
    threads = [threading.Thread(target=ask, args=(port, key, answers)) for _ in range(CLIENTS)]
    wait_for_a_fresh_window(port, key)
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    print(f"{workers} process(es): {dict(answers)} of {sum(answers.values()):,} in {seconds:.0f} s, {CLIENTS} at once")


def wait_for_a_fresh_window(port: int, key: str) -> None:
    """Until a minute begins in which nothing was counted but this, which is not among what is reported."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/v1/messages", headers={"X-API-Key": key})
    response = connection.getresponse()
    response.read()
    time.sleep(int(response.headers["X-RateLimit-Reset"]) + 0.5)
    connection.close()


def ask(port: int, key: str, answers: "collections.Counter[int]") -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    body = json.dumps({"conversation_id": "c", "role": "user", "content": "Hello."})
    for _ in range(REQUESTS // CLIENTS + 1):
        if sum(answers.values()) >= REQUESTS:
            break
        connection.request("POST", "/v1/messages", body, headers)
        response = connection.getresponse()
        response.read()
        with counting:
            answers[response.status] += 1
    connection.close()


if __name__ == "__main__":
    main()
