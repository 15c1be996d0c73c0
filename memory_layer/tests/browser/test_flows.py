"""What operators do, by clicks and keys: log in, find, act after a question, and see what came of it."""

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from memory_layer.tests.browser.seed import PASSWORD


@pytest.fixture(autouse=True)
def _of_the_service(seeded) -> None:
    """Every flow has its rows."""


def listing(model: str) -> str:
    return reverse(f"admin:{model}_changelist")


def rows(page: Page) -> Locator:
    return page.locator("#result_list tr.data-row")


def act(page: Page, action: str) -> None:
    """Have `action` of a list done to its first row, up to the question."""
    rows(page).first.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label=action)
    page.get_by_role("button", name="Run", exact=True).click()


def confirm(page: Page) -> None:
    page.get_by_role("button", name="Yes, do it").click()


def test_an_operator_logs_in_by_keyboard(stranger):
    stranger.goto("/admin/")
    stranger.get_by_label("Username").focus()
    stranger.keyboard.type("olivia")
    stranger.keyboard.press("Tab")
    stranger.keyboard.type(PASSWORD)
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_role("link", name="Conversations").first).to_be_visible()


def test_a_wrong_password_is_told_of(stranger):
    stranger.goto("/admin/login/")
    stranger.get_by_label("Username").fill("olivia")
    stranger.get_by_label("Password").fill("guessed")
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_text("Please enter the correct username and password")).to_be_visible()


@pytest.mark.parametrize("way", ["click", "key"])
def test_the_menu_of_a_phone_leads_on(page, way):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/admin/auth/group/")
    menu, messages = page.get_by_role("button", name="Menu").last, page.get_by_role("link", name="Messages").first
    expect(messages).to_be_hidden()
    menu.click() if way == "click" else menu.press("Enter")
    messages.click()
    expect(rows(page).first).to_be_visible()


def test_messages_are_searched_by_their_words(page):
    page.goto(listing("memories_message"))
    page.locator("#searchbar").fill("whippet Moth")
    page.keyboard.press("Enter")
    expect(rows(page).first).to_contain_text("whippet")


def test_messages_are_filtered(page):
    page.goto(listing("memories_message"))
    page.get_by_role("button", name="Filters").press("Enter")
    page.locator("select[name=role__exact]").select_option("tool", force=True)
    page.get_by_role("button", name="Apply Filters").click()
    page.wait_for_url("**role__exact=tool**")
    expect(rows(page).first).to_contain_text("Tool")


def test_a_failed_job_is_tried_again(page):
    page.goto(f"{listing('memories_job')}?status__exact=failed")
    act(page, "Try again")
    expect(page.get_by_text("Try these jobs again?").first).to_be_visible()
    confirm(page)
    expect(page.get_by_text("Jobs queued again: 1.")).to_be_visible()


def test_a_failed_message_is_embedded_again(page):
    page.goto(f"{listing('memories_message')}?embedding_status=failed")
    act(page, "Embed again")
    confirm(page)
    expect(page.get_by_text("Embeddings queued again: 1.")).to_be_visible()


def test_an_answer_of_no_changes_nothing(page):
    page.goto(f"{listing('memories_message')}?archived=no")
    act(page, "Archive")
    page.get_by_role("link", name="No, go back").click()
    expect(rows(page).first).to_be_visible()
    expect(page.get_by_text("Messages archived")).to_have_count(0)


def test_a_message_is_restored_and_archived_again(page, seeded):
    of_the_bank = f"{listing('memories_message')}?tenant__id__exact={seeded.bank.pk}"  # all archived, and no hold
    page.goto(f"{of_the_bank}&archived=yes")
    act(page, "Restore")
    confirm(page)
    expect(page.get_by_text("Messages restored: 1.")).to_be_visible()
    page.goto(f"{of_the_bank}&archived=no")
    act(page, "Archive")
    confirm(page)
    expect(page.get_by_text("Messages archived: 1.")).to_be_visible()


def test_a_policy_is_planned_as_a_dry_run(page):
    page.goto(listing("retention_policy"))
    act(page, "Plan now")
    expect(page.get_by_text("0 %").or_(page.get_by_text("dry run")).first).to_be_visible()


def test_a_rotated_key_is_shown_once(page):
    page.goto(f"{listing('tenants_apikey')}?q=back+end")
    act(page, "Rotate selected keys")
    confirm(page)
    expect(page.locator("code.key")).to_have_count(1)
    page.reload()
    expect(page.locator("code.key")).to_have_count(0)
