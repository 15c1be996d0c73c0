import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel
from pytest_django import Settings

from memories.providers import language_model
from memories.tests.providers.conftest import Answer, Vendor
from memories.tests.providers.dialects import ANTHROPIC

VENDORS = ["OPENAI", "ANTHROPIC", "GEMINI", "OPENROUTER"]


class Greeting(BaseModel):
    words: str


@pytest.fixture(autouse=True)
def defaults(settings: Settings) -> None:
    settings.MEMORY_LLM_MODEL = None
    settings.MEMORY_LLM_BASE_URL = None
    for vendor in VENDORS:
        setattr(settings, f"MEMORY_{vendor}_API_KEY", "secret-key")


def test_rules_need_no_model(settings: Settings) -> None:
    settings.MEMORY_LLM_PROVIDER = "rules"
    assert language_model() is None


@pytest.mark.parametrize("name", ["openai", "anthropic", "gemini", "openrouter"])
def test_each_vendor_has_a_default_model(settings: Settings, name: str) -> None:
    settings.MEMORY_LLM_PROVIDER = name
    model = language_model()
    assert model is not None
    assert model.name == name
    assert model.model_name


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_missing_key_is_named(settings: Settings, vendor: str) -> None:
    settings.MEMORY_LLM_PROVIDER = vendor.lower()
    setattr(settings, f"MEMORY_{vendor}_API_KEY", None)
    with pytest.raises(ImproperlyConfigured, match=f"MEMORY_{vendor}_API_KEY"):
        language_model()


def test_the_address_of_embeddings_is_not_the_models(settings: Settings) -> None:
    settings.MEMORY_LLM_PROVIDER, settings.MEMORY_OPENAI_API_KEY = "openai", None
    settings.MEMORY_OPENAI_BASE_URL = "http://127.0.0.1:7/v1"
    with pytest.raises(ImproperlyConfigured, match="MEMORY_LLM_BASE_URL"):
        language_model()


def test_settings_reach_the_vendor(settings: Settings, vendor: Vendor) -> None:
    settings.MEMORY_LLM_PROVIDER, settings.MEMORY_LLM_MODEL = "anthropic", "claude-sonnet-5-5"
    settings.MEMORY_LLM_BASE_URL, settings.MEMORY_LLM_TIMEOUT_SECONDS = vendor.url, 7
    vendor.script.append(Answer(body=ANTHROPIC.says({"words": "Hello"})))
    model = language_model()
    assert model is not None
    assert model.ask("Hello?", instructions="Greet.", answer=Greeting).output.words == "Hello"
    assert vendor.requests[0].json["model"] == "claude-sonnet-5-5"
    assert vendor.requests[0].headers["x-stainless-timeout"] == "7"


def test_threads_share_one_model(settings: Settings) -> None:
    settings.MEMORY_LLM_PROVIDER, settings.MEMORY_LLM_MODEL = "openai", "for-threads"
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda _: language_model(), range(32)))
    assert len({id(model) for model in models}) == 1


def test_rules_load_no_vendor() -> None:
    script = (
        "import django, sys; django.setup()\n"
        "from memories.facts.reading import reader\n"
        "print(reader().name, [name for name in ('pydantic_ai', 'openai', 'anthropic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "rules:1 []\n"
