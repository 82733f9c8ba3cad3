"""The functions of the example state machines, in this process, against the workspace's S3 with real boto3."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from asl_runner.configuration import load_configuration
from asl_runner.definition import load
from asl_runner.functions.registry import Registry
from asl_runner.storage import Buckets, LocalAws

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).with_name("tune-model.asl.json")
SAMPLE_BUCKET = "stepfunctionssample-sagemak-bucketformodelanddata-80fblmdlcs9f"
TUNING_JOB_NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}"


def function(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "lambdas" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def buckets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Buckets]:
    buckets = Buckets(tmp_path / "s3")
    with LocalAws(buckets, region="us-west-2") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        yield buckets


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as stream:
        return list(csv.reader(stream))


def test_the_data_set_of_the_sample(buckets: Buckets, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its machine starts with an empty input and reads `$.body.jobName`; the bucket is in the environment."""
    monkeypatch.setenv("S3_BUCKET_NAME", SAMPLE_BUCKET)
    answer = function("generate_training_dataset").handler({}, None)
    assert re.fullmatch(TUNING_JOB_NAME, answer["body"]["jobName"])
    assert [info.key for info in buckets.list(SAMPLE_BUCKET)] == ["csv/test.csv", "csv/train.csv", "csv/validation.csv"]
    parts = {name: rows(buckets.path(SAMPLE_BUCKET, f"csv/{name}.csv")) for name in ("train", "validation", "test")}
    assert {name: len(part) for name, part in parts.items()} == {"train": 700, "validation": 150, "test": 150}
    assert {name: len(part[0]) for name, part in parts.items()} == {"train": 9, "validation": 9, "test": 8}
    json.dumps(answer)


def test_the_data_set_is_the_same_every_time_and_the_job_name_is_not(buckets: Buckets) -> None:
    module = function("generate_training_dataset")
    event = {"bucket": "one", "rows": 40, "jobName": "a very long name, with blanks and a dot."}
    first, second = module.handler(event, None), module.handler(event | {"bucket": "two"}, None)
    assert buckets.path("one", "csv/train.csv").read_bytes() == buckets.path("two", "csv/train.csv").read_bytes()
    names = [answer["body"]["jobName"] for answer in (first, second)]
    assert names[0] != names[1]
    assert all(re.fullmatch(TUNING_JOB_NAME, name) for name in names)
    assert first["body"]["output"] == f"s3://one/output/{names[0]}", "no run overwrites another's predictions"
    assert module.data_set(5, seed=1) != module.data_set(5, seed=2)


def test_the_model_path() -> None:
    handler = function("extract_model_path").handler
    tuning: dict[str, Any] = {
        "HyperParameterTuningJobName": "t",
        "BestTrainingJob": {"TrainingJobName": "t-002-0f"},
        "TrainingJobDefinition": {"OutputDataConfig": {"S3OutputPath": "s3://b/models/"}},
    }
    expected = {"modelDataUrl": "s3://b/models/t-002-0f/output/model.tar.gz", "bestTrainingJobName": "t-002-0f"}
    assert handler(tuning, None)["body"] == expected
    assert handler({"tuning": tuning}, None)["body"] == expected
    with pytest.raises(ValueError, match="no best training job"):
        handler(tuning | {"BestTrainingJob": {}}, None)


def test_the_model_name() -> None:
    event = {"ModelArn": "arn:aws:sagemaker:us-west-2:012345678912:model/t-002-0f", "SdkHttpMetadata": {}}
    assert function("extract_model_name").handler(event, None) == {"statusCode": 200, "body": {"jobName": "t-002-0f"}}


def test_the_order_functions() -> None:
    price = function("order_price_item")
    assert price.handler({"sku": "cup", "quantity": 3}, None)["price"] == 28.5
    with pytest.raises(price.UnknownItem, match="'boat'"):
        price.handler({"sku": "boat"}, None)
    assert function("order_total").handler({"lines": [{"price": 0.1}, {"price": 0.2}]}, None) == 0.3
    charge = function("order_charge_card")
    assert charge.handler({"card": {"limit": 5}, "amount": 5}, None) == {"charged": 5}
    with pytest.raises(charge.ServiceBusy):
        charge.handler({"card": {"limit": 5, "busyTimes": 1}, "amount": 5, "attempt": 0}, None)
    with pytest.raises(charge.CardDeclined, match="over the limit of 5"):
        charge.handler({"card": {"limit": 5}, "amount": 6}, None)


@pytest.mark.parametrize("path", [*sorted((ROOT / "state_machines").glob("*.asl.json")), SAMPLE], ids=lambda p: p.stem)
def test_every_function_of_a_machine_is_found(path: Path) -> None:
    load(path)
    document = path.read_text()
    if path != SAMPLE:
        assert len(json.loads(document)["Comment"]) > 40, "says what it shows"
    configuration = load_configuration(ROOT / "asl-runner.toml")
    registry = Registry(ROOT, configuration.functions)
    named = set(re.findall(r"arn:aws:lambda:[^\"]+", document))
    assert named
    found = [registry.resolve(arn) for arn in sorted(named)]
    assert all(one.root == ROOT / "lambdas" for one in found)
