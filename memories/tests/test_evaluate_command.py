"""`manage.py evaluate`, from a file to its tables."""

import json
import xml.etree.ElementTree as ET
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from memories.evaluation import run
from memories.models import Message
from memories.providers import ProviderUnavailable
from memories.providers.mock import MockProvider
from memories.tests.evaluation.files import MESSAGES, json_lines, longmemeval, longmemeval_entry
from tenants.models import Tenant
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.MEMORY_DATA_DIR = tmp_path / "data"


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "labelled.jsonl"
    file.write_bytes(json_lines())
    return file


def evaluate(path, *options: str) -> str:
    out = StringIO()
    with plain_login():
        call_command("evaluate", str(path), *options, stdout=out)
    return out.getvalue()


def refusal(path, *options: str) -> str:
    with pytest.raises(CommandError) as refused:
        evaluate(path, *options)
    assert not Tenant.objects.exists()
    return str(refused.value)


def figures(path, *options: str) -> Any:
    file = path.with_suffix(".json")
    evaluate(path, f"--json={file}", *options)
    return json.loads(file.read_text())


def row(printed: str, measure: str) -> str:
    return next(line for line in printed.splitlines() if line.startswith(f"│ {measure} "))


def test_a_table_says_how_well_search_finds(path) -> None:
    printed = evaluate(path)
    assert "4 messages, 2 questions (jsonl)" in printed
    assert "1.000 [1.000, 1.000]" in row(printed, "recall@1")
    for measure in ("hit@3", "all@10", "MRR", "nDCG@10", "hit@3 ±2"):
        assert row(printed, measure)
    assert "garden, 1 questions" in printed
    assert "p95" in printed


def test_nothing_is_left_of_what_was_stored(path) -> None:
    evaluate(path)
    assert not Tenant.objects.exists()
    assert not Message.objects.exists()


def test_baselines_stand_in_the_same_table(path) -> None:
    printed = evaluate(path, "--baselines")
    assert row(printed, "recall@10").count("[") == 5
    for name in ("Memory Layer", "BM25", "cosine", "rank fusion", "0.7/0.3"):
        assert name in printed


def test_every_figure_goes_into_a_file_but_no_text(path) -> None:
    found = figures(path, "--baselines")
    assert found["questions"] == {"all": 2, "boat": 1, "garden": 1}
    assert found["estimates"]["Memory Layer"]["all"]["recall@10"] == {"mean": 1.0, "low": 1.0, "high": 1.0}
    assert found["scores"]["BM25"]["leak"]["MRR"] == 1.0
    assert not any(one["content"] in json.dumps(found) for one in MESSAGES)


def test_the_mode_the_weights_and_the_depth_are_those_asked_for(path) -> None:
    found = figures(path, "--mode=lexical", "--weights=lexical:0.9,importance:0.1", "--top-k=2", "--neighbours=0")
    assert found["setting"] == {
        "mode": "lexical",
        "weights": {"lexical": 0.9, "importance": 0.1},
        "top_k": 2,
        "neighbours": 0,
    }
    assert set(found["scores"]["Memory Layer"]["leak"]) == {
        "recall@1", "recall@2", "hit@1", "hit@2", "all@1", "all@2", "MRR", "nDCG@2",
    }  # fmt: skip


def test_sessions_are_measured_where_answers_name_them(tmp_path) -> None:
    file = tmp_path / "longmemeval.json"
    file.write_bytes(longmemeval(*(longmemeval_entry(f"q{n}") for n in range(3))))
    found = figures(file, "--limit=2")
    assert found["questions"] == {"all": 2}
    assert found["left_out"] == {"turns that are no message": 2}
    assert found["estimates"]["Memory Layer"]["all"]["session recall@10"]["mean"] == 1.0


def test_a_picture_is_drawn(path, tmp_path) -> None:
    file = tmp_path / "picture.svg"
    evaluate(path, "--baselines", f"--picture={file}")
    svg = "{http://www.w3.org/2000/svg}"
    drawn = ET.fromstring(file.read_text())
    labels = [one.text for one in drawn.iter(f"{svg}title")]
    assert labels.count("Memory Layer: 1.000 [1.000, 1.000]") == 3  # all, boat, garden
    assert len(labels) == 1 + 3 * 5


def test_a_change_is_compared_question_by_question(path, tmp_path) -> None:
    before = tmp_path / "before.json"
    evaluate(path, f"--json={before}")
    worse = json.loads(before.read_text())
    worse["scores"]["Memory Layer"]["leak"]["recall@10"] = 0.0
    before.write_text(json.dumps(worse))
    printed = evaluate(path, f"--compare={before}")
    assert "+0.500" in row(printed[printed.index("Against") :], "recall@10")
    assert "leak: what leaks near the rudder" in printed


def test_a_second_run_embeds_nothing_again(path, monkeypatch) -> None:
    evaluate(path)

    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(MockProvider, "embed_documents", refuse)
    evaluate(path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weights=semantic"], "semantic:0.5"),
        (["--weights=colour:1"], "Unknown: colour"),
        (["--weights=semantic:-1"], "from 0"),
        (["--top-k=0"], "from 1 to 100"),
        (["--limit=some"], "from 1"),
        (["--neighbours=9"], "from 0 to 3"),
        (["--mode=psychic"], "psychic"),
        (["--json=/nowhere/run.json"], "directory that exists"),
        (["--compare=/nowhere/run.json"], "cannot be read"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_done(path, options, said) -> None:
    assert said in refusal(path, *options)


def test_a_file_that_is_no_labelled_set_is_refused(tmp_path) -> None:
    file = tmp_path / "labelled.jsonl"
    assert "cannot be read" in refusal(file)
    file.write_text('{"text": "?"}\n')
    assert "Line 1" in refusal(file)


def test_a_file_that_is_no_run_cannot_be_compared_with(path) -> None:
    assert "evaluate --json" in refusal(path, f"--compare={path}")


def test_ctrl_c_removes_what_was_stored(path, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "embed", interrupt)
    assert "removed" in refusal(path)


def test_without_the_embedding_model_the_run_ends_with_the_reason(path, monkeypatch) -> None:
    def gone(*_: object) -> None:
        raise ProviderUnavailable("gone")

    monkeypatch.setattr(MockProvider, "embed_query", gone)
    assert "--mode lexical" in refusal(path)
