"""What dashboards and alerts ask Prometheus, and what they read to answer it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import promql_parser as promql
import yaml
from django.conf import settings

DEPLOY = settings.BASE_DIR / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARDS = DEPLOY / "grafana" / "dashboards"
# What Grafana puts in, at its shortest.
INTERVAL = "1m"


@dataclass(frozen=True)
class Expression:
    where: str
    text: str

    def __str__(self) -> str:
        return self.where


@dataclass(frozen=True)
class Read:
    """A metric, of a moment or over a range; the labels that are asked of it, and the values they are compared with."""

    metric: str
    is_range: bool
    labels: frozenset[str]
    matched: frozenset[tuple[str, str]]


def dashboards() -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def alerts() -> dict[str, Any]:
    """The alerting rules by their names."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def of_dashboards() -> list[Expression]:
    return [
        Expression(f"{name}: {panel['title']} ({target['refId']})", for_prometheus(target["expr"]))
        for name, board in dashboards().items()
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]


def of_alerts() -> list[Expression]:
    return [Expression(name, rule["expr"]) for name, rule in alerts().items()]


def for_prometheus(text: str) -> str:
    """Grafana's variables as their values."""
    return text.replace("$__rate_interval", INTERVAL)


def condition_of(text: str) -> list[str]:
    """What an alert compares: the sides of its `and`, without their thresholds; it has values while all is well."""
    return [node.prettify() for node in _compared(promql.parse(text))]


def _compared(node: Any) -> Iterator[Any]:
    operator = str(node.op) if isinstance(node, promql.BinaryExpr) else ""
    if operator == "and":
        yield from _compared(node.lhs)
        yield from _compared(node.rhs)
    elif operator in (">", "<", "==", "!="):
        yield from _compared(node.lhs)
    elif isinstance(node, promql.ParenExpr):
        yield from _compared(node.expr)
    elif isinstance(node, promql.Call) and node.func.name == "absent":
        yield from (each for argument in node.args for each in _compared(argument))
    else:
        yield node


@cache
def reads(text: str) -> frozenset[Read]:
    return frozenset(_reads(promql.parse(text), frozenset()))


def _reads(node: Any, asked: frozenset[str]) -> Iterator[Read]:
    """`asked`: the labels that aggregations around the node keep."""
    match node:
        case promql.VectorSelector():
            yield _read(node, asked, is_range=False)
        case promql.MatrixSelector():
            yield _read(node.vector_selector, asked, is_range=True)
        case promql.AggregateExpr():
            yield from _reads(node.expr, frozenset(node.modifier.labels if node.modifier else ()))
        case promql.BinaryExpr():
            yield from _reads(node.lhs, asked)
            yield from _reads(node.rhs, asked)
        case promql.Call():
            for argument in node.args:
                yield from _reads(argument, asked)
        case promql.ParenExpr() | promql.SubqueryExpr() | promql.UnaryExpr():
            yield from _reads(node.expr, asked)


def _read(selector: promql.VectorSelector, asked: frozenset[str], *, is_range: bool) -> Read:
    matched = frozenset((each.name, each.value) for each in selector.matchers.matchers)
    return Read(selector.name or "", is_range, asked | {name for name, _ in matched}, matched)


def legends(panel: Any) -> set[str]:
    """The labels that the legends of a panel show."""
    shown = [target.get("legendFormat", "") for target in panel.get("targets", [])]
    return {label for legend in shown for label in re.findall(r"\{\{(\w+)}}", legend)}
