"""What a Task's `Resource` ARN names: which service, which action, which pattern.

Reference section 14: Lambda ARN, activity ARN, optimized integration, AWS SDK integration, HTTP Task.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from asl_runner.expressions.patterns import LazyPattern

Kind: TypeAlias = Literal["lambda", "activity", "service", "aws-sdk", "unknown"]
Pattern: TypeAlias = Literal["", "sync", "sync:2", "waitForTaskToken"]

_SERVICE = LazyPattern(r"^arn:[a-z-]+:states:[a-z0-9-]*:[0-9]*:(?P<rest>.+)$")
_PATTERN = LazyPattern(r"\.(sync:2|sync|waitForTaskToken)$")
_LAMBDA = LazyPattern(r"^arn:[a-z-]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+)(?::(?P<qualifier>[^:]+))?$")


class Resource(Struct, frozen=True, kw_only=True):
    """A parsed `Resource`.

    `service` and `action` are the history's `resourceType` and the first part of its `resource`:
    `lambda`/`invoke`, `aws-sdk:s3`/`listBuckets`. Lambda and activity ARNs have their name in `name`.
    """

    arn: str
    kind: Kind
    service: str = ""
    action: str = ""
    pattern: Pattern = ""
    name: str = ""
    qualifier: str = ""

    @property
    def history_resource(self) -> str:
        """The `resource` of history events: the action with its pattern, or the whole ARN."""
        if self.kind in ("service", "aws-sdk"):
            return f"{self.action}.{self.pattern}" if self.pattern else self.action
        return self.arn


def parse_resource(arn: str) -> Resource:
    """Takes an ARN apart; a text that is no Task resource comes back with kind `unknown`.

    Template placeholders (`${Function.Arn}`) are `unknown` too: they are resolved before a run.
    """
    if match := _LAMBDA.match(arn):
        return Resource(arn=arn, kind="lambda", name=match["name"], qualifier=match["qualifier"] or "")
    if match := _SERVICE.match(arn):
        rest = match["rest"]
        if rest.startswith("activity:"):
            return Resource(arn=arn, kind="activity", name=rest.removeprefix("activity:"))
        pattern: Pattern = ""
        if found := _PATTERN.search(rest):
            pattern = found[1]  # type: ignore[assignment]
            rest = rest[: found.start()]
        if rest.startswith("aws-sdk:") and rest.count(":") == 2:
            _, service, action = rest.split(":")
            return Resource(arn=arn, kind="aws-sdk", service=f"aws-sdk:{service}", action=action, pattern=pattern)
        if rest.count(":") == 1:
            service, action = rest.split(":")
            return Resource(arn=arn, kind="service", service=service, action=action, pattern=pattern)
    return Resource(arn=arn, kind="unknown")
