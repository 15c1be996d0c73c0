"""Which embedding model is whose: each tenant is searched by one, and may be on its way to another.

A model is named by its key (`providers.base.model_key`), so that rows can say which one they are of. A tenant that
names none goes by the model of the settings.
"""

import threading
from collections.abc import Sequence

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf

from memories import providers
from memories.providers.base import EmbeddingProvider, ProviderUnavailable, Vectors, model_key
from tenants.models import Tenant

log = structlog.get_logger(__name__)
_warmed: set[str] = set()


class Absent:
    """Stands in for a model that this process cannot have, as one whose vendor does not answer."""

    def __init__(self, key: str, reason: str) -> None:
        self.name, self.model_name, self.dimensions = parts(key)
        self._reason = reason

    def split(self, text: str) -> list[str]:
        raise ProviderUnavailable(self._reason)

    def embed_documents(self, texts: Sequence[str]) -> Vectors:
        raise ProviderUnavailable(self._reason)

    def embed_query(self, text: str) -> Vectors:
        raise ProviderUnavailable(self._reason)


def of_settings() -> str:
    return model_key(providers.embedding_provider())


def serving(tenant: Tenant) -> str:
    """The key of the model that the tenant is searched by."""
    return tenant.embedding_model or of_settings()


def wanted(tenant: Tenant) -> list[str]:
    """The keys of the models under which what the tenant stores is embedded: the serving one, and one being filled."""
    return [serving(tenant), *filter(None, [tenant.next_embedding_model])]


def serving_of(path: str = "") -> Combinable:
    """`serving` in SQL, of the tenant whose columns begin with `path`, such as "tenant__"."""
    return Coalesce(NullIf(F(f"{path}embedding_model"), Value("")), Value(of_settings()))


def served_by(key: str) -> QuerySet[Tenant]:
    named = Q(embedding_model=key)
    return Tenant.objects.filter(named | Q(embedding_model="") if key == of_settings() else named)


def all_serving() -> list[str]:
    """The keys of all models that some tenant is searched by, first that of the settings."""
    return list(dict.fromkeys([of_settings(), *_named("embedding_model")]))


def all_filling() -> list[str]:
    """The keys of all models that are being filled for some tenant and serve none."""
    return sorted(set(_named("next_embedding_model")) - set(all_serving()))


def _named(column: str) -> list[str]:
    return list(Tenant.objects.exclude(**{column: ""}).order_by(column).values_list(column, flat=True).distinct())


# --- Providers ------------------------------------------------------------------------------------------------------


def parts(key: str) -> tuple[str, str, int]:
    """Provider, model and dimensions of a key; a model's own name may hold colons."""
    name, _, rest = key.partition(":")
    model_name, _, dimensions = rest.rpartition(":")
    if not (model_name and dimensions.isdecimal()):
        raise ImproperlyConfigured(f'"{key}" names no embedding model: PROVIDER:MODEL:DIMENSIONS is expected')
    return name, model_name, int(dimensions)


def provider_of(key: str) -> EmbeddingProvider:
    """The model of this key by the access the settings give, one per process; ImproperlyConfigured if there is none."""
    ours = providers.embedding_provider()
    if key == model_key(ours):
        return ours
    name, model_name, dimensions = parts(key)
    return providers.provider_of(name, model_name=model_name, dimensions=dimensions)


def provider_or_absent(key: str) -> EmbeddingProvider:
    """The same, but what cannot be had is as one that does not answer: stores go on, searches are by words."""
    try:
        return provider_of(key)
    except ImproperlyConfigured as error:
        log.warning("embedding_model_cannot_be_had", model=key, reason=str(error))
        return Absent(key, f"{key} cannot be had here: {error}")


def provider_for(tenant: Tenant) -> EmbeddingProvider:
    """What the tenant is searched by. The next is loaded meanwhile, so that nobody waits for it after the switch."""
    if tenant.next_embedding_model:
        _load_in_background(tenant.next_embedding_model)
    return provider_or_absent(tenant.embedding_model) if tenant.embedding_model else providers.embedding_provider()


def _load_in_background(key: str) -> None:
    """Have a model ready that runs here, once a process; asking a vendor would only cost."""
    if key.startswith("sentence_transformer:") and key not in _warmed:
        _warmed.add(key)
        threading.Thread(target=_load, args=(key,), daemon=True).start()


def _load(key: str) -> None:
    try:
        provider_or_absent(key).embed_query("ready")
    except ProviderUnavailable as error:
        log.warning("embedding_model_cannot_be_had", model=key, reason=str(error))
