"""The addresses of the admin: every list, plain and as its filters, search, order and pages make it, and every page."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateFilter

from tenants.admin_base import TENANT_FILTER

Query = dict[str, str]
BOUNDS = ("BEGIN", "COMMIT", "RELEASE SAVEPOINT", "SAVEPOINT", "SELECT set_config", "SET ROLE")


def models() -> list[type[Model]]:
    return list(admin.site._registry)


def name_of(model: type[Model]) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{name_of(model)}_changelist")


def page_of(row: Model) -> str:
    return reverse(f"admin:{name_of(type(row))}_change", args=[row.pk])


def queries(captured: CaptureQueriesContext) -> int:
    """How many there were, without those that begin and end transactions and set whose rows they see."""
    return sum(not one["sql"].startswith(BOUNDS) for one in captured)


def lists(
    model: type[Model], user: User, *, chosen: Mapping[type[Model], Model], terms: tuple[str, ...], day: str
) -> Iterator[str]:
    """The list of `model` under each of its filters, by `chosen` rows and in days from `day`; searched; paged; sorted.

    All of it once over everything and, where there is one, once within the chosen tenant.
    """
    page = admin.site._registry[model]
    request = _request(user)
    filters = [query for one in _specs(page, request) for query in _queries(one, chosen, day)]
    within = [query for query in filters if TENANT_FILTER in query]
    searches = [{"q": term} for term in terms if page.get_search_fields(request)]
    for base in ({}, *within):
        others = [query for query in filters if query not in within]
        for query in ({}, *others, *searches, {"p": "2"}, *_orders(page, _request(user, base))):
            yield f"{list_of(model)}?{urlencode(base | query)}"


def _request(user: User, query: Mapping[str, str] | None = None) -> HttpRequest:
    request = RequestFactory().get("/", query)
    request.user = user
    return request


def _specs(page: "ModelAdmin[Any]", request: HttpRequest) -> list[Any]:
    specs: list[Any] = page.get_changelist_instance(request).filter_specs
    return specs


def _queries(spec: Any, chosen: Mapping[type[Model], Model], day: str) -> list[Query]:
    """What an operator may choose in a filter, each choice alone."""
    if isinstance(spec, AutocompleteSelectFilter):
        row = chosen.get(spec.field.related_model)
        return [{spec.lookup_kwarg: str(row.pk)}] if row else []
    if isinstance(spec, RangeDateFilter):
        return [{f"{spec.field_path}_from": day, f"{spec.field_path}_to": day}, {f"{spec.field_path}_to": day}]
    if isinstance(spec, admin.SimpleListFilter):
        return [{str(spec.parameter_name): str(value)} for value, _ in spec.lookup_choices]
    if isinstance(spec, admin.ChoicesFieldListFilter):
        return [{spec.lookup_kwarg: str(value)} for value, _ in spec.field.flatchoices]
    if isinstance(spec, admin.BooleanFieldListFilter):
        return [{spec.lookup_kwarg: value} for value in ("0", "1")]
    if isinstance(spec, admin.RelatedFieldListFilter):
        return [{spec.lookup_kwarg: str(pk)} for pk, _ in spec.lookup_choices[:1]]
    return [{one: "a"} for one in spec.expected_parameters()[:1]]


def _orders(page: "ModelAdmin[Any]", request: HttpRequest) -> list[Query]:
    sortable, shown = page.get_sortable_by(request), page.get_list_display(request)
    return [{"o": f"-{place}"} for place, name in enumerate(shown, start=1) if name in sortable]
