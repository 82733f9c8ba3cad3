"""What the operations of all kinds share: validate, take the name, keep the record, describe, list, stop, tag."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker import listing, moments, orphans, shapes, trials
from asl_runner.sagemaker.jobs.base import STOP_FILE, Job, Site
from asl_runner.sagemaker.kinds import KINDS, TERMINAL, TRAINING, TUNING, Kind
from asl_runner.sagemaker.progress import JobProgress
from asl_runner.sagemaker.records import Document, Record
from asl_runner.service_model import validation
from asl_runner.service_model.errors import ServiceError, validation_error
from asl_runner.service_model.shapes import parse, to_wire

Response: TypeAlias = dict[str, Any]
NewDocument: TypeAlias = Callable[[Mapping[str, Any], str, float], Document]


class Service:
    """The records and running jobs of one `Site`."""

    def __init__(self, site: Site, *, reuse_names: bool = False) -> None:
        self.site = site
        self._reuse_names = reuse_names
        self._jobs: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()

    def request(self, operation: str, given: Mapping[str, Any]) -> Response:
        """The request in wire form. Raises `ServiceError` when it does not keep the operation's shape."""
        wire: Response = to_wire(given)
        violations = validation.check(wire, shapes.input_shape(operation), open_enums=shapes.open_enums())
        if wrong := [violation for violation in violations if violation.problem != "constraint"]:
            text = "Parameter validation failed: " + "; ".join(violation.describe() for violation in wrong)
            raise validation_error(text, operation)
        if violations:
            raise validation_error(validation.message(violations), operation)
        return wire

    def create(self, kind: Kind, request: Mapping[str, Any], document: NewDocument, *, runs: bool = True) -> Record:
        """Takes the name and writes the record. Raises `ServiceError` when the name is taken."""
        operation = f"Create{kind.api}"
        if self.site.closing.is_set():
            raise ServiceError("ServiceUnavailable", "The local SageMaker is shutting down.", operation, status=503)
        name = request[kind.name]
        arn = self.site.arn(kind, name)
        record = Record(
            kind=kind.directory,
            name=name,
            document=document(request, arn, moments.now()),
            tags={tag["Key"]: tag["Value"] for tag in request.get("Tags", [])},
            owner=self.site.records.owner if runs else None,
        )
        self._free(kind, name)
        try:
            self.site.records.create(record)
        except FileExistsError as error:
            code, text = kind.taken
            raise ServiceError(code, text.format(name=name, arn=arn), operation) from error
        return record

    def launch(self, job: Job) -> None:
        """Starts a job whose record exists."""
        with self._lock:
            self._jobs[(job.kind.directory, job.name)] = job
        job.start()

    def job(self, kind: Kind, name: str) -> Job | None:
        """The job, when this process runs or ran it."""
        with self._lock:
            return self._jobs.get((kind.directory, name))

    def progress(self, name: str, kind: str | None = None) -> JobProgress | None:
        """The snapshot of a job this process runs or ran; None for any other.

        Without a `kind` (`training`, `tuning`, `transform`, `processing`), the newest of those that share the name.
        """
        with self._lock:
            found = [
                job for (job_kind, job_name), job in self._jobs.items() if job_name == name and kind in (None, job_kind)
            ]
        return found[-1].progress() if found else None

    def record(self, kind: Kind, name: str, operation: str) -> Record:
        """The record; that of a job whose process is gone is ended first. Raises `ServiceError` for an unknown name."""
        record = self.site.records.read(kind.directory, name)
        if record is None:
            raise validation_error(kind.missing.format(name=name, arn=self.site.arn(kind, name)), operation)
        return self._settled(kind, record)

    def describe(self, kind: Kind, given: Mapping[str, Any]) -> Response:
        """`Describe*`."""
        operation = f"Describe{kind.api}"
        request = self.request(operation, given)
        return answer(operation, self.record(kind, request[kind.name], operation).document)

    def list_all(self, kind: Kind, operation: str, given: Mapping[str, Any]) -> Response:
        """`List*` of a kind."""
        request = self.request(operation, given)
        records = self.site.records.all(kind.directory)
        chosen = listing.select((self._settled(kind, record).document for record in records), kind, request)
        items, token = listing.page(chosen, request)
        member = next(
            name for name, shape in shapes.output_shape(operation).members.items() if shape.type_name == "list"
        )
        return answer(operation, {member: [_summary(item) for item in items], "NextToken": token})

    def stop(self, kind: Kind, given: Mapping[str, Any]) -> Response:
        """`Stop*`: asks; a job that has ended stays as it is."""
        operation = f"Stop{kind.api}"
        name = self.request(operation, given)[kind.name]
        record = self.record(kind, name, operation)
        if record.document[str(kind.status)] not in TERMINAL:
            job = self.job(kind, name)
            if job is not None:
                job.stop()
            else:
                (self.site.records.directory(kind.directory, name) / STOP_FILE).touch()
        return answer(operation, {})

    def delete(self, kind: Kind, given: Mapping[str, Any]) -> Response:
        """`Delete*`: frees the name."""
        operation = f"Delete{kind.api}"
        name = self.request(operation, given)[kind.name]
        self.record(kind, name, operation)
        self.site.records.delete(kind.directory, name)
        return answer(operation, {})

    def tagged(self, arn: str, operation: str) -> tuple[Kind, Record]:
        """What an ARN names. Raises `ServiceError` when there is no such thing."""
        arn_type, _, path = arn.rpartition(":")[2].partition("/")
        name = path.replace("/", "@")
        for kind in KINDS:
            if kind.arn_type == arn_type and arn == self.site.arn(kind, name) and name[:1] != ".":
                return kind, self.record(kind, name, operation)
        raise validation_error(f"Could not find a resource with the ARN {arn}", operation)

    def trials_of(self, tuning: Document) -> list[Document]:
        """The training documents of a tuning job's trials, in the order they were begun."""
        records = self.site.records.all(TRAINING.directory, f"{tuning[TUNING.name]}-")
        return trials.belonging((self._settled(TRAINING, record).document for record in records), tuning)

    def close(self) -> None:
        """Stops every job and waits until all have ended. Nothing can be created afterwards."""
        self.site.closing.set()
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.stop()
        for job in jobs:
            job.join()
        self.site.records.release()

    def _settled(self, kind: Kind, record: Record) -> Record:
        status = str(kind.status)
        # What has no end is there also when the process that ran it is not.
        if kind.end_time is None or record.document[status] in TERMINAL or not self.site.records.is_orphan(record):
            return record
        begun = self.trials_of(record.document) if kind is TUNING else []
        document = orphans.ended(kind, record.document, begun, moments.now())
        try:
            return self.site.records.update(kind.directory, record.name, lambda _: document)
        except WorkspaceError:
            # Where nothing can be written, the answer is right all the same.
            return msgspec.structs.replace(record, document=document)

    def _free(self, kind: Kind, name: str) -> None:
        """Gives the name of a job away again that was lost with its process or, if names are reused, has ended."""
        record = self.site.records.read(kind.directory, name)
        if record is None:
            return
        lost = self._settled(kind, record).document.get("FailureReason") == orphans.REASON
        ended = kind.status is None or record.document[kind.status] in TERMINAL
        if not (lost or (self._reuse_names and ended)):
            return
        # Its trials have the names they will have again.
        for trial in self.trials_of(record.document) if kind is TUNING else ():
            self.site.records.delete(TRAINING.directory, str(trial[TRAINING.name]))
        self.site.records.delete(kind.directory, name)


def answer(operation: str, wire: Document) -> Response:
    """A response as boto3 gives it: the members of the operation's shape, and `ResponseMetadata`."""
    shape = shapes.output_shape(operation)
    parsed: Response = parse(wire, shape) if shape is not None else {}
    request_id = str(uuid.uuid4())
    parsed["ResponseMetadata"] = {
        "RequestId": request_id,
        "HTTPStatusCode": 200,
        "HTTPHeaders": {"x-amzn-requestid": request_id, "content-type": "application/x-amz-json-1.1"},
        "RetryAttempts": 0,
    }
    return parsed


def _summary(document: Document) -> Document:
    """A Describe document with the members only summaries have; the shape leaves out the rest."""
    config = document.get("HyperParameterTuningJobConfig")
    if config is None:
        return document
    return {**document, "Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"]}
