"""What the operations of the Lambda API share: the workspace's functions, and how one is found and refused.

Error codes and texts are those of the service (Lambda API reference, "Errors" of each operation).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from asl_runner.functions.arn import LATEST, FunctionArn, parse_function_name
from asl_runner.functions.created import Created, CreatedFunctions, Document, Snapshot
from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.functions import Functions
    from asl_runner.workspace import Workspace

DEFAULT_PAGE = 50


class Lambda:
    """The Lambda API of one workspace, for use from one event loop."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.region = workspace.configuration.region
        self.account = workspace.configuration.account
        self.changing = asyncio.Lock()
        """Held from reading a function until its change is kept."""

    async def start(self) -> None:
        """Makes the service ready for requests."""
        await asyncio.to_thread(self.created.sweep)

    @property
    def functions(self) -> Functions:
        """What runs functions."""
        return self.workspace.local.functions

    @property
    def created(self) -> CreatedFunctions:
        """The functions made through this API."""
        return self.workspace.local.created_functions

    def arn(self, name_or_arn: str, qualifier: str | None = None) -> FunctionArn:
        """The complete ARN of a function named in any of Lambda's ways. Raises `ServiceError`."""
        written = parse_function_name(name_or_arn)
        if written is None:
            refuse("InvalidParameterValueException", f"{name_or_arn!r} is no function name or ARN.")
        if qualifier and written.qualifier and qualifier != written.qualifier:
            refuse(
                "InvalidParameterValueException",
                "The derived qualifier from the function name does not match the specified qualifier.",
            )
        return FunctionArn(
            name=written.name,
            partition=written.partition or "aws",
            region=written.region or self.region,
            account=written.account or self.account,
            qualifier=qualifier or written.qualifier,
        )

    def find(self, arn: FunctionArn) -> Created | None:
        """The function made through this API; None for one that configuration or folder give.

        Raises `ServiceError` when there is neither.
        """
        created = self.created.get(arn.name)
        if created is None and self.functions.registry.written_as(arn.name) is None:
            not_found(arn)
        return created

    def to_change(self, arn: FunctionArn) -> Created:
        """The function, to be changed. Raises `ServiceError` for one that was not made through this API."""
        created = self.find(arn)
        if created is None:
            refuse(
                "InvalidParameterValueException",
                f"{arn.name} is a function of the project: change its files or its configuration instead.",
            )
        return created

    def snapshot(self, arn: FunctionArn, created: Created) -> Snapshot:
        """A version, also by its alias. Raises `ServiceError`."""
        found = created.snapshot(arn.qualifier)
        if found is None:
            not_found(arn)
        return found

    def now(self) -> str:
        """The time as FunctionConfiguration has it."""
        return datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


Operation: TypeAlias = Callable[[Lambda, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Answers one operation. Raises `ServiceError` with AWS's code and message when it refuses."""


def refuse(code: str, message: str) -> NoReturn:
    """Raises the refusal; its status is in the model."""
    raise ServiceError(code, message)


def not_found(arn: FunctionArn) -> NoReturn:
    """Raises the refusal for a function, version or alias that is not there."""
    refuse("ResourceNotFoundException", f"Function not found: {arn.arn}")


def check_revision(request: Mapping[str, Any], document: Document) -> None:
    """Raises `PreconditionFailedException` when the request is about another revision."""
    if request.get("RevisionId") not in (None, document["RevisionId"]):
        refuse(
            "PreconditionFailedException",
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to "
            "retrieve the latest Revision Id",
        )


def revision() -> str:
    """A new RevisionId."""
    return str(uuid.uuid4())


def shown(document: Document, arn: FunctionArn, *, qualified: bool = True) -> Document:
    """A FunctionConfiguration with the ARN it is asked by: with its version unless that is an unqualified `$LATEST`."""
    version = document["Version"]
    suffix = f":{version}" if qualified and (version != LATEST or arn.qualifier) else ""
    return {**document, "FunctionArn": arn.unqualified + suffix}


def page(items: Sequence[Document], request: Mapping[str, Any], key: str) -> tuple[list[Document], str | None]:
    """One page and the marker of the next: the last item's key. Raises `ServiceError` for another marker."""
    start = 0
    if marker := request.get("Marker"):
        try:
            last = base64.urlsafe_b64decode(marker.encode()).decode()
        except (binascii.Error, ValueError):
            refuse("InvalidParameterValueException", "Invalid marker.")
        start = next((index + 1 for index, item in enumerate(items) if item[key] == last), len(items))
    end = start + request.get("MaxItems", DEFAULT_PAGE)
    shown_items = list(items[start:end])
    following = base64.urlsafe_b64encode(shown_items[-1][key].encode()).decode() if end < len(items) else None
    return shown_items, following
