"""A dashboard of Grafana: its panels placed row by row, its variables and links. Schema version 39."""

from collections.abc import Mapping, Sequence

from deploy.grafana.panels import Json

WIDTH = 24
TAG = "memory-layer"
# Lines of panels by the title of the row they stand under.
Rows = Mapping[str, Sequence[Sequence[Json]]]


def dashboard(title: str, *, uid: str, about: str, rows: Rows) -> Json:
    """`uid` is what links and bookmarks go by: it stays when the title changes."""
    return {
        "uid": uid,
        "title": f"Memory Layer: {title}",
        "description": about,
        "tags": [TAG],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [DATASOURCES, SERVICE]},
        "links": [OTHER_DASHBOARDS, ADMIN],
        "panels": _placed(rows),
    }


DATASOURCES = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus"}
SERVICE = {
    "type": "textbox",
    "name": "service",
    "label": "Address of the service",
    "query": "http://localhost:8000",
    "current": {"text": "http://localhost:8000", "value": "http://localhost:8000"},
}
OTHER_DASHBOARDS = {"type": "dashboards", "title": "Dashboards", "tags": [TAG], "keepTime": True, "includeVars": True}
ADMIN = {"type": "link", "title": "Admin", "url": "${service}/admin/", "icon": "external link", "targetBlank": True}


def _placed(rows: Rows) -> list[Json]:
    """Numbered from the top left; the panels of a line share its width."""
    placed: list[Json] = []
    y = 0
    for title, lines in rows.items():
        placed.append({"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _at(0, y, WIDTH, 1)})
        y += 1
        for line in lines:
            width, height = WIDTH // len(line), line[0]["gridPos"]["h"]
            placed += [panel | {"gridPos": _at(x * width, y, width, height)} for x, panel in enumerate(line)]
            y += height
    return [panel | {"id": number} for number, panel in enumerate(placed, start=1)]


def _at(x: int, y: int, width: int, height: int) -> Json:
    return {"x": x, "y": y, "w": width, "h": height}
