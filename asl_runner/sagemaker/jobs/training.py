"""Training jobs: download the channels, run the container, read its metrics, upload the model (reference section 3)."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker import kinds, moments
from asl_runner.sagemaker.archives import pack
from asl_runner.sagemaker.containers.container import ExitStatus
from asl_runner.sagemaker.containers.contract import ContainerSpec, create_tree, write_training_configuration
from asl_runner.sagemaker.containers.environment import training_environment
from asl_runner.sagemaker.containers.images import Program, Use, repository
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import find_objects, nothing_found, place
from asl_runner.sagemaker.jobs import code
from asl_runner.sagemaker.jobs.base import Job, Site, Stopped, last_line
from asl_runner.sagemaker.metrics import MetricReader, builtin_definitions
from asl_runner.sagemaker.progress import JobProgress
from asl_runner.sagemaker.records import Document
from asl_runner.storage.names import S3Uri, parse_uri

DEFAULT_RUNTIME_SECONDS = 86_400

_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job stopped because its maximum run time was exceeded",
}


def new_document(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of a training job just created; `request` is the create request in wire form."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    algorithm = dict(kept.get("AlgorithmSpecification", {}))
    definitions = algorithm.get("MetricDefinitions") or builtin_definitions(
        repository(algorithm.get("TrainingImage", ""))
    )
    if definitions:
        algorithm["MetricDefinitions"] = definitions
    return {
        "TrainingJobName": kept["TrainingJobName"],
        "TrainingJobArn": arn,
        "EnableNetworkIsolation": False,
        "EnableInterContainerTrafficEncryption": False,
        "EnableManagedSpotTraining": False,
        "HyperParameters": {},
        **kept,
        "AlgorithmSpecification": {"EnableSageMakerMetricsTimeSeries": False, **algorithm},
        # Told also where there is none: the SageMaker SDK reads it when it attaches to a job.
        "OutputDataConfig": {"KmsKeyId": "", **kept.get("OutputDataConfig", {})},
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS, **kept.get("StoppingCondition", {})},
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Starting",
        "SecondaryStatusTransitions": [_transition("Starting", now)],
        "CreationTime": now,
        "LastModifiedTime": now,
    }


def advance(document: Document, secondary: str, now: float, **changes: Any) -> Document:
    """The document with a new secondary status: the transition before it ends, one begins."""
    transitions = [*document["SecondaryStatusTransitions"]]
    if "EndTime" not in transitions[-1]:
        transitions[-1] = {**transitions[-1], "EndTime": now}
    entry = _transition(secondary, now)
    if secondary in ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded"):
        entry["EndTime"] = now
    return {
        **document,
        "SecondaryStatus": secondary,
        "SecondaryStatusTransitions": [*transitions, entry],
        "LastModifiedTime": now,
        **changes,
    }


def _transition(status: str, now: float) -> Document:
    return {"Status": status, "StartTime": now, "StatusMessage": _MESSAGES[status]}


class TrainingJob(Job):
    """One training job. `companions` is how many trials of a tuning job run beside it, itself included."""

    kind = kinds.TRAINING

    def __init__(self, site: Site, name: str, *, companions: int = 1) -> None:
        super().__init__(site, name)
        self.companions = companions
        self.metrics = MetricReader(self.document["AlgorithmSpecification"].get("MetricDefinitions", ()))

    @property
    def archive_uri(self) -> S3Uri:
        """Where the job's output goes: `<S3OutputPath>/<job>/output`."""
        return output_uri(self.document["OutputDataConfig"]["S3OutputPath"], self.name)

    def run(self) -> None:
        with self.site.slots.take(self.stop_requested, self.companions) as share:
            if share is None or self.stop_requested():
                raise Stopped
            program = _program(self.site, self.document)
            tree = self._download(program)
            try:
                exit_status = self._train(program, tree, share.threads)
            except Stopped:
                self._upload(tree, stopped=True)
                raise
            if not exit_status.ok:
                raise JobFailed("AlgorithmError", _reason(tree, exit_status, self.log_path))
            self._enter("Uploading")
            self._upload(tree)
            self.finish("Completed", "Completed", None)
            shutil.rmtree(self.directory / "opt", ignore_errors=True)

    def progress(self) -> JobProgress:
        return msgspec.structs.replace(super().progress(), metrics=self.metrics.latest())

    def stopping(self, document: Document) -> Document:
        return advance(document, "Stopping", moments.now(), TrainingJobStatus="Stopping")

    def finish(self, status: str, detail: str, reason: str | None) -> None:
        now = moments.now()
        document = self.document
        changes: Document = {"TrainingJobStatus": status, "TrainingEndTime": now}
        if "TrainingStartTime" in document:
            seconds = max(1, round(now - document["TrainingStartTime"]))
            changes |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
        if reason is not None:
            changes["FailureReason"] = reason
        if final := self.metrics.final():
            changes["FinalMetricDataList"] = final
        self.update(lambda document: advance(document, detail, now, **changes))

    def _enter(self, secondary: str, **changes: Any) -> None:
        now = moments.now()
        self.update(lambda document: advance(document, secondary, now, **changes))

    def _download(self, program: Program) -> Tree:
        self._enter("Downloading", TrainingStartTime=moments.now())
        document = self.document
        channels = document.get("InputDataConfig", [])
        names = [channel["ChannelName"] for channel in channels]
        tree = create_tree(self.directory / "opt" / "ml", channels=names)
        specification = document["AlgorithmSpecification"]
        trusted = program.algorithm is not None
        for channel in channels:
            if (channel.get("InputMode") or specification.get("TrainingInputMode")) == "Pipe":
                text = f"Channel {channel['ChannelName']}: Pipe mode is not available locally; use File or FastFile."
                raise JobFailed("ClientError", text)
            objects = find_objects(self.site.buckets, channel["DataSource"])
            if not objects:
                uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
                raise JobFailed("ClientError", nothing_found(uri, self.site.region, document.get("RoleArn", "")))
            place(objects, tree.channel(channel["ChannelName"]), link=trusted and not self.site.place.copies_inputs)
        code.stage(self.site.buckets, tree, code.of_training(document)[1])
        write_training_configuration(
            tree,
            hyperparameters=document["HyperParameters"],
            channels=channels,
            input_mode=specification.get("TrainingInputMode", "File"),
            resources=document.get("ResourceConfig"),
            checkpoints=document.get("CheckpointConfig"),
        )
        return tree

    def _train(self, program: Program, tree: Tree, threads: int) -> ExitStatus:
        self._enter("Training")
        document = self.document
        local_aws = {} if program.algorithm is not None else self.site.environment()
        variables = training_environment(
            tree,
            job_name=self.name,
            job_arn=document["TrainingJobArn"],
            region=self.site.region,
            requested=document.get("Environment"),
        )
        entrypoint, command = _command(program, document["AlgorithmSpecification"])
        spec = ContainerSpec(
            kind="train",
            tree=tree,
            entrypoint=entrypoint,
            command=command,
            log_path=self.log_path,
            environment={**local_aws, **program.environment, **variables},
            image=program.image,
            instance_type=instance_type(document.get("ResourceConfig", {})),
            isolated=document["EnableNetworkIsolation"],
            threads=threads,
        )
        try:
            container = self.site.place.start(spec, lambda line: self.metrics.feed(line, moments.now()))
        except UsageError as error:
            raise JobFailed("ClientError", str(error)) from error
        limit = document["StoppingCondition"]["MaxRuntimeInSeconds"]
        return self.wait_for([container], time.monotonic() + limit)

    def _upload(self, tree: Tree, *, stopped: bool = False) -> None:
        """`model.tar.gz`, and `output.tar.gz` when the program left something in `output/data`.

        A stopped job uploads the model that is there, if there is one.
        """
        buckets, target = self.site.buckets, self.archive_uri
        has_model = any(tree.model.iterdir())
        if has_model or not stopped:
            if self.document["OutputDataConfig"].get("CompressionType") == "NONE":
                uri = S3Uri(target.bucket, f"{target.key}/model/")
                buckets.upload(tree.model, uri.bucket, uri.key)
            else:
                uri = S3Uri(target.bucket, f"{target.key}/model.tar.gz")
                self._store(tree.model, uri)
            self.update(lambda document: {**document, "ModelArtifacts": {"S3ModelArtifacts": str(uri)}})
        if any(tree.output_data.iterdir()):
            self._store(tree.output_data, S3Uri(target.bucket, f"{target.key}/output.tar.gz"))

    def _store(self, directory: Path, uri: S3Uri) -> None:
        archive = self.directory / "archive.tar.gz"
        try:
            pack(directory, archive)
            self.site.buckets.put_file(uri.bucket, uri.key, archive)
        finally:
            archive.unlink(missing_ok=True)


def instance_type(resources: Mapping[str, Any]) -> str:
    """The instance type of a `ResourceConfig`, of the first group where it has groups; "" for none."""
    groups = resources.get("InstanceGroups") or [{}]
    return str(resources.get("InstanceType") or groups[0].get("InstanceType", ""))


def output_uri(output_path: str, job_name: str) -> S3Uri:
    """`<S3OutputPath>/<job>/output`; a slash at the end of the path is not doubled (reference 3.6)."""
    bucket, key = parse_uri(output_path)
    parts = [part for part in (key.rstrip("/"), job_name, "output") if part]
    return S3Uri(bucket, "/".join(parts))


def _program(site: Site, document: Document) -> Program:
    specification = document["AlgorithmSpecification"]
    try:
        use: Use = "script" if code.of_training(document)[0] else "algorithm"
        return site.place.program(specification["TrainingImage"], use)
    except (NotFound, UsageError) as error:
        raise JobFailed("ClientError", str(error)) from error


def _command(program: Program, specification: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Entrypoint, if the request has one, and the rest of the command."""
    entrypoint = tuple(specification.get("ContainerEntrypoint", ()))
    arguments = tuple(specification.get("ContainerArguments", ()))
    if not entrypoint and not arguments:
        return (), program.start("train")
    return entrypoint, arguments if entrypoint else (*program.command, *arguments)


def _reason(tree: Tree, status: ExitStatus, log: Path) -> str:
    """The failure file, or else the log's last line, with the exit code: cut so that the code is still seen."""
    text = tree.read_failure()
    if text is None:
        text = last_line(log)
    return f"{text.strip()[:960]}, exit code: {status.code}"
