"""How long Celery's tasks take, and how they end; `memory_layer.task_lines` observes it with the line it writes."""

from prometheus_client import Histogram

from memories.metrics import LONG

task_seconds = Histogram(
    "celery_task_duration_seconds", "From the start of a task to its end.", ["task", "outcome"], buckets=LONG
)
