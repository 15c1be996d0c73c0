"""Where cold files lie unless another storage is set: a folder that only the service may read."""

import os
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.files.storage import FileSystemStorage


class PrivateFileSystemStorage(FileSystemStorage):
    """Files of mode 0600 in folders of mode 0700. What `save` has returned survives a loss of power.

    Django's own leaves that to the system, which may write a file long after the rows that it replaces are deleted.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700} | options)

    def _save(self, name: str, content: "File[Any]") -> str:
        saved: str = super()._save(name, content)  # type: ignore[misc] # documented by Django, unknown to its stubs
        path, root = Path(self.path(saved)), Path(self.location)
        for one in (path, *(parent for parent in path.parents if parent.is_relative_to(root))):
            _sync(one)
        return saved


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
