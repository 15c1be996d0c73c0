"""What happens between the writing of a file and the deletion of what is in it."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from memories import editing
from memories.models import Hold, Job, Message, MessageEmbedding
from retention import cold, runs
from retention.models import ColdFile, Run
from retention.tests.factories import rows
from retention.tests.moving import attempted, moved, restored
from tenants.isolation import across_tenants
from tenants.tests.plain_login import plain_login

pytestmark = pytest.mark.django_db


@pytest.fixture
def after_writing(monkeypatch) -> list[Callable[[], object]]:
    """What happens between the first write and its release."""
    happens: list[Callable[[], object]] = []
    write = cold.write

    def written(*args: Any, **options: Any) -> Any:
        result = write(*args, **options)
        with across_tenants():
            while happens:
                happens.pop()()
        return result

    monkeypatch.setattr(cold, "write", written)
    return happens


def files_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def file_and_manifest(file: ColdFile) -> set[str]:
    return {file.path, file.path.replace(".jsonl.gz", ".manifest.json")}


def test_what_is_edited_meanwhile_stays_and_is_in_no_file(tenant, told, cold_storage: Path, after_writing) -> None:
    after_writing.append(lambda: editing.update(told[0], {"content": "a cat wakes"}))
    file = moved(tenant)
    assert [one.content for one in Message.objects.all()] == ["a cat wakes"]
    assert (file.run.moved, file.run.skipped, file.messages) == (2, 1, 2)  # type: ignore[union-attr]
    assert b"a cat" not in gzip.decompress((cold_storage / file.path).read_bytes())
    assert files_in(cold_storage) == file_and_manifest(file)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: Message.objects.filter(pk=one.pk).update(metadata={"new": 1}),
        lambda one: Message.objects.filter(pk=one.pk).update(archived_at=timezone.now()),
        lambda one: Hold.objects.create(tenant=one.tenant, message=one),
        lambda one: Hold.objects.create(tenant=one.tenant, message=one, kind=Hold.Kind.PIN),
    ],
)
def test_what_is_changed_or_held_meanwhile_stays(tenant, told, after_writing, change) -> None:
    after_writing.append(lambda: change(told[0]))
    assert moved(tenant).messages == 2
    assert [one.pk for one in Message.objects.all()] == [told[0].pk]


def test_what_is_deleted_meanwhile_does_not_come_back(tenant, told, after_writing) -> None:
    after_writing.append(lambda: editing.delete(Message.objects.filter(pk=told[0].pk)))
    assert restored(moved(tenant)).messages == 2
    assert not Message.objects.filter(pk=told[0].pk).exists()


class Killed(BaseException):
    pass


def die() -> None:
    raise Killed


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_was_killed_leaves_nothing_lying(tenant, told, cold_storage: Path, after_writing) -> None:
    after_writing.append(die)
    with pytest.raises(Killed):
        moved(tenant)
    assert (Message.objects.count(), ColdFile.objects.count()) == (3, 0)
    run = Run.objects.get()
    Job.objects.update(due_at=timezone.now())
    editing.update(told[0], {"content": "a cat wakes"})
    with plain_login():
        runs.execute(run)
    assert run.moved == 3
    assert files_in(cold_storage) == file_and_manifest(ColdFile.objects.get())
    restored(ColdFile.objects.get())
    assert Message.objects.get(pk=told[0].pk).content == "a cat wakes"


def test_a_process_that_comes_late_does_not_touch_a_registered_file(tenant, told) -> None:
    file = moved(tenant)
    batch = int(Path(file.path).name[:12])
    assert cold.write(file.run, Message.objects.filter(tenant=tenant), batch=batch) is None  # type: ignore[arg-type]
    cold.check(file)


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_overtaken_while_it_writes_loses_nothing(tenant, told, cold_storage, after_writing) -> None:
    """Its lease ran out: another process moves the batch and registers a file before it comes to that itself."""
    before = rows(tenant)

    def overtake() -> None:
        Job.objects.update(due_at=timezone.now())
        runs.execute(Run.objects.get())

    after_writing.append(overtake)
    file = moved(tenant)
    assert (ColdFile.objects.count(), files_in(cold_storage)) == (1, file_and_manifest(file))
    restored(file)
    assert rows(tenant) == before


def test_a_batch_that_was_killed_and_has_nothing_left_leaves_no_file(tenant, told, cold_storage, after_writing) -> None:
    after_writing.append(die)
    with pytest.raises(Killed):
        moved(tenant)
    Job.objects.update(due_at=timezone.now())
    Message.objects.all().delete()
    run = Run.objects.get()
    with plain_login():
        runs.execute(run)
    assert files_in(cold_storage) == set()


def test_a_storage_that_alters_what_it_is_given_is_found_out(tenant, told, monkeypatch) -> None:
    save = type(storages["cold"])._save  # type: ignore[attr-defined]

    def forgetful(storage: Any, name: str, content: Any) -> str:
        return str(save(storage, name, ContentFile(content.read()[:-1])))

    monkeypatch.setattr(type(storages["cold"]), "_save", forgetful)
    run = attempted(tenant)
    assert (run.status, "cannot be read" in run.error) == ("failed", True)
    assert (Message.objects.count(), MessageEmbedding.objects.count()) == (3, 3)
