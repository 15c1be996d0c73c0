"""The benchmark runs, small: what it measures is not looked at, that it measures everything without an error is."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings

EVERYTHING = {
    *("bare view", "raw vector query", "search, cold", "search, cached", "recall"),
    *("raw INSERT", "bare create", "store", "ingest", "raw COPY", "batch store", "store while a worker embeds"),
    *("bare mock, batches", "bare mock, a query", "pipeline"),
}
PATIENCE_SECONDS = 400
SMALL = ("--messages", "100", "--tenants", "1", "--clients", "2", "--seconds", "0.25", "--sentences", "50")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The files that one run wrote."""
    folder = tmp_path_factory.mktemp("bench")
    files = {name: folder / name for name in ("json", "picture", "markdown")}
    options = [part for name, file in files.items() for part in (f"--{name}", str(file))]
    command = [sys.executable, "-m", "bench", "--workers", "1", *SMALL, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEMORY_")}
    environment |= {"MEMORY_EMBEDDING_PROVIDER": "mock", "DJANGO_SETTINGS_MODULE": "memory_layer.settings"}
    with subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment) as process:
        try:
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.terminate()  # it stops its servers then, which it could not if it were killed
    return {name: file.read_text() for name, file in files.items()}


def test_every_operation_and_every_reference_point_is_measured(ran):
    assert {one["what"] for one in json.loads(ran["json"])["figures"]} == EVERYTHING


def test_nothing_that_is_measured_fails(ran):
    assert {one["what"]: one["errors"] for one in json.loads(ran["json"])["figures"] if one["errors"]} == {}


def test_each_figure_has_a_rate_and_its_spread(ran):
    for one in json.loads(ran["json"])["figures"]:
        assert 0 < one["low"] <= one["rate"] <= one["high"], one


def test_the_picture_and_the_table_show_every_operation(ran):
    assert all(what in ran["picture"] and what in ran["markdown"] for what in EVERYTHING)
