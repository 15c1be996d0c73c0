"""What others do, on the same rows: plain BM25, plain cosine, their rank fusion, and cosine with importance.

Each is restricted to the messages that pass the question's own filters; BM25 takes its statistics from them.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt
import Stemmer

from memories.evaluation.labelled import Question
from memories.evaluation.run import SHOWN_HITS, Answer, Setting
from memories.models import EmbeddingWindow, Message
from memories.providers.base import EmbeddingProvider, Vectors, model_key
from tenants.isolation import tenant_scope
from tenants.models import Tenant

BM25, DENSE, FUSION, BLEND = "BM25", "cosine", "rank fusion", "0.7/0.3"
FUSION_K = 60  # Cormack, Clarke and Büttcher, 2009
Scores = npt.NDArray[np.float32]

logging.getLogger("bm25s").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Rows:
    """Messages in the order of their conversations and times, with their whole-text vectors.

    `vectors` has shape (windows, dimensions), `owners` says of each row which message it is of, by number.
    """

    ids: Sequence[str]
    sessions: Sequence[str]
    texts: Sequence[str]
    importance: Scores
    vectors: Vectors
    owners: npt.NDArray[np.int64]

    @cached_property
    def bm25(self) -> bm25s.BM25 | None:
        """None where no message has a word worth an index."""
        tokens = _tokens(self.texts)
        if not any(tokens):
            return None
        index = bm25s.BM25()
        index.index(tokens, show_progress=False)
        return index


def answers(
    tenant: Tenant, questions: Sequence[Question], *, provider: EmbeddingProvider, setting: Setting
) -> Iterator[tuple[Question, dict[str, Answer]]]:
    """What each baseline gives to each question, by its name. Questions with the same filters share what is loaded."""
    for filters, asked in groupby(questions, key=lambda one: dict(one.filters)):
        rows = _loaded(tenant, filters, provider=provider)
        for question in asked:
            scores = _scores(rows, question.text, provider.embed_query(question.text))
            yield question, {name: _answer(rows, of, setting=setting) for name, of in scores.items()}


def _loaded(tenant: Tenant, filters: Mapping[str, Any], *, provider: EmbeddingProvider) -> Rows:
    matching = Message.objects.live().matching(tenant, **filters)
    with tenant_scope(tenant):
        ordered = matching.select_related("conversation").order_by("conversation", "created_at", "pk")
        messages = list(ordered)
        windows = EmbeddingWindow.objects.filter(tenant=tenant, model=model_key(provider), message__in=matching)
        vectors = list(windows.values_list("message", "vector"))
    number = {message.pk: position for position, message in enumerate(messages)}
    return Rows(
        ids=[str(one.external_id) for one in messages],
        sessions=[one.conversation.external_id for one in messages],
        texts=[one.content for one in messages],
        importance=np.array([one.stored_importance or 0.0 for one in messages], dtype=np.float32),
        vectors=np.array([vector for _, vector in vectors], dtype=np.float32).reshape(-1, provider.dimensions),
        owners=np.array([number[pk] for pk, _ in vectors], dtype=np.int64),
    )


def _scores(rows: Rows, text: str, vector: Vectors) -> dict[str, Scores]:
    """Of each baseline, a score for each message; 0 or less where it does not find the message."""
    words, cosine = _word_scores(rows, text), _cosines(rows, vector)
    return {
        BM25: words,
        DENSE: cosine,
        FUSION: _reciprocal_ranks(words) + _reciprocal_ranks(cosine),
        BLEND: (0.7 * cosine + 0.3 * rows.importance).astype(np.float32),
    }


def _word_scores(rows: Rows, text: str) -> Scores:
    index = rows.bm25
    known = [token for token in _tokens([text])[0] if index and token in index.vocab_dict]
    if index is None or not known:
        return np.zeros(len(rows.ids), dtype=np.float32)
    return np.asarray(index.get_scores(known), dtype=np.float32)


def _tokens(texts: Sequence[str]) -> list[list[str]]:
    """English stems without stop words."""
    if not texts:
        return []
    found: list[list[str]] = bm25s.tokenize(
        list(texts), stopwords="en_plus", stemmer=Stemmer.Stemmer("english"), return_ids=False, show_progress=False
    )
    return found


def _cosines(rows: Rows, vector: Vectors) -> Scores:
    """Of a message that took several windows, that of its best one."""
    best = np.zeros(len(rows.ids), dtype=np.float32)
    np.maximum.at(best, rows.owners, rows.vectors @ vector)
    return best


def _reciprocal_ranks(scores: Scores) -> Scores:
    """1/(k + rank) of what is found, 0 for the rest."""
    result = np.zeros_like(scores)
    for rank, position in enumerate(_order(scores), start=1):
        result[position] = 1 / (FUSION_K + rank)
    return result


def _order(scores: Scores) -> list[int]:
    """Positions of what is found, best first; equal scores in the order of the rows."""
    return [int(one) for one in np.argsort(-scores, kind="stable") if scores[one] > 0]


def _answer(rows: Rows, scores: Scores, *, setting: Setting) -> Answer:
    best = _order(scores)[: setting.top_k]
    shown = {one for position in best[:SHOWN_HITS] for one in _around(rows, position, setting.neighbours)}
    return Answer(
        ranked=[rows.ids[one] for one in best],
        sessions=list(dict.fromkeys(rows.sessions[one] for one in best)),
        shown=frozenset(shown),
    )


def _around(rows: Rows, position: int, count: int) -> list[str]:
    """The message and up to `count` turns of its conversation before and after it."""
    near = range(max(position - count, 0), min(position + count + 1, len(rows.ids)))
    return [rows.ids[one] for one in near if rows.sessions[one] == rows.sessions[position]]
