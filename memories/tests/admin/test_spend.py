"""Tokens as an operator sees them: listed, summed and drawn."""

from datetime import UTC, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from memories.admin.spend import DAYS
from memories.models import TokenSpend
from tenants.admin_pictures import HEIGHT
from tenants.models import Tenant
from tenants.tests.admin_pages import listed, listing, page, queries, text
from tenants.tests.factories import TenantFactory

SPEND = "memories_tokenspend"


def spent(tenant, *, tokens=1000, ago=0, model="openai:gpt-test:1", **given):
    day = timezone.now().astimezone(UTC).date() - timedelta(days=ago)
    fields = {"tenant": tenant, "day": day, "model": model, "calls": 2, "input_tokens": tokens, "output_tokens": 100}
    return TokenSpend.objects.create(**fields | given)


def charts(browser, **query):
    return browser.get(listing(SPEND), query).context["charts"]


def test_many_days_take_as_many_queries_as_few(browser, tenant):
    for ago in range(3):
        spent(tenant, ago=ago)
    few = queries(browser, listing(SPEND))
    for ago in range(3, 30):
        spent(tenant, ago=ago)
    assert queries(browser, listing(SPEND)) == few


def test_sums_are_of_all_that_the_filters_find(browser, tenant):
    spent(tenant, cost=Decimal("0.25"))
    spent(tenant, ago=40, cost=Decimal("0.50"))
    spent(TenantFactory.create(), tokens=7)
    sums = browser.get(listing(SPEND), {"tenant__id__exact": tenant.pk}).context["sums"]
    assert sums == [("Calls", "4"), ("Tokens in", "2,000"), ("Tokens out", "200"), ("Cost (USD)", "0.7500")]


def test_a_cost_that_is_not_known_is_not_nothing(browser, tenant):
    spent(tenant)
    assert ("Cost (USD)", "not known") in browser.get(listing(SPEND)).context["sums"]


@pytest.mark.parametrize(("query", "expected"), [({"model__icontains": "gpt"}, 1), ({"model__icontains": "claude"}, 0)])
def test_rows_are_found_by_model(browser, tenant, query, expected):
    spent(tenant)
    assert len(listed(browser, listing(SPEND), **query)) == expected


def test_a_chart_has_a_column_a_day_the_last_being_today(browser, tenant):
    spent(tenant, tokens=900)
    spent(tenant, tokens=400, ago=1)
    [chart] = charts(browser)
    assert len(chart.drawn.columns) == DAYS
    assert [column.height > 0 for column in chart.drawn.columns[-3:]] == [False, True, True]
    assert chart.drawn.columns[-1].height == pytest.approx(2 * chart.drawn.columns[-2].height, abs=0.2)


def test_models_of_a_day_are_one_column(browser, tenant):
    spent(tenant, tokens=900)
    spent(tenant, tokens=900, model="ollama:llama:1")
    assert charts(browser)[0].drawn.columns[-1].said.endswith("2,000 tokens")


def test_the_line_of_the_budget_stands_where_its_tokens_would_reach(browser, tenant):
    Tenant.objects.update(daily_token_budget=1000)
    spent(tenant, tokens=1900)
    spent(tenant, tokens=900, ago=1)
    [chart] = charts(browser)
    assert chart.drawn.line == chart.drawn.columns[-2].top
    assert [column.is_over for column in chart.drawn.columns[-2:]] == [False, True]


def test_a_tenant_without_a_budget_has_no_line(browser, tenant, settings):
    settings.MEMORY_LLM_DAILY_TOKEN_BUDGET = 0
    spent(tenant)
    assert charts(browser)[0].drawn.line is None
    assert "no budget is set" in text(browser.get(listing(SPEND)))


def test_no_column_leaves_the_drawing(browser, tenant):
    spent(tenant, tokens=10**9)
    assert all(0 <= column.top <= HEIGHT for column in charts(browser)[0].drawn.columns)


def test_those_who_took_most_are_drawn_first(browser, monkeypatch):
    monkeypatch.setattr("memories.admin.spend.DRAWN", 2)
    little, much, more = TenantFactory.create_batch(3)
    for tokens, tenant in ((1, little), (20, much), (300, more)):
        spent(tenant, tokens=tokens)
    assert [chart.tenant for chart in charts(browser)] == [more, much]
    assert [chart.tenant for chart in charts(browser, tenant__id__exact=little.pk)] == [little]


def test_what_is_longer_ago_is_not_drawn(browser, tenant):
    spent(tenant, ago=DAYS)
    assert charts(browser) == []


def test_nothing_is_changed_by_hand(browser, tenant):
    assert browser.post(page(spent(tenant)), {"calls": 0}).status_code == 403
