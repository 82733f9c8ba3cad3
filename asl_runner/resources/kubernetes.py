"""`eks:call` and `eks:runJob`: the Kubernetes API of a cluster, by the endpoint and certificate in the parameters.

Source: developer guide, "Create and manage Amazon EKS clusters with Step Functions", "Kubernetes API integrations"; the
Kubernetes API's jobs (`batch/v1`) and pod logs; `EKS.409` as users' retriers name it.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact
from asl_runner.interpreter.errors import TASK_FAILED
from asl_runner.interpreter.ports import TaskCall, TaskFailed
from asl_runner.resources.aws.answers import json_or_text
from asl_runner.resources.aws.clients import AwsClients
from asl_runner.resources.http_client import Answer
from asl_runner.resources.kubernetes_api import Cluster, Job, called, job_of
from asl_runner.resources.started import followed, known

_BUSY = "EKS.429"
"""Too many requests: a look at a job is made again."""

_LIMIT = 262_144
"""Bytes of logs read of one container: no more fits into the state's data."""


class KubernetesTasks:
    """Answers `eks:call` and `eks:runJob`, with `.sync` once the job has ended; cut off, that deletes its job."""

    def __init__(self, clients: AwsClients, *, poll_seconds: tuple[float, float]) -> None:
        """A job is looked at every `poll_seconds[0]` seconds at first, growing to `poll_seconds[1]`."""
        self._clients = clients
        self._poll = poll_seconds

    async def __call__(self, call: TaskCall) -> Json:
        """The API's answer, or the job at its end. Raises `TaskFailed` (`EKS.STATUS`)."""
        if call.resource.action == "call":
            request = called(call.input)
            cluster = Cluster.of(call.input, self._clients)
            return shown(await self._clients.run(lambda: cluster.ask(*request)))
        job = job_of(call.input)
        cluster = Cluster.of(call.input, self._clients)
        if call.resource.pattern != "sync":
            return await self._start(cluster, job)
        before = call.submitted_before
        ended = await followed(
            known(before) if isinstance(before, dict) else self._start(cluster, job),
            lambda started: self._submitted(call, cluster, job, started),
            lambda started: self._delete(cluster, job, started),
        )
        if job.logs is not None:
            logs = await self._logs(cluster, job.namespace, _name(ended), job.logs, raw=job.raw)
            ended = {**ended, "logs": {"pods": logs}}
        if _condition(ended, "Failed"):
            raise TaskFailed(TASK_FAILED, compact(ended))
        return ended

    async def _start(self, cluster: Cluster, job: Job) -> dict[str, Json]:
        """The answer to the job's creation."""
        return shown(await self._clients.run(lambda: cluster.ask("POST", job.collection, {}, job.body)))

    async def _submitted(self, call: TaskCall, cluster: Cluster, job: Job, started: dict[str, Json]) -> dict[str, Any]:
        """The job that was started, once it has ended."""
        call.submitted(started)
        return await self._ended(cluster, _path(job, started))

    async def _ended(self, cluster: Cluster, path: str) -> dict[str, Any]:
        began = time.monotonic()
        first, longest = self._poll
        while True:
            try:
                job = _document(await self._clients.run(lambda: cluster.ask("GET", path)))
                if _condition(job, "Complete") or _condition(job, "Failed"):
                    return job
            except TaskFailed as refused:
                if refused.error != _BUSY:
                    raise
            await asyncio.sleep(min(max(first, (time.monotonic() - began) / 10), longest))

    async def _delete(self, cluster: Cluster, job: Job, started: dict[str, Json]) -> None:
        path = _path(job, started)
        with_pods = {"propagationPolicy": ["Foreground"]}
        await self._clients.run(lambda: cluster.ask("DELETE", path, with_pods))

    async def _logs(
        self, cluster: Cluster, namespace: str, job: str, parameters: dict[str, Any], *, raw: bool
    ) -> dict[str, Json]:
        """What each container of the job's pods wrote, or why it cannot be had: no reason to fail the task."""
        pods = f"/api/v1/namespaces/{namespace}/pods"
        selected = {"labelSelector": [f"job-name={job}"]}
        found = _document(await self._clients.run(lambda: cluster.ask("GET", pods, selected)))
        logs: dict[str, Json] = {}
        for pod in found.get("items", ()):
            name = _name(pod)
            containers = [container["name"] for container in pod["spec"]["containers"]]
            read = [await self._log(cluster, f"{pods}/{name}/log", each, parameters, raw=raw) for each in containers]
            logs[name] = {"containers": dict(zip(containers, read, strict=True))}
        return logs

    async def _log(
        self, cluster: Cluster, path: str, container: str, parameters: dict[str, Any], *, raw: bool
    ) -> dict[str, Json]:
        try:
            query = {"container": [container], **parameters}
            answer = await self._clients.run(lambda: cluster.ask("GET", path, query, read=_LIMIT))
        except TaskFailed as failed:
            return {"error": failed.error, "cause": failed.cause}
        text = answer.body.decode(errors="replace")
        return {"log": text if raw else json_or_text(text)}


def shown(answer: Answer) -> dict[str, Json]:
    """An answer as the task's result."""
    return {
        "Headers": answer.grouped(),
        "ResponseBody": json_or_text(answer.body.decode(errors="replace")),
        "StatusCode": answer.status,
        "StatusText": answer.reason,
    }


def _path(job: Job, started: dict[str, Json]) -> str:
    """Where the API has a job, by the answer to its creation: the API may have drawn its name."""
    return f"{job.collection}/{_name(_object(started['ResponseBody']))}"


def _document(answer: Answer) -> dict[str, Any]:
    return _object(json_or_text(answer.body.decode(errors="replace")))


def _object(found: Json) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TaskFailed("EKS.SdkClientException", "The Kubernetes API answered with what is no object of Kubernetes.")
    return found


def _name(found: dict[str, Any]) -> str:
    name = (found.get("metadata") or {}).get("name")
    if not isinstance(name, str):
        raise TaskFailed("EKS.SdkClientException", "The Kubernetes API answered with an object that has no name.")
    return name


def _condition(job: dict[str, Any], type: str) -> bool:
    """Whether a job has come to an end of this type."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(condition.get("type") == type and condition.get("status") == "True" for condition in conditions)
