"""Documents to HTML: templates in which every text is escaped, and how times and numbers are written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined

from asl_runner.views.marks import seconds

BASE = "/_asl"
"""Where the pages are. No S3 bucket can have this name, and no AWS API this path."""


def render(template: str, document: dict[str, Any], **more: Any) -> str:
    """The page of a document."""
    return _environment().get_template(template).render(**document, **more)


def prepare() -> None:
    """Reads the templates, so that the first page need not wait for it. From any thread."""
    for name in ("executions.html", "execution.html"):
        _environment().get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("asl_runner.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "seconds": seconds,
        "elapsed": lambda value: f"+{value:.3f} s",
        "when": when,
        "iso": lambda value: datetime.fromtimestamp(value, UTC).isoformat(),
        "pretty": pretty,
        "execution_url": execution_url,
        "machine_url": machine_url,
        "say": say,
        "count": lambda value: f"{value:,}",
    }
    environment.globals["base"] = BASE
    return environment


def when(value: float) -> str:
    """A moment in this machine's time zone."""
    return datetime.fromtimestamp(value).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def pretty(text: str) -> str:
    """JSON text, indented."""
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def say(status: str) -> str:
    """`TIMED_OUT` as a person says it."""
    return status.replace("_", " ").capitalize()


def execution_url(arn: str) -> str:
    """The page of an execution. One whose name ends as a data address does gets a slash after it."""
    path = f"{BASE}/executions/{quote(arn, safe=':/')}"
    return f"{path}/" if path.endswith(".json") else path


def machine_url(name: str) -> str:
    """The page of a state machine."""
    path = f"{BASE}/machines/{quote(name, safe='')}"
    return f"{path}/" if path.endswith(".json") else path
