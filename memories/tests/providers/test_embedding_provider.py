import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from memories.providers import embedding_provider
from memories.tests.providers.conftest import Answer, Vendor

KEY = "secret-key"


@pytest.fixture(autouse=True)
def defaults(settings: Settings) -> None:
    settings.MEMORY_EMBEDDING_MODEL_NAME = None
    settings.MEMORY_EMBEDDING_DIMENSIONS = None
    settings.MEMORY_REQUEST_TIMEOUT_SECONDS = 30
    settings.MEMORY_CIRCUIT_FAILURE_THRESHOLD = 5
    settings.MEMORY_CIRCUIT_RECOVERY_SECONDS = 30
    for vendor in ("GEMINI", "OPENAI"):
        setattr(settings, f"MEMORY_{vendor}_API_KEY", KEY)
        setattr(settings, f"MEMORY_{vendor}_BASE_URL", None)


@pytest.mark.parametrize(
    ("name", "model_name", "dimensions"),
    [
        ("sentence_transformer", "sentence-transformers/all-MiniLM-L6-v2", 384),
        ("google_gemini", "gemini-embedding-001", 3072),
        ("openai", "text-embedding-3-small", 1536),
        ("mock", "mock", 64),
    ],
)
@pytest.mark.parametrize("setting", [None, "sentence-transformers/all-MiniLM-L6-v2"])
def test_each_provider_has_its_own_default_model(
    settings: Settings, name: str, model_name: str, dimensions: int, setting: str | None
) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = name
    settings.MEMORY_EMBEDDING_MODEL_NAME = setting
    provider = embedding_provider()
    assert (provider.name, provider.model_name, provider.dimensions) == (name, model_name, dimensions)


def test_the_settings_choose_model_and_size(settings: Settings) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = "openai"
    settings.MEMORY_EMBEDDING_MODEL_NAME = "text-embedding-3-large"
    settings.MEMORY_EMBEDDING_DIMENSIONS = 1024
    provider = embedding_provider()
    assert (provider.model_name, provider.dimensions) == ("text-embedding-3-large", 1024)


def test_threads_share_one_provider(settings: Settings) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = "mock"
    settings.MEMORY_EMBEDDING_DIMENSIONS = 31
    with ThreadPoolExecutor(8) as pool:
        providers = list(pool.map(lambda _: embedding_provider(), range(32)))
    assert len({id(provider) for provider in providers}) == 1


@pytest.mark.parametrize(
    ("name", "dimensions"), [("sentence_transformer", 100), ("openai", 5000), ("google_gemini", 5000)]
)
def test_dimensions_that_do_not_fit_stop_the_start(settings: Settings, name: str, dimensions: int) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = name
    settings.MEMORY_EMBEDDING_DIMENSIONS = dimensions
    with pytest.raises(ImproperlyConfigured, match="MEMORY_EMBEDDING_DIMENSIONS"):
        embedding_provider()


@pytest.mark.parametrize("name", ["openai", "google_gemini"])
def test_a_missing_key_stops_the_start(settings: Settings, name: str) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = name
    settings.MEMORY_OPENAI_API_KEY = settings.MEMORY_GEMINI_API_KEY = None
    with pytest.raises(ImproperlyConfigured, match="_API_KEY"):
        embedding_provider()


def test_key_and_address_reach_the_vendor(settings: Settings, vendor: Vendor) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = "openai"
    settings.MEMORY_OPENAI_BASE_URL = vendor.url
    settings.MEMORY_EMBEDDING_DIMENSIONS = 2
    vendor.script.append(Answer(body={"data": [{"index": 0, "embedding": [3, 4]}]}))
    assert embedding_provider().embed_query("a") == pytest.approx([0.6, 0.8])
    assert vendor.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_importing_loads_no_vendor() -> None:
    script = (
        "import sys, memories.providers\n"
        "print({'torch', 'sentence_transformers', 'google.genai', 'openai'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
