"""CreateFunction, UpdateFunctionCode, DeleteFunction: where a function's code comes from.

From an archive in the request, from an object of the workspace's S3, or from a folder of this machine as it lies there:
`S3Bucket` is then `hot-reload` and `S3Key` the absolute path of the folder, as other local endpoints have it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec.structs import replace

from asl_runner.endpoint.lambda_ import versions
from asl_runner.endpoint.lambda_.reading import ARCHITECTURE, RUNTIME
from asl_runner.endpoint.lambda_.service import Lambda, Operation, check_revision, not_found, refuse, revision, shown
from asl_runner.functions.archives import BadArchive, TooLarge
from asl_runner.functions.arn import LATEST, FunctionArn
from asl_runner.functions.created import Code, Created, Document, Snapshot, is_local_folder

LOCAL_FOLDER = "hot-reload"

DEFAULT_TIMEOUT = 3
DEFAULT_MEMORY = 128

KEPT = (
    "Description",
    "VpcConfig",
    "DeadLetterConfig",
    "KMSKeyArn",
    "FileSystemConfigs",
    "SnapStart",
)
"""Members of a request that are kept and shown as they came."""


async def create_function(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`CreateFunction`."""
    arn = service.arn(request["FunctionName"])
    async with service.changing:
        if service.created.get(arn.name) or service.functions.registry.written_as(arn.name):
            refuse("ResourceConflictException", f"Function already exist: {arn.name}")
        check_runtime(request)
        code = await _code(service, arn, request["Code"])
        document = _new_document(service, arn, request, code)
        created = Created(
            name=arn.name,
            latest=Snapshot(document=document, code=code.folder),
            tags=request.get("Tags", {}),
        )
        service.created.put(created)
        if request.get("Publish"):
            document = versions.publish(service, created, arn, {})
    return shown(document, arn)


async def update_function_code(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`UpdateFunctionCode`. Invocations under way end with the code they began with."""
    arn = service.arn(request["FunctionName"])
    async with service.changing:
        created = service.to_change(arn)
        check_revision(request, created.latest.document)
        code = await _code(service, arn, request)
        document = {
            **created.latest.document,
            "CodeSha256": code.sha256,
            "CodeSize": code.size,
            "LastModified": service.now(),
            "RevisionId": revision(),
            "Architectures": request.get("Architectures", created.latest.document["Architectures"]),
        }
        if request.get("DryRun"):
            return shown(document, arn)
        changed = replace(created, latest=Snapshot(document=document, code=code.folder))
        service.created.put(changed)
        if request.get("Publish"):
            document = versions.publish(service, changed, arn, {})
    return shown(document, arn)


async def delete_function(service: Lambda, request: dict[str, Any]) -> dict[str, Any]:
    """`DeleteFunction`: the function, or one version of it."""
    arn = service.arn(request["FunctionName"], request.get("Qualifier"))
    async with service.changing:
        created = service.to_change(arn)
        if not arn.qualifier:
            await asyncio.to_thread(service.created.delete, arn.name)
            return {"StatusCode": 204}
        if arn.qualifier == LATEST:
            refuse("InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.")
        if arn.qualifier not in created.versions:
            not_found(arn)
        users = sorted(name for name, alias in created.aliases.items() if arn.qualifier in versions.targets(alias))
        if users:
            refuse("ResourceConflictException", f"Version {arn.qualifier} is referenced by aliases: {users}")
        kept = {version: each for version, each in created.versions.items() if version != arn.qualifier}
        service.created.put(replace(created, versions=kept))
    return {"StatusCode": 204}


def check_runtime(request: dict[str, Any]) -> None:
    """Raises `ServiceError` for what cannot run here."""
    if request.get("PackageType", "Zip") != "Zip" or "ImageUri" in request.get("Code", {}):
        refuse("InvalidParameterValueException", "Container images are not run here: give the code as an archive.")
    runtime = request.get("Runtime", RUNTIME)
    if not runtime.startswith("python3"):
        refuse(
            "InvalidParameterValueException",
            f"The runtime {runtime} is not available here: functions are run by this machine's Python ({RUNTIME}).",
        )
    if request.get("Layers"):
        refuse("InvalidParameterValueException", "Layers are not available here: put their files into the archive.")


def _new_document(service: Lambda, arn: FunctionArn, request: dict[str, Any], code: Code) -> Document:
    if not request.get("Handler"):
        refuse("InvalidParameterValueException", "Runtime and Handler are mandatory parameters for functions created "
               "with deployment packages.")  # fmt: skip
    document: Document = {
        "FunctionName": arn.name,
        "FunctionArn": arn.unqualified,
        "Runtime": request.get("Runtime", RUNTIME),
        "Role": request["Role"],
        "Handler": request["Handler"],
        "CodeSize": code.size,
        "Description": "",
        "Timeout": request.get("Timeout", DEFAULT_TIMEOUT),
        "MemorySize": request.get("MemorySize", DEFAULT_MEMORY),
        "LastModified": service.now(),
        "CodeSha256": code.sha256,
        "Version": LATEST,
        "TracingConfig": request.get("TracingConfig", {"Mode": "PassThrough"}),
        "RevisionId": revision(),
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": request.get("Architectures", [ARCHITECTURE]),
        "EphemeralStorage": request.get("EphemeralStorage", {"Size": 512}),
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": f"/aws/lambda/{arn.name}",
            **request.get("LoggingConfig", {}),
        },
    }
    document |= {name: request[name] for name in KEPT if name in request}
    if request.get("Environment", {}).get("Variables"):
        document["Environment"] = {"Variables": request["Environment"]["Variables"]}
    return document


async def _code(service: Lambda, arn: FunctionArn, source: dict[str, Any]) -> Code:
    """Puts a request's code in its place. Raises `ServiceError`."""
    bucket, key, archive = source.get("S3Bucket"), source.get("S3Key"), source.get("ZipFile")
    if bucket == LOCAL_FOLDER and key:
        if not is_local_folder(key):
            refuse("InvalidParameterValueException", f"There is no folder {key} on this machine (absolute path).")
        return Code(folder=key, sha256="", size=0)
    if archive is None and bucket and key:
        archive = await asyncio.to_thread(_object, service, bucket, key)
    if archive is None:
        refuse("InvalidParameterValueException", "Please provide a source for function code.")
    try:
        return await asyncio.to_thread(service.created.add_code, arn.name, archive)
    except TooLarge as error:
        refuse("InvalidParameterValueException", str(error))
    except BadArchive as error:
        refuse(
            "InvalidParameterValueException",
            f"Could not unzip uploaded file. Please check your file, then try to upload again. ({error})",
        )


def _object(service: Lambda, bucket: str, key: str) -> bytes:
    from asl_runner.storage.keys import InvalidKey
    from asl_runner.storage.names import InvalidBucketName, NoSuchBucket, NoSuchKey

    lead = "Error occurred while GetObject. S3 Error Code:"
    try:
        with service.workspace.local.buckets.open(bucket, key) as opened:
            return bytes(opened.read())
    except (NoSuchBucket, InvalidBucketName):
        refuse(
            "InvalidParameterValueException",
            f"{lead} NoSuchBucket. S3 Error Message: The specified bucket does not exist",
        )
    except (NoSuchKey, InvalidKey):
        refuse(
            "InvalidParameterValueException", f"{lead} NoSuchKey. S3 Error Message: The specified key does not exist."
        )


OPERATIONS: dict[str, Operation] = {
    "CreateFunction": create_function,
    "UpdateFunctionCode": update_function_code,
    "DeleteFunction": delete_function,
}
