"""Step Functions on AWS, as the commands ask it that read executions there."""

from __future__ import annotations

from asl_runner.errors import UsageError


def stepfunctions(arn: str, endpoint_url: str | None) -> object:
    """A boto3 client for the execution with this ARN, with the caller's own credentials. Raises `UsageError`."""
    parts = arn.split(":")
    if len(parts) < 8 or parts[2] != "states":
        raise UsageError(f"On AWS an execution is known by its ARN, arn:aws:states:REGION:ACCOUNT:execution:...: {arn}")
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise UsageError("Reading from AWS needs boto3: pip install 'asl-runner[aws]'.") from None
    try:
        return boto3.client("stepfunctions", region_name=parts[3], endpoint_url=endpoint_url)
    except (BotoCoreError, ValueError) as problem:
        raise UsageError(f"AWS cannot be asked: {problem}") from None
