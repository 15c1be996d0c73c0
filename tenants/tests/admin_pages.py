"""What tests of the admin ask of a list."""

from django.db import connection
from django.test.utils import CaptureQueriesContext


def listed(client, address, **query):
    """The rows of a list."""
    return list(client.get(address, query).context["cl"].result_list)


def queries(client, address):
    with CaptureQueriesContext(connection) as made:
        assert client.get(address).status_code == 200
    return len(made)
