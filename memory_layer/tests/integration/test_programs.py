"""The programs of docs/integration.md, run as they are printed: what one run is told, the next one knows."""

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from tests.wrapping.loopback import Vendor
from tests.wrapping.surfaces import CHAT, CHATS, MESSAGES

from memory_layer.running import free_port
from memory_layer.tests.integration.conftest import Service

DOCUMENT = (settings.BASE_DIR / "docs" / "integration.md").read_text()
PROGRAMS = dict(re.findall(r"^```\w+\n(?:#|//) (\S+)\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL))
REMEMBERING = ["python remember_http.py", "node remember.mjs", "go run remember.go"]
REMEMBERING += ["python remember.py", "python remember_async.py"]
CHATTING = {"python chat_openai.py": CHAT, "python chat_anthropic.py": MESSAGES, "python chat_google.py": CHATS}
SAID, ASKED, STATED, ANSWER = "I live in Austin.", "Where do I live?", "Lives in Austin.", "Nice to meet you."
TWO_SESSIONS = [[("user", text), ("assistant", ANSWER)] for text in (SAID, ASKED)]


@dataclass
class Reader:
    """Has copied every program into a folder, and set the environment as the document says."""

    folder: Path
    variables: dict[str, str]

    def runs(self, command: str, *arguments: str) -> str:
        """What a command prints that ends well and has nothing to complain of."""
        process = self._starts([*command.split(), *arguments], stderr=subprocess.PIPE)
        out, complaints = process.communicate(timeout=200)
        assert (process.returncode, complaints) == (0, "")
        return out

    @contextlib.contextmanager
    def serves(self, command: str) -> Iterator[str]:
        """The address of a server, which is stopped at the end."""
        port = free_port()
        with self._starts(command.format(port=port).split()) as server:
            try:
                Service.until(lambda: answers(port))
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()

    def _starts(self, words: list[str], **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(words, cwd=self.folder, env=self.variables, text=True, stdout=subprocess.PIPE, **more)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def reader(service: Service, vendor: Vendor, tmp_path: Path) -> Reader:
    for name, program in PROGRAMS.items():
        (tmp_path / name).write_text(program)
    memory = {"MEMOIRE_BASE_URL": service.url, "MEMOIRE_API_KEY": service.key, "MEMOIRE_TIMEOUT": "30"}
    keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "DJANGO_SECRET_KEY"), "k")
    addresses = {"ANTHROPIC_BASE_URL": vendor.url, "GOOGLE_GEMINI_BASE_URL": vendor.url}
    addresses["OPENAI_BASE_URL"] = f"{vendor.url}/v1"
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    installed = {"PATH": programs, "PYTHONPATH": str(settings.BASE_DIR / "sdk" / "src"), "GOTOOLCHAIN": "local"}
    return Reader(tmp_path, {**os.environ, **memory, **keys, **addresses, **installed})


def test_every_program_is_run_here():
    run = [word for command in [*REMEMBERING, *CHATTING] for word in command.split() if "." in word]
    assert set(PROGRAMS) == {*run, "remember.sh", "chatbot.py", "chatbot_django.py"}


def test_curl_stores_and_finds(reader):
    assert STATED in reader.runs("bash -e remember.sh")


@pytest.mark.parametrize("command", REMEMBERING)
def test_what_one_run_is_told_the_next_one_knows(reader, service, command):
    assert reader.runs(command, SAID) == ""
    service.until_read()
    assert reader.runs(command, ASKED) == f"{STATED}\n"
    assert service.sessions() == [[("user", SAID)], [("user", ASKED)]]


@pytest.mark.parametrize("command", CHATTING)
def test_what_a_chat_is_told_the_next_one_knows(reader, service, vendor, command):
    assert reader.runs(command, SAID) == f"{ANSWER}\n"
    service.until_read()
    assert reader.runs(command, ASKED) == f"{ANSWER}\n"
    assert STATED in CHATTING[command].system(vendor.requests[1])
    assert service.sessions() == TWO_SESSIONS


def test_the_fastapi_chatbot_knows_in_another_conversation(reader, service, vendor):
    with reader.serves("uvicorn chatbot:app --port {port} --log-level warning") as url:
        for conversation, text in (("monday", SAID), ("tuesday", ASKED)):
            message = {"role": "user", "content": text}
            assert requests.post(f"{url}/chat/{conversation}", json=[message], timeout=60).text == ANSWER
            service.until_read()
    assert STATED in CHAT.system(vendor.requests[1])
    assert service.sessions() == TWO_SESSIONS


def test_the_fastapi_chatbot_keeps_what_it_said_to_a_reader_who_went_away(reader, service, vendor):
    vendor.may_finish.clear()
    message = {"role": "user", "content": SAID}
    with reader.serves("uvicorn chatbot:app --port {port} --log-level critical") as url:
        with requests.post(f"{url}/chat/monday", json=[message], stream=True, timeout=60) as answer:
            assert next(answer.iter_content(None)) == b"Nice"
        vendor.may_finish.set()
        (_, (role, kept)) = service.until_both_turns_of("maya.monday")
    assert role == "assistant"
    assert ANSWER.startswith(kept)


def test_the_django_chatbot_knows_in_another_conversation(reader, service, vendor):
    browser = requests.Session()
    with reader.serves("python chatbot_django.py runserver --noreload {port}") as url:
        for conversation, text in (("monday", SAID), ("tuesday", ASKED)):
            answer = browser.post(f"{url}/chat/{conversation}", data={"text": text}, timeout=60)
            assert answer.json() == {"text": ANSWER}
            service.until_read()
        browser.post(f"{url}/chat/tuesday", data={"text": "Thanks."}, timeout=60)
    assert STATED in MESSAGES.system(vendor.requests[1])
    assert [turn["content"] for turn in vendor.requests[2]["messages"]] == [ASKED, ANSWER, "Thanks."]
