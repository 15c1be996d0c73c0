"""What `manage.py check --deploy` says of our settings, by the names of their variables."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core import checks

from memory_layer import environment

API_KEY_LENGTH = 32
MAKE_A_KEY = "openssl rand -base64 33 makes a good one."


@checks.register(checks.Tags.security, deploy=True)
def unsafe_settings(**_: Any) -> list[checks.CheckMessage]:
    """Errors for what keeps staging and production from starting; found here while the environment is local still."""
    return [checks.Error(problem, id="memory_layer.E001") for problem in environment.unsafe(_values())]


@checks.register(checks.Tags.security, deploy=True)
def weak_settings(**_: Any) -> list[checks.CheckMessage]:
    """Warnings for what works, but not as safely as it could."""
    values = _values()
    is_local = values["MEMORY_ENVIRONMENT"] not in environment.DEPLOYED
    warnings = {
        "MEMORY_ENVIRONMENT: a network needs staging or production, with secure cookies and HSTS.": is_local,
        "MEMORY_HSTS_SECONDS: 0 lets browsers come back without TLS.": not is_local
        and not values["MEMORY_HSTS_SECONDS"],
        "MEMORY_ALLOWED_HOSTS: name the hosts, `*` believes any Host header.": "*" in values["MEMORY_ALLOWED_HOSTS"],
        f"MEMORY_API_KEYS: a key is shorter than {API_KEY_LENGTH} characters. {MAKE_A_KEY}": any(
            len(key) < API_KEY_LENGTH for key in values["MEMORY_API_KEYS"]
        ),
    }
    return [checks.Warning(problem, id="memory_layer.W001") for problem, present in warnings.items() if present]


def _values() -> Mapping[str, Any]:
    return {name: getattr(settings, name) for name in dir(settings) if name.startswith("MEMORY_")}
