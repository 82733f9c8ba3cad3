"""Processing jobs: download the inputs, run the program on every host, upload the outputs (reference section 7)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker import kinds, moments
from asl_runner.sagemaker.containers.container import Container, ExitStatus
from asl_runner.sagemaker.containers.contract import (
    ContainerSpec,
    create_tree,
    host_names,
    write_processing_configuration,
)
from asl_runner.sagemaker.containers.environment import processing_environment
from asl_runner.sagemaker.containers.images import Program
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import InputObject, find_objects, nothing_found, place, shard
from asl_runner.sagemaker.jobs.base import Job, Stopped, last_line
from asl_runner.sagemaker.jobs.processing_request import managed
from asl_runner.sagemaker.mirror import Mirror, kept_in_step
from asl_runner.sagemaker.pipes import Pipe, fed, stream_of
from asl_runner.sagemaker.records import Document
from asl_runner.storage.names import parse_uri


class ProcessingJob(Job):
    """One processing job."""

    kind = kinds.PROCESSING

    def run(self) -> None:
        with self.site.slots.take(self.stop_requested) as share:
            if share is None or self.stop_requested():
                raise Stopped
            started = moments.now()
            self.update(lambda one: {**one, "ProcessingStartTime": started, "LastModifiedTime": started})
            document = self.document
            program = self._program(document)
            hosts = host_names(document["ProcessingResources"]["ClusterConfig"]["InstanceCount"])
            trees = {host: self._tree(document, host, hosts) for host in hosts}
            with self._uploading(document, list(trees.values())), fed(self._pipes(document, trees)):
                status = self._process(document, program, trees, max(1, share.threads // len(hosts)))
            self._take_message(list(trees.values()))
            if not status.ok:
                text = f"See job logs for more information. {last_line(self.log_path)}".strip()
                raise JobFailed("AlgorithmError", f"{text[:900]}, exit code: {status.code}")
            self.finish("Completed", "Completed", None)
            self.remove_trees(hosts)

    def finish(self, status: str, detail: str, reason: str | None) -> None:
        now = moments.now()
        changes: Document = {"ProcessingJobStatus": status, "ProcessingEndTime": now, "LastModifiedTime": now}
        if reason is not None:
            changes["FailureReason"] = reason
        self.update(lambda document: {**document, **changes})

    def _program(self, document: Document) -> Program:
        try:
            return self.site.place.program(document["AppSpecification"]["ImageUri"], "processing")
        except (NotFound, UsageError) as error:
            raise JobFailed("ClientError", str(error)) from error

    def _tree(self, document: Document, host: str, hosts: tuple[str, ...]) -> Tree:
        """The `/opt/ml` of one host: its configuration, its share of the inputs, and the outputs' directories."""
        tree = create_tree(self.tree_root(host, hosts))
        write_processing_configuration(tree, document, host=host, hosts=hosts)
        for source in managed(document.get("ProcessingInputs", []), "S3Input"):
            if source["S3InputMode"] != "Pipe":
                objects = self._objects(document, source, hosts.index(host), len(hosts))
                place(objects, tree.local(source["LocalPath"]), link=False)
        for target in self._outputs(document):
            tree.local(target["LocalPath"]).mkdir(parents=True, exist_ok=True)
        return tree

    def _objects(self, document: Document, source: Document, index: int, count: int) -> list[InputObject]:
        """The share of one host in the objects of an input. Raises `JobFailed` when the input has none."""
        objects = find_objects(self.site.buckets, {"S3DataSource": source})
        if not objects:
            text = nothing_found(source["S3Uri"], self.site.region, document["RoleArn"])
            raise JobFailed("ClientError", f"Failed to download data. {text}")
        return shard(objects, index, count) if source["S3DataDistributionType"] == "ShardedByS3Key" else objects

    def _pipes(self, document: Document, trees: dict[str, Tree]) -> Iterator[Pipe]:
        """The pipes of inputs in Pipe mode: `<LocalPath>_0`, `<LocalPath>_1`, ..."""
        for source in managed(document.get("ProcessingInputs", []), "S3Input"):
            if source["S3InputMode"] == "Pipe":
                for index, tree in enumerate(trees.values()):
                    paths = [item.path for item in self._objects(document, source, index, len(trees))]
                    yield Pipe(tree.local(source["LocalPath"]), stream_of(source, paths), self.note)

    def _outputs(self, document: Document) -> list[Document]:
        return list(managed(document.get("ProcessingOutputConfig", {}).get("Outputs", []), "S3Output"))

    @contextmanager
    def _uploading(self, document: Document, trees: list[Tree]) -> Iterator[None]:
        """Uploads `Continuous` outputs while the block runs, and all others at its end, also of a job that failed."""
        mirrors: dict[bool, list[Mirror]] = {True: [], False: []}
        for target in self._outputs(document):
            for tree in trees:
                made = Mirror(self.site.buckets, tree.local(target["LocalPath"]), parse_uri(target["S3Uri"]))
                mirrors[target["S3UploadMode"] == "Continuous"].append(made)
        try:
            with kept_in_step(mirrors[True]):
                yield
        finally:
            for mirror in mirrors[False]:
                mirror.sync()

    def _process(self, document: Document, program: Program, trees: dict[str, Tree], threads: int) -> ExitStatus:
        specification = document["AppSpecification"]
        entrypoint = tuple(specification.get("ContainerEntrypoint", ()))
        command = (*(() if entrypoint else program.command), *specification.get("ContainerArguments", ()))
        variables = processing_environment(
            job_name=self.name,
            job_arn=document["ProcessingJobArn"],
            region=self.site.region,
            requested=document.get("Environment"),
        )
        limit = time.monotonic() + document["StoppingCondition"]["MaxRuntimeInSeconds"]
        running: list[Container] = []
        try:
            cluster = self.site.place.cluster() if len(trees) > 1 else {}
            environment = {**self.site.environment(), **program.environment, **cluster, **variables}
            for host, tree in trees.items():
                spec = ContainerSpec(
                    kind="process",
                    tree=tree,
                    entrypoint=entrypoint,
                    command=command,
                    log_path=self.log_path,
                    environment=environment,
                    image=program.image,
                    instance_type=document["ProcessingResources"]["ClusterConfig"]["InstanceType"],
                    isolated=document.get("NetworkConfig", {}).get("EnableNetworkIsolation", False),
                    threads=threads,
                    host=host,
                    hosts=tuple(trees),
                    log_prefix=f"{host} " if len(trees) > 1 else "",
                )
                running.append(self.site.place.start(spec))
            return self.wait_for(running, limit)
        except UsageError as error:
            raise JobFailed("ClientError", str(error)) from error
        finally:
            self.end(*running)

    def _take_message(self, trees: list[Tree]) -> None:
        """`ExitMessage`: what the first host that left a message wrote."""
        try:
            messages = [tree.read_message() for tree in trees]
        except UnicodeDecodeError as error:
            raise JobFailed("ClientError", f"/opt/ml/output/message is not UTF-8: {error}") from error
        found = next((message for message in messages if message), None)
        if found is not None:
            self.update(lambda document: {**document, "ExitMessage": found})
