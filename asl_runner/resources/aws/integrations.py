"""What an optimized integration is: an action of a service, what of it differs from the plain API, how it is awaited.

Expressions are JMESPath over documents in the spelling of the state language, `{"Request": …, "Answer": …}`: the task's
parameters and the service's answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Awaited(Struct, frozen=True):
    """How `.sync` waits for the end of what an action started.

    `look` is the operation that tells how it stands, `ask` the request for it. `status` is read from its answer until
    it is one of `succeeded` or `failed`; `result`, also read from the answer, is the task's result. `fault` says
    whether something that ended is a failure whatever its status; `gone` that its absence is what is waited for;
    `nothing` whether, by the service's answer, nothing was started at all.
    """

    look: str
    ask: str
    status: str
    succeeded: frozenset[str]
    failed: frozenset[str] = frozenset()
    result: str = "@"
    fault: str = ""
    gone: bool = False
    nothing: str = ""
    stop: str = ""
    stop_ask: str = ""


class Named(Struct, frozen=True):
    """What a task names where the API wants an id: the id is found in a list, before the call.

    `look` is the operation that lists, asked with `ask`; `list` is the member with the items, page by page. The item
    whose `Name` is the task's parameter `name` has the `Id`, which `request` of the action finds as `Found`.
    """

    look: str
    ask: str
    list: str
    name: str


class Action(Struct, frozen=True):
    """One action. `operation` is the API's where the name differs; `request` and `answer` rewrite what goes in and out.

    `service` is botocore's name where it is not the integration's, `json` a member of the answer that is JSON text,
    `in_s3` says whether that member and the request's of the same name may be objects of S3 instead, `callback`
    whether `.waitForTaskToken` is offered. `kubernetes` are the patterns of an action that is no operation of the
    service, but a call of the Kubernetes API of one of its clusters.
    """

    service: str = ""
    operation: str = ""
    request: str = ""
    answer: str = ""
    json: str = ""
    in_s3: bool = False
    named: Named | None = None
    kubernetes: tuple[str, ...] = ()
    callback: bool = False
    awaited: Awaited | None = None


class Integration(Struct, frozen=True):
    """A service: botocore's name, and how errors of the Java SDK 1 are spelt (`DynamoDB.AmazonDynamoDBException`)."""

    service: str
    prefix: str
    label: str
    general: str
    actions: Mapping[str, Action]
    metadata: bool = True
    """Whether results carry the SDK's metadata."""


def until(
    look: str,
    ask: str,
    status: str,
    succeeded: str,
    failed: str = "",
    *,
    result: str = "@",
    fault: str = "",
    gone: bool = False,
    nothing: str = "",
    stop: str = "",
    stop_ask: str = "",
) -> Awaited:
    """An `Awaited`; the sets of statuses written as words."""
    return Awaited(
        look=look,
        ask=ask,
        status=status,
        succeeded=frozenset(succeeded.split()),
        failed=frozenset(failed.split()),
        result=result,
        fault=fault,
        gone=gone,
        nothing=nothing,
        stop=stop,
        stop_ask=stop_ask,
    )
