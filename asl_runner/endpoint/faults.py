"""Errors on the wire, as AWS's services write them: `{"__type": "NAMESPACE#CODE", "message": ...}`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from asl_runner.errors import WorkspaceError
from asl_runner.service_model.errors import ServiceError

_log = logging.getLogger(__name__)

_SERVICE = "com.amazon.coral.service"
_VALIDATE = "com.amazon.coral.validate"

COMMON = {
    "AccessDeniedException": _SERVICE,
    "InternalFailure": _SERVICE,
    "RequestEntityTooLargeException": _SERVICE,
    "SerializationException": _SERVICE,
    "ServiceUnavailable": _SERVICE,
    "UnknownOperationException": _SERVICE,
    "ValidationException": _VALIDATE,
}
"""The errors every service may answer, by their namespace. Source: Common Error Types of the API references."""


class Fault(Struct, frozen=True, kw_only=True):
    """One error answer."""

    code: str
    message: str
    status: int = 400
    members: Mapping[str, Any] = {}
    """Further members of the error's shape."""


UNKNOWN_OPERATION = Fault(code="UnknownOperationException", message="")


def serialization(message: str) -> Fault:
    """The request is not what the protocol says."""
    return Fault(code="SerializationException", message=message)


def too_large(limit: int) -> Fault:
    """The request has more bytes than are taken."""
    return Fault(
        code="RequestEntityTooLargeException",
        message=f"The request is larger than the {limit} bytes this operation takes.",
        status=413,
    )


def from_exception(error: Exception, model: Any, operation: str) -> Fault:
    """What to answer when an operation raised.

    A refusal becomes itself if the service's model has it, or every service may answer it. Anything else is ours to
    repair and becomes `InternalFailure`, with the traceback in the log.
    """
    if isinstance(error, ServiceError):
        shape = model.shape_for_error_code(error.code) if error.code in _codes(model) else None
        if shape is not None or error.code in COMMON:
            members = {
                name: value
                for name, value in error.response.items()
                if shape is not None and name in shape.members and name.lower() != "message"
            }
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            stated = shape.metadata.get("error", {}).get("httpStatusCode") if shape is not None else None
            return Fault(code=error.code, message=error.message, status=stated or status, members=members)
    if isinstance(error, WorkspaceError):
        _log.error("%s cannot be answered: %s", operation, error)
        return Fault(code="InternalFailure", message=str(error), status=500)
    _log.error("A defect in asl_runner while answering %s", operation, exc_info=error)
    return from_defect(error)


def from_defect(error: Exception) -> Fault:
    """What is said where asl_runner itself is wrong."""
    text = f"This is a defect in asl_runner, not in the request: {type(error).__name__}: {error}"
    return Fault(code="InternalFailure", message=text, status=500)


def _codes(model: Any) -> frozenset[str]:
    known: frozenset[str] | None = getattr(model, "_asl_runner_codes", None)
    if known is None:
        known = model._asl_runner_codes = frozenset(
            shape.metadata.get("error", {}).get("code") or shape.name for shape in model.error_shapes
        )
    return known
