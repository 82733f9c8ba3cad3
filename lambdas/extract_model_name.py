"""Finds the name of a model in the answer of `createModel`, which has only its ARN."""

from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer with the name, under the key the batch transform takes it and its own name from.

    Event: {"ModelArn": "arn:aws:sagemaker:REGION:ACCOUNT:model/NAME", ...}
    """
    return {"statusCode": 200, "body": {"jobName": event["ModelArn"].rpartition("/")[2]}}
