"""Which place is chosen for a Task."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_runner.configuration import load_configuration
from asl_runner.definition.resource import parse_resource
from asl_runner.errors import UsageError
from asl_runner.placement import Choice, Placement, check_names, parse_uses, problem

TRAIN = parse_resource("arn:aws:states:::sagemaker:createTrainingJob.sync")
DESCRIBE = parse_resource("arn:aws:states:::aws-sdk:sagemaker:describeTrainingJob")
PUT = parse_resource("arn:aws:states:::dynamodb:putItem")
SCAN = parse_resource("arn:aws:states:::aws-sdk:dynamodb:scan")
START = parse_resource("arn:aws:states:::aws-sdk:sfn:startExecution")
FUNCTION = parse_resource("arn:aws:lambda:us-east-1:123456789012:function:f")
INVOKE = parse_resource("arn:aws:states:::lambda:invoke")
ACTIVITY = parse_resource("arn:aws:states:us-east-1:123456789012:activity:a")


def test_nothing_said_is_this_machine() -> None:
    assert Placement().of(TRAIN, "Train") == "local"
    assert Placement(Choice()).of(FUNCTION, "F") == "local"


def test_a_state_comes_before_its_service_and_that_before_the_target() -> None:
    placement = Placement(Choice("aws", {"sagemaker": "docker", "Train": "local"}))
    assert placement.of(TRAIN, "Train") == "local"
    assert placement.of(TRAIN, "Again") == "docker"
    assert placement.of(PUT, "Put") == "aws"


def test_the_command_line_comes_before_the_configuration_whatever_each_names() -> None:
    file = Choice("docker", {"Train": "aws", "dynamodb": "aws"})
    assert Placement(Choice(None, {"sagemaker": "local"}), file).of(TRAIN, "Train") == "local"
    assert Placement(Choice("local"), file).of(PUT, "Put") == "local"
    assert Placement(Choice(None, {"sagemaker": "local"}), file).of(PUT, "Put") == "aws"


def test_a_service_has_one_name_for_both_kinds_of_resource() -> None:
    placement = Placement(Choice(None, {"dynamodb": "aws", "states": "aws", "lambda": "aws", "sagemaker": "docker"}))
    assert [placement.of(one, "S") for one in (PUT, SCAN, START, FUNCTION, INVOKE)] == ["aws"] * 5
    assert placement.of(DESCRIBE, "S") == "docker"
    narrow = Placement(Choice(None, {"aws-sdk:dynamodb": "aws"}))
    assert (narrow.of(SCAN, "S"), narrow.of(PUT, "S")) == ("aws", "local")


def test_what_a_target_cannot_do_stays_here_unless_it_was_named() -> None:
    assert Placement(Choice("docker")).of(PUT, "Put") == "local"
    assert Placement(Choice("docker")).of(TRAIN, "Train") == "docker"
    assert Placement(Choice("aws")).of(ACTIVITY, "Ask") == "local"
    assert problem(PUT, Placement(Choice(None, {"dynamodb": "docker"})).of(PUT, "Put")) == (
        "Only SageMaker's jobs run in Docker; place dynamodb at local or aws."
    )


def test_uses_are_names_and_places() -> None:
    given = ["sagemaker=process", "Is a = b?=aws"]
    assert parse_uses(given) == {"sagemaker": "local", "Is a = b?": "aws"}


@pytest.mark.parametrize(
    "written, said",
    [
        ("sagemaker", "SERVICE=PLACE or STATE=PLACE"),
        ("=aws", "SERVICE=PLACE or STATE=PLACE"),
        ("sagemaker=dokcer", "Did you mean 'docker'?"),
        ("sagemaker=mars", "aws, docker, local or process, not 'mars'"),
    ],
)
def test_a_use_that_is_none_is_refused_with_what_is_one(written: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_uses([written])
    assert said in str(refused.value)


def test_a_name_must_be_a_task_of_the_machine_or_its_service() -> None:
    states = {"Train": TRAIN, "Store it": PUT}
    check_names({"Train": "aws", "dynamodb": "aws", "sagemaker": "docker"}, states)
    with pytest.raises(UsageError, match=r"no Task 'Trian' and none of a service called so\. Did you mean 'Train'\?"):
        check_names({"Trian": "aws"}, states)
    with pytest.raises(UsageError, match="Its Tasks: 'Train', 'Store it'; services: dynamodb or sagemaker"):
        check_names({"qqqq": "aws"}, states)


def test_the_file_says_where_tasks_run(tmp_path: Path) -> None:
    text = 'target = "docker"\n[use]\ndynamodb = "aws"\n"Train the model" = "process"\n[docker]\nnetwork = "host"'
    (tmp_path / "asl-runner.toml").write_text(f"{text}\n[aws]\npoll_seconds = 0.5\n")
    read = load_configuration(start=tmp_path)
    assert read.use == {"dynamodb": "aws", "Train the model": "local"}
    assert (read.docker_network, read.aws_poll_seconds) == ("host", 0.5)
    assert [read.placement.of(TRAIN, state) for state in ("Train the model", "Other")] == ["local", "docker"]
