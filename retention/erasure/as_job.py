"""An erasure as a job: seen, cancelled between batches, begun again where it fails.

The job names its subject by our id alone, and only until the subject's own row is gone; its result then names the
receipt. With a whole tenant its jobs go too, this one last of all: from then on the receipt alone tells, and it stays.
"""

from datetime import timedelta
from functools import partial

from django.db.models.functions import Now

from memories.editing import Held
from memories.jobs import claims
from memories.jobs.claims import LEASE, Claimed
from memories.jobs.working import Cancelled, GivenUp, Turn
from memories.models import Job, JobKind
from memories.models.job import OPEN
from retention.cold_files import CorruptColdFile
from retention.erasure import subjects
from retention.erasure.erase import ErasureIncomplete, erase
from retention.erasure.subjects import Subject, UnknownSubject
from retention.models import Receipt
from tenants.isolation import across_tenants, tenant_scope

CUT_OFF = "It was cut off after the erasure and before its receipt was stored; the audit trail says what was to go."


def queue(subject: Subject, *, wait: timedelta = timedelta()) -> Job:
    """Have the subject erased; the job that waits for it already, if there is one. Workers leave a new one `wait`."""
    asked = {"kind": subject.kind, "id": str(subject.row.pk)}
    with tenant_scope(subject.tenant):
        same = Job.objects.filter(tenant=subject.tenant, kind=JobKind.ERASE, status__in=OPEN, asked=asked)
        fields = {"kind": JobKind.ERASE, "asked": asked, "due_at": Now() + wait}
        return same.first() or Job.objects.create(tenant=subject.tenant, **fields)


def flow(claimed: Claimed, turn: Turn) -> None:
    erase_as_asked(claimed, turn)


def erase_as_asked(claimed: Claimed, turn: Turn) -> Receipt | None:
    """Erase what the job names and write down which receipt tells; None where nothing of it is there any more."""
    if not claimed.job.asked:
        raise GivenUp(CUT_OFF)
    try:
        receipt = erase(
            _subject(claimed.job), on_batch=partial(_tell, claimed, turn), on_gone=partial(_forget, claimed)
        )
    except UnknownSubject:
        with across_tenants():
            claims.finish(claimed, {})
        return None
    except (Held, CorruptColdFile) as error:
        raise GivenUp(str(error)) from None
    except ErasureIncomplete as error:
        claims.fail(claimed, str(error), result={"receipt": str(error.receipt.pk)})
        return error.receipt
    with across_tenants():
        claims.finish(claimed, {"receipt": str(receipt.pk)})
    return receipt


def _subject(job: Job) -> Subject:
    with tenant_scope(job.tenant):
        return subjects.find(job.tenant, job.asked["kind"], job.asked["id"])


def _tell(claimed: Claimed, turn: Turn, done: int, of: int) -> None:
    claims.report(claimed, done=done, total=of)
    turn.on_step(claimed.job)
    if claimed.job.is_cancelled and done < of:
        raise Cancelled


def _forget(claimed: Claimed) -> None:
    """In the transaction that deletes the subject's row: nothing names it from then on."""
    Job.objects.filter(pk=claimed.job.pk).update(asked={}, due_at=Now() + LEASE)
