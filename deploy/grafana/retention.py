"""What retention retires, and whether its runs go as they should."""

from deploy.grafana.board import dashboard
from deploy.grafana.panels import GOOD_FROM_ONE, Json, bad_from, lines, stat

RUNS = "retention/run/"


def retired(title: str, action: str) -> Json:
    return stat(
        f"{title} in 24 hours",
        f'sum(increase(retention_messages_total{{action="{action}"}}[1d]))',
        about="Messages. The runs in the admin say which rule chose them.",
        page=RUNS,
    )


GLANCE = [
    retired("Archived", "archive"),
    retired("Deleted", "delete"),
    retired("Moved to cold storage", "move_to_cold_storage"),
    stat(
        "Runs in 24 hours",
        "sum(increase(retention_runs_total[1d]))",
        about="Runs that ended, dry ones included. One a day and tenant is the default schedule.",
        steps=GOOD_FROM_ONE,
        page=RUNS,
    ),
    stat(
        "Failed in 7 days",
        'sum(increase(retention_runs_total{status="failed"}[7d]))',
        about="Runs that ended with an error, which the admin shows.",
        steps=bad_from(1, 5),
        page=f"{RUNS}?status=failed",
    ),
    stat("At work", "max(retention_runs_running)", about="Runs that are being carried out.", page=RUNS),
]
MESSAGES = [
    lines(
        "Messages retired",
        {"{{action}}": "sum by (action) (increase(retention_messages_total[1h]))"},
        about="In the hour before, by what was done to them.",
        stacked=True,
    ),
    lines(
        "Stored and retired",
        {
            "stored": "sum(increase(messages_created_total[1d]))",
            "retired": "sum(increase(retention_messages_total[1d]))",
        },
        about="Messages in the 24 hours before. Stored above retired for months: the tenants grow.",
    ),
]
RUN = [
    lines(
        "Runs that ended",
        {"{{status}}, dry: {{dry_run}}": "sum by (status, dry_run) (increase(retention_runs_total[1h]))"},
        about="In the hour before.",
        stacked=True,
    ),
    lines(
        "Runs at work",
        {"runs": "max(retention_runs_running)"},
        about="What does not come down for hours is stuck: see the runs in the admin.",
    ),
    lines(
        "Jobs to do",
        {"{{kind}}": 'max by (kind) (jobs_open{kind=~"retention|restore|restore_cold|erase"})'},
        about="Queued and running. Workers of the queue maintenance do them.",
    ),
]

BOARD = dashboard(
    "retention",
    uid="memory-retention",
    about="What is archived, deleted and moved to cold storage, and whether the runs go as they should.",
    rows={"At a glance": [GLANCE], "Messages": [MESSAGES], "Runs": [RUN]},
)
