"""The inference containers of a model, started for one job: one, or a pipeline in which each feeds the next."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from asl_runner.errors import NotFound, UsageError
from asl_runner.sagemaker.archives import unpack
from asl_runner.sagemaker.containers.container import Container
from asl_runner.sagemaker.containers.contract import ContainerSpec, create_tree
from asl_runner.sagemaker.containers.inference import InferenceClient, NotReady, wait_until_ready
from asl_runner.sagemaker.containers.process import free_port
from asl_runner.sagemaker.containers.tree import Tree
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.inputs import find_objects, place
from asl_runner.sagemaker.jobs import code
from asl_runner.sagemaker.jobs.base import HURRIED_GRACE_SECONDS, Job, Site, last_line
from asl_runner.sagemaker.records import Document
from asl_runner.storage.names import parse_uri

_LOOK_SECONDS = 0.2


class ModelServer:
    """Running containers of a model. `close` ends them."""

    def __init__(
        self,
        job: Job,
        containers: Sequence[Document],
        environment: Mapping[str, str],
        threads: int,
        instance_type: str = "",
        directory: Path | None = None,
    ) -> None:
        """Starts the containers one by one and waits until each answers. Raises `JobFailed`.

        Their files are in `directory`, by default that of the job.
        """
        self._job = job
        self.directory = directory or job.directory
        self.images = [container["Image"] for container in containers]
        self._instance_type = instance_type
        self._running: list[tuple[Container, int]] = []
        self._local = threading.local()
        self._clients: list[InferenceClient] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.timeout = 600.0
        threading.Thread(target=self._watch, name=f"watch-{job.name}", daemon=True).start()
        try:
            for index, container in enumerate(containers):
                self._start(container, index, len(containers), environment, threads)
        except BaseException:
            self.close()
            raise

    @property
    def ports(self) -> tuple[int, ...]:
        """Where its containers listen, in the order a request goes through them."""
        return tuple(port for _, port in self._running)

    @property
    def is_up(self) -> bool:
        """Whether all containers still run."""
        return all(container.status is None for container, _ in self._running)

    @property
    def parameters(self) -> dict[str, object]:
        """What the first container says at `/execution-parameters`."""
        return self._pipeline()[0].execution_parameters()

    def invoke(self, body: bytes, content_type: str | None, accept: str | None, retries: int) -> bytes:
        """The answer to one payload; errors of the container and of the connection are tried again `retries` times.

        Raises `JobFailed`; may be called from several threads.
        """
        clients = self._pipeline()
        for place_, client in enumerate(clients):
            wanted = accept if place_ == len(clients) - 1 else None
            body, content_type = self._ask(client, body, content_type, wanted, retries)
        return body

    def close(self) -> None:
        """Ends the containers."""
        self._closed.set()
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()
        # There is nothing to save; a server that is the first process of its container may not heed SIGTERM at all.
        self._job.end(*(container for container, _ in self._running), patience=HURRIED_GRACE_SECONDS)

    def _watch(self) -> None:
        """Ends the containers of a job that is to stop, also while a request waits for its answer."""
        while not self._closed.wait(_LOOK_SECONDS):
            if self._job.stop_requested():
                self._job.end(*(container for container, _ in self._running), patience=HURRIED_GRACE_SECONDS)
                return

    def _ask(
        self, client: InferenceClient, body: bytes, content_type: str | None, accept: str | None, retries: int
    ) -> tuple[bytes, str | None]:
        for attempt in range(retries + 1):
            last = attempt == retries or self._job.stop_requested()
            try:
                answer = client.invoke(body, content_type, accept)
            except (OSError, http.client.HTTPException) as error:
                if last:
                    raise JobFailed("AlgorithmError", f"The container did not answer: {error}") from error
                continue
            if answer.ok:
                return answer.body, answer.content_type or content_type
            if answer.status < 500 or last:
                kind = "ClientError" if answer.status < 500 else "AlgorithmError"
                text = answer.body.decode("utf-8", "replace").strip()[:500]
                raise JobFailed(kind, f"Bad HTTP status received from algorithm: {answer.status}: {text}")
        raise AssertionError("the last attempt returns or raises")

    def _pipeline(self) -> list[InferenceClient]:
        """The connections of this thread."""
        clients: list[InferenceClient] | None = getattr(self._local, "clients", None)
        if clients is None:
            clients = self._local.clients = [InferenceClient(port, timeout=self.timeout) for _, port in self._running]
            with self._lock:
                self._clients += clients
        return clients

    def _start(self, document: Document, index: int, count: int, environment: Mapping[str, str], threads: int) -> None:
        site = self._job.site
        given = {**document.get("Environment", {}), **environment}
        root = self.directory if count == 1 else self.directory / f"container-{index + 1}"
        tree = create_tree(root / "opt" / "ml")
        load_model(site, document, tree, root)
        code.stage(site.buckets, tree, given.get("SAGEMAKER_SUBMIT_DIRECTORY", ""))
        scripted = "SAGEMAKER_PROGRAM" in given or (tree.model / "code" / "inference.py").is_file()
        try:
            program = site.place.program(document["Image"], "script" if scripted else "algorithm")
        except (NotFound, UsageError) as error:
            raise JobFailed("ClientError", str(error)) from error
        port = free_port()
        local_aws = {} if program.algorithm is not None else site.environment()
        variables = {"AWS_REGION": site.region, "AWS_DEFAULT_REGION": site.region}
        spec = ContainerSpec(
            kind="serve",
            tree=tree,
            command=program.start("serve"),
            log_path=self._job.log_path,
            environment={
                **local_aws,
                **program.environment,
                **given,
                **variables,
            },
            image=program.image,
            port=port,
            instance_type=self._instance_type,
            threads=threads,
        )
        try:
            container = site.place.start(spec)
        except UsageError as error:
            raise JobFailed("ClientError", str(error)) from error
        self._running.append((container, port))
        try:
            wait_until_ready(container, port)
        except NotReady as error:
            raise JobFailed("AlgorithmError", f"{error} {last_line(self._job.log_path)}".strip()) from error


def load_model(site: Site, container: Document, tree: Tree, scratch: Path) -> None:
    """Fills `model/` of the tree from `ModelDataUrl` or `ModelDataSource`. Raises `JobFailed` when it is not there."""
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is not None and source.get("CompressionType") == "None":
        objects = find_objects(site.buckets, {"S3DataSource": {"S3Uri": source["S3Uri"]}})
        if not objects:
            raise JobFailed("ClientError", f"Could not find model data at {source['S3Uri']}.")
        place(objects, tree.model, link=False)
        return
    url = source["S3Uri"] if source is not None else container.get("ModelDataUrl")
    if url is None:
        return
    try:
        bucket, key = parse_uri(url)
        archive = site.buckets.path(bucket, key)
    except (NotFound, UsageError) as error:
        raise JobFailed("ClientError", f"Could not find model data at {url}.") from error
    scratch.mkdir(parents=True, exist_ok=True)
    unpack(archive, tree.model)
