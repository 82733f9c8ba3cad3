"""GetFunction, GetFunctionConfiguration, ListFunctions, and what else is only looked at."""

from __future__ import annotations

import base64
import hashlib
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asl_runner.endpoint.lambda_.service import Lambda, Operation, not_found, page, shown
from asl_runner.functions.arn import LATEST, FunctionArn
from asl_runner.functions.created import Created, Document
from asl_runner.functions.registry import Function

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

CONCURRENT_EXECUTIONS = 1000
UNZIPPED, ZIPPED, TOTAL = 262_144_000, 52_428_800, 80_530_636_800
"""Bytes. Source: Lambda quotas."""


async def get_function(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetFunction`. `Code.Location` is the folder of the code."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    created = service.find(arn)
    document = _document(service, arn, created)
    if created is None:
        root = service.functions.resolve(arn.name).root
        tags: dict[str, str] = {}
    else:
        root = service.created.root(arn.name, service.snapshot(arn, created))
        tags = created.tags
    answer: dict[str, Any] = {
        "Configuration": document,
        "Code": {"RepositoryType": "S3", "Location": root.absolute().as_uri()},
    }
    return {**answer, "Tags": tags} if tags else answer


async def get_function_configuration(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetFunctionConfiguration`."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    return _document(service, arn, service.find(arn))


async def list_functions(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`ListFunctions`: those made through the API, and those that configuration and folder give."""
    found: dict[str, list[Document]] = {}
    for function in service.functions.registry.written():
        found[function.name] = [written_document(service, function)]
    every = request.get("FunctionVersion") == "ALL"
    for created in service.created.all():
        snapshots = [created.latest, *(created.versions.values() if every else ())]
        found[created.name] = [
            shown(each.document, service.arn(created.name, each.document["Version"] if every else None))
            for each in snapshots
        ]
    documents = [document for name in sorted(found) for document in found[name]]
    items, marker = page(documents, request, "FunctionArn")
    return {"Functions": items, "NextMarker": marker}


async def get_account_settings(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetAccountSettings`: AWS's defaults, and what there is."""
    documents = (await list_functions(service, {"MaxItems": 1 << 30}))["Functions"]
    return {
        "AccountLimit": {
            "TotalCodeSize": TOTAL,
            "CodeSizeUnzipped": UNZIPPED,
            "CodeSizeZipped": ZIPPED,
            "ConcurrentExecutions": CONCURRENT_EXECUTIONS,
            "UnreservedConcurrentExecutions": CONCURRENT_EXECUTIONS,
        },
        "AccountUsage": {
            "TotalCodeSize": sum(document["CodeSize"] for document in documents),
            "FunctionCount": len(documents),
        },
    }


async def get_function_concurrency(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetFunctionConcurrency`: none is reserved."""
    service.find(service.arn(request["FunctionName"]))
    return {}


async def get_function_code_signing_config(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`GetFunctionCodeSigningConfig`: there is none."""
    arn = service.arn(request["FunctionName"])
    service.find(arn)
    return {"CodeSigningConfigArn": "", "FunctionName": arn.name}


def _document(service: Lambda, arn: FunctionArn, created: Created | None) -> Document:
    if created is not None:
        return shown(service.snapshot(arn, created).document, arn)
    if arn.qualifier not in ("", LATEST):
        not_found(arn)
    return shown(written_document(service, service.functions.resolve(arn.name)), arn)


def written_document(service: Lambda, function: Function) -> Document:
    """The FunctionConfiguration of a function that configuration or folder give."""
    file = Path(function.root, *function.handler.rpartition(".")[0].split(".")).with_suffix(".py")
    try:
        source, changed = file.read_bytes(), file.stat().st_mtime
    except OSError:
        source, changed = b"", 0.0
    when = datetime.fromtimestamp(changed, UTC)
    digest = hashlib.sha256(source).digest()
    document: Document = {
        "FunctionName": function.name,
        "FunctionArn": function.arn.unqualified,
        "Runtime": RUNTIME,
        "Role": service.workspace.configuration.role_arn,
        "Handler": function.handler,
        "CodeSize": len(source),
        "Description": "",
        "Timeout": max(1, round(function.timeout)),
        "MemorySize": function.memory,
        "LastModified": when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
        "CodeSha256": base64.b64encode(digest).decode(),
        "Version": LATEST,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": f"{digest.hex()[:8]}-0000-4000-8000-{digest.hex()[8:20]}",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [ARCHITECTURE],
        "EphemeralStorage": {"Size": 512},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.name}"},
    }
    if function.environment:
        document["Environment"] = {"Variables": dict(function.environment)}
    return document


OPERATIONS: dict[str, Operation] = {
    "GetFunction": get_function,
    "GetFunctionConfiguration": get_function_configuration,
    "ListFunctions": list_functions,
    "GetAccountSettings": get_account_settings,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionCodeSigningConfig": get_function_code_signing_config,
}
