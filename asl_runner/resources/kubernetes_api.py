"""Requests to the Kubernetes API of an EKS cluster, and the parameters of tasks that make them; blocks.

Source: developer guide, "Kubernetes API integrations"; the token of the AWS IAM authenticator for Kubernetes.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.expressions.environment import Json
from asl_runner.interpreter.ports import TaskFailed
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.aws.requests import could_not_start
from asl_runner.resources.http_client import Answer, Request, Unreachable, is_local, send
from asl_runner.resources.http_encoding import text, with_query

TOKEN_VARIABLE = "ASL_RUNNER_KUBERNETES_TOKEN"
"""The environment variable with the bearer token for clusters of this machine."""

ENDPOINT_VARIABLE = "ASL_RUNNER_KUBERNETES_ENDPOINT"
"""The environment variable with the Kubernetes API that stands in for clusters that are not on this machine."""

AUTHORITY_VARIABLE = "ASL_RUNNER_KUBERNETES_AUTHORITY"
"""The environment variable with the file of the certificates (PEM) that API's must come from."""

METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"})
_CLUSTER: Mapping[str, type] = {"ClusterName": str, "CertificateAuthority": str, "Endpoint": str}
_CALL: Mapping[str, type] = {"Method": str, "Path": str, "QueryParameters": dict, "RequestBody": object}
_JOB: Mapping[str, type] = {"Namespace": str, "Job": object, "LogOptions": dict}
_LOGS: Mapping[str, type] = {"RetrieveLogs": bool, "RawLogs": bool, "LogParameters": dict}
_OPTIONAL = frozenset({"QueryParameters", "RequestBody", "Namespace", "LogOptions", *_LOGS})
_READ = 1 << 20
_TOKEN_SECONDS = 60


class Job(Struct, frozen=True):
    """A job to run. `logs` are the parameters with which logs are read, None when they are not asked for."""

    namespace: str
    body: Json
    logs: dict[str, Any] | None
    raw: bool

    @property
    def collection(self) -> str:
        """Where the API has the jobs of the namespace."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"


def called(given: Json) -> tuple[str, str, dict[str, Any], Json]:
    """Method, path, query and body of an `eks:call`. Raises `TaskFailed` naming every parameter that is wrong."""
    parameters = _checked(given, _CALL)
    query = parameters.get("QueryParameters") or {}
    return parameters["Method"], parameters["Path"], query, parameters.get("RequestBody")


def job_of(given: Json) -> Job:
    """The job of an `eks:runJob`, which may be given as JSON text. Raises `TaskFailed` as `called` does."""
    parameters = _checked(given, _JOB)
    job = parameters["Job"]
    if isinstance(job, str):
        try:
            job = msgspec.json.decode(job)
        except msgspec.DecodeError:
            job = None
    options = parameters.get("LogOptions") or {}
    problems = list(_problems(options, _LOGS))
    if not isinstance(job, dict):
        problems.append("The value of the field 'Job' has an invalid format")
    if problems:
        raise could_not_start(given, problems)
    wanted = options.get("LogParameters") or {}
    return Job(
        parameters.get("Namespace") or "default",
        job,
        wanted if options.get("RetrieveLogs") else None,
        bool(options.get("RawLogs")),
    )


class Cluster(Struct, frozen=True):
    """The Kubernetes API of a cluster, with what makes it believe who is asking and us who answers."""

    endpoint: str
    authority: str | None
    token: str

    @classmethod
    def of(cls, parameters: Mapping[str, Any], clients: AwsClients) -> Cluster:
        """The cluster in checked parameters. Raises `TaskFailed` for one that calls from here must not reach."""
        endpoint = str(parameters["Endpoint"]).rstrip("/")
        if "://" not in endpoint:
            endpoint = f"https://{endpoint}"
        if clients.local and not is_local(endpoint):
            return _stand_in(endpoint)
        if clients.local:
            token = os.environ.get(TOKEN_VARIABLE, "")
        else:
            token = _signed_token(str(parameters["ClusterName"]), clients)
        authority = _certificates(parameters) if endpoint.startswith("https://") else None
        return cls(endpoint, authority, token)

    def ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Json = None, *, read: int = _READ
    ) -> Answer:
        """The API's answer. Raises `TaskFailed`: `EKS.STATUS` with the answer as the cause where it refuses."""
        headers = [("Accept", "application/json, */*")]
        if self.token:
            headers.append(("Authorization", f"Bearer {self.token}"))
        content = None
        if body is not None:
            content = text(body).encode()
            kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
            headers.append(("Content-Type", kind))
        url = with_query(f"{self.endpoint}/{path.lstrip('/')}", query or {})
        try:
            answer = send(Request(method, url, headers, content), read=read, authority=self.authority)
        except Unreachable as problem:
            raise _unreachable(str(problem)) from problem
        if not 200 <= answer.status < 300:
            raise TaskFailed(f"EKS.{answer.status}", answer.body.decode(errors="replace"))
        return answer


def _stand_in(endpoint: str) -> Cluster:
    """The cluster of the environment in place of one that is not on this machine. Raises `TaskFailed` without one."""
    instead, file = os.environ.get(ENDPOINT_VARIABLE), os.environ.get(AUTHORITY_VARIABLE)
    if not instead:
        raise _unreachable(
            f"{endpoint} is not on this machine, and calls of EKS clusters stay here. Set {ENDPOINT_VARIABLE} to the "
            "Kubernetes API that stands in for it, such as https://127.0.0.1:6443."
        )
    try:
        authority = None if file is None else Path(file).read_text(encoding="ascii")
    except (OSError, ValueError) as problem:
        raise _unreachable(f"the certificates in {AUTHORITY_VARIABLE} cannot be read: {problem}") from problem
    return Cluster(instead.rstrip("/"), authority, os.environ.get(TOKEN_VARIABLE, ""))


def _unreachable(reason: str) -> TaskFailed:
    return TaskFailed("EKS.SdkClientException", f"Unable to execute HTTP request: {reason}")


def _checked(given: Json, own: Mapping[str, type]) -> dict[str, Any]:
    parameters: dict[str, Any] = given if isinstance(given, dict) else {}
    problems = list(_problems(parameters, {**_CLUSTER, **own}))
    if problems:
        raise could_not_start(parameters, problems)
    return parameters


def _problems(parameters: Mapping[str, Any], fields: Mapping[str, type]) -> Iterator[str]:
    yield from (f'The field "{name}" is not supported by Step Functions' for name in parameters if name not in fields)
    for name, kind in fields.items():
        value = parameters.get(name)
        if value is None:
            if name not in _OPTIONAL:
                yield f"The field '{name}' is required but was missing"
            continue
        wrong = not isinstance(value, kind) or (name == "Method" and value not in METHODS)
        if name in ("QueryParameters", "LogParameters") and isinstance(value, dict):
            wrong = not all(isinstance(item, list) for item in value.values())
        if wrong:
            yield f"The value of the field '{name}' has an invalid format"


def _certificates(parameters: Mapping[str, Any]) -> str:
    """The certificates a cluster's must come from, as DescribeCluster gives them: PEM in base64."""
    try:
        found = base64.b64decode(parameters["CertificateAuthority"], validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        found = ""
    if "-----BEGIN CERTIFICATE-----" not in found:
        raise could_not_start(dict(parameters), ["The value of the field 'CertificateAuthority' has an invalid format"])
    return found


def _signed_token(cluster: str, clients: AwsClients) -> str:
    """Who asks, as EKS takes it: a signed request to STS that only the cluster's own name makes valid."""
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    place = f"https://sts.{clients.region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", place, headers={"x-k8s-aws-id": cluster})
    SigV4QueryAuth(clients.session.get_credentials(), "sts", clients.region, expires=_TOKEN_SECONDS).add_auth(request)
    return "k8s-aws-v1." + base64.urlsafe_b64encode(str(request.url).encode()).decode().rstrip("=")
