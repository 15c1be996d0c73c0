"""Jobs of the fact engine, queued: turns to be read, end users to be consolidated."""

from datetime import timedelta

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Greatest, Least, Now

from memories.models import Conversation, Job, JobKind, JobStatus, Message, Reading
from tenants.models import EndUser

TURNS_MAX = 50
WAIT_AT_MOST = 10  # times the pause that a session is given: one that never pauses is read all the same


def queue_turn(message: Message, conversation: Conversation, end_user: EndUser) -> Job:
    """Have `message` read for facts when its session pauses, with what else the session says until then."""
    pause = timedelta(seconds=settings.MEMORY_EXTRACTION_DEBOUNCE_SECONDS)
    job = _waiting(conversation, end_user) or Job.objects.create(
        tenant_id=message.tenant_id,
        end_user=end_user,
        conversation=conversation,
        kind=JobKind.EXTRACT,
        due_at=Now() + pause,
    )
    capped = Least(Now() + pause, F("created_at") + pause * WAIT_AT_MOST)
    Job.objects.filter(pk=job.pk).update(due_at=Greatest("due_at", capped))
    Reading.objects.create(tenant_id=message.tenant_id, message=message, job=job)
    return job


def _waiting(conversation: Conversation, end_user: EndUser) -> Job | None:
    """The session's job that nobody has taken up and that has room for another turn."""
    untouched = Job.objects.filter(
        tenant=conversation.tenant_id,
        conversation=conversation,
        end_user=end_user,
        kind=JobKind.EXTRACT,
        status=JobStatus.QUEUED,
        attempts=0,
    )
    job = untouched.select_for_update(skip_locked=True).order_by("-created_at").first()
    return job if job and job.readings.count() < TURNS_MAX else None


def queue_consolidation(end_user: EndUser) -> Job:
    """Have the facts of `end_user` consolidated; the job that waits for it already, if there is one."""
    mine = Job.objects.filter(tenant=end_user.tenant_id, end_user=end_user, kind=JobKind.CONSOLIDATE)
    waiting = mine.filter(status=JobStatus.QUEUED).first()
    return waiting or Job.objects.create(tenant_id=end_user.tenant_id, end_user=end_user, kind=JobKind.CONSOLIDATE)
