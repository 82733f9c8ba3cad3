"""What Lambda itself answers: size limits, the payloads of failures that no function code wrote, and refusals.

Sources: Lambda quotas and Invoke API reference; payload texts as AWS returns them since 2025 (before, a timeout came
without `errorType`, which Step Functions reported as `Lambda.Unknown`).
"""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path

import msgspec

from asl_runner.errors import AslRunnerError

MAX_REQUEST = 6_291_456
"""Bytes of a synchronous request."""
MAX_EVENT = 1_048_576
"""Bytes of an asynchronous request."""
MAX_RESPONSE = 6_291_556
"""Bytes of a response."""

TASK_ROOT = "/var/task"
_LIBRARY = Path(json.__file__).parents[1]
_LIBRARY_ON_AWS = f"/var/lang/lib/python{sys.version_info.major}.{sys.version_info.minor}"

_WORD = re.compile(r"[A-Za-z_$][\w$]*")


class InvokeRefused(AslRunnerError):
    """Lambda's Invoke API refused the call: `code` and `status` as the API gives them, `message` its text."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def failure(error_type: str, message: str, request_id: str) -> bytes:
    """The payload of a failure the platform reports."""
    payload = {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {message}"}
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def timed_out(request_id: str, timeout: float) -> bytes:
    """The payload of an invocation stopped after `timeout` seconds."""
    return failure("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds", request_id)


def exited(request_id: str, returncode: int) -> bytes:
    """The payload of an invocation whose process ended; a negative `returncode` is a signal."""
    if returncode == 0:
        reason = "Runtime exited without providing a reason"
    elif returncode > 0:
        reason = f"Runtime exited with error: exit status {returncode}"
    else:
        description = signal.strsignal(-returncode) or str(-returncode)
        reason = f"Runtime exited with error: signal: {description.lower()}"
    return failure("Runtime.ExitError", reason, request_id)


def response_too_large() -> bytes:
    """The payload of an invocation that answered with more than `MAX_RESPONSE` bytes."""
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    return json.dumps(
        {"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"}, separators=(",", ":")
    ).encode()


def check_request(payload: bytes, invocation_type: str) -> None:
    """Raises `InvokeRefused` for a request that is too large or not JSON."""
    limit = MAX_EVENT if invocation_type == "Event" else MAX_REQUEST
    if len(payload) > limit:
        raise InvokeRefused(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)",
            413,
        )
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise InvokeRefused(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {_reason(payload, problem)}",
            400,
        ) from None


def _reason(payload: bytes, problem: Exception) -> str:
    """Why a payload is not JSON: for a bare word, the usual mistake, in the words of AWS's parser."""
    text = payload.decode(errors="replace")
    match = _WORD.match(text)
    if match is None or match[0] in ("true", "false", "null"):
        return str(problem)
    column = match.end() + (2 if match.end() < len(text) else 1)
    return (
        f"Unrecognized token '{match[0]}': was expecting (JSON String, Number, Array, Object or token "
        f"'null', 'true' or 'false')\n at [Source: (byte[])\"{text}\"; line: 1, column: {column}]"
    )


def as_deployed(payload: bytes, root: Path) -> bytes:
    """An error payload with the stack trace's files where they are on AWS: the code's and Python's own.

    The log keeps the local paths. Works on the text, so the payload stays byte for byte what the runtime client wrote.
    """
    for local, deployed in ((root, TASK_ROOT), (_LIBRARY, _LIBRARY_ON_AWS)):
        for ascii_only in (True, False):
            texts = (json.dumps(f'File "{folder}/', ensure_ascii=ascii_only) for folder in (local, deployed))
            before, after = (text[1:-1].encode() for text in texts)
            payload = payload.replace(before, after)
    return payload


def error_type(payload: bytes) -> str | None:
    """The `errorType` of an error payload, None if it has none."""
    try:
        value = json.loads(payload)
    except ValueError:
        return None
    found = value.get("errorType") if isinstance(value, dict) else None
    return found if isinstance(found, str) and found else None
