"""Any model of sentence-transformers, run by torch."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memories.providers.base import Vectors
from memories.providers.encoder import Encoded, said

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

CPU_BATCH, GPU_BATCH = 8, 32  # texts of unlike length pad each other: on a CPU small batches of like ones are faster


class TorchEncoder:
    """`path`: a folder, or with `local_files_only=False` a hub id. Raises what sentence-transformers raises."""

    def __init__(self, path: str, *, local_files_only: bool) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns in every forked worker
        from sentence_transformers import SentenceTransformer
        from tokenizers import Tokenizer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        self._model = model = SentenceTransformer(path, local_files_only=local_files_only)
        # A copy: the model's own cuts texts off and is changed by its calls.
        self.tokenizer = Tokenizer.from_str(model.tokenizer.backend_tokenizer.to_str())
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        model.encode("settles the tokenizer's options, which no thread may change while another reads them")
        prompt = self.tokenizer.encode(model.prompts.get("document") or "", add_special_tokens=False)
        specials = self.tokenizer.num_special_tokens_to_add(is_pair=False)
        self.window_tokens = (model.max_seq_length or 512) - specials - len(prompt.ids)
        self.dimensions = model.get_embedding_dimension()

    def encode(self, texts: Sequence[str], *, is_query: bool) -> list[Encoded]:
        model = self._model
        encode = model.encode_query if is_query else model.encode_document
        # It sorts all it is given by length before it batches, and runs in inference mode.
        rows: Any = encode(list(texts), batch_size=_batch(model), output_value=None, show_progress_bar=False)
        return [Encoded(_array(row["sentence_embedding"]), _tokens(row)) for row in rows]


def _tokens(row: "Mapping[str, Tensor]") -> Vectors:
    if "token_embeddings" not in row:
        return _array(row["sentence_embedding"])[None]
    return said(_array(row["token_embeddings"][row["attention_mask"].bool()]))


def _array(tensor: "Tensor") -> Vectors:
    array: Vectors = tensor.float().cpu().numpy()
    return array


def _batch(model: "SentenceTransformer") -> int:
    return CPU_BATCH if model.device.type == "cpu" else GPU_BATCH
