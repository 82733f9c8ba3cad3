"""Endpoints: the inference servers of an endpoint configuration's models, up until the endpoint is deleted.

The process that runs them tells the others where they listen by a file in the endpoint's directory. Another process, or
another thread, asks for a new configuration by a file as well, and for the end by that of every job. A third one keeps
where the containers run, for whoever starts them again.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from asl_runner.sagemaker import kinds, moments
from asl_runner.sagemaker.containers.place import PROCESS
from asl_runner.sagemaker.errors import JobFailed
from asl_runner.sagemaker.jobs import model
from asl_runner.sagemaker.jobs.base import STOP_FILE, Job, Site, Stopped
from asl_runner.sagemaker.jobs.inference import ModelServer
from asl_runner.sagemaker.records import Document, write_atomically

SERVERS_FILE = "servers.json"
UPDATE_FILE = "update"
PLACE_FILE = "place"
_LOOK_SECONDS = 0.1


class Variant(msgspec.Struct, frozen=True):
    """One production variant that is up."""

    name: str
    ports: tuple[int, ...]
    """Of its containers, in the order a request goes through them."""


def new_config(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of an endpoint configuration."""
    kept = {key: value for key, value in request.items() if key != "Tags"}
    variants = [{"InitialVariantWeight": 1.0, **variant} for variant in kept["ProductionVariants"]]
    return {
        "EnableNetworkIsolation": False,
        **kept,
        "ProductionVariants": variants,
        "EndpointConfigArn": arn,
        "CreationTime": now,
    }


def new_endpoint(request: Mapping[str, Any], arn: str, now: float) -> Document:
    """The Describe document of an endpoint just created."""
    return {
        "EndpointName": request["EndpointName"],
        "EndpointArn": arn,
        "EndpointConfigName": request["EndpointConfigName"],
        "EndpointStatus": "Creating",
        "CreationTime": now,
        "LastModifiedTime": now,
    }


def servers(directory: Path) -> list[Variant] | None:
    """Where the variants of an endpoint listen; None while they do not."""
    try:
        return msgspec.json.decode((directory / SERVERS_FILE).read_bytes(), type=list[Variant])
    except FileNotFoundError:
        return None


def place(directory: Path) -> str:
    """The name of the place where the containers of an endpoint run."""
    try:
        return (directory / PLACE_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return PROCESS


class EndpointJob(Job):
    """The servers of one endpoint, run by this process."""

    kind = kinds.ENDPOINT

    def __init__(self, site: Site, name: str) -> None:
        super().__init__(site, name)
        self.settled = threading.Event()
        """Set once the endpoint is in service, or has failed."""
        self._generation = 0

    def run(self) -> None:
        running: dict[str, ModelServer] = {}
        try:
            running = self._started(self.document["EndpointConfigName"])
            self._in_service(self.document["EndpointConfigName"], running)
            while not self.stop_requested():
                if (wanted := self._wanted()) is not None:
                    running = self._replaced(running, wanted)
                elif not all(server.is_up for server in running.values()):
                    self.note("A container of the endpoint has ended; its variants are started again.")
                    running = self._replaced(running, self.document["EndpointConfigName"])
                self._stop.wait(_LOOK_SECONDS)
        finally:
            (self.directory / SERVERS_FILE).unlink(missing_ok=True)
            _close(running)
        raise Stopped

    def mark_stopping(self) -> None:
        """Shows `Deleting` of an endpoint that is deleted; one whose process ends stays in service."""
        if (self.directory / STOP_FILE).exists():
            self.update(lambda one: {**one, "EndpointStatus": "Deleting", "LastModifiedTime": moments.now()})

    def finish(self, status: str, detail: str, reason: str | None) -> None:
        """A stopped endpoint is deleted if that was asked for; else it is there, and is started when next invoked."""
        if (self.directory / STOP_FILE).exists():
            self.site.records.delete(self.kind.directory, self.name)
        elif status == "Failed":
            changes = {"EndpointStatus": "Failed", "FailureReason": reason or "", "LastModifiedTime": moments.now()}
            self.update(lambda document: {**document, **changes})
        self.settled.set()

    def _started(self, config_name: str) -> dict[str, ModelServer]:
        """The servers of a configuration's variants, all of them ready. Raises `JobFailed` or `Stopped`."""
        config = self.site.records.read(kinds.ENDPOINT_CONFIG.directory, config_name)
        if config is None:
            arn = self.site.arn(kinds.ENDPOINT_CONFIG, config_name)
            raise JobFailed("", kinds.ENDPOINT_CONFIG.missing.format(arn=arn))
        self._generation += 1
        started: dict[str, ModelServer] = {}
        try:
            for variant in config.document["ProductionVariants"]:
                started[variant["VariantName"]] = self._server(variant)
        except JobFailed as failed:
            _close(started)
            if self.stop_requested():
                raise Stopped from failed
            raise
        return started

    def _server(self, variant: Document) -> ModelServer:
        found = self.site.records.read(kinds.MODEL.directory, variant["ModelName"])
        if found is None:
            raise JobFailed("", kinds.MODEL.missing.format(arn=self.site.arn(kinds.MODEL, variant["ModelName"])))
        return ModelServer(
            self,
            model.containers(self.site.records, found.document),
            {},
            self.site.slots.cores,
            variant.get("InstanceType", ""),
            self.directory / f"{variant['VariantName']}-{self._generation}",
        )

    def _replaced(self, running: dict[str, ModelServer], config_name: str) -> dict[str, ModelServer]:
        """New servers in place of those that run; where they cannot be had, those stay, as after a rollback."""
        self.update(lambda one: {**one, "EndpointStatus": "Updating", "LastModifiedTime": moments.now()})
        (self.directory / UPDATE_FILE).unlink(missing_ok=True)
        try:
            started = self._started(config_name)
        except JobFailed as failed:
            self.note(f"The endpoint could not be updated: {failed}")
            if not all(server.is_up for server in running.values()):
                raise
            back = {"EndpointStatus": "InService", "FailureReason": str(failed), "LastModifiedTime": moments.now()}
            self.update(lambda one: {**one, **back})
            return running
        self._in_service(config_name, started)
        _close(running)
        for server in running.values():
            shutil.rmtree(server.directory, ignore_errors=True)
        return started

    def _wanted(self) -> str | None:
        with suppress(FileNotFoundError):
            return (self.directory / UPDATE_FILE).read_text(encoding="utf-8")
        return None

    def _in_service(self, config_name: str, running: Mapping[str, ModelServer]) -> None:
        listening = [Variant(name, server.ports) for name, server in running.items()]
        write_atomically(self.directory / SERVERS_FILE, msgspec.json.encode(listening))
        now = moments.now()
        config = self.site.records.read(kinds.ENDPOINT_CONFIG.directory, config_name)
        variants = config.document["ProductionVariants"] if config is not None else []
        changes = {
            "EndpointConfigName": config_name,
            "ProductionVariants": [_summary(variant, running[variant["VariantName"]], now) for variant in variants],
            "EndpointStatus": "InService",
            "LastModifiedTime": now,
        }
        self.update(lambda one: {**{key: one[key] for key in one if key != "FailureReason"}, **changes})
        self.settled.set()


def _summary(variant: Document, server: ModelServer, now: float) -> Document:
    """A `ProductionVariantSummary`."""
    images = [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now} for image in server.images]
    weight, count = variant["InitialVariantWeight"], variant.get("InitialInstanceCount")
    found: Document = {
        "VariantName": variant["VariantName"],
        "DeployedImages": images,
        "CurrentWeight": weight,
        "DesiredWeight": weight,
    }
    if count is not None:
        found |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
    if "ServerlessConfig" in variant:
        found |= dict.fromkeys(("CurrentServerlessConfig", "DesiredServerlessConfig"), variant["ServerlessConfig"])
    return found


def _close(running: Mapping[str, ModelServer]) -> None:
    for server in running.values():
        server.close()
