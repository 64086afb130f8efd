"""Answers to what is asked by HTTP: the page, and what is refused."""

import json
from http import HTTPStatus
from importlib.resources import files

from websockets.datastructures import Headers
from websockets.http11 import Response

from earmark.realtime.files.records import Record

#: What the page consists of, by path: the file and its type.
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/earmark.css": ("earmark.css", "text/css; charset=utf-8"),
    "/earmark.js": ("earmark.js", "text/javascript; charset=utf-8"),
    "/timeline.js": ("timeline.js", "text/javascript; charset=utf-8"),
    "/labels.js": ("labels.js", "text/javascript; charset=utf-8"),
    "/rows.js": ("rows.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}

# Nothing comes from elsewhere or goes there, nothing that is written into the page is run, and no
# other page may frame this one.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}


def page_file(path: str) -> Response:
    """Return a file of the page; ``path`` is one of ``PAGE``."""
    name, kind = PAGE[path]
    body = files(__package__).joinpath("page", name).read_bytes()
    return _answer(HTTPStatus.OK, kind, body)


def json_answer(status: HTTPStatus, record: Record) -> Response:
    """Return a JSON object."""
    body = json.dumps(record, indent=2, allow_nan=False).encode() + b"\n"
    return _answer(status, "application/json", body)


def refusal(status: HTTPStatus, why: str) -> Response:
    """Return a refusal with its reason, for people."""
    answer = _answer(status, "text/plain; charset=utf-8", f"{why}\n".encode())
    if status is HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _answer(status: HTTPStatus, kind: str, body: bytes) -> Response:
    headers = Headers(_ALWAYS)
    headers["Content-Type"] = kind
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "close"
    return Response(status.value, status.phrase, headers, body)
