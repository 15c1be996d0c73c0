"""What rows keep of the request that they were written for, and what is told to it later."""

import structlog
from structlog.contextvars import bound_contextvars
from structlog.testing import capture_logs

from tenants import origin


def test_outside_of_a_request_there_is_none() -> None:
    structlog.contextvars.clear_contextvars()
    assert origin.current() is None


def test_within_one_it_is_its_id() -> None:
    with bound_contextvars(request_id="mine"):
        assert origin.current() == {"request_id": "mine"}


def test_what_is_told_carries_the_id_of_the_request_it_is_told_to() -> None:
    with (
        capture_logs(processors=[structlog.contextvars.merge_contextvars]) as said,
        bound_contextvars(request_id="another"),
    ):
        origin.tell({"request_id": "mine"}, "searchable", since=1, messages=2)
    assert said == [{"event": "searchable", "request_id": "mine", "messages": 2, "log_level": "info"}]


def test_work_that_is_resumed_is_of_the_request_that_asked_for_it() -> None:
    with bound_contextvars(request_id="another"):
        with origin.resumed({"request_id": "mine"}, "job", tenant="acme"):
            assert origin.current() == {"request_id": "mine"}
        assert origin.current() == {"request_id": "another"}


def test_what_is_called_for_others_is_of_no_request() -> None:
    with bound_contextvars(request_id="mine"):
        with origin.forgotten():
            assert origin.current() is None
        assert origin.current() == {"request_id": "mine"}
