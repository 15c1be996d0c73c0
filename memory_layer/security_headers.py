"""What a browser may do with a response; Django's own middleware adds the headers that are the same everywhere."""

from django.http import HttpRequest, HttpResponseBase

from memory_layer.middleware import View

NOTHING = "default-src 'none'; frame-ancestors 'none'"
# Both documentation pages and the admin set `style` attributes from their scripts, hence 'unsafe-inline' for styles.
PAGE = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self'{workers}; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
POLICIES = {
    "/docs": PAGE.format(scripts="", workers=""),
    "/redoc": PAGE.format(scripts="", workers=" blob:"),  # its search index is built in a worker made of a blob
    "/admin": PAGE.format(scripts=" 'unsafe-eval'", workers=""),  # Alpine evaluates the attributes of the templates
}


class SecurityHeadersMiddleware:
    """Content-Security-Policy by path: pages may load what is served here, everything else nothing at all."""

    def __init__(self, get_response: View) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response["Content-Security-Policy"] = policy(request.path)
        response["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        return response


def policy(path: str) -> str:
    return POLICIES.get("/" + path.split("/")[1], NOTHING)
