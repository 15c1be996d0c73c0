"""A service with data in it, served in this process by an ordinary database login, and a browser that looks at it."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.test import Client
from django.test.testcases import LiveServerThread
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from memory_layer.tests.browser import chromium, seed
from memory_layer.tests.browser.looks import Visit
from tenants.tests.plain_login import plain_login


class AsPlainLogin(WSGIHandler):
    """The service, seen by a login that row-level security binds."""

    def __init__(self, service: Callable[..., Iterable[bytes]]) -> None:
        self.service = service

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with plain_login():
            return self.service(environ, start_response)


@pytest.fixture(scope="package")
def transactional_db(django_db_setup, django_db_blocker) -> Iterator[None]:
    """As pytest-django's of this name, by which it knows what needs a database, but emptied after all tests here."""
    with django_db_blocker.unblock():
        yield
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="package")
def seeded(transactional_db) -> seed.Seeded:
    """Committed, so that the server's threads see it."""
    return seed.fill()


@pytest.fixture(scope="package")
def session(seeded) -> str:
    """The cookie of an operator who is logged in."""
    client = Client()
    client.force_login(seeded.operator)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@pytest.fixture(scope="package")
def address(seeded) -> Iterator[str]:
    server = LiveServerThread("localhost", AsPlainLogin)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    assert server.error is None
    yield f"http://localhost:{server.port}"
    server.terminate()


@pytest.fixture(scope="package")
def chrome(address, session, tmp_path_factory) -> Iterator[Browser]:
    """Playwright's loop makes this thread look asynchronous to Django, which then refuses it the database."""
    with sync_playwright() as playwright:
        options = chromium.launching(tmp_path_factory.mktemp("chromium"))
        browser = playwright.chromium.launch(**options)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def logged_in(chrome, address, session) -> Iterator[BrowserContext]:
    context = chrome.new_context(base_url=address, reduced_motion="reduce")
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": address}])
    yield context
    context.close()


@pytest.fixture
def page(logged_in) -> Iterator[Page]:
    page = logged_in.new_page()
    yield page
    page.close()


@pytest.fixture
def stranger(chrome, address) -> Iterator[Page]:
    """The page of somebody who is not logged in."""
    context = chrome.new_context(base_url=address, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(page) -> Visit:
    return Visit(page, screenshots=os.environ.get("SCREENSHOTS"))
