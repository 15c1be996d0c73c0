"""What tests of retention's admin ask of its pages."""

from django.urls import reverse


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
