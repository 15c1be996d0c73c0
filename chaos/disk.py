"""A small disk of its own for the service's data, so that it can be full without harm to anything else."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEGABYTES = 1500


@contextmanager
def own_disk(folder: Path) -> Iterator[bool]:
    """Mount a tmpfs at `folder`, for root; whether that worked."""
    folder.mkdir(parents=True, exist_ok=True)
    mounted = os.geteuid() == 0 and _runs("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=700", "chaos", folder)
    try:
        yield mounted
    finally:
        if mounted and not _runs("umount", folder):
            _runs("umount", "--lazy", folder)


def _runs(*command: str | Path) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
