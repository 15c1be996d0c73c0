"""From a stored message to one that is found by meaning: backlog, lag, workers, the provider."""

from deploy.grafana.board import dashboard
from deploy.grafana.panels import GOOD_FROM_ONE, bad_from, lines, quantiles, stat

RATE = "[$__rate_interval]"
PAGE = "memories/messageembedding/"

GLANCE = [
    stat(
        "Waiting",
        "max(embedding_backlog)",
        about="Messages without their vector, those that are being worked on included.",
        steps=bad_from(1_000, 10_000),
        page=PAGE,
    ),
    stat(
        "The oldest waits",
        "max(embedding_oldest_pending_seconds)",
        about="How long the first of the messages that have no vector yet has been waiting for it.",
        unit="s",
        steps=bad_from(60, 300),
        page=PAGE,
    ),
    stat(
        "95 % searchable within",
        "histogram_quantile(0.95, sum by (le) (rate(embedding_lag_seconds_bucket[1h])))",
        about="From a write to searchable by meaning, over the last hour. Empty: nothing was embedded.",
        unit="s",
        steps=bad_from(10, 60),
    ),
    stat(
        "Given up",
        "max(embedding_failed)",
        about="Messages whose embedding failed for good. The admin shows why, and tries them again.",
        steps=bad_from(1, 100),
        page=f"{PAGE}?status=failed",
    ),
    stat("Workers", 'sum(up{job=~".*worker"})', about="Workers that answer.", steps=GOOD_FROM_ONE),
    stat(
        "Paused vendors",
        "count(max by (vendor) (provider_circuit_open) > 0) or vector(0)",
        about="Vendors that failed repeatedly and are left alone for a while.",
        steps=bad_from(1, 1),
    ),
]
PIPELINE = [
    lines(
        "Waiting for their vector",
        {"messages": "max(embedding_backlog)"},
        about="Messages without their vector.",
        steps=bad_from(1_000, 10_000),
    ),
    lines(
        "The oldest waits",
        {"seconds": "max(embedding_oldest_pending_seconds)"},
        about="A line that climbs steadily: nothing is being embedded.",
        unit="s",
        steps=bad_from(60, 300),
    ),
    lines("From write to searchable", quantiles("embedding_lag_seconds"), about="By meaning.", unit="s"),
]
FLOW = [
    lines(
        "Stored and embedded",
        {
            "stored": f"sum(rate(messages_created_total{RATE}))",
            "{{outcome}}": f"sum by (outcome) (rate(embedding_jobs_total{RATE}))",
        },
        about="Messages a second: stored, and taken up by a worker, by what became of them.",
        unit="ops",
    ),
    lines(
        "Calls to the model",
        quantiles("embedding_generation_duration_seconds", by="kind"),
        about="One call, of many texts or of one query.",
        unit="s",
    ),
    lines(
        "Calls by outcome",
        {"{{kind}} {{outcome}}": f"sum by (kind, outcome) (rate(embedding_generation_duration_seconds_count{RATE}))"},
        about="A second.",
        unit="ops",
    ),
]
WORK = [
    lines(
        "Queues",
        {"{{queue}}": "max by (queue) (celery_queue_length)"},
        about="Tasks that no worker has taken up. A few are normal; a queue that grows has no worker.",
        steps=bad_from(50, 100),
    ),
    lines(
        "Tasks done",
        {"{{task}}": f"sum by (task) (rate(celery_task_duration_seconds_count{RATE}))"},
        about="A second, by task.",
        unit="ops",
    ),
    lines(
        "Tasks that failed",
        {
            "{{task}} {{outcome}}": "sum by (task, outcome) "
            f'(rate(celery_task_duration_seconds_count{{outcome!="success"}}{RATE}))'
        },
        about="A second. The log of the worker says why, under the task's name. Empty: there were none.",
        unit="ops",
    ),
]
DURATIONS = [
    lines(
        "Time of tasks",
        {"{{task}}": f"histogram_quantile(0.95, sum by (le, task) (rate(celery_task_duration_seconds_bucket{RATE})))"},
        about="95 % of a task's runs took no longer. They are stopped after 300 seconds.",
        unit="s",
    ),
]
PROVIDER = [
    lines(
        "Attempts at vendors",
        {"{{vendor}} {{outcome}}": f"sum by (vendor, outcome) (rate(provider_request_duration_seconds_count{RATE}))"},
        about="A second, retries included. The bundled model is no vendor.",
        unit="reqps",
    ),
    lines(
        "Time of an attempt",
        quantiles("provider_request_duration_seconds", by="vendor"),
        about="Until a vendor answered.",
        unit="s",
    ),
    lines(
        "Paused vendors",
        {"{{vendor}}": "max by (vendor) (provider_circuit_open)"},
        about="Over 0 while a process pauses its calls to the vendor, after it failed repeatedly.",
        steps=bad_from(1, 1),
    ),
]

BOARD = dashboard(
    "embedding pipeline",
    uid="memory-embedding",
    about="From a stored message to one that is found by meaning.",
    rows={
        "At a glance": [GLANCE],
        "Pipeline": [PIPELINE, FLOW],
        "Workers": [WORK, DURATIONS],
        "Vendors": [PROVIDER],
    },
)
