"""The dashboards' JSON: written by the modules beside it, and whole."""

import json
import re
import subprocess
import sys
from itertools import pairwise

import pytest
import yaml
from django.conf import settings
from django.urls import resolve

from memory_layer.tests.monitoring.expressions import DASHBOARDS, DEPLOY, dashboards

BOARDS = dashboards()
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in board["panels"]]
DRAWN = [(name, panel) for name, panel in PANELS if panel["type"] not in ("row", "text")]
UNITS = {"short", "s", "percentunit", "reqps", "ops", "currencyUSD"}
COLORS = {"green", "orange", "red", "blue"}


def test_the_files_are_what_make_dashboards_writes(tmp_path):
    subprocess.run([sys.executable, "-m", "deploy.grafana", tmp_path], cwd=settings.BASE_DIR, check=True)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert written == {path.name: path.read_text() for path in DASHBOARDS.iterdir()}


def test_there_is_one_for_each_concern_with_an_address_of_its_own():
    assert set(BOARDS) == {"service", "embedding", "retention", "facts", "tenants", "runbook"}
    assert {board["uid"] for board in BOARDS.values()} == {f"memory-{name}" for name in BOARDS}


@pytest.mark.parametrize(("name", "panel"), DRAWN, ids=lambda value: value["title"] if isinstance(value, dict) else "")
def test_a_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_prometheus(name, panel):
    field = panel["fieldConfig"]["defaults"]
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert field["unit"] in UNITS
    assert panel["targets"]
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        assert source == {"type": "prometheus", "uid": "${datasource}"}
    references = [target["refId"] for target in panel["targets"]]
    assert len(set(references)) == len(references)


@pytest.mark.parametrize(("name", "panel"), DRAWN, ids=lambda value: value["title"] if isinstance(value, dict) else "")
def test_thresholds_rise_from_a_base(name, panel):
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert steps[0]["value"] is None
    rising = [step["value"] for step in steps[1:]]
    assert all(first <= second for first, second in pairwise(rising))
    assert {step["color"] for step in steps} <= COLORS


@pytest.mark.parametrize("name", BOARDS)
def test_panels_are_numbered_and_cover_no_other(name):
    panels = BOARDS[name]["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    cells = [cell for panel in panels for cell in cells_of(panel["gridPos"])]
    assert len(set(cells)) == len(cells)
    assert all(0 <= x < 24 for x, _ in cells)


def cells_of(place) -> list[tuple[int, int]]:
    columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
    return [(x, y) for x in columns for y in lines]


def test_no_two_panels_of_a_row_have_one_title():
    for board in BOARDS.values():
        titles: set[str] = set()
        for panel in board["panels"]:
            titles = set() if panel["type"] == "row" else titles
            assert panel["title"] not in titles
            titles.add(panel["title"])


@pytest.mark.parametrize("name", BOARDS)
def test_the_first_row_of_a_dashboard_is_figures(name):
    heading, *panels = BOARDS[name]["panels"]
    assert heading["type"] == "row"
    if name != "runbook":
        assert {panel["type"] for panel in panels[:4]} == {"stat"}


@pytest.mark.parametrize("name", BOARDS)
def test_variables_that_are_used_exist(name):
    used = set(re.findall(r"\$\{(\w+)}", json.dumps(BOARDS[name])))
    assert used <= {variable["name"] for variable in BOARDS[name]["templating"]["list"]}


def test_links_lead_to_pages_of_the_admin_that_exist():
    board = json.dumps(BOARDS)
    pages = {link.partition("?")[0] for link in re.findall(r'\$\{service}(/admin/[^"]*)"', board)}
    assert len(pages) > 5
    assert all(resolve(page).app_name == "admin" for page in pages)
    assert not [page for page in pages if resolve(page).url_name is None]


def test_grafana_is_told_where_the_dashboards_are_mounted():
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/memory-layer.yml").read_text())["providers"]
    mounts = yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts
