"""What is no word of a language is found as it was written: code, ids, error messages, addresses, numbers."""

from typing import Any

import pytest

from memories.providers.sentence_transformer import SentenceTransformerProvider
from memories.tests.search.talk import NOW, ask, contents, embed_by, told

pytestmark = pytest.mark.django_db

CHATTER = [
    "Good morning, how is the release going?",
    "Fine so far, we are still waiting for the review.",
    "Remind me to water the plants tonight.",
]
# The query, the only message with it, and others that share parts of it.
CASES: list[tuple[str, str, list[str]]] = [
    (
        "getUserName(id)",
        "The bug is in getUserName(id), it returns None.",
        ["The bug is in getUserById(name).", "What is the user name of that id?", "getUserEmail(id) returns None."],
    ),
    (
        "where is foo_bar set?",
        "I renamed the flag foo_bar yesterday, it is set in the settings.",
        ["A foo is not a bar.", "foo_baz and bar_foo are set elsewhere.", "foo.bar is set by the installer."],
    ),
    (
        "std::vector<int>",
        "Use a std::vector<int> for the buffer.",
        ["Use a std::vector<double> for the buffer.", "A vector of int is fine.", "std::list<int> is too slow."],
    ),
    ("C++", "I learn C++ in the evening.", ["I learn C in the evening.", "I learn C# in the evening."]),
    ("C#", "I learn C# in the evening.", ["I learn C in the evening.", "I learn C++ in the evening."]),
    (".NET", "Our backend is written in .NET now.", ["The net income rose.", "We bought a net for the garden."]),
    (
        "node.js",
        "We deploy it with node.js on two servers.",
        ["The node of the cluster is down.", "This js file is empty.", "A node in js has children."],
    ),
    (
        "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "The job 7c9e6679-7425-40de-944b-e07fc1f90ae7 failed.",
        [
            "The job 7c9e6679-7425-40de-944b-e07fc1f90ae8 failed.",
            "The job 7c9e6679-7425-40de-944b-000000000000 failed.",
            "Job 7425 failed.",
        ],
    ),
    (
        "What happened to ORD-2024-00017?",
        "ORD-2024-00017 was sent back by the customer.",
        ["ORD-2024-00018 was sent back by the customer.", "ORD-2023-00017 was lost.", "What happened in 2024?"],
    ),
    (
        "ECONNREFUSED 127.0.0.1:5432",
        "It stops with connect ECONNREFUSED 127.0.0.1:5432 again.",
        ["It stops with connect ECONNREFUSED 127.0.0.1:6379 again.", "Nothing listens on 127.0.0.1.", "Is 5432 open?"],
    ),
    (
        "KeyError: 'user_id'",
        "The log says KeyError: 'user_id' in line 40.",
        ["The log says KeyError: 'user' in line 40.", "user_id is missing in the form.", "KeyError: 'id' in line 12."],
    ),
    (
        "ERR_SSL_PROTOCOL_ERROR",
        "Chrome shows ERR_SSL_PROTOCOL_ERROR at home.",
        ["Chrome shows ERR_SSL_VERSION_ERROR at home.", "There was an SSL protocol error.", "ERR_PROTOCOL"],
    ),
    (
        "0x80070005",
        "The update ends with 0x80070005.",
        ["The update ends with 0x80070057.", "The update ends with 80070005.", "Update number 5 ends."],
    ),
    (
        "anna.meyer@example.com",
        "Send the invoice to anna.meyer@example.com please.",
        [
            "Send the invoice to anna.mayer@example.com please.",
            "Send the invoice to anna.meyer@example.org please.",
            "Anna Meyer likes this example.",
        ],
    ),
    (
        "https://example.com/a/b?id=7&sort=desc",
        "The report is at https://example.com/a/b?id=7&sort=desc now.",
        [
            "The report is at https://example.com/a/b?id=8&sort=desc now.",
            "The report is at https://example.com/a/b?id=7&sort=asc now.",
            "See https://example.com/a/b for more.",
        ],
    ),
    (
        "when did we ship v2.3.1?",
        "We shipped v2.3.1 on Tuesday.",
        ["We shipped v2.3.10 on Tuesday.", "We shipped v2.3 on Monday.", "Version 2 ships in 3 weeks, 1 day late."],
    ),
    (
        "+49 30 901820",
        "Call the office at +49 30 901820 tomorrow.",
        ["Call the office at +49 30 901821 tomorrow.", "Call the office at +49 89 901820 tomorrow.", "Room 49 has 30"],
    ),
    (
        "DE89 3704 0044 0532 0130 00",
        "The account is DE89 3704 0044 0532 0130 00.",
        ["The account is DE89 3704 0044 0532 0131 00.", "The account is DE12 3704 0044 0532 0130 00."],
    ),
    (
        r"C:\Users\anna\notes.txt",
        r"I saved it as C:\Users\anna\notes.txt today.",
        [r"I saved it as C:\Users\ben\notes.txt today.", r"I saved it as D:\Users\anna\notes.txt today.", "notes.txt"],
    ),
    (
        "/etc/nginx/nginx.conf",
        "Look into /etc/nginx/nginx.conf first.",
        ["Look into /etc/nginx/sites.conf first.", "Look into /var/nginx/nginx.conf first.", "nginx has a conf file."],
    ),
    ("#launchday", "So proud of the team #launchday", ["So proud of the launch", "What a day #launch #day"]),
    ("@lena_k", "Thanks to @lena_k for the cake", ["Thanks to @lena for the cake", "Thanks to Lena K for the cake"]),
    (
        "state-of-the-art",
        "They call the engine state-of-the-art.",
        ["The state of the engine is bad.", "The art is in a state museum.", "state-of-emergency"],
    ),
    (
        'who said "the cake is a lie"?',
        "Ben wrote: the cake is a lie.",
        ["The cake is fresh.", "That is a lie.", "Ben wrote about a cake."],
    ),
]


def first(tenant, query: str, provider: Any, mode: Any) -> str:
    return contents(ask(tenant, query, mode=mode, provider=provider))[0]


@pytest.mark.parametrize(("query", "target", "others"), CASES, ids=[query for query, _, _ in CASES])
@pytest.mark.parametrize("mode", ["lexical", "hybrid"])
def test_what_is_written_so_comes_first(
    tenant, settings, bundled: SentenceTransformerProvider, mode: Any, query: str, target: str, others: list[str]
) -> None:
    settings.MEMORY_EMBEDDING_PROVIDER = "sentence_transformer"
    told(tenant, *others[:1], *CHATTER, target, *others[1:], embedded=False, created_at=NOW.replace(hour=2))
    embed_by(bundled)
    assert first(tenant, query, bundled, mode) == target
