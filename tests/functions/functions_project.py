"""A project with functions in it, and what its processes leave behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import pytest_asyncio

from asl_runner.functions import Functions, Invocation

MISBEHAVING = """
    import os, subprocess, sys, time
    print("module loaded")

    class OrderError(Exception):
        pass

    def handler(event, context):
        print("asked to", event)
        match event:
            case "raise":
                raise OrderError("no é left")
            case "exit":
                sys.exit(3)
            case "exit quietly":
                os._exit(0)
            case "be killed":
                os.kill(os.getpid(), 9)
            case "hang":
                subprocess.Popen(["sleep", "60"])
                time.sleep(60)
            case "return a set":
                return {1}
            case "return bytes":
                return b"not json"
            case "return too much":
                return "a" * 6_291_556
            case "print much":
                for number in range(2000):
                    print("line", number)
            case "print to stderr":
                print("from stderr", file=sys.stderr)
            case "tell":
                return {"pid": os.getpid(), "cwd": os.getcwd(), "path": sys.path[0], "environment": dict(os.environ)}
            case "tell context":
                return {
                    "request_id": context.aws_request_id,
                    "arn": context.invoked_function_arn,
                    "name": context.function_name,
                    "version": context.function_version,
                    "memory": context.memory_limit_in_mb,
                    "log_group": context.log_group_name,
                    "custom": context.client_context and context.client_context.custom,
                    "time_left": context.get_remaining_time_in_millis() > 0,
                }
        return event
"""

Write = Callable[[str, str], Path]
Make = Callable[..., Functions]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of the project."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest_asyncio.fixture
async def functions_of(tmp_path: Path) -> AsyncIterator[Make]:
    """Makes `Functions` over the project, closed at the end."""
    made: list[Functions] = []

    def make(config: dict[str, Any] | None = None, **options: Any) -> Functions:
        functions = Functions(tmp_path, config or {}, logs=tmp_path / "logs", **options)
        made.append(functions)
        return functions

    yield make
    for functions in made:
        await functions.close(grace=0)


async def ask(functions: Functions, name: str, event: Any, **options: Any) -> Invocation:
    return await functions.invoke(name, json.dumps(event).encode(), **options)


async def answer(functions: Functions, name: str, event: Any, **options: Any) -> Any:
    return json.loads((await ask(functions, name, event, **options)).payload)


def runs(pid: int) -> bool:
    """Whether a process is there and not just waiting to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition that other processes bring about."""
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit
        await asyncio.sleep(0.01)
