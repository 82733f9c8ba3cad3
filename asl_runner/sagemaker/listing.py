"""`List*` operations: filter, sort and page records, as the API's list requests say."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asl_runner.sagemaker.kinds import Kind
from asl_runner.sagemaker.records import Document
from asl_runner.service_model.errors import validation_error

DEFAULT_PAGE = 10

_DEFAULT_ORDER = {
    "TrainingJob": ("CreationTime", "Ascending"),
    "HyperParameterTuningJob": ("Name", "Ascending"),
    "TransformJob": ("CreationTime", "Descending"),
    "ProcessingJob": ("CreationTime", "Ascending"),
    "EndpointConfig": ("CreationTime", "Descending"),
    "Endpoint": ("CreationTime", "Descending"),
    "Model": ("CreationTime", "Descending"),
    "ModelPackageGroup": ("CreationTime", "Ascending"),
    "ModelPackage": ("CreationTime", "Ascending"),
}
"""`SortBy` and `SortOrder` where a request names none, as the API model documents them per operation."""


def select(documents: Iterable[Document], kind: Kind, request: Mapping[str, Any]) -> list[Document]:
    """The documents a list request asks for, sorted as it says or else as the operation does."""
    chosen = [document for document in documents if _wanted(document, kind, request)]
    sort_by, sort_order = _DEFAULT_ORDER[kind.api]
    members = {"Name": kind.name, "Status": kind.status or kind.name, "CreationTime": "CreationTime"}
    key = members[request.get("SortBy", sort_by)]
    descending = request.get("SortOrder", sort_order) == "Descending"
    return sorted(chosen, key=lambda document: (document[key], document[kind.name]), reverse=descending)


def page(items: Sequence[Any], request: Mapping[str, Any]) -> tuple[list[Any], str | None]:
    """One page and the token of the next. Raises a `ValidationException` for a token that was not given out."""
    start = _offset(request.get("NextToken"))
    end = start + int(request.get("MaxResults", DEFAULT_PAGE))
    following = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return list(items[start:end]), following


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode("ascii")
    except (ValueError, binascii.Error):
        text = ""
    if not text.isdecimal():
        raise validation_error("The NextToken is not one this API gave out.")
    return int(text)


def _wanted(document: Document, kind: Kind, request: Mapping[str, Any]) -> bool:
    created = float(document["CreationTime"])
    modified = float(document.get("LastModifiedTime", created))
    return (
        request.get("NameContains", "") in document[kind.name]
        and (kind.status is None or request.get("StatusEquals", document[kind.status]) == document[kind.status])
        and _between(created, request.get("CreationTimeAfter"), request.get("CreationTimeBefore"))
        and _between(modified, request.get("LastModifiedTimeAfter"), request.get("LastModifiedTimeBefore"))
    )


def _between(time: float, after: Any, before: Any) -> bool:
    return (after is None or time > _seconds(after)) and (before is None or time < _seconds(before))


def _seconds(value: Any) -> float:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        return float(value)
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
