"""Batch transform jobs: each input object through the model's containers, one output object per input (reference 6)."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from asl_runner.sagemaker import batches, kinds, moments
from asl_runner.sagemaker.data_processing import DataProcessing
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import InputObject, find_objects, nothing_found
from asl_runner.sagemaker.jobs import model
from asl_runner.sagemaker.jobs.base import Job, Stopped
from asl_runner.sagemaker.jobs.inference import ModelServer
from asl_runner.sagemaker.records import Document
from asl_runner.storage.names import parse_uri

DEFAULT_PAYLOAD_MB = 6
DEFAULT_RETRIES = 3
DEFAULT_TIMEOUT_SECONDS = 600

_BATCH_VARIABLES = {
    "MaxPayloadInMB": "SAGEMAKER_MAX_PAYLOAD_IN_MB",
    "MaxConcurrentTransforms": "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS",
    "BatchStrategy": "SAGEMAKER_BATCH_STRATEGY",
}
_STRATEGIES = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a transform job just created; `request` is the create request in wire form."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    source = {"CompressionType": "None", "SplitType": "None", **kept["TransformInput"]}
    target = {"AssembleWith": "None", "KmsKeyId": "", **kept["TransformOutput"]}
    return {
        "TransformJobName": kept["TransformJobName"],
        "TransformJobArn": arn,
        "TransformJobStatus": "InProgress",
        **kept,
        "TransformInput": source,
        "TransformOutput": target,
        "DataProcessing": {
            "InputFilter": "$",
            "OutputFilter": "$",
            "JoinSource": "None",
            **kept.get("DataProcessing", {}),
        },
        "CreationTime": now,
    }


class Settings(Struct, frozen=True, kw_only=True):
    """How requests are cut and sent: the job's wish, else the container's, else the default."""

    limit: int | None
    """Largest body in bytes; None for any."""
    single: bool
    workers: int
    retries: int


class TransformJob(Job):
    """One batch transform job."""

    kind = kinds.TRANSFORM

    def run(self) -> None:
        with self.site.slots.take(self.stop_requested) as share:
            if share is None or self.stop_requested():
                raise Stopped
            self.update(lambda document: {**document, "TransformStartTime": moments.now()})
            document = self.document
            objects = self._inputs(document)
            instance_type = document["TransformResources"]["InstanceType"]
            containers = self._containers(document)
            endpoint = ModelServer(self, containers, _environment(document), share.threads, instance_type)
            try:
                failures = self._transform(endpoint, objects)
            finally:
                endpoint.close()
            if failures:
                raise failures[0]
            self.finish("Completed", "Completed", None)
            shutil.rmtree(self.directory / "opt", ignore_errors=True)

    def finish(self, status: str, detail: str, reason: str | None) -> None:
        now = moments.now()
        changes: Document = {"TransformJobStatus": status, "TransformEndTime": now}
        if reason is not None:
            changes["FailureReason"] = reason
        self.update(lambda document: {**document, **changes})

    def _inputs(self, document: Document) -> list[InputObject]:
        source = document["TransformInput"]["DataSource"]
        objects = find_objects(self.site.buckets, source)
        if not objects:
            record = self.site.records.read(kinds.MODEL.directory, document["ModelName"])
            role = record.document.get("ExecutionRoleArn", "") if record is not None else ""
            raise JobFailed("ClientError", nothing_found(source["S3DataSource"]["S3Uri"], self.site.region, role))
        return objects

    def _containers(self, document: Document) -> list[Document]:
        record = self.site.records.read(kinds.MODEL.directory, document["ModelName"])
        if record is None:
            arn = self.site.arn(kinds.MODEL, document["ModelName"])
            raise JobFailed("ClientError", kinds.MODEL.missing.format(arn=arn))
        return model.containers(self.site.records, record.document)

    def _transform(self, endpoint: ModelServer, objects: list[InputObject]) -> list[JobFailed]:
        """Writes the outputs, and only when all inputs were tried: a stopped job keeps none. The failures, in order."""
        document = self.document
        timeout = document.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS)
        endpoint.timeout = float(timeout)
        settings = _settings(document, endpoint.parameters)
        outputs: list[tuple[InputObject, Path]] = []
        failures: list[JobFailed] = []
        for index, item in enumerate(objects):
            answer = self.directory / f"answer-{index}"
            try:
                self._transform_one(endpoint, item, answer, settings)
                outputs.append((item, answer))
            except JobFailed as failed:
                if self.stop_requested():
                    raise Stopped from failed
                self.note(f"{item.key}: {failed}")
                kind, _, text = str(failed).partition(": ")
                failures.append(JobFailed(kind, f"See job logs for more information. {item.key}: {text}"))
                answer.unlink(missing_ok=True)
        self._store(document, outputs)
        return failures

    def _transform_one(self, endpoint: ModelServer, item: InputObject, answer: Path, settings: Settings) -> None:
        document = self.document
        source, target = document["TransformInput"], document["TransformOutput"]
        lines = target["AssembleWith"] == "Line"

        processing = DataProcessing(document)

        def ask(records: list[bytes]) -> bytes:
            if self.stop_requested():
                raise Stopped
            body = processing.outgoing(records) if processing.is_needed else b"".join(records)
            answer = endpoint.invoke(body, source.get("ContentType"), target.get("Accept"), settings.retries)
            return processing.incoming(records, answer) if processing.is_needed else answer

        bodies = batches.payloads(
            item.path,
            split=source["SplitType"],
            single=settings.single,
            limit=settings.limit,
            gzipped=source["CompressionType"] == "Gzip",
            apart=processing.is_needed,
        )
        with answer.open("wb") as output:
            for part in batches.in_order(ask, bodies, settings.workers):
                output.write(batches.assembled(part, lines=lines))

    def _store(self, document: Document, outputs: list[tuple[InputObject, Path]]) -> None:
        bucket, prefix = parse_uri(document["TransformOutput"]["S3OutputPath"])
        source = document["TransformInput"]["DataSource"]["S3DataSource"]
        listed = source.get("S3DataType") == "ManifestFile"
        base = "" if listed else parse_uri(source["S3Uri"]).key.rpartition("/")[0]
        for item, answer in outputs:
            name = item.relative if listed else item.key[len(base) :].lstrip("/")
            key = "/".join(part for part in (prefix.rstrip("/"), f"{name}.out") if part)
            self.site.buckets.put_file(bucket, key, answer)
            answer.unlink()


def _settings(document: Document, container: Mapping[str, Any]) -> Settings:
    payload = _first(document.get("MaxPayloadInMB"), container.get("MaxPayloadInMB"), DEFAULT_PAYLOAD_MB)
    strategy = _first(document.get("BatchStrategy"), container.get("BatchStrategy"), "MultiRecord")
    workers = document.get("MaxConcurrentTransforms") or container.get("MaxConcurrentTransforms") or 1
    return Settings(
        limit=int(payload) * batches.MEGABYTE or None,
        single=_STRATEGIES.get(strategy, strategy) == "SINGLE_RECORD",
        workers=int(workers),
        retries=document.get("ModelClientConfig", {}).get("InvocationsMaxRetries", DEFAULT_RETRIES),
    )


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _environment(document: Document) -> dict[str, str]:
    """The job's variables, and those that tell a container that it serves a batch."""
    variables = {**document.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
    for member, variable in _BATCH_VARIABLES.items():
        if member in document:
            variables[variable] = _STRATEGIES.get(document[member], str(document[member]))
    return variables
