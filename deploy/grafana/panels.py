"""The panels that dashboards are made of, in the form of Grafana's JSON; each knows its look and its height."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
# A colour, and the value it begins at.
Steps = Sequence[tuple[str, float | None]]

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
NEUTRAL: Steps = [("blue", None)]
GOOD_FROM_ONE: Steps = [("red", None), ("green", 1)]


def bad_from(orange: float, red: float) -> Steps:
    return [("green", None), ("orange", orange), ("red", red)]


def stat(title: str, expr: str, *, about: str, unit: str = "short", steps: Steps = NEUTRAL, page: str = "") -> Json:
    """One figure on its colour; a click opens `page` of the admin, such as "memories/job/"."""
    field = {"unit": unit, "color": {"mode": "thresholds"}, "thresholds": _thresholds(steps), "links": _links(page)}
    options = {
        "colorMode": "background",
        "graphMode": "area",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "value",
    }
    return _panel("stat", title, {"": expr}, height=4, about=about, field=field, options=options)


def lines(
    title: str,
    queries: Mapping[str, str],
    *,
    about: str,
    unit: str = "short",
    steps: Steps = (),
    stacked: bool = False,
) -> Json:
    """Curves over time: `queries` are expressions by their legend; `steps` are drawn as dashed lines."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 25 if stacked else 10,
        "showPoints": "never",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if steps else "off"},
    }
    field = {
        "unit": unit,
        "min": 0,
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "thresholds": _thresholds(steps or NEUTRAL),
    }
    options = {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return _panel("timeseries", title, queries, height=8, about=about, field=field, options=options)


def ranking(title: str, queries: Mapping[str, str], *, about: str, unit: str = "short", steps: Steps = NEUTRAL) -> Json:
    """Bars beside each other, of what holds now."""
    field = {"unit": unit, "min": 0, "color": {"mode": "thresholds"}, "thresholds": _thresholds(steps)}
    options = {
        "displayMode": "basic",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    }
    return _panel("bargauge", title, queries, height=8, about=about, field=field, options=options)


def text(title: str, markdown: str, *, height: int) -> Json:
    options = {"mode": "markdown", "content": markdown}
    return {"type": "text", "title": title, "transparent": True, "options": options, "gridPos": {"h": height}}


def quantiles(metric: str, *, by: str = "") -> dict[str, str]:
    """Half, 95 % and 99 % of what the histogram `metric` saw took no longer; for each value of the label `by`."""
    labels = f"le, {by}" if by else "le"
    name = f" {{{{{by}}}}}" if by else ""
    buckets = f"sum by ({labels}) (rate({metric}_bucket[$__rate_interval]))"
    return {f"p{share}{name}": f"histogram_quantile({share / 100}, {buckets})" for share in (50, 95, 99)}


def _panel(
    kind: str, title: str, queries: Mapping[str, str], *, height: int, about: str, field: Json, options: Json
) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": about,
        "datasource": DATASOURCE,
        "targets": [_target(ref, legend, expr) for ref, (legend, expr) in zip("ABCDEF", queries.items(), strict=False)],
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": options,
        "gridPos": {"h": height},
    }


def _target(ref: str, legend: str, expr: str) -> Json:
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend or "__auto",
    }


def _thresholds(steps: Steps) -> Json:
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for color, value in steps]}


def _links(page: str) -> list[Json]:
    return [{"title": "Open in the admin", "url": f"${{service}}/admin/{page}", "targetBlank": True}] if page else []
