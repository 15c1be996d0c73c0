from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from memories.providers.base import ProviderMisconfigured, ProviderRejected, ProviderUnavailable
from memories.providers.openai import OpenAIProvider
from memories.providers.resilience import CircuitOpen
from memories.tests.providers.conftest import Answer, Vendor

KEY = "sk-test-secret"
Build = Callable[..., OpenAIProvider]


def embeddings(sent: Any, *, dimensions: int = 3) -> dict[str, Any]:
    """What OpenAI answers, in reverse order; the first number of each vector is the length of its text."""
    vectors = [[float(len(text)), *[1.0] * (dimensions - 1)] for text in sent["input"]]
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return {"object": "list", "model": sent["model"], "data": data[::-1], "usage": {}}


@pytest.fixture
def build(vendor: Vendor) -> Build:
    vendor.default = embeddings

    def provider(**options: Any) -> OpenAIProvider:
        return OpenAIProvider(**{"api_key": KEY, "base_url": vendor.url, "dimensions": 3, **options})

    return provider


def test_vectors_come_in_the_order_of_the_texts(build: Build) -> None:
    vectors = build().embed_documents(["a", "bbb", "cc"])
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx([1, 3, 2])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_request_names_the_model_and_carries_the_key(build: Build, vendor: Vendor) -> None:
    build().embed_documents(["a"])
    [request] = vendor.requests
    assert request.path == "/embeddings"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.json == {
        "model": "text-embedding-3-small",
        "input": ["a"],
        "dimensions": 3,
        "encoding_format": "float",
    }


def test_dimensions_are_sent_to_models_that_know_them_only(build: Build, vendor: Vendor) -> None:
    build(model_name="nomic-embed-text").embed_query("a")
    assert "dimensions" not in vendor.requests[0].json


def test_a_server_without_keys_needs_none(build: Build, vendor: Vendor) -> None:
    build(api_key=None).embed_query("a")
    assert len(vendor.requests) == 1


def test_neither_key_nor_server_is_a_mistake() -> None:
    with pytest.raises(ProviderMisconfigured, match="MEMORY_OPENAI_API_KEY"):
        OpenAIProvider()


def test_known_models_bring_their_dimensions() -> None:
    assert OpenAIProvider(api_key=KEY).dimensions == 1536
    assert OpenAIProvider(api_key=KEY, model_name="text-embedding-3-large").dimensions == 3072


def test_dimensions_a_model_cannot_give_are_a_mistake() -> None:
    with pytest.raises(ProviderMisconfigured, match="text-embedding-ada-002 have 1536"):
        OpenAIProvider(api_key=KEY, model_name="text-embedding-ada-002", dimensions=512)


def test_many_texts_are_sent_in_batches(build: Build, vendor: Vendor) -> None:
    vectors = build().embed_documents(["x" * (n % 7 + 1) for n in range(300)])
    assert [len(request.json["input"]) for request in vendor.requests] == [256, 44]
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx([n % 7 + 1 for n in range(300)])


def test_a_batch_stays_below_the_size_of_a_call(build: Build, vendor: Vendor) -> None:
    build().embed_documents(["x" * 8000] * 40)
    assert [len(request.json["input"]) for request in vendor.requests] == [37, 3]


def test_no_texts_need_no_call(build: Build, vendor: Vendor) -> None:
    assert build().embed_documents([]).shape == (0, 3)
    assert vendor.requests == []


def test_a_long_query_is_the_mean_of_its_windows(build: Build, vendor: Vendor) -> None:
    vector = build().embed_query("q" * 9000)
    assert [len(text) for text in vendor.requests[0].json["input"]] == [8000, 1800]
    assert vector.shape == (3,)
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_a_limited_rate_is_waited_out(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(429, {"error": {}}, {"Retry-After": "0"}))
    assert build().embed_documents(["a"]).shape == (1, 3)
    assert len(vendor.requests) == 2


def test_documents_are_tried_three_times(build: Build, vendor: Vendor) -> None:
    vendor.script.extend([Answer(500, {}, {"Retry-After": "0"})] * 3)
    with pytest.raises(ProviderUnavailable, match="HTTP 500"):
        build().embed_documents(["a"])
    assert len(vendor.requests) == 3


def test_a_wait_longer_than_the_budget_is_left_to_the_caller(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(429, {}, {"Retry-After": "3600"}))
    with pytest.raises(ProviderUnavailable) as caught:
        build().embed_documents(["a"])
    assert caught.value.retry_after == 3600
    assert len(vendor.requests) == 1


def test_queries_are_not_retried(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(503, {}, {"Retry-After": "0"}))
    with pytest.raises(ProviderUnavailable):
        build().embed_query("a")
    assert len(vendor.requests) == 1


def test_silence_is_unavailable(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(hangs=True))
    with pytest.raises(ProviderUnavailable, match="APITimeoutError"):
        build(timeout_seconds=0.05).embed_query("a")


def test_no_server_is_unavailable(build: Build) -> None:
    with pytest.raises(ProviderUnavailable, match="APIConnectionError"):
        build(base_url="http://127.0.0.1:1").embed_query("a")


def test_a_refused_key_is_rejected_and_not_repeated(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}))
    with pytest.raises(ProviderRejected, match="check MEMORY_OPENAI_API_KEY") as caught:
        build().embed_documents(["the text"])
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"data": [{"index": 0, "embedding": [1.0, 2.0]}]}, "shape"),
        ({"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}] * 2}, "shape"),
        ({"data": []}, "shape"),
        ('{"data": [{"index": 0, "embedding": [1.0, NaN, 3.0]}]}', "NaN"),
        ({"data": [{"index": 0, "embedding": [1.0, None, 3.0]}]}, "NaN"),
        ({"data": [{"index": 0, "embedding": [0, 0, 0]}]}, "zeros"),
        ({"data": [{"index": 0}]}, "shape"),
        ({"data": None}, "not one of an embeddings API"),
        ({"hello": "world"}, "not one of an embeddings API"),
        ("not JSON", "not one of an embeddings API"),
    ],
)
def test_wrong_answers_are_rejected(build: Build, vendor: Vendor, answer: Any, reason: str) -> None:
    vendor.script.append(Answer(body=answer))
    with pytest.raises(ProviderRejected, match=reason):
        build().embed_query("a")


def test_a_web_page_is_rejected(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(body="<html>Sign in</html>", headers={"Content-Type": "text/html"}))
    with pytest.raises(ProviderRejected, match="not one of an embeddings API"):
        build().embed_query("a")


def test_a_failing_vendor_is_left_alone(build: Build, vendor: Vendor) -> None:
    vendor.script.extend([Answer(500, {})] * 2)
    provider = build(failure_threshold=2)
    for _ in range(2):
        with pytest.raises(ProviderUnavailable, match="HTTP 500"):
            provider.embed_query("a")
    with pytest.raises(CircuitOpen, match="paused"):
        provider.embed_query("a")
    assert len(vendor.requests) == 2


def test_a_vendor_that_recovers_is_used_again(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(500, {}))
    provider = build(failure_threshold=1, recovery_seconds=0)
    with pytest.raises(ProviderUnavailable):
        provider.embed_query("a")
    assert provider.embed_query("a").shape == (3,)


def test_compatible_servers_get_smaller_windows(build: Build) -> None:
    text = "Every word of it. " * 200
    assert build().split(text) == [text]
    assert len(build(model_name="bge-small").split(text)) == 2
