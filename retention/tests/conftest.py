"""Fixtures of this room."""

from pathlib import Path

import pytest

from retention import runs


@pytest.fixture(autouse=True)
def cold_storage(settings, tmp_path) -> Path:
    """Each test has a folder of its own as the storage `cold`."""
    folder: Path = tmp_path / "cold"
    own = settings.STORAGES["cold"] | {"OPTIONS": {"location": folder}}
    settings.STORAGES = settings.STORAGES | {"cold": own}
    return folder


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch) -> None:
    monkeypatch.setattr(runs, "REST", 0.0)
