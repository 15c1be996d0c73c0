"""`manage.py import_messages`: the messages of a file, stored for a tenant (docs/import.md)."""

import json
import re
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from rich.console import Console

from memories import imports, ingest
from memories.imports import Record, Source, UnreadableFile
from memories.ingest import NewMessage
from memories.jobs import claims
from memories.jobs.working import Cancelled
from memories.management import inline
from memories.management.import_report import Meter, Tally, print_result
from memories.models import JobKind, Message
from tenants import founding
from tenants.authentication import DEFAULT_TENANT
from tenants.isolation import tenant_scope
from tenants.models import SLUG_PATTERN, Tenant

STANDARD_INPUT = "-"
BATCH_MAX = 5000
CONTINUE = "What was stored stays; the same command again continues."

Store = Callable[[Sequence[NewMessage]], int]
Tell = Callable[[Tally, int], None]


class Command(BaseCommand):
    help = "Store the messages of a file: JSON Lines or LoCoMo's JSON. A repeat stores nothing twice."
    requires_migrations_checks = True

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help=f"path, or {STANDARD_INPUT} for standard input")
        parser.add_argument("--tenant", type=_slug, default=DEFAULT_TENANT, help="slug (default %(default)s)")
        parser.add_argument("--format", choices=imports.FORMATS, default="auto", help="default: seen from the content")
        parser.add_argument("--batch-size", type=_batch_size, default=500, help="of one transaction (default 500)")
        parser.add_argument("--errors", metavar="FILE", help="write every refusal there, as JSON Lines")
        parser.add_argument("--dry-run", action="store_true", help="check and count, store nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.ending = ""  # rich ends its lines itself, and its progress bar must not be
        console = Console(file=cast("TextIO", self.stdout), width=None if self.stdout.isatty() else 140)
        tally = Tally()
        with _opened(options["file"]) as file, _error_file(options["errors"], beside=options["file"]) as errors:
            source = _source(file, options)
            try:
                tenant = _tenant(options["tenant"], create=not options["dry_run"])
                with _storing(tenant, dry_run=options["dry_run"]) as store, _seen(tenant, source, options) as tell:
                    _run(source, store, tally, tell, errors=errors, size=options["batch_size"], console=console)
            except Cancelled:
                raise CommandError(f"Somebody cancelled it. {CONTINUE}") from None
            except KeyboardInterrupt:
                raise CommandError(f"Interrupted. {CONTINUE}", returncode=130) from None
            except OperationalError as error:
                raise CommandError(f"The database failed: {error} {CONTINUE}") from error
            finally:
                if tally.read:
                    print_result(console, tally, dry_run=options["dry_run"])
        if tally.read == 0:
            raise CommandError("The file holds no message.")
        if tally.refused:
            raise CommandError(f"{tally.refused:,} of {tally.read:,} messages were refused; the others are taken.")


def _slug(text: str) -> str:
    if not re.fullmatch(SLUG_PATTERN, text):
        raise ArgumentTypeError(f"expected letters, digits, `_`, `.` and `-`, at most 64, not {text!r}")
    return text


def _batch_size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= BATCH_MAX:
        raise ArgumentTypeError(f"expected a number from 1 to {BATCH_MAX}, not {text!r}")
    return int(text)


# --- Files --------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(name: str) -> Iterator[BufferedReader]:
    if name == STANDARD_INPUT:
        yield cast("BufferedReader", sys.stdin.buffer)
        return
    try:
        file = Path(name).open("rb")  # noqa: SIM115 - closed below
    except IsADirectoryError:
        raise CommandError(f"{name} is a directory; name a file in it.") from None
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from error
    with file:
        yield file


@contextmanager
def _error_file(name: str | None, *, beside: str) -> Iterator[TextIO | None]:
    if name is None:
        yield None
        return
    path = Path(name)
    if path.exists() and beside != STANDARD_INPUT and path.samefile(beside):
        raise CommandError("--errors names the file to import, which it would overwrite; name another.")
    try:
        file = path.open("w", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}.") from error
    with file:
        yield file


def _source(file: BufferedReader, options: dict[str, Any]) -> Source:
    path = Path(options["file"])
    size = path.stat().st_size if path.is_file() else None
    try:
        return imports.read(file, form=options["format"], tenant=options["tenant"], size=size)
    except UnreadableFile as error:
        raise CommandError(f"{options['file']} cannot be imported. {error}") from error


def _write_errors(file: TextIO, records: Sequence[Record]) -> None:
    complaints = ({"position": record.position, **asdict(one)} for record in records for one in record.complaints)
    file.writelines(json.dumps(complaint) + "\n" for complaint in complaints)
    file.flush()


# --- Storing ------------------------------------------------------------------------------------------------------


def _run(
    source: Source, store: Store, tally: Tally, tell: Tell, *, errors: TextIO | None, size: int, console: Console
) -> None:
    """Each batch is a transaction of its own: whatever ends the run, the batches before stand."""
    with Meter(console, total=source.total) as meter:
        while records := list(islice(source.records, size)):
            messages = [record.message for record in records if record.message]
            tally.add(records, stored=store(messages) if messages else 0)
            meter.show(tally, end=records[-1].end)
            if errors:
                _write_errors(errors, records)
            tell(tally, records[-1].end)


@contextmanager
def _seen(tenant: Tenant | None, source: Source, options: dict[str, Any]) -> Iterator[Tell]:
    """Yield what writes down how far it is, on a job that operators see and may cancel; a dry run has none."""
    if tenant is None or options["dry_run"]:
        yield lambda *_: None
        return
    with inline.recorded(tenant, JobKind.IMPORT) as claimed:
        last = Tally()

        def tell(tally: Tally, end: int) -> None:
            nonlocal last
            last = tally
            claims.report(claimed, done=end, total=source.total)
            if claimed.job.is_cancelled:
                raise Cancelled

        yield tell
        with tenant_scope(tenant):
            claims.finish(claimed, last.counts)


@contextmanager
def _storing(tenant: Tenant | None, *, dry_run: bool) -> Iterator[Store]:
    """Yield what takes a batch and returns how many of it are new."""
    if dry_run or tenant is None:
        with _counting(tenant) as count:
            yield count
    else:
        yield lambda messages: sum(one.is_new for one in ingest.store(tenant, _not_standing(tenant, messages)))


def _tenant(slug: str, *, create: bool) -> Tenant | None:
    """None for a tenant that a real run would create."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None and not settings.MEMORY_AUTO_CREATE_TENANTS:
        raise CommandError(f'There is no tenant "{slug}", and MEMORY_AUTO_CREATE_TENANTS is off.')
    return founding.found_or_known(slug) if create else tenant


def _not_standing(tenant: Tenant | None, messages: Sequence[NewMessage]) -> list[NewMessage]:
    """Those not stored before; asked first, because a continued import then passes the stored ones quickly."""
    if tenant is None:
        return list(messages)
    standing = Message.objects.for_tenant(tenant).filter(external_id__in=[one.external_id for one in messages])
    with tenant_scope(tenant):
        known = set(standing.values_list("external_id", flat=True))
    return [one for one in messages if one.external_id not in known]


@contextmanager
def _counting(tenant: Tenant | None) -> Iterator[Store]:
    """A dry run's store. What it has counted stands in a temporary table, so that a file of any size fits."""

    def count(messages: Sequence[NewMessage]) -> int:
        ids = [one.external_id for one in _not_standing(tenant, messages)]
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO counted SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [ids])
            return int(cursor.rowcount)

    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE counted (external_id text PRIMARY KEY)")
        try:
            yield count
        finally:
            cursor.execute("DROP TABLE counted")
