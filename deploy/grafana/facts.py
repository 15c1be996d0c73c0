"""What is read out of turns, what it costs, and how it is recalled."""

from deploy.grafana.board import dashboard
from deploy.grafana.panels import bad_from, lines, quantiles, stat

RATE = "[$__rate_interval]"
JOBS = "memories/job/"

GLANCE = [
    stat(
        "Statements read in 24 hours",
        "sum(increase(facts_extracted_total[1d]))",
        about="Out of turns, whatever became of them.",
        page="memories/fact/",
    ),
    stat(
        "Tokens in 24 hours",
        "sum(increase(llm_tokens_total[1d]))",
        about="Read and written by language models. The rules that come with the service take none.",
        page="memories/tokenspend/",
    ),
    stat(
        "Dollars in 24 hours",
        "sum(increase(llm_cost_dollars_total[1d]))",
        about="Of the tokens whose price is known. The alert TokenCostHigh has the threshold.",
        unit="currencyUSD",
        steps=bad_from(10, 25),
        page="memories/tokenspend/",
    ),
    stat(
        "Jobs to do",
        "sum(max by (kind) (jobs_open))",
        about="Queued and running, sessions to be read included.",
        steps=bad_from(500, 5_000),
        page=JOBS,
    ),
    stat(
        "Jobs that failed",
        "sum(max by (kind) (jobs_failed))",
        about="They wait until they are tried again. The admin shows why they failed.",
        steps=bad_from(1, 100),
        page=f"{JOBS}?status=failed",
    ),
    stat(
        "95 % recalled within",
        quantiles("memory_recall_duration_seconds")["p95"],
        about="From a question to its facts. Empty: nobody asked.",
        unit="s",
        steps=bad_from(0.5, 1),
    ),
]
FACTS = [
    lines(
        "Statements by what became of them",
        {"{{outcome}}": "sum by (outcome) (increase(facts_extracted_total[1h]))"},
        about="In the hour before.",
        stacked=True,
    ),
    lines(
        "Recalls",
        {"degraded: {{degraded}}": f"sum by (degraded) (rate(memory_recalls_total{RATE}))"},
        about="Questions a second; degraded ones went without meaning.",
        unit="reqps",
        stacked=True,
    ),
    lines("Time of a recall", quantiles("memory_recall_duration_seconds"), about="To its facts.", unit="s"),
]
COST = [
    lines(
        "Tokens a day",
        {"{{model}} {{direction}}": "sum by (model, direction) (increase(llm_tokens_total[1d]))"},
        about="In the 24 hours before.",
        stacked=True,
    ),
    lines(
        "Dollars a day",
        {"{{model}}": "sum by (model) (increase(llm_cost_dollars_total[1d]))"},
        about="In the 24 hours before, of the tokens whose price is known.",
        unit="currencyUSD",
        stacked=True,
        steps=bad_from(10, 25),
    ),
    lines(
        "Attempts at vendors",
        {"{{vendor}} {{outcome}}": f"sum by (vendor, outcome) (rate(provider_request_duration_seconds_count{RATE}))"},
        about="A second, those of embedding vendors included.",
        unit="reqps",
    ),
]
WORK = [
    lines(
        "Jobs to do",
        {"{{kind}}": "max by (kind) (jobs_open)"},
        about="Queued and running, by kind.",
        steps=bad_from(500, 5_000),
    ),
    lines(
        "Jobs that ended",
        {"{{kind}} {{status}}": "sum by (kind, status) (increase(jobs_finished_total[1h]))"},
        about="In the hour before.",
        stacked=True,
    ),
    lines("Jobs that failed", {"{{kind}}": "max by (kind) (jobs_failed)"}, about="Until they are tried again."),
]

BOARD = dashboard(
    "facts and cost",
    uid="memory-facts",
    about="What is read out of turns, what it costs, and how it is recalled.",
    rows={"At a glance": [GLANCE], "Facts": [FACTS], "Cost": [COST], "Jobs": [WORK]},
)
