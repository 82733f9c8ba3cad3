"""Local functions called one after the other: in this process, and in a warm worker process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from sys import executable
from typing import Literal

from asl_runner.functions import Functions
from benchmarks.measure import Row, best

_HANDLER = "def handler(event, context):\n    return {'n': event['n'] + 1}\n"

_ECHO = "import sys\nfor line in sys.stdin:\n    print(line, end='', flush=True)\n"
"""The floor: a child that gives each line back."""


def rows(runs: int) -> Iterator[Row]:
    """Calls per second of both runtimes."""
    floor_inline = min(best(lambda: _plain(20_000)) for _ in range(runs))
    yield _row("inline", 20_000, runs, floor_inline, "the handler called by Python", "30,000/s")
    floor_pipe = min(best(lambda: _pipe(2_000)) for _ in range(runs))
    yield _row("process", 2_000, runs, floor_pipe, "a line through a child's pipes and back", "1,500/s")


def _row(runtime: Literal["inline", "process"], calls: int, runs: int, floor: float, floor_is: str, mark: str) -> Row:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "lambdas").mkdir()
        (root / "lambdas" / "add.py").write_text(_HANDLER, encoding="utf-8")
        ours = asyncio.run(_call(Functions(root, {}, runtime=runtime, logs=root / "logs"), calls, runs))
    return Row(
        name=f"function calls, {runtime} runtime",
        count=calls,
        unit="calls",
        ours=ours,
        floor=floor,
        floor_is=floor_is,
        mark=mark,
    )


async def _call(functions: Functions, calls: int, runs: int) -> float:
    loop = asyncio.get_running_loop()
    times = []
    try:
        await functions.invoke("add", b'{"n":0}')
        for _ in range(runs):
            started = loop.time()
            for n in range(calls):
                answer = await functions.invoke("add", b'{"n":%d}' % n)
            times.append(loop.time() - started)
            assert answer.payload.replace(b" ", b"") == b'{"n":%d}' % calls, answer
    finally:
        await functions.close()
    return min(times)


def _plain(calls: int) -> None:
    namespace: dict[str, object] = {}
    exec(_HANDLER, namespace)  # noqa: S102 the benchmark's own text
    handler = namespace["handler"]
    assert callable(handler)
    for n in range(calls):
        handler({"n": n}, None)


def _pipe(calls: int) -> None:
    with Popen([executable, "-c", _ECHO], stdin=PIPE, stdout=PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for n in range(calls):
            child.stdin.write(b'{"n":%d}\n' % n)
            child.stdin.flush()
            child.stdout.readline()
        child.stdin.close()
