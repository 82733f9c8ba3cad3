"""How a Lambda function may be named: ARN, partial ARN, name, each with or without a version or alias.

Source: Lambda API reference, Invoke, `FunctionName`: `my-function`, `my-function:v1`,
`123456789012:function:my-function`, `arn:aws:lambda:us-west-2:123456789012:function:my-function:v1`.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

_NAMED = re.compile(
    r"^(?:(?:arn:(?P<partition>aws[a-z-]*):lambda:(?P<region>[^:]*):)?(?P<account>[0-9]*):)?"
    r"(?:function:)?(?P<name>[A-Za-z0-9_.$-]+)(?::(?P<qualifier>[A-Za-z0-9_$-]+))?$"
)

LATEST = "$LATEST"


class FunctionArn(Struct, frozen=True, kw_only=True):
    """The parts of a function's ARN; parts that were not written are empty."""

    name: str
    partition: str = ""
    region: str = ""
    account: str = ""
    qualifier: str = ""

    @property
    def unqualified(self) -> str:
        """The ARN without version or alias."""
        return f"arn:{self.partition}:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def arn(self) -> str:
        """The ARN, with the version or alias if one was written."""
        return f"{self.unqualified}:{self.qualifier}" if self.qualifier else self.unqualified

    @property
    def version(self) -> str:
        """The version that runs: a numbered one if written, else `$LATEST` (an alias has no local version)."""
        return self.qualifier if self.qualifier.isdigit() else LATEST

    def completed(self, *, partition: str, region: str, account: str) -> FunctionArn:
        """The same function with the parts that were not written filled in."""
        return replace(
            self,
            partition=self.partition or partition,
            region=self.region or region,
            account=self.account or account,
        )


def parse_function_name(text: str) -> FunctionArn | None:
    """Takes a function name, partial ARN or ARN apart; None if the text is none of them."""
    match = _NAMED.match(text)
    if match is None:
        return None
    return FunctionArn(**{part: value or "" for part, value in match.groupdict().items()})
