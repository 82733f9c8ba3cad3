"""What the API does with endpoints: create, update, delete, and ask them for predictions."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asl_runner.errors import WorkspaceError
from asl_runner.sagemaker import kinds, moments
from asl_runner.sagemaker.containers.inference import InferenceClient
from asl_runner.sagemaker.containers.inference import Response as ContainerResponse
from asl_runner.sagemaker.jobs import endpoint
from asl_runner.sagemaker.jobs.base import STOP_FILE, Site
from asl_runner.sagemaker.jobs.endpoint import EndpointJob, Variant
from asl_runner.sagemaker.records import Document, Record
from asl_runner.sagemaker.service import Response, Service, answer
from asl_runner.service_model.errors import ServiceError, validation_error

INVOCATION_SECONDS = 60.0
"""How long a container may take to answer. Source: developer guide, "How Containers Serve Requests"."""

ATTRIBUTES_HEADER = "X-Amzn-SageMaker-Custom-Attributes"
TARGET_MODEL_HEADER = "X-Amzn-SageMaker-Target-Model"
_STARTED_SECONDS = 0.02
_TAKEN_SECONDS = 10.0


class Endpoints:
    """The endpoints and endpoint configurations of one `Service`."""

    def __init__(self, service: Service, site: Site, site_at: Callable[[str], Site]) -> None:
        """`site` is where the containers of new endpoints run, `site_at` gives that of a place by its name."""
        self._service = service
        self._site = site
        self._site_at = site_at

    def create_config(self, given: Mapping[str, Any]) -> Response:
        """`CreateEndpointConfig`."""
        operation = "CreateEndpointConfig"
        wire = self._service.request(operation, given)
        variants = wire["ProductionVariants"]
        for variant in variants:
            if "ModelName" not in variant:
                raise validation_error("A production variant needs a ModelName; inference components are not local.")
            self._service.record(kinds.MODEL, variant["ModelName"], operation)
        if len({variant["VariantName"] for variant in variants}) != len(variants):
            raise validation_error("Each VariantName of ProductionVariants must be unique.")
        created = self._service.create(kinds.ENDPOINT_CONFIG, wire, endpoint.new_config, runs=False)
        return answer(operation, created.document)

    def create(self, given: Mapping[str, Any]) -> Response:
        """`CreateEndpoint`: starts the containers, answers the ARN."""
        operation = "CreateEndpoint"
        wire = self._service.request(operation, given)
        self._service.record(kinds.ENDPOINT_CONFIG, wire["EndpointConfigName"], operation)
        record = self._service.create(kinds.ENDPOINT, wire, endpoint.new_endpoint)
        directory = self._site.records.directory(kinds.ENDPOINT.directory, record.name)
        (directory / endpoint.PLACE_FILE).write_text(self._site.place.name, encoding="utf-8")
        self._service.launch(EndpointJob(self._site, record.name))
        return answer(operation, record.document)

    def update(self, given: Mapping[str, Any]) -> Response:
        """`UpdateEndpoint`: starts the containers of another configuration, which then take the place of the old."""
        operation = "UpdateEndpoint"
        wire = self._service.request(operation, given)
        record = self._service.record(kinds.ENDPOINT, wire["EndpointName"], operation)
        self._service.record(kinds.ENDPOINT_CONFIG, wire["EndpointConfigName"], operation)
        self._changeable(record)
        self._revived(record)
        directory = self._site.records.directory(kinds.ENDPOINT.directory, record.name)
        (directory / endpoint.UPDATE_FILE).write_text(wire["EndpointConfigName"], encoding="utf-8")
        # Whoever asks next for the status must not see that of before.
        _until(lambda: not (directory / endpoint.UPDATE_FILE).exists(), _TAKEN_SECONDS)
        return answer(operation, record.document)

    def update_weights(self, given: Mapping[str, Any]) -> Response:
        """`UpdateEndpointWeightsAndCapacities`."""
        operation = "UpdateEndpointWeightsAndCapacities"
        wire = self._service.request(operation, given)
        record = self._service.record(kinds.ENDPOINT, wire["EndpointName"], operation)
        self._changeable(record)
        wanted = {item["VariantName"]: item for item in wire["DesiredWeightsAndCapacities"]}
        known = {variant["VariantName"] for variant in record.document.get("ProductionVariants", [])}
        if unknown := sorted(wanted.keys() - known):
            raise validation_error(f"The endpoint {record.name} has no variant {unknown[0]}.", operation)

        def change(document: Document) -> Document:
            variants = [_weighted(item, wanted.get(item["VariantName"], {})) for item in document["ProductionVariants"]]
            return {**document, "ProductionVariants": variants, "LastModifiedTime": moments.now()}

        updated = self._site.records.update(kinds.ENDPOINT.directory, record.name, change)
        return answer(operation, updated.document)

    def delete(self, given: Mapping[str, Any]) -> Response:
        """`DeleteEndpoint`: ends the containers and frees the name."""
        operation = "DeleteEndpoint"
        name = self._service.request(operation, given)["EndpointName"]
        record = self._service.record(kinds.ENDPOINT, name, operation)
        records, job = self._site.records, self._service.job(kinds.ENDPOINT, name)
        if not records.is_orphan(record) and (job is None or not job.join(0)):
            (records.directory(kinds.ENDPOINT.directory, name) / STOP_FILE).touch()
            _until(lambda: _is_leaving(records.read(kinds.ENDPOINT.directory, name)), _TAKEN_SECONDS)
        else:
            records.delete(kinds.ENDPOINT.directory, name)
        return answer(operation, {})

    def invoke(self, request: Mapping[str, Any]) -> Response:
        """`InvokeEndpoint`: `Body` is bytes, in and out. Raises `ServiceError`, a `ModelError` for the model's own."""
        name = request["EndpointName"]
        record = self._site.records.read(kinds.ENDPOINT.directory, name)
        if record is None:
            text = f"Endpoint {name} of account {self._site.account} not found."
            raise ServiceError("ValidationError", text, "InvokeEndpoint")
        self._revived(record)
        directory = self._site.records.directory(kinds.ENDPOINT.directory, name)
        variant = _chosen(endpoint.servers(directory), record, request.get("TargetVariant"))
        response = self._ask(variant, request)
        found: Response = {
            "Body": response.body,
            "ContentType": response.content_type,
            "InvokedProductionVariant": variant.name,
        }
        if ATTRIBUTES_HEADER.lower() in response.headers:
            found["CustomAttributes"] = response.headers[ATTRIBUTES_HEADER.lower()]
        return found

    def _ask(self, variant: Variant, request: Mapping[str, Any]) -> ContainerResponse:
        body, content_type = request.get("Body", b""), request.get("ContentType")
        headers = {ATTRIBUTES_HEADER: request.get("CustomAttributes"), TARGET_MODEL_HEADER: request.get("TargetModel")}
        given = {name: value for name, value in headers.items() if value is not None}
        for place, port in enumerate(variant.ports, 1):
            last = place == len(variant.ports)
            called = "primary" if len(variant.ports) == 1 else f"container-{place}"
            with InferenceClient(port, timeout=INVOCATION_SECONDS) as client:
                try:
                    response = client.invoke(body, content_type, request.get("Accept") if last else None, given)
                except (OSError, http.client.HTTPException) as error:
                    text = f"Your invocation timed out while waiting for a response from container {called}. {error}"
                    raise model_error(text, 0, str(error)) from error
            if not response.ok:
                side = "client" if response.status < 500 else "server"
                said = response.body.decode("utf-8", "replace")
                text = f'Received {side} error ({response.status}) from {called} with message "{said}".'
                raise model_error(text, response.status, said)
            body, content_type = response.body, response.content_type or content_type
        return response

    def _changeable(self, record: Record) -> None:
        status = record.document["EndpointStatus"]
        if status in ("Creating", "Updating", "Deleting"):
            raise validation_error(f'Cannot update in-progress endpoint "{record.document["EndpointArn"]}".')

    def _revived(self, record: Record) -> None:
        """Starts an endpoint whose process has ended, as an endpoint outlives its machines; waits until it is up.

        Its containers run where they did before, whoever asks.
        """
        if not self._site.records.is_orphan(record) or record.document["EndpointStatus"] == "Failed":
            return
        if self._site.closing.is_set():
            raise ServiceError("ServiceUnavailable", "The local SageMaker is shutting down.", status=503)
        directory = self._site.records.directory(kinds.ENDPOINT.directory, record.name)
        (directory / endpoint.SERVERS_FILE).unlink(missing_ok=True)
        self._site.records.adopt(kinds.ENDPOINT.directory, record.name)
        job = EndpointJob(self._site_at(endpoint.place(directory)), record.name)
        self._service.launch(job)
        job.settled.wait()


def model_error(message: str, status: int, original: str) -> ServiceError:
    """What a container answered, as the runtime tells it."""
    error = ServiceError("ModelError", message, "InvokeEndpoint", status=424)
    error.response |= {"OriginalStatusCode": status, "OriginalMessage": original, "LogStreamArn": ""}
    return error


def _chosen(variants: Sequence[Variant] | None, record: Record, target: str | None) -> Variant:
    """The variant a request names, else one by the weights."""
    if not variants:
        status = record.document["EndpointStatus"]
        raise ServiceError("ValidationError", f"Endpoint {record.name} is not in service, it is {status}.")
    if target is not None:
        named = next((variant for variant in variants if variant.name == target), None)
        if named is None:
            raise ServiceError("ValidationError", f"Variant {target} not found for Request.")
        return named
    weights = {item["VariantName"]: item["CurrentWeight"] for item in record.document.get("ProductionVariants", [])}
    shares = [float(weights.get(variant.name, 1.0)) for variant in variants]
    return random.choices(variants, shares if any(shares) else None)[0]


def _is_leaving(record: Record | None) -> bool:
    return record is None or record.document["EndpointStatus"] == "Deleting"


def _weighted(variant: Document, wanted: Mapping[str, Any]) -> Document:
    found = dict(variant)
    for member, current, desired in (
        ("DesiredWeight", "CurrentWeight", "DesiredWeight"),
        ("DesiredInstanceCount", "CurrentInstanceCount", "DesiredInstanceCount"),
    ):
        if member in wanted:
            found |= {current: wanted[member], desired: wanted[member]}
    return found


def _until(condition: Any, seconds: float) -> None:
    """Waits until the process that runs the endpoint has done what it was asked. Raises `WorkspaceError`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise WorkspaceError("the process that runs the endpoint does not answer")
        time.sleep(_STARTED_SECONDS)
