"""Which resources Step Functions has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from asl_runner.definition.resource import parse_resource
from asl_runner.resources.optimized import INTEGRATIONS, patterns
from asl_runner.resources.recognized import is_recognized

HERE = "arn:aws:states:::"


@pytest.mark.parametrize(
    "resource",
    [
        "dynamodb:getItem",
        "sqs:sendMessage.waitForTaskToken",
        "ecs:runTask.sync",
        "eks:call",
        "elasticmapreduce:modifyInstanceGroupByName",
        "states:startExecution.sync:2",
        "sagemaker:createLabelingJob.sync",
        "lambda:invoke.waitForTaskToken",
        "http:invoke",
        "aws-sdk:s3:getObject",
        "aws-sdk:cloudwatchlogs:createLogGroup.waitForTaskToken",
    ],
)
def test_known(resource: str) -> None:
    assert is_recognized(parse_resource(HERE + resource))
    assert is_recognized(parse_resource(f"arn:aws-cn:states:::{resource}"))


@pytest.mark.parametrize(
    "resource",
    [
        "dynamodb:query",
        "dynamodb:getItem.sync",
        "sqs:sendMessage.sync",
        "http:invoke.waitForTaskToken",
        "batch:submitJob.waitForTaskToken",
        "sagemaker:createModel.sync",
        "nothing:here",
        "aws-sdk:events:putEvents",
        "aws-sdk:s3:frobnicate",
        "aws-sdk:s3:getObject.sync",
    ],
)
def test_unknown(resource: str) -> None:
    assert not is_recognized(parse_resource(HERE + resource))


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws:states:us-east-1:123456789012:activity:a",
        "${Function.Arn}",
    ],
)
def test_what_is_no_integration_is_not_judged(arn: str) -> None:
    assert is_recognized(parse_resource(arn))


def test_the_documentation_lists_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "services.md").read_text(encoding="utf-8")
    rows = {row[0]: row[1:] for row in re.findall(r"^\| `([a-z-]+)` \|(.*?)\|(.*?)\|(.*?)\|$", page, re.MULTILINE)}
    assert list(rows) == sorted(INTEGRATIONS)
    for service, (actions, awaited, callback) in rows.items():
        table = INTEGRATIONS[service].actions
        assert set(re.findall(r"`(\w+)`", actions)) == set(table)
        with_sync = {name for name, action in table.items() if "sync" in patterns(action)}
        assert set(re.findall(r"`(\w+)`", awaited)) == (set() if awaited.strip() == "all" else with_sync)
        assert awaited.strip() != "all" or with_sync == set(table)
        assert set(re.findall(r"`(\w+)`", callback)) == {name for name, action in table.items() if action.callback}
