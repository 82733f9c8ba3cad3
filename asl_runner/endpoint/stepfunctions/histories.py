"""GetExecutionHistory: pages of events in either order, with or without the data."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

from asl_runner.endpoint.stepfunctions.kept import kept_execution
from asl_runner.endpoint.stepfunctions.paging import decode_token, encode_token, page_size
from asl_runner.history.interchange import DATA_FIELDS, to_aws

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import Operation, StepFunctions
    from asl_runner.history.events import Event


async def get_execution_history(service: StepFunctions, request: dict[str, Any]) -> dict[str, Any]:
    """GetExecutionHistory. A token goes on where its page ended, also when events were added meanwhile."""
    record = await kept_execution(service, request["executionArn"])
    reverse = request.get("reverseOrder", False)
    scope = f"history {record.arn} {reverse}"
    start = decode_token(scope, request.get("nextToken"))
    size = page_size(request)

    def read() -> list[Event]:
        store = service.workspace.writable
        if reverse:
            events = store.events(record.arn, last=start, reverse=True)
        else:
            events = store.events(record.arn, first=start or 1)
        return list(islice(events, size + 1))

    events = await asyncio.to_thread(read)
    with_data = request.get("includeExecutionData", True)
    answer: dict[str, Any] = {"events": [_shown(event, with_data) for event in events[:size]]}
    if len(events) > size:
        answer["nextToken"] = encode_token(scope, events[size].id)
    return answer


def _shown(event: Event, with_data: bool) -> dict[str, Any]:
    shown = to_aws(event)
    if not with_data:
        for details in shown.values():
            if isinstance(details, dict):
                for field in DATA_FIELDS:
                    details.pop(field, None)
    return shown


OPERATIONS: dict[str, Operation] = {"GetExecutionHistory": get_execution_history}
"""This family's operations, by name in the model."""
