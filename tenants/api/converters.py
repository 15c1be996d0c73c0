"""What may stand in an address, beside Django's own converters."""

from django.urls import register_converter

from tenants.models import EXTERNAL_ID_MAX


class UserIdConverter:
    """An id of an end user, ours or the client's. No other text can be one, so that anything else is not found."""

    regex = rf"[^/\x00]{{1,{EXTERNAL_ID_MAX}}}"

    def to_python(self, value: str) -> str:
        return value

    to_url = to_python


register_converter(UserIdConverter, "user_id")
