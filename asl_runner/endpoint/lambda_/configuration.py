"""UpdateFunctionConfiguration."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from asl_runner.endpoint.lambda_.code import KEPT, check_runtime
from asl_runner.endpoint.lambda_.service import Lambda, Operation, check_revision, revision, shown

_REPLACED = (*KEPT, "Role", "Handler", "Timeout", "MemorySize", "Runtime", "TracingConfig", "EphemeralStorage")


async def update_function_configuration(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`UpdateFunctionConfiguration`: what the request names; workers start anew with it."""
    arn = service.arn(request["FunctionName"])
    async with service.changing:
        created = service.to_change(arn)
        check_revision(request, created.latest.document)
        check_runtime(request)
        document = created.latest.document | {name: request[name] for name in _REPLACED if name in request}
        if "LoggingConfig" in request:
            document["LoggingConfig"] = {**document["LoggingConfig"], **request["LoggingConfig"]}
        if "Environment" in request:
            document.pop("Environment", None)
            if variables := request["Environment"].get("Variables"):
                document["Environment"] = {"Variables": variables}
        document |= {"LastModified": service.now(), "RevisionId": revision()}
        service.created.put(replace(created, latest=replace(created.latest, document=document)))
    return shown(document, arn)


OPERATIONS: dict[str, Operation] = {"UpdateFunctionConfiguration": update_function_configuration}
