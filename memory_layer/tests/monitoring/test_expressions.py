"""Every expression of dashboards and alerts reads what the service exposes, by labels that it has."""

import re

import pytest
import yaml

from memory_layer.celery import app
from memory_layer.stack import QUEUES
from memory_layer.tests.monitoring.exposed import rising, series
from memory_layer.tests.monitoring.expressions import (
    DEPLOY,
    Expression,
    Read,
    dashboards,
    for_prometheus,
    legends,
    of_alerts,
    of_dashboards,
    reads,
)
from retention.models import Action, Run

EXPRESSIONS = [*of_dashboards(), *of_alerts()]
ALL_READS = sorted({read for expression in EXPRESSIONS for read in reads(expression.text)}, key=str)
BOARDS = dashboards()
PARTS = {"api", "worker", "fact-worker", "beat"}


@pytest.fixture
def exposed(db):
    return series()


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_it_reads_metrics_that_are_exposed_by_labels_that_they_have(exposed, expression: Expression):
    for read in reads(expression.text):
        assert read.metric in exposed
        assert read.labels <= exposed[read.metric], read.metric


@pytest.mark.parametrize(
    "text", ["nonsuch_total", 'up{nonsuch="1"}', "sum by (nonsuch) (up)", "sum(rate(nonsuch[5m]))"]
)
def test_an_expression_that_reads_something_else_would_be_noticed(exposed, text):
    assert not all(
        read.labels <= exposed.get(read.metric, frozenset()) and read.metric in exposed for read in reads(text)
    )


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
def test_of_what_only_rises_it_reads_the_rise(expression: Expression):
    assert not rising() & {read.metric for read in reads(expression.text) if not read.is_range}


def values(label: str) -> list[tuple[Read, str]]:
    return [(read, value) for read in ALL_READS for name, value in read.matched if name == label]


@pytest.mark.parametrize(
    ("label", "known"),
    [
        ("task", set(app.tasks)),
        ("queue", set(QUEUES.split(","))),
        ("job", PARTS),
        ("action", set(Action.values)),
        ("status", {*Run.Status.values, "500"}),
        ("outcome", {"ok", "failure", "success", "behind"}),
        ("degraded", {"true", "false"}),
        ("cache", {"hit", "miss"}),
    ],
)
def test_the_values_that_are_looked_for_are_values_that_exist(label, known):
    app.loader.import_default_modules()
    looked_for = values(label)
    assert looked_for
    for read, value in looked_for:
        assert any(re.fullmatch(value, each) for each in known), read


@pytest.mark.parametrize("name", BOARDS)
def test_legends_show_labels_that_the_answer_has(name):
    for panel in BOARDS[name]["panels"]:
        kept = {label for target in panel.get("targets", []) for read in reads_of(target) for label in read.labels}
        assert legends(panel) <= kept, panel["title"]


def reads_of(target) -> frozenset[Read]:
    return reads(for_prometheus(target["expr"]))


def test_every_metric_of_the_specification_is_on_a_dashboard_or_in_an_alert():
    promised = "http_requests_total http_request_duration_seconds messages_created_total memory_searches_total"
    promised += " memory_search_duration_seconds embedding_generation_duration_seconds embedding_jobs_total"
    promised += " embedding_backlog embedding_lag_seconds rate_limit_hits_total retention_messages_total"
    promised += " facts_extracted_total llm_tokens_total"
    read = {re.sub(r"_(bucket|count|sum)$", "", one.metric) for one in ALL_READS}
    assert set(promised.split()) <= read


def test_the_rate_of_scrapes_is_the_one_that_grafana_reckons_with():
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert source["datasources"][0]["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]
