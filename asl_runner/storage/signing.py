"""What a request's signature says; nobody checks that it is right."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

_SERVICE = re.compile(r"Credential=[^/&]+/[^/]+/[^/]+/([^/]+)/aws4_request")


def signed_for(environ: dict[str, Any]) -> str:
    """The service a request is signed for; empty for one that is not signed."""
    signed = environ.get("HTTP_AUTHORIZATION") or unquote(environ.get("QUERY_STRING", ""))
    service = _SERVICE.search(signed)
    return service[1] if service else ""
