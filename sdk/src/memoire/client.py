"""The blocking client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, TypeVar

from memoire import calls
from memoire.calls import Call, Id
from memoire.config import QUEUE_SIZE, configured
from memoire.core import DRAIN, Core, unavailable
from memoire.errors import MemoireError
from memoire.models import Conscious, Context, Fact, FactSource, Hit, Job, Message, Session, Timeline

T = TypeVar("T")
ClientT = TypeVar("ClientT")


class Memoire:
    """The memory service, for code that blocks; any number of threads may share one.

    Without arguments the environment tells: MEMOIRE_API_KEY, MEMOIRE_BASE_URL (http://localhost:8000) and
    MEMOIRE_TIMEOUT (2.0 s). No call takes longer than `timeout`. When the service fails, the answer is
    empty and the log has a warning; with `strict=True` a MemoireError is raised. A mistake in the program raises
    MemoireConfigError at once.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: float | None = None,
        *,
        tenant_id: str | None = None,
        strict: bool = False,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        self._core = Core(
            configured(api_key, base_url, timeout, tenant_id=tenant_id, strict=strict, queue_size=queue_size)
        )

    # --- Facts ----------------------------------------------------------------------------------------------------

    def recall(
        self,
        query: str,
        *,
        user_id: Id | None = None,
        limit: int = 5,
        categories: Sequence[str] | None = None,
        max_age_days: int | None = None,
        current_view_only: bool = True,
        include_historical: bool = False,
    ) -> list[Fact]:
        """The facts about an end user that answer `query`, best first. A key of an end user needs no `user_id`."""
        return self._run(
            calls.recall(
                query,
                user_id=user_id,
                limit=limit,
                categories=categories,
                max_age_days=max_age_days,
                current_view_only=current_view_only,
                include_historical=include_historical,
            )
        )

    def ingest(
        self,
        content: str,
        *,
        session_id: Id,
        role: str = "user",
        user_id: Id | None = None,
        metadata: Mapping[str, Any] | None = None,
        created_at: datetime | None = None,
    ) -> None:
        """Queue a turn to be stored, and facts to be read from it. Returns at once; `flush` waits for it."""
        options = {"user_id": user_id, "metadata": metadata, "created_at": created_at}
        call = calls.ingest(content, session_id=session_id, role=role, **options)
        self._core.ingest(call, session_id=str(session_id))

    def get_conscious(self, user_id: Id | None = None, *, max_facts: int = 20) -> Conscious:
        """What is always worth knowing of an end user: essential facts and the profile."""
        return self._run(calls.get_conscious(user_id, max_facts=max_facts))

    def list_facts(self, user_id: Id, *, limit: int = 100, category: str | None = None) -> list[Fact]:
        """Facts about an end user that are neither expired nor superseded, the newest first."""
        return self._run(calls.list_facts(user_id, limit=limit, category=category))

    def delete_fact(self, fact_id: Id) -> bool:
        """Remove a fact; False when it was not there, or could not be removed."""
        return self._run(calls.delete_fact(fact_id))

    def get_fact_source(self, fact_id: Id) -> FactSource | None:
        """The message that a fact came from."""
        return self._run(calls.get_fact_source(fact_id))

    def consolidate(self, user_id: Id) -> Job | None:
        """Have an end user's facts merged and the profile refreshed."""
        return self._run(calls.consolidate(user_id))

    def create_session(self, user_id: Id | None = None) -> Session:
        """Begin a session. When the service is away the id is made here, and is as good for `ingest`."""
        return self._run(calls.create_session(user_id))

    def timeline(
        self,
        user_id: Id | None = None,
        *,
        category: str | None = None,
        slot_hint: str | None = None,
        include_historical: bool = True,
    ) -> Timeline:
        """What was true of an end user when, oldest first."""
        return self._run(
            calls.timeline(
                user_id=user_id, category=category, slot_hint=slot_hint, include_historical=include_historical
            )
        )

    # --- Messages -------------------------------------------------------------------------------------------------

    def add_message(
        self,
        content: str,
        *,
        conversation_id: Id,
        role: str = "user",
        user_id: Id | None = None,
        metadata: Mapping[str, Any] | None = None,
        importance_override: float | None = None,
        created_at: datetime | None = None,
        external_id: Id | None = None,
    ) -> Message | None:
        """Store a message now; None when it was not stored."""
        return self._run(
            calls.add_message(
                content,
                conversation_id=conversation_id,
                role=role,
                user_id=user_id,
                metadata=metadata,
                importance_override=importance_override,
                created_at=created_at,
                external_id=external_id,
            )
        )

    def add_messages(self, messages: Sequence[Mapping[str, Any]]) -> list[Message]:
        """Store up to 1,000 messages, mappings of `add_message`'s arguments, in one call.

        Returns those that were stored. The log counts those that were refused, with `strict=True`, too.
        """
        return self._run(calls.add_messages(messages))

    def search(
        self,
        query: str,
        *,
        top_k: int = 5,
        conversation_id: Id | None = None,
        user_id: Id | None = None,
        role: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        importance_min: float | None = None,
        mode: str = "hybrid",
        include_archived: bool = False,
        neighbours: int = 0,
        explain: bool = False,
    ) -> list[Hit]:
        """Messages that match `query` by meaning and by words, best first."""
        return self._run(
            calls.search(
                query,
                top_k=top_k,
                conversation_id=conversation_id,
                user_id=user_id,
                role=role,
                since=since,
                until=until,
                metadata=metadata,
                importance_min=importance_min,
                mode=mode,
                include_archived=include_archived,
                neighbours=neighbours,
                explain=explain,
            )
        )

    def context(
        self,
        query: str,
        *,
        max_tokens: int = 1000,
        top_k: int | None = None,
        neighbours: int | None = None,
        conversation_id: Id | None = None,
        user_id: Id | None = None,
    ) -> Context:
        """What is remembered about `query` as one block for a prompt; its text is empty when there is nothing."""
        options = {"top_k": top_k, "neighbours": neighbours, "conversation_id": conversation_id, "user_id": user_id}
        return self._run(calls.context(query, max_tokens=max_tokens, **options))

    # --- The queue and the end ------------------------------------------------------------------------------------

    @property
    def dropped(self) -> int:
        """How many turns were given up: no room, refused, or tried too often."""
        return self._core.queue.dropped

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all turns are sent; False when some are not after `timeout` seconds."""
        return self._core.queue.flush(timeout)

    def close(self, timeout: float = DRAIN) -> None:
        """Send the turns that wait, for `timeout` seconds at most, and end. Also at exit, without a call."""
        self._core.close(timeout)

    def __enter__(self) -> Memoire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def wrap(self, client: ClientT, *, user: str | None = None, session_id: str | None = None) -> ClientT:
        """`client`, of OpenAI, Anthropic or Google, with this memory."""
        from memoire.wrapping import wrap  # not needed without a vendor's client

        return wrap(client, self, user=user, session_id=session_id)

    def _run(self, call: Call[T]) -> T:
        try:
            with self._core.circuit.attempt():
                return self._outcome(call)
        except MemoireError as error:
            return self._core.without(call, error)

    def _outcome(self, call: Call[T]) -> T:
        exchange = self._core.start(call)
        try:
            return exchange.result(self._core.config.timeout)
        except MemoireError:
            raise
        except Exception as error:  # whatever it is, the application goes on
            raise unavailable(error) from error
        finally:
            exchange.cancel()
