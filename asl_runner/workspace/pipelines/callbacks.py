"""The Callback steps that wait, by the token their message gives out.

The token is short, as the service's: the beginning of the hash of Step Functions' own, which the machine computes, too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from msgspec import Struct

from asl_runner.errors import NotFound, UsageError, near
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines.document import Parameter, Step
from asl_runner.sagemaker.pipelines.parameters import value_of
from asl_runner.sagemaker.pipelines.tasks import CALLBACK_TOKEN_LENGTH, output_types


class Waiting(Struct, frozen=True):
    """One Callback step that waits."""

    step: Step
    execution: str
    """The ARN of the pipeline execution."""
    task_token: str
    """What Step Functions knows the task by."""


class Callbacks:
    """The steps that wait in this process."""

    def __init__(self) -> None:
        self._waiting: dict[str, Waiting] = {}

    @contextmanager
    def open(self, step: Step, execution: str, task_token: str) -> Iterator[None]:
        """Lets a step be answered while the block runs."""
        token = hashlib.sha256(task_token.encode()).hexdigest()[:CALLBACK_TOKEN_LENGTH]
        self._waiting[token] = Waiting(step, execution, task_token)
        try:
            yield
        finally:
            del self._waiting[token]

    def find(self, token: str) -> Waiting:
        """Who waits for a token. Raises `NotFound`."""
        if token not in self._waiting:
            raise NotFound(f"No Callback step waits for the token {token}.")
        return self._waiting[token]


class Queues:
    """The queues of Callback steps: the local SQS has none when it starts."""

    def __init__(self, client: Callable[[], Any]) -> None:
        """`client` gives boto3's `sqs` client; its calls block."""
        self._client = client

    def open(self, url: str) -> None:
        """Makes the queue of a URL where it is missing."""
        self._client().create_queue(QueueName=url.rstrip("/").rpartition("/")[2])

    def tell_stopping(self, message: Mapping[str, Any]) -> None:
        """Says in a second message that a step waits no longer. Source: developer guide, "Callback step"."""
        from botocore.exceptions import BotoCoreError, ClientError

        body = msgspec.json.encode({**message["MessageBody"], "status": "Stopping"}).decode()
        # Best effort: whoever listens may be gone with the queue when everything ends.
        with suppress(BotoCoreError, ClientError):
            self._client().send_message(QueueUrl=message["QueueUrl"], MessageBody=body)


def outputs(step: Step, given: Mapping[str, str]) -> str:
    """The output parameters of a Callback step as JSON text, each of its type.

    Raises `UsageError` for one that is unknown, missing or of a wrong type.
    """
    types = output_types(step)
    problems = [f"Unknown output parameter {name!r}; {near(name, types)}" for name in given if name not in types]
    problems += [f"The output parameter {name!r} is missing." for name in types if name not in given]
    values: dict[str, Json] = {}
    for name, type_ in types.items():
        if name in given:
            try:
                values[name] = value_of(Parameter(name=name, type=type_), given[name])
            except ValueError as problem:
                problems.append(f"Output parameter {name!r}: {problem}")
    if problems:
        raise UsageError("\n".join(problems))
    return msgspec.json.encode(values).decode()
