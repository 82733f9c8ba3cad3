"""Training jobs: download the channels, run the container, read its metrics, upload the model (reference section 3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker import kinds, moments
from asl_runner.sagemaker.containers.container import Container, ExitStatus
from asl_runner.sagemaker.containers.contract import (
    ContainerSpec,
    create_tree,
    host_names,
    write_training_configuration,
)
from asl_runner.sagemaker.containers.environment import training_environment
from asl_runner.sagemaker.containers.images import Program, Use, repository
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.jobs import code
from asl_runner.sagemaker.jobs.artifacts import checkpoint_mirror, output_uri, upload
from asl_runner.sagemaker.jobs.base import Job, Site, Stopped, last_line
from asl_runner.sagemaker.jobs.channels import Channel
from asl_runner.sagemaker.metrics import MetricReader, builtin_definitions
from asl_runner.sagemaker.mirror import kept_in_step
from asl_runner.sagemaker.pipes import Pipe, fed
from asl_runner.sagemaker.progress import CURVE_POINTS, JobProgress
from asl_runner.sagemaker.records import Document
from asl_runner.sagemaker.rules import DEFAULT_RUNTIME_SECONDS
from asl_runner.storage.names import S3Uri

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
        self._reading = threading.Lock()
        self.metrics = MetricReader(self.document["AlgorithmSpecification"].get("MetricDefinitions", ()))

    @property
    def archive_uri(self) -> S3Uri:
        """Where the job's output goes: `<S3OutputPath>/<job>/output`."""
        return output_uri(self.document["OutputDataConfig"]["S3OutputPath"], self.name)

    def run(self) -> None:
        with self.site.slots.take(self.stop_requested, self.companions) as share:
            if share is None or self.stop_requested():
                raise Stopped
            document = self.document
            program = _program(self.site, document)
            self._enter("Downloading", TrainingStartTime=moments.now())
            channels = [Channel(self.site, one, document) for one in document.get("InputDataConfig", [])]
            trees = self._download(program, channels)
            try:
                exit_status = self._train(program, trees, channels, share.threads)
            except Stopped:
                self._upload(trees, stopped=True)
                raise
            if not exit_status.ok:
                raise JobFailed("AlgorithmError", _reason(list(trees.values()), exit_status, self.log_path))
            self._enter("Uploading")
            self._upload(trees)
            self.finish("Completed", "Completed", None)
            self.remove_trees(tuple(trees))

    def progress(self) -> JobProgress:
        curves = self.metrics.curves(CURVE_POINTS)
        return msgspec.structs.replace(super().progress(), metrics=self.metrics.latest(), curves=curves)

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
        if "KeepAlivePeriodInSeconds" in document.get("ResourceConfig", {}):
            # Nothing is kept alive: a process costs nothing to start.
            changes["WarmPoolStatus"] = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
        if final := self.metrics.final():
            changes["FinalMetricDataList"] = final
        self.update(lambda document: advance(document, detail, now, **changes))

    def _enter(self, secondary: str, **changes: Any) -> None:
        now = moments.now()
        self.update(lambda document: advance(document, secondary, now, **changes))

    def _download(self, program: Program, channels: list[Channel]) -> dict[str, Tree]:
        """The `/opt/ml` of each host: its share of the channels, its code, its configuration."""
        document = self.document
        hosts = host_names(instance_count(document.get("ResourceConfig", {})))
        specification = document["AlgorithmSpecification"]
        link = program.algorithm is not None and not self.site.place.copies_inputs
        trees = {}
        for index, host in enumerate(hosts):
            files = [channel.name for channel in channels if channel.mode != "Pipe"]
            tree = trees[host] = create_tree(self.tree_root(host, hosts), channels=files)
            for channel in channels:
                channel.put(tree, index, len(hosts), link=link)
            code.stage(self.site.buckets, tree, code.of_training(document)[1])
            write_training_configuration(
                tree,
                hyperparameters=document["HyperParameters"],
                channels=document.get("InputDataConfig", []),
                input_mode=specification.get("TrainingInputMode", "File"),
                resources=document.get("ResourceConfig"),
                checkpoints=document.get("CheckpointConfig"),
                host=host,
                hosts=hosts,
            )
        return trees

    def _train(self, program: Program, trees: dict[str, Tree], channels: list[Channel], threads: int) -> ExitStatus:
        """Runs the container of every host, its pipes fed and its checkpoints uploaded meanwhile."""
        self._enter("Training")
        document = self.document
        limit = time.monotonic() + document["StoppingCondition"]["MaxRuntimeInSeconds"]
        share = max(1, threads // len(trees))
        running: list[Container] = []
        with fed(self._pipes(trees, channels)), self._checkpointed(document, trees):
            try:
                cluster = self.site.place.cluster() if len(trees) > 1 else {}
                for host, tree in trees.items():
                    spec = self._spec(program, document, tree, host, tuple(trees), share, cluster)
                    running.append(self.site.place.start(spec, self._read_line))
                return self.wait_for(running, limit)
            except UsageError as error:
                raise JobFailed("ClientError", str(error)) from error
            finally:
                self.end(*running)

    def _spec(
        self,
        program: Program,
        document: Document,
        tree: Tree,
        host: str,
        hosts: tuple[str, ...],
        threads: int,
        cluster: Mapping[str, str],
    ) -> ContainerSpec:
        local_aws = {} if program.algorithm is not None else self.site.environment()
        variables = training_environment(
            tree,
            job_name=self.name,
            job_arn=document["TrainingJobArn"],
            region=self.site.region,
            requested=document.get("Environment"),
        )
        entrypoint, command = _command(program, document["AlgorithmSpecification"])
        return ContainerSpec(
            kind="train",
            tree=tree,
            entrypoint=entrypoint,
            command=command,
            log_path=self.log_path,
            environment={**local_aws, **program.environment, **cluster, **variables},
            image=program.image,
            instance_type=instance_type(document.get("ResourceConfig", {})),
            isolated=document["EnableNetworkIsolation"],
            threads=threads,
            host=host,
            hosts=hosts,
            log_prefix=f"{host} " if len(hosts) > 1 else "",
        )

    def _read_line(self, line: str) -> None:
        with self._reading:
            self.metrics.feed(line, moments.now())

    def _pipes(self, trees: dict[str, Tree], channels: list[Channel]) -> Iterator[Pipe]:
        for index, tree in enumerate(trees.values()):
            for channel in channels:
                if channel.mode == "Pipe":
                    yield channel.pipe(tree, index, len(trees), self.note)

    @contextmanager
    def _checkpointed(self, document: Document, trees: dict[str, Tree]) -> Iterator[None]:
        """Uploads checkpoints while the block runs, and at its end."""
        config = document.get("CheckpointConfig")
        with kept_in_step(
            [] if config is None else [checkpoint_mirror(self.site.buckets, tree, config) for tree in trees.values()]
        ):
            yield

    def _upload(self, trees: dict[str, Tree], *, stopped: bool = False) -> None:
        plain = self.document["OutputDataConfig"].get("CompressionType") == "NONE"
        parts = list(trees.values())
        uri = upload(self.site.buckets, self.archive_uri, parts, self.directory, plain=plain, stopped=stopped)
        if uri is not None:
            self.update(lambda document: {**document, "ModelArtifacts": {"S3ModelArtifacts": str(uri)}})


def instance_type(resources: Mapping[str, Any]) -> str:
    """The instance type of a `ResourceConfig`, of the first group where it has groups; "" for none."""
    groups = resources.get("InstanceGroups") or [{}]
    return str(resources.get("InstanceType") or groups[0].get("InstanceType", ""))


def instance_count(resources: Mapping[str, Any]) -> int:
    """How many hosts a `ResourceConfig` asks for, in all its groups."""
    groups = resources.get("InstanceGroups") or [resources]
    return sum(int(group.get("InstanceCount", 1)) for group in groups)


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


def _reason(trees: Sequence[Tree], status: ExitStatus, log: Path) -> str:
    """The failure file, or else the log's last line, with the exit code: cut so that the code is still seen."""
    text = next((failure for tree in trees if (failure := tree.read_failure()) is not None), None)
    if text is None:
        text = last_line(log)
    return f"{text.strip()[:960]}, exit code: {status.code}"
