"""Work off the jobs of the fact engine."""

import uuid
from collections.abc import Callable, Collection, Mapping

from django.utils import timezone

from memories.facts.consolidation import consolidate
from memories.facts.extraction import extract
from memories.facts.reading import Reader
from memories.jobs import working
from memories.jobs.claims import Claimed
from memories.jobs.working import Flow, Turn
from memories.models import JobKind
from memories.providers.base import EmbeddingProvider
from tenants.models import Tenant

ProviderFor = Callable[[Tenant], EmbeddingProvider]
FLOWS = {JobKind.EXTRACT: extract, JobKind.CONSOLIDATE: consolidate}


def work_off(*, reader: Reader, provider_for: ProviderFor, only: Collection[uuid.UUID] | None = None) -> bool:
    """Do one job that is due (of `only` these, if given); whether there was one."""
    return working.work_off(_flows(reader, provider_for), only=only)


def _flows(reader: Reader, provider_for: ProviderFor) -> Mapping[JobKind, Flow]:
    """Each is one step: it reads for a while, and stores and finishes in one transaction."""

    def flow(claimed: Claimed, _: Turn) -> None:
        job = claimed.job
        FLOWS[JobKind(job.kind)](claimed, reader=reader, provider=provider_for(job.tenant), now=timezone.now())

    return dict.fromkeys(FLOWS, flow)
