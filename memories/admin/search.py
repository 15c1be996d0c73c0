"""Searching in the admin: one query under two settings, side by side, with how each score came about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from memories.admin.base import Chooser
from memories.embedding_models import provider_for
from memories.models import Message
from memories.models.conversation import CONVERSATION_ID_PATTERN
from memories.models.message import Role
from memories.ranking.bm25 import rarity
from memories.search import Hit, Query, Result, search
from tenants.admin_base import enters_own_scopes
from tenants.ids import as_uuid
from tenants.isolation import across_tenants, tenant_scope
from tenants.models import EXTERNAL_ID_MAX, Tenant

QUERY_MAX = 8000
SLIDER_MAX = 2.0
FINE, COARSE = 0.001, 0.01
LOOKS = 11  # classes of admin.css
MODES = {"hybrid": "By meaning and words", "semantic": "By meaning", "lexical": "By words"}
ROLES = [("", "Any"), *Role.choices]


class SearchForm(forms.Form):
    tenant = forms.ModelChoiceField(Tenant.objects.all(), widget=Chooser(Message._meta.get_field("tenant"), admin.site))
    query = forms.CharField(max_length=QUERY_MAX, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
    conversation_id = forms.CharField(
        required=False, validators=[RegexValidator(CONVERSATION_ID_PATTERN)], widget=UnfoldAdminTextInputWidget
    )
    user_id = forms.CharField(
        required=False, max_length=EXTERNAL_ID_MAX, label="End user", widget=UnfoldAdminTextInputWidget
    )
    role = forms.ChoiceField(required=False, choices=ROLES, widget=UnfoldAdminSelectWidget)
    since = forms.DateTimeField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}))
    until = forms.DateTimeField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}))
    top_k = forms.IntegerField(
        min_value=1, max_value=100, initial=10, label="Results", widget=UnfoldAdminIntegerFieldWidget
    )
    neighbours = forms.IntegerField(
        min_value=0, max_value=3, initial=0, label="Turns around each", widget=UnfoldAdminIntegerFieldWidget
    )
    include_archived = forms.BooleanField(required=False, label="Archived ones too", widget=UnfoldBooleanSwitchWidget)

    def asked(self, mode: Any) -> Query:
        given = {name: value for name, value in self.cleaned_data.items() if name not in ("tenant", "query")}
        given |= {name: given[name] or None for name in ("conversation_id", "user_id", "role")}
        return Query(self.cleaned_data["query"], mode=mode, **given)


class SettingForm(forms.Form):
    """How to rank: a mode, and a weight for each part of the score. `weights`: those that the tenant has."""

    mode = forms.ChoiceField(choices=MODES.items(), initial="hybrid", widget=UnfoldAdminSelectWidget)
    is_own = forms.BooleanField(
        required=False,
        label="The tenant's own weights",
        widget=UnfoldBooleanSwitchWidget(attrs={"x-model": "own"}),
    )

    def __init__(self, data: QueryDict | None, *, prefix: str, weights: Mapping[str, float], is_own: bool) -> None:
        super().__init__(_with_own(data, prefix, weights), prefix=prefix, initial={**weights, "is_own": is_own})
        self.names = list(weights)
        for name in weights:
            self.fields[name] = _slider(name, weights)

    @property
    def title(self) -> str:
        return f"{str(self.prefix).title()} setting"

    @property
    def sliders(self) -> list[forms.BoundField]:
        return [self[name] for name in self.names]

    @property
    def weights(self) -> dict[str, float]:
        return {name: self.cleaned_data[name] for name in self.names}

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not any(given.get(name, 1.0) for name in self.names):
            raise forms.ValidationError("One weight at least must be more than 0.")
        return given


def _with_own(data: QueryDict | None, prefix: str, weights: Mapping[str, float]) -> QueryDict | None:
    """What was sent; where the tenant's own weights are wanted, these."""
    if data is None or f"{prefix}-is_own" not in data:
        return data
    changed = data.copy()
    for name, weight in weights.items():
        changed[f"{prefix}-{name}"] = str(weight)
    return changed


def _slider(name: str, weights: Mapping[str, float]) -> forms.FloatField:
    largest = max(SLIDER_MAX, *weights.values())
    is_coarse = all(round(weight, 2) == weight for weight in weights.values())
    moved = {"x-on:input": "shown = $event.target.value; own = false", "step": COARSE if is_coarse else FINE}
    widget = forms.NumberInput(attrs={"type": "range", **moved})
    return forms.FloatField(min_value=0.0, max_value=largest, label=name.replace("_", " "), widget=widget)


# --- What was found ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """What a part gives to a score: `value` times `weight`, as a share of the score's scale from `start` (percent)."""

    name: str
    look: int
    value: float
    weight: float
    share: float
    start: float

    @property
    def width(self) -> float:
        return 100 * self.share


@dataclass(frozen=True)
class Row:
    place: int
    hit: Hit
    parts: Sequence[Part]
    movement: str

    @property
    def best_parts(self) -> list[Part]:
        """The three that give most."""
        return sorted((part for part in self.parts if part.share > 0), key=lambda part: -part.share)[:3]


@dataclass(frozen=True)
class Found:
    """What one setting finds, in `milliseconds`, which may be those of a cached answer."""

    title: str
    words: Sequence[str]
    hits: Sequence[Hit]
    weights: Mapping[str, float]
    is_degraded: bool
    milliseconds: float

    @property
    def ids(self) -> list[UUID]:
        return [hit.message.pk for hit in self.hits]


@enters_own_scopes
def show(request: HttpRequest, *, model_admin: Any) -> HttpResponse:
    if not model_admin.has_view_permission(request):
        raise PermissionDenied
    data = request.POST if request.method == "POST" else None
    with across_tenants():
        form = SearchForm(data, initial=request.GET.dict())
        is_valid = form.is_valid()
        weights = _weights_of(form)
    first = SettingForm(data, prefix="first", weights=weights, is_own=True)
    second = SettingForm(data, prefix="second", weights=weights, is_own=False)
    is_valid = all([is_valid, first.is_valid(), second.is_valid()])
    outcome = _compared(form, first, second) if is_valid else {}
    with across_tenants():
        context = {
            **model_admin.admin_site.each_context(request),
            "model_admin": model_admin,
            "title": "Search",
            "form": form,
            "settings": [first, second],
            "legend": [(index % LOOKS, name.replace("_", " ")) for index, name in enumerate(weights)],
            **outcome,
        }
        return render(request, "memories/admin/search.html", context)


def _weights_of(form: SearchForm) -> dict[str, float]:
    """The tenant's weights, of the one chosen or named in the address; those of the settings where there is none."""
    chosen = form.cleaned_data.get("tenant") if form.is_bound else None
    named = as_uuid(str(form.initial.get("tenant", "")))
    tenant = chosen or (Tenant.objects.filter(pk=named).first() if named else None)
    return {**settings.MEMORY_RANKING_WEIGHTS, **((tenant and tenant.ranking_weights) or {})}


def _compared(form: SearchForm, first: SettingForm, second: SettingForm) -> dict[str, Any]:
    one, other = (_found(form, setting) for setting in (first, second))
    return {
        "columns": [
            {"found": one, "rows": _rows(one, {pk: "" if pk in other.ids else "only here" for pk in one.ids})},
            {"found": other, "rows": _rows(other, _movements(one.ids, other.ids))},
        ]
    }


def _found(form: SearchForm, setting: SettingForm) -> Found:
    tenant, query, started = form.cleaned_data["tenant"], form.asked(setting.cleaned_data["mode"]), perf_counter()
    scope, provider = partial(tenant_scope, tenant), provider_for(tenant)
    result = search(tenant, query, scope=scope, provider=provider, now=timezone.now(), weights=setting.weights)
    took = 1000 * (perf_counter() - started)
    return Found(setting.title, _words(result), result.hits, result.weights, result.degraded, took)


def _words(result: Result) -> list[str]:
    """Each word of the query, with how much it tells."""
    counted, total = zip(result.meant.words, result.ranking.messages_with, strict=True), result.ranking.total
    return [
        f"{min(sorted(terms), key=len)} (in {messages:,} of {total:,}, rarity {rarity(messages, of=total):.2f})"
        for terms, messages in counted
    ]


def _movements(before: Sequence[UUID], after: Sequence[UUID]) -> dict[UUID, str]:
    """How each of `after` stands against its place in `before`, in words."""
    places = {pk: place for place, pk in enumerate(before)}
    return {pk: _moved(places[pk] - place) if pk in places else "only here" for place, pk in enumerate(after)}


def _moved(up: int) -> str:
    return "same place" if up == 0 else f"{'▲ up' if up > 0 else '▼ down'} {abs(up)}"


def _rows(found: Found, movements: Mapping[UUID, str]) -> list[Row]:
    return [
        Row(place, hit, _parts(hit, found.weights), movements[hit.message.pk])
        for place, hit in enumerate(found.hits, start=1)
    ]


def _parts(hit: Hit, weights: Mapping[str, float]) -> list[Part]:
    """The parts of a hit's score, one after the other; together they reach as far as the score."""
    given = {name: max(weights[name] * hit.ranked.parts.get(name, 0.0), 0.0) for name in weights}
    scale = hit.ranked.score / (sum(given.values()) or 1.0)
    parts, start = [], 0.0
    for index, name in enumerate(weights):
        value, share = hit.ranked.parts.get(name, 0.0), scale * given[name]
        parts.append(Part(name.replace("_", " "), index % LOOKS, value, weights[name], share, start))
        start += 100 * share
    return parts
