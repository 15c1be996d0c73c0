"""What beat has done, and how often: seconds between two times. What expires is left out rather than done late."""

from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    "embed what was missed": {"task": "memories.tasks.embed_pending", "schedule": 10.0, "options": {"expires": 10.0}},
    "queue messages the current model has no vector of": {"task": "memories.tasks.queue_missing", "schedule": 300.0},
    "refresh stored importance": {"task": "memories.tasks.rescore_importance", "schedule": 3600.0},
    "work off jobs that were missed": {
        "task": "memories.tasks.work_off_jobs",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "get on with long operations": {
        "task": "memories.tasks.work_off_operations",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "embed facts that have no vector": {"task": "memories.tasks.embed_missing_facts", "schedule": 300.0},
    "choose essential facts": {"task": "memories.tasks.choose_essentials", "schedule": 6 * 3600.0},
    "consolidate facts": {"task": "memories.tasks.queue_consolidations", "schedule": 7 * 86400.0},
    "count what tenants stored and asked": {
        "task": "memories.tasks.roll_up_usage",
        "schedule": 60.0,
        "options": {"expires": 60.0},
    },
    "measure how much tenants have": {
        "task": "memories.tasks.measure_tenants",
        "schedule": 900.0,
        "options": {"expires": 900.0},
    },
    "index the vectors of large tenants": {
        "task": "memories.tasks.keep_vector_indexes",
        "schedule": 900.0,
        "options": {"expires": 900.0},
    },
    "forget finished jobs": {"task": "memories.tasks.forget_finished_jobs", "schedule": 86400.0},
    "forecast what retention will do": {"task": "retention.tasks.forecast_all", "schedule": 3600.0},
    "forget old retention plans": {"task": "retention.tasks.forget_plans", "schedule": 86400.0},
    "forget old idempotency keys": {"task": "tenants.tasks.forget_idempotency_keys", "schedule": 3600.0},
}
