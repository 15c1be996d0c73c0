"""The first page to open: are memories embedded, found and retired, and how is the service that does it."""

from deploy.grafana.board import dashboard
from deploy.grafana.panels import GOOD_FROM_ONE, bad_from, lines, quantiles, stat

RATE = "[$__rate_interval]"
REQUESTS = f"sum(rate(http_requests_total{RATE}))"
ERRORS = f'sum(rate(http_requests_total{{status=~"5.."}}{RATE}))'
SEARCHES = f"sum(rate(memory_searches_total{RATE}))"

GLANCE = [
    stat(
        "Alerts",
        'count(ALERTS{alertstate="firing"}) or vector(0)',
        about="Alerts that are firing. The dashboard Runbook says what each means and what to do.",
        steps=bad_from(1, 3),
    ),
    stat(
        "Answered with an error",
        f"({ERRORS} or vector(0)) / {REQUESTS}",
        about="Share of requests that were answered with a 5xx. Empty: there were no requests.",
        unit="percentunit",
        steps=bad_from(0.01, 0.05),
    ),
    stat(
        "Embedded? Oldest waits",
        "max(embedding_oldest_pending_seconds)",
        about="How long the first of the messages that have no vector yet has been waiting for it.",
        unit="s",
        steps=bad_from(60, 300),
        page="memories/messageembedding/",
    ),
    stat(
        "Found? 95 % of searches within",
        quantiles("memory_search_duration_seconds")["p95"],
        about="From a query to its hits, embedding of the query included. Empty: nobody searched.",
        unit="s",
        steps=bad_from(0.5, 1),
        page="memories/message/search/",
    ),
    stat(
        "Retired in 24 hours",
        "sum(increase(retention_messages_total[1d]))",
        about="Messages that retention archived, deleted or moved to cold storage.",
        page="retention/run/",
    ),
    stat(
        "Work that failed",
        "max(embedding_failed) + sum(max by (kind) (jobs_failed))",
        about="Messages that were given up embedding, and failed jobs, until they are tried again in the admin.",
        steps=bad_from(1, 100),
        page="memories/job/?status=failed",
    ),
]
PARTS = [
    stat("API", 'sum(up{job="api"})', about="API instances that answer.", steps=GOOD_FROM_ONE),
    stat("Workers", 'sum(up{job=~".*worker"})', about="Workers that answer.", steps=GOOD_FROM_ONE),
    stat("Beat", 'sum(up{job="beat"})', about="The scheduler: there is one.", steps=GOOD_FROM_ONE),
    stat("Database", "min(database_up)", about="1: every API instance reaches it.", steps=GOOD_FROM_ONE),
    stat("Redis", "min(redis_up)", about="1: every API instance reaches it.", steps=GOOD_FROM_ONE),
    stat("Broker", "min(broker_up)", about="Of tasks, Redis by default. 1: it is reached.", steps=GOOD_FROM_ONE),
]
REQUESTS_ROW = [
    lines(
        "Requests by status",
        {"{{status}}": f"sum by (status) (rate(http_requests_total{RATE}))"},
        about="Answers a second.",
        unit="reqps",
        stacked=True,
    ),
    lines(
        "Requests by route",
        {"{{method}} {{route}}": f"topk(10, sum by (method, route) (rate(http_requests_total{RATE})))"},
        about="The ten busiest, a second.",
        unit="reqps",
        stacked=True,
    ),
    lines(
        "Errors by route",
        {"{{route}} {{status}}": f'sum by (route, status) (rate(http_requests_total{{status=~"5.."}}{RATE}))'},
        about="Answers with a 5xx a second. Empty: there were none.",
        unit="reqps",
    ),
]
LATENCY = [
    lines("All requests", quantiles("http_request_duration_seconds"), about="Within the service.", unit="s"),
    lines(
        "Slowest routes",
        {
            "{{method}} {{route}}": "topk(10, histogram_quantile(0.95, sum by (le, method, route) "
            f"(rate(http_request_duration_seconds_bucket{RATE}))))"
        },
        about="95 % of a route's requests were answered within this time.",
        unit="s",
    ),
    lines(
        "Searches",
        quantiles("memory_search_duration_seconds"),
        about="From a query to its hits.",
        unit="s",
        steps=bad_from(0.5, 1),
    ),
]
SEARCH = [
    lines(
        "Searches by mode",
        {"{{mode}}": f"sum by (mode) (rate(memory_searches_total{RATE}))"},
        about="Answered searches a second.",
        unit="reqps",
        stacked=True,
    ),
    lines(
        "Searches out of the cache",
        {"share": f'(sum(rate(memory_searches_total{{cache="hit"}}{RATE})) or vector(0)) / {SEARCHES}'},
        about="The share that was answered without asking the database.",
        unit="percentunit",
    ),
    lines(
        "Searches by words alone",
        {"share": f'(sum(rate(memory_searches_total{{degraded="true"}}{RATE})) or vector(0)) / {SEARCHES}'},
        about="The share that went without meaning, since the embedding provider did not answer.",
        unit="percentunit",
        steps=bad_from(0.01, 0.1),
    ),
]
SERVERS = [
    lines(
        "Connections to the database",
        {"{{state}}": "sum by (state) (database_pool_connections)"},
        about="Of all processes; max: as many as there may be, MEMORY_DATABASE_POOL_SIZE for each.",
    ),
    lines(
        "Requests that wait for a connection",
        {"{{instance}}": "max by (instance) (database_pool_waiting)"},
        about="And tasks. More than none for long: the pool is too small, or the database too slow.",
        steps=bad_from(1, 10),
    ),
    lines(
        "Refused by a rate limit",
        {
            "{{kind}}": f"sum by (kind) (rate(rate_limit_hits_total{RATE}))",
            "not counted, {{outcome}}": f"sum by (outcome) (rate(rate_limit_uncounted_total{RATE}))",
        },
        about="By whose limit, a second; and requests that could not be counted, since Redis did not answer.",
        unit="reqps",
    ),
    lines(
        "Statements",
        quantiles("django_db_query_duration_seconds"),
        about="From a statement to its answer, in all processes. Slow ones are in pg_stat_activity.",
        unit="s",
    ),
]

REPLICAS = [
    lines(
        "Reads offered to replicas",
        {"{{replica}} {{outcome}}": f"sum by (replica, outcome) (rate(database_replica_reads_total{RATE}))"},
        about="A second: read there; or by the primary, since it was behind or lost. Empty: there is no replica.",
        unit="reqps",
        stacked=True,
    ),
    lines(
        "Replicas that are asked",
        {"{{replica}}": "min by (replica) (database_replica_up)"},
        about="0: it was lost, and is tried again every five seconds. Empty: there is no replica.",
    ),
]

BOARD = dashboard(
    "service",
    uid="memory-service",
    about="Whether memories are embedded, found and retired, and how the service does.",
    rows={
        "At a glance": [GLANCE, PARTS],
        "Requests": [REQUESTS_ROW],
        "Latency": [LATENCY],
        "Search": [SEARCH],
        "Database and limits": [SERVERS],
        "Replicas": [REPLICAS],
    },
)
