from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from memories.providers.base import ProviderMisconfigured, ProviderRejected, ProviderUnavailable
from memories.providers.google_gemini import GoogleGeminiProvider
from memories.providers.resilience import CircuitOpen
from memories.tests.providers.conftest import Answer, Request, Vendor

KEY = "AIza-test-secret"
Build = Callable[..., GoogleGeminiProvider]


def texts_of(request: Request) -> list[str]:
    return [one["content"]["parts"][0]["text"] for one in request.json["requests"]]


def embeddings(sent: Any) -> dict[str, Any]:
    """What Gemini answers; the first number of each vector is the length of its text."""
    texts = [one["content"]["parts"][0]["text"] for one in sent["requests"]]
    return {"embeddings": [{"values": [len(text), 1.0, 1.0]} for text in texts]}


@pytest.fixture
def build(vendor: Vendor) -> Build:
    vendor.default = embeddings

    def provider(**options: Any) -> GoogleGeminiProvider:
        return GoogleGeminiProvider(**{"api_key": KEY, "base_url": vendor.url, "dimensions": 3, **options})

    return provider


def test_vectors_come_in_the_order_of_the_texts(build: Build) -> None:
    vectors = build().embed_documents(["a", "bbb", "cc"])
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx([1, 3, 2])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


def test_request_names_model_task_and_size(build: Build, vendor: Vendor) -> None:
    build().embed_documents(["a"])
    [request] = vendor.requests
    assert request.path.endswith("/models/gemini-embedding-001:batchEmbedContents")
    assert request.headers["x-goog-api-key"] == KEY
    [sent] = request.json["requests"]
    assert sent["taskType"] == "RETRIEVAL_DOCUMENT"
    assert sent["outputDimensionality"] == 3


def test_queries_have_a_task_of_their_own(build: Build, vendor: Vendor) -> None:
    build().embed_query("a")
    assert vendor.requests[0].json["requests"][0]["taskType"] == "RETRIEVAL_QUERY"


def test_second_generation_reads_the_task_in_the_text(build: Build, vendor: Vendor) -> None:
    provider = build(model_name="gemini-embedding-2")
    provider.embed_documents(["a", "b"])
    provider.embed_query("c")
    assert texts_of(vendor.requests[0]) == ["title: none | text: a", "title: none | text: b"]
    assert texts_of(vendor.requests[1]) == ["task: search result | query: c"]
    assert "taskType" not in vendor.requests[0].json["requests"][0]


def test_size_is_the_models_unless_set(vendor: Vendor) -> None:
    vendor.default = lambda sent: {"embeddings": [{"values": [1.0] * 3072}]}
    provider = GoogleGeminiProvider(api_key=KEY, base_url=vendor.url)
    assert provider.embed_query("a").shape == (3072,) == (provider.dimensions,)
    assert "outputDimensionality" not in vendor.requests[0].json["requests"][0]


def test_a_key_is_required() -> None:
    with pytest.raises(ProviderMisconfigured, match="MEMORY_GEMINI_API_KEY"):
        GoogleGeminiProvider()


def test_more_dimensions_than_the_model_has_are_a_mistake() -> None:
    with pytest.raises(ProviderMisconfigured, match="have 3072"):
        GoogleGeminiProvider(api_key=KEY, dimensions=4096)


def test_many_texts_are_sent_by_the_hundred(build: Build, vendor: Vendor) -> None:
    vectors = build().embed_documents(["x" * (n % 7 + 1) for n in range(230)])
    assert [len(texts_of(request)) for request in vendor.requests] == [100, 100, 30]
    assert vectors[:, 0] / vectors[:, 1] == pytest.approx([n % 7 + 1 for n in range(230)])


def test_a_long_query_is_the_mean_of_its_windows(build: Build, vendor: Vendor) -> None:
    vector = build().embed_query("q" * 3000)
    assert [len(text) for text in texts_of(vendor.requests[0])] == [2000, 1200]
    assert np.linalg.norm(vector) == pytest.approx(1)


def test_a_limited_rate_is_waited_out(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(429, {"error": {"code": 429}}, {"Retry-After": "0"}))
    assert build().embed_documents(["a"]).shape == (1, 3)
    assert len(vendor.requests) == 2


def test_the_wait_may_be_named_in_the_body(build: Build, vendor: Vendor) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}]
    vendor.script.append(Answer(429, {"error": {"code": 429, "details": details}}))
    with pytest.raises(ProviderUnavailable) as caught:
        build().embed_documents(["a"])
    assert caught.value.retry_after == 34.5


def test_documents_are_tried_three_times(build: Build, vendor: Vendor) -> None:
    vendor.script.extend([Answer(503, {}, {"Retry-After": "0"})] * 3)
    with pytest.raises(ProviderUnavailable, match="HTTP 503"):
        build().embed_documents(["a"])
    assert len(vendor.requests) == 3


def test_queries_are_not_retried(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(500, {}, {"Retry-After": "0"}))
    with pytest.raises(ProviderUnavailable):
        build().embed_query("a")
    assert len(vendor.requests) == 1


def test_silence_is_unavailable(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(hangs=True))
    with pytest.raises(ProviderUnavailable, match="ReadTimeout"):
        build(timeout_seconds=0.05).embed_query("a")


def test_no_server_is_unavailable(build: Build) -> None:
    with pytest.raises(ProviderUnavailable, match="ConnectError"):
        build(base_url="http://127.0.0.1:1").embed_query("a")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_key_is_rejected_and_not_repeated(build: Build, vendor: Vendor, status: int) -> None:
    vendor.script.append(Answer(status, {"error": {"code": status, "message": f"API key not valid: {KEY}"}}))
    with pytest.raises(ProviderRejected, match="MEMORY_GEMINI_API_KEY") as caught:
        build().embed_documents(["the text"])
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__
    assert len(vendor.requests) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"embeddings": [{"values": [1.0, 2.0]}]}, "shape"),
        ({"embeddings": [{"values": [1.0, 2.0, 3.0]}] * 2}, "shape"),
        ({}, "shape"),
        ('{"embeddings": [{"values": [1.0, NaN, 3.0]}]}', "NaN"),
        ({"embeddings": [{"values": [0, 0, 0]}]}, "zeros"),
        ({"embeddings": [{"values": None}]}, "shape"),
        ({"embeddings": "none"}, "not one of the Gemini API"),
        ("not JSON", "not one of the Gemini API"),
    ],
)
def test_wrong_answers_are_rejected(build: Build, vendor: Vendor, answer: Any, reason: str) -> None:
    vendor.script.append(Answer(body=answer))
    with pytest.raises(ProviderRejected, match=reason):
        build().embed_query("a")


def test_a_failing_vendor_is_left_alone_until_it_recovers(build: Build, vendor: Vendor) -> None:
    vendor.script.append(Answer(500, {}))
    provider = build(failure_threshold=1)
    with pytest.raises(ProviderUnavailable):
        provider.embed_query("a")
    with pytest.raises(CircuitOpen):
        provider.embed_query("a")
    assert len(vendor.requests) == 1
