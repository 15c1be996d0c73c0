"""What is counted here, by the names of `docs/metrics.md`."""

from django.db import transaction
from prometheus_client import Counter

from memories.metrics import truth
from retention.models import Action, Run

messages = Counter("retention_messages_total", "Messages that retention archived, deleted or moved.", ["action"])
runs = Counter("retention_runs_total", "Runs that ended.", ["status", "dry_run"])

# At 0 from the start: of a series that begins at 1, Prometheus sees no rise.
for action in Action.values:
    messages.labels(action)
for ended in (Run.Status.COMPLETED, Run.Status.FAILED, Run.Status.CANCELLED):
    for dry_run in ("true", "false"):
        runs.labels(ended.value, dry_run)


def count_run_after_commit(status: str, *, dry_run: bool) -> None:
    transaction.on_commit(runs.labels(status=str(status), dry_run=truth(dry_run)).inc)
