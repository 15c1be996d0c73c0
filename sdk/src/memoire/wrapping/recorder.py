"""The memory of one wrapped client, and of one call made through it."""

import asyncio
import contextlib
import inspect
import logging
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from memoire.wrapping.injection import block_of
from memoire.wrapping.methods import Arguments, Method
from memoire.wrapping.protocols import AnyMemory, Fact
from memoire.wrapping.turns import Question, question_in

logger = logging.getLogger("memoire")

MAX_QUERY = 8_000  # characters, the most that the service takes


class Recorder:
    """Whose memory it is and in which session it is kept, unless a call says otherwise."""

    def __init__(self, memory: AnyMemory, *, user: str | None, session_id: str | None) -> None:
        self.memory = memory
        self.user = user
        self._session_id = session_id
        self._own = uuid.uuid4()

    def session_of(self, user: str | None) -> str:
        """The session given, or one of the wrapper's own for each end user: two users never share one."""
        if self._session_id is not None:
            return self._session_id
        return str(self._own if user == self.user else uuid.uuid5(self._own, str(user)))


class Exchange:
    """One call: the user's question, and the answer as it arrives. What fails here is logged once and let go."""

    def __init__(self, recorder: Recorder, method: Method, arguments: Arguments) -> None:
        self._method = method
        self._memory = recorder.memory
        self._has_warned = False
        self._heard: list[str] = []
        self._is_over = False
        self._question = Question()
        self.arguments = self._taken_off(arguments, recorder)
        with self.guard("reading the messages"):
            self._question = question_in(method.messages(self.arguments))

    def _taken_off(self, arguments: Arguments, recorder: Recorder) -> Arguments:
        """The arguments for the vendor: without ours, and with lists for what could be read only once."""
        rest = {name: list(value) if isinstance(value, Iterator) else value for name, value in arguments.items()}
        self.is_skipped = bool(rest.pop("memoire_skip", False))
        session_id = rest.pop("memoire_session_id", None)
        user = rest.get("user") if self._method.takes_user else rest.pop("user", None)
        self._user = str(user) if user else recorder.user  # a vendor's "not given" is false
        self._session_id = str(session_id or recorder.session_of(self._user))
        return rest

    @contextlib.contextmanager
    def guard(self, step: str) -> Iterator[None]:
        """No failure of the memory reaches the application; the first of a call is a warning.

        It names the kind of error alone: the text might hold what was said.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, the application's call goes on
            if not self._has_warned:
                logger.warning("memory failed at %s, the call goes on without it (%s)", step, type(error).__name__)
            self._has_warned = True

    def informed(self, defaults: Arguments) -> Arguments:
        """The arguments with what is recalled, or as they were."""
        arguments = self.arguments
        with self.guard("recall"):
            if self._question.text:
                arguments = self._with_facts(self._recall(), defaults)
        return arguments

    async def informed_async(self, defaults: Arguments) -> Arguments:
        """As `informed`; a synchronous memory is asked in a thread, so that the event loop goes on."""
        arguments = self.arguments
        with self.guard("recall"):
            if self._question.text:
                is_async = inspect.iscoroutinefunction(self._memory.recall)
                facts = self._recall() if is_async else await asyncio.to_thread(self._recall)
                arguments = self._with_facts(await facts if inspect.isawaitable(facts) else facts, defaults)
        return arguments

    def _recall(self) -> Any:
        return self._memory.recall(self._question.text[:MAX_QUERY], user_id=self._user)

    def _with_facts(self, facts: Iterable[Fact], defaults: Arguments) -> Arguments:
        block = block_of(facts)
        if not block:
            return self.arguments
        given = {name: value for name, value in self.arguments.items() if value or name not in defaults}
        return self._method.inject(defaults | given, block)

    def hear(self, event: Any) -> None:
        """Keep the text of one event of a stream."""
        with self.guard("reading the stream"):
            self._heard.append(self._method.delta(event))

    def remember_question(self) -> Any:
        return self._ingest(self._question.text, role="user") if self._question.is_new else None

    def remember_answer(self, answer: Any) -> Any:
        with self.guard("reading the answer"):
            return self._ingest(self._method.answer(answer), role="assistant")

    def remember_heard(self) -> Any:
        """The stream is over, read to its end or not: what arrived is remembered once."""
        is_over, self._is_over = self._is_over, True
        return None if is_over else self._ingest("".join(self._heard), role="assistant")

    def _ingest(self, content: str, *, role: str) -> Any:
        with self.guard("ingest"):
            if content.strip():
                return self._memory.ingest(content, session_id=self._session_id, role=role, user_id=self._user)
        return None

    async def settled(self, ingested: Any) -> None:
        """A memory may ingest at once or return something to await."""
        with self.guard("ingest"):
            if inspect.isawaitable(ingested):
                await ingested
