"""What the endpoint answers in the place of an emulated service that it does not ask."""

from __future__ import annotations

from asl_runner.endpoint.protocol import Answer
from asl_runner.storage.emulated import Guarded, error_body

__all__ = ["Guarded", "too_large_answer"]


def too_large_answer(limit: int, *, as_json: bool) -> Answer:
    """The refusal of a request with more bytes than are taken."""
    message = f"The request is larger than {limit} bytes; see --request-limit."
    kind, body = error_body("EntityTooLarge", message, as_json=as_json, bare=True)
    return Answer(413, [(b"content-type", kind.encode())], body)
