"""What tests of the admin ask of its pages."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse


def listed(client, address, **query):
    """The rows of a list."""
    return list(client.get(address, query).context["cl"].result_list)


def queries(client, address):
    with CaptureQueriesContext(connection) as made:
        assert client.get(address).status_code == 200
    return len(made)


def listing(model):
    return reverse(f"admin:{model}_changelist")


def adding(model):
    return reverse(f"admin:{model}_add")


def page(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def text(response):
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def act(client, model, action, *rows, **answer):
    """The page that an action of a list leads to."""
    data = {"action": action, "_selected_action": [row.pk for row in rows]} | answer
    return text(client.post(listing(model), data, follow=True))


def complaints(response):
    return response.context["adminform"].form.errors
