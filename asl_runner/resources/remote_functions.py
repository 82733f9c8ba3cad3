"""Lambda functions on AWS, with the method that Lambda tasks call of local ones."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from asl_runner.functions import Invocation, InvocationType, InvokeRefused
from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws.clients import AwsClients

_CONNECTION = "Lambda.SdkClientException"


class RemoteFunctions:
    """Invokes functions through Lambda's API."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients

    async def invoke(
        self,
        name_or_arn: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        log: Path | None = None,
        invocation_type: InvocationType = "RequestResponse",
    ) -> Invocation:
        """Lambda's answer. Cancelled, it lets the invocation run on, as Step Functions does.

        Raises `InvokeRefused` for what Lambda refuses, `TaskFailed` for a connection that fails.
        """
        request: dict[str, Any] = {"FunctionName": name_or_arn, "Payload": payload, "InvocationType": invocation_type}
        if client_context is not None:
            request["ClientContext"] = base64.b64encode(client_context.encode()).decode()
        if invocation_type == "RequestResponse":
            request["LogType"] = "Tail"
        return await self._clients.run(lambda: self._invoke(request))

    def _invoke(self, request: dict[str, Any]) -> Invocation:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._clients.client("lambda").invoke(**request)
        except ClientError as error:
            said, metadata = error.response["Error"], error.response.get("ResponseMetadata", {})
            raise InvokeRefused(said["Code"], said.get("Message", ""), metadata.get("HTTPStatusCode", 400)) from error
        except BotoCoreError as error:
            raise TaskFailed(_CONNECTION, str(error)) from error
        metadata = answer["ResponseMetadata"]
        return Invocation(
            status_code=answer["StatusCode"],
            payload=answer["Payload"].read(),
            function_error=answer.get("FunctionError"),
            executed_version=answer.get("ExecutedVersion", ""),
            log_tail=base64.b64decode(answer.get("LogResult", "")),
            request_id=metadata.get("RequestId", ""),
            trace_id=metadata.get("HTTPHeaders", {}).get("x-amzn-trace-id", ""),
        )
