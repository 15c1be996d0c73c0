"""What a process has ready before it is asked for it."""

import gc

import pytest

from memories import providers
from memories.providers.mock import MockProvider
from memory_layer.warming import YOUNG, warm_up


@pytest.fixture(autouse=True)
def _collecting_as_before():
    usual = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*usual)


def test_what_is_there_is_left_alone_by_the_collector():
    warm_up()
    assert gc.get_freeze_count() > len(gc.get_objects())
    assert gc.get_threshold()[0] == YOUNG


def test_what_is_to_be_loaded_is_there_before():
    frozen = []
    warm_up(lambda: frozen.append(gc.get_freeze_count()))
    assert frozen == [0]


def test_what_cannot_be_loaded_changes_nothing_for_the_rest():
    with pytest.raises(ZeroDivisionError):
        warm_up(lambda: 1 / 0)
    assert gc.get_freeze_count() > 0


def test_a_local_model_is_loaded(settings, monkeypatch):
    asked = []
    settings.MEMORY_EMBEDDING_PROVIDER = "sentence_transformer"
    monkeypatch.setattr(MockProvider, "embed_query", lambda _, text: asked.append(text))
    monkeypatch.setattr(providers, "embedding_provider", MockProvider)
    providers.load()
    assert asked == ["ready"]


def test_a_vendors_model_is_not_asked(settings, monkeypatch):
    settings.MEMORY_EMBEDDING_PROVIDER = "openai"
    monkeypatch.setattr(providers, "embedding_provider", lambda: pytest.fail("a vendor was asked"))
    providers.load()
