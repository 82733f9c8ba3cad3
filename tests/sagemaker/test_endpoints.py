"""Endpoints through the client: their servers, updates, weights, ends, and what invocations answer."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_requests import BUCKET, MINE, XGBOOST, Image, ended, seed_buckets, training, until

from asl_runner.sagemaker.client import LocalSageMaker
from asl_runner.service_model.errors import ServiceError
from asl_runner.storage.buckets import Buckets

PROGRAM = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if body == "die":
            os._exit(3)
        status = int(body) if body.isdigit() else 200
        answer = f"{os.environ.get('NAME')}({body})".encode()
        self.send_response(status)
        self.send_header("Content-Type", self.headers.get("Accept") or "text/plain")
        if custom := self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", custom + "!")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *_): pass
if os.environ.get("NAME") == "broken":
    sys.exit("no weights")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def buckets(tmp_path: Path) -> Buckets:
    (tmp_path / "program.py").write_text(PROGRAM)
    return seed_buckets(tmp_path / "s3")


def connect(tmp_path: Path, buckets: Buckets) -> LocalSageMaker:
    return LocalSageMaker(tmp_path / "jobs", buckets, images=[Image("*/mine:*", tmp_path / "program.py")])


@pytest.fixture
def client(tmp_path: Path, buckets: Buckets) -> Iterator[LocalSageMaker]:
    made = connect(tmp_path, buckets)
    for name in ("a", "b", "broken"):
        made.create_model(ModelName=name, PrimaryContainer={"Image": MINE, "Environment": {"NAME": name}})
    chain = [{"Image": MINE, "Environment": {"NAME": name}} for name in ("first", "second")]
    made.create_model(ModelName="chain", Containers=chain)
    yield made
    made.close()


def configure(client: LocalSageMaker, name: str, *models: str, weights: tuple[float, ...] = ()) -> None:
    variants = [
        {"VariantName": f"v-{model}", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        | ({"InitialVariantWeight": weights[place]} if weights else {})
        for place, model in enumerate(models)
    ]
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)


def settled(client: LocalSageMaker, name: str) -> dict[str, Any]:
    def described() -> dict[str, Any] | None:
        document = client.describe_endpoint(EndpointName=name)
        return None if document["EndpointStatus"] in ("Creating", "Updating") else document

    until(described)
    return client.describe_endpoint(EndpointName=name)


def made(client: LocalSageMaker, name: str, *models: str, weights: tuple[float, ...] = ()) -> dict[str, Any]:
    configure(client, f"{name}-config", *models, weights=weights)
    answer = client.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-config")
    assert answer["EndpointArn"] == f"arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}"
    return settled(client, name)


def said(client: LocalSageMaker, name: str, body: str = "x", **more: Any) -> str:
    found: bytes = client.invoke_endpoint(EndpointName=name, Body=body.encode(), **more)["Body"]
    return found.decode()


def test_a_trained_model_answers(client: LocalSageMaker) -> None:
    client.create_training_job(**training("boosted"))
    artifact = ended(client, "TrainingJob", "boosted")["ModelArtifacts"]["S3ModelArtifacts"]
    client.create_model(ModelName="boosted", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifact})
    document = made(client, "live", "boosted")
    assert document["EndpointStatus"] == "InService", document.get("FailureReason")
    (variant,) = document["ProductionVariants"]
    assert (variant["VariantName"], variant["CurrentWeight"], variant["CurrentInstanceCount"]) == ("v-boosted", 1.0, 1)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == XGBOOST
    answer = client.invoke_endpoint(EndpointName="live", Body=b"1,2\n3,4", ContentType="text/csv")
    assert (answer["ContentType"], answer["InvokedProductionVariant"]) == ("text/csv", "v-boosted")
    assert len([float(line) for line in answer["Body"].splitlines()]) == 2


def test_headers_reach_the_container_and_come_back(client: LocalSageMaker) -> None:
    made(client, "live", "a")
    answer = client.invoke_endpoint(EndpointName="live", Body=b"x", Accept="text/csv", CustomAttributes="trace=1")
    assert (answer["Body"], answer["ContentType"], answer["CustomAttributes"]) == (b"a(x)", "text/csv", "trace=1!")


def test_a_pipeline_of_containers(client: LocalSageMaker) -> None:
    made(client, "live", "chain")
    assert said(client, "live") == "second(first(x))"
    with pytest.raises(ServiceError) as raised:
        said(client, "live", "503")
    assert raised.value.response["OriginalStatusCode"] == 503
    assert raised.value.message == 'Received server error (503) from container-1 with message "first(503)".'


def test_what_the_model_refuses(client: LocalSageMaker) -> None:
    made(client, "live", "a")
    with pytest.raises(ServiceError) as raised:
        said(client, "live", "415")
    assert raised.value.code == "ModelError"
    assert raised.value.message == 'Received client error (415) from primary with message "a(415)".'
    assert raised.value.response["OriginalMessage"] == "a(415)"
    with pytest.raises(ServiceError, match="Endpoint none of account 123456789012 not found") as unknown:
        said(client, "none")
    assert unknown.value.code == "ValidationError"


def test_variants_share_by_weight_or_are_named(client: LocalSageMaker) -> None:
    made(client, "live", "a", "b", weights=(1.0, 0.0))
    assert {said(client, "live") for _ in range(20)} == {"a(x)"}
    assert said(client, "live", TargetVariant="v-b") == "b(x)"
    with pytest.raises(ServiceError, match="Variant v-c not found"):
        said(client, "live", TargetVariant="v-c")
    weights = [{"VariantName": "v-a", "DesiredWeight": 0.0}, {"VariantName": "v-b", "DesiredWeight": 2.0}]
    client.update_endpoint_weights_and_capacities(EndpointName="live", DesiredWeightsAndCapacities=weights)
    assert {said(client, "live") for _ in range(20)} == {"b(x)"}
    with pytest.raises(ServiceError, match="has no variant v-c"):
        client.update_endpoint_weights_and_capacities(
            EndpointName="live", DesiredWeightsAndCapacities=[{"VariantName": "v-c", "DesiredWeight": 1.0}]
        )


def test_an_update_replaces_what_answers(client: LocalSageMaker) -> None:
    made(client, "live", "a")
    configure(client, "second", "b")
    client.update_endpoint(EndpointName="live", EndpointConfigName="second")
    document = settled(client, "live")
    assert (document["EndpointStatus"], document["EndpointConfigName"]) == ("InService", "second")
    assert said(client, "live") == "b(x)"


def test_an_update_that_fails_leaves_what_was_there(client: LocalSageMaker) -> None:
    made(client, "live", "a")
    configure(client, "bad", "broken")
    client.update_endpoint(EndpointName="live", EndpointConfigName="bad")
    document = settled(client, "live")
    assert (document["EndpointStatus"], document["EndpointConfigName"]) == ("InService", "live-config")
    assert "no weights" in document["FailureReason"]
    assert said(client, "live") == "a(x)"


def test_a_container_that_dies_is_started_again(client: LocalSageMaker) -> None:
    made(client, "live", "a")
    with pytest.raises(ServiceError, match="waiting for a response from container primary") as raised:
        said(client, "live", "die")
    assert raised.value.code == "ModelError"

    def answers() -> bool:
        try:
            return said(client, "live") == "a(x)"
        except ServiceError:
            return False

    until(answers)


def test_an_endpoint_that_cannot_start_has_failed(client: LocalSageMaker) -> None:
    document = made(client, "live", "broken")
    assert document["EndpointStatus"] == "Failed"
    assert "no weights" in document["FailureReason"]
    with pytest.raises(ServiceError, match="Endpoint live is not in service, it is Failed"):
        said(client, "live")
    client.delete_endpoint(EndpointName="live")
    assert client.list_endpoints()["Endpoints"] == []


def pids(tmp_path: Path) -> list[int]:
    """The processes that run the program."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(tmp_path / "program.py").encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def test_a_deleted_endpoint_is_gone_and_its_name_free(client: LocalSageMaker, tmp_path: Path) -> None:
    made(client, "live", "a")
    assert pids(tmp_path)
    client.delete_endpoint(EndpointName="live")
    until(lambda: not client.list_endpoints()["Endpoints"])
    assert not pids(tmp_path)
    with pytest.raises(ServiceError, match='Could not find endpoint "arn:aws:sagemaker') as raised:
        client.describe_endpoint(EndpointName="live")
    assert raised.value.code == "ValidationException"
    client.create_endpoint(EndpointName="live", EndpointConfigName="live-config")
    assert settled(client, "live")["EndpointStatus"] == "InService"


def test_an_endpoint_outlives_its_process(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    made(client, "live", "a")
    client.close()
    assert not pids(tmp_path)
    other = connect(tmp_path, buckets)
    try:
        assert other.describe_endpoint(EndpointName="live")["EndpointStatus"] == "InService"
        assert said(other, "live") == "a(x)"
    finally:
        other.close()
    assert not pids(tmp_path)


def test_another_process_can_ask_update_and_delete(client: LocalSageMaker, buckets: Buckets, tmp_path: Path) -> None:
    made(client, "live", "a")
    other = connect(tmp_path, buckets)
    try:
        assert said(other, "live") == "a(x)"
        configure(other, "second", "b")
        other.update_endpoint(EndpointName="live", EndpointConfigName="second")
        assert settled(other, "live")["EndpointStatus"] == "InService"
        assert said(client, "live") == "b(x)"
        other.delete_endpoint(EndpointName="live")
        until(lambda: not client.list_endpoints()["Endpoints"])
    finally:
        other.close()
    until(lambda: os.listdir(tmp_path / "jobs/endpoint") == [])


def test_configurations_are_kept(client: LocalSageMaker) -> None:
    configure(client, "kept", "a")
    document = client.describe_endpoint_config(EndpointConfigName="kept")
    assert document["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
    assert [one["EndpointConfigName"] for one in client.list_endpoint_configs()["EndpointConfigs"]] == ["kept"]
    with pytest.raises(ServiceError, match="Cannot create already existing endpoint configuration"):
        configure(client, "kept", "a")
    with pytest.raises(ServiceError, match="Could not find model"):
        configure(client, "other", "none")
    with pytest.raises(ServiceError, match="VariantName of ProductionVariants must be unique"):
        configure(client, "other", "a", "a")
    with pytest.raises(ServiceError, match="Could not find endpoint configuration"):
        client.create_endpoint(EndpointName="live", EndpointConfigName="none")
    arn = document["EndpointConfigArn"]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
    assert json.dumps(client.list_tags(ResourceArn=arn)["Tags"]) == '[{"Key": "a", "Value": "1"}]'
    client.delete_endpoint_config(EndpointConfigName="kept")
    assert client.list_endpoint_configs()["EndpointConfigs"] == []


def test_models_of_buckets_are_missed_when_the_endpoint_starts(client: LocalSageMaker) -> None:
    url = f"s3://{BUCKET}/none/model.tar.gz"
    client.create_model(ModelName="lost", PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": url})
    document = made(client, "live", "lost")
    assert document["EndpointStatus"] == "Failed"
    assert document["FailureReason"] == f"ClientError: Could not find model data at {url}."


def test_a_version_of_the_registry_in_service(client: LocalSageMaker) -> None:
    client.create_model_package_group(ModelPackageGroupName="group")
    inference = {
        "Containers": [{"Image": MINE, "Environment": {"NAME": "registered"}}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    arn = client.create_model_package(ModelPackageGroupName="group", InferenceSpecification=inference)[
        "ModelPackageArn"
    ]
    client.create_model(ModelName="registered", PrimaryContainer={"ModelPackageName": arn})
    assert made(client, "live", "registered")["EndpointStatus"] == "InService"
    assert said(client, "live") == "registered(x)"
    own = {"ModelPackageName": arn, "Environment": {"NAME": "renamed"}}
    client.create_model(ModelName="renamed", Containers=[own])
    made(client, "other", "renamed")
    assert said(client, "other") == "renamed(x)"
    with pytest.raises(ServiceError, match="does not exist"):
        client.create_model(ModelName="none", PrimaryContainer={"ModelPackageName": f"{arn}9"})
