"""The service against its own OpenAPI document: valid and invalid calls that nobody thought of."""

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, settings
from schemathesis.config import ChecksConfig, GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from memories.tests.factories import ConversationFactory, FactFactory, JobFactory, MessageFactory
from tenants import keys
from tenants.models import Scope

pytestmark = pytest.mark.django_db
PROJECT = ProjectConfig(checks=ChecksConfig(), generation=GenerationConfig(deterministic=True))
refusals = PROJECT.checks.negative_data_rejection
refusals.expected_statuses = [*refusals.expected_statuses, "413"]  # some of what is too long is too large already
CONFIG = SchemathesisConfig(seed=1, projects=ProjectsConfig(default=PROJECT))
document = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True), config=CONFIG)
document.app = WSGIHandler()

# Every check but this one. The document cannot say all that a valid call must be: text that is more than spaces and
# holds no NUL, a time not in the future, a cursor of ours, metadata of limited depth, `limit` no other than `top_k`.
LEFT_OUT = [positive_data_acceptance]


@pytest.fixture
def key(tenant):
    """A key; and the test's transaction survives the requests, as it does with Django's own test client."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield keys.issue(tenant, name="schemathesis", scopes=Scope.values)[1]
    for signal in signals:
        signal.connect(close_old_connections)


def stored(tenant):
    """Ids of stored rows, by their parameters: no generator guesses them."""
    fact = FactFactory.create(end_user__tenant=tenant)
    talk = ConversationFactory.create(tenant=tenant, end_user=fact.end_user)
    return {
        "user_id": str(fact.end_user.external_id),
        "conversation_id": talk.external_id,
        "session_id": talk.external_id,
        "message_id": str(MessageFactory.create(conversation=talk, end_user=fact.end_user).pk),
        "fact_id": str(fact.pk),
        "job_id": str(JobFactory.create(end_user=fact.end_user, status="failed").pk),
    }


@document.parametrize()
@settings(max_examples=20, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_an_operation_is_as_documented(case, tenant, key):
    if not case.meta.is_negative_at(ParameterLocation.PATH):
        rows = stored(tenant)
        rows["id"] = rows["user_id" if case.method == "GET" else "fact_id"]  # of /v1/facts/{id}
        if (case.method, case.path) == ("DELETE", "/v1/users/{user_id}"):
            del rows["user_id"]  # an erasure has transactions of its own
        case.path_parameters.update({name: rows[name] for name in case.path_parameters.keys() & rows.keys()})
    case.call_and_validate(headers={"X-API-Key": key}, excluded_checks=LEFT_OUT)
