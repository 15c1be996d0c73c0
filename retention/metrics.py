"""What is counted here, by the names of `docs/operations.md`."""

from prometheus_client import Counter

messages = Counter("retention_messages_total", "Messages that retention archived, deleted or moved.", ["action"])
runs = Counter("retention_runs_total", "Runs that ended.", ["status", "dry_run"])
