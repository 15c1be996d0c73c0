"""`python -m memories.providers.onnx_export WEIGHTS MODEL PRECISION`: the bundled model as a file of ONNX.

With int8 its weights are whole numbers with a scale for each channel, and what goes in is rounded as it comes. The file
appears only if its vectors are those of the original, nearly.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

OPSET = 17
NEARLY = 0.97  # mean cosine; 0.99 is usual for int8, 1.0 for float32
SAMPLES = (
    "I live in Austin, Texas now.",
    "My sister is allergic to cashews, so we never keep any at home.",
    "The invoice 2024-0815 is due on Friday.",
    "Could you remind me what we said about the trip to Lisbon in May?",
    "He plays the cello.",
    "Ich ziehe nächste Woche nach Hamburg um.",
    "def add(a, b): return a + b",
    "We talked about the weather, the garden and the neighbours' new fence for quite a while. " * 8,
)


def export(weights: Path, model: Path, precision: str) -> None:
    """Write `model`, whole or not at all. Exits with a message where it would be no good."""
    with tempfile.TemporaryDirectory(dir=model.parent) as folder:
        written = Path(folder) / "float32.onnx"
        _write(weights, written)
        if precision == "int8":
            written = _quantised(written, Path(folder) / "int8.onnx")
        if (likeness := _likeness(weights, written)) < NEARLY:
            sys.exit(f"its vectors are not those of the original (mean cosine {likeness:.3f})")
        written.rename(model)


def _write(weights: Path, file: Path) -> None:
    import torch
    from transformers import AutoModel

    class Tokens(torch.nn.Module):
        """The last layer alone: pooling is done outside, where the tokens are wanted too."""

        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(str(weights), local_files_only=True, attn_implementation="eager")

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            answer = self.model(input_ids=input_ids, attention_mask=attention_mask)
            states: torch.Tensor = answer.last_hidden_state
            return states

    inputs, free = ["input_ids", "attention_mask"], {0: "texts", 1: "tokens"}
    example = torch.ones((2, 9), dtype=torch.int64)
    torch.onnx.export(
        Tokens().eval(),
        (example, example),
        str(file),
        dynamo=False,  # the graph of the other exporter is a fifth slower
        opset_version=OPSET,
        input_names=inputs,
        output_names=["token_embeddings"],
        dynamic_axes=dict.fromkeys([*inputs, "token_embeddings"], free),
    )


def _quantised(source: Path, target: Path) -> Path:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)
    return target


def _likeness(weights: Path, model: Path) -> float:
    """The mean cosine of the sample texts' vectors by `model` and by torch."""
    from memories.providers.onnx_encoder import OnnxEncoder
    from memories.providers.torch_encoder import TorchEncoder

    ours = [one.vector for one in OnnxEncoder(weights, model=model).encode(SAMPLES, is_query=False)]
    theirs = [one.vector for one in TorchEncoder(str(weights), local_files_only=True).encode(SAMPLES, is_query=False)]
    pairs = zip(ours, theirs, strict=True)
    return float(np.mean([a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in pairs]))


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of the exporter, about what does not concern this graph
    export(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
