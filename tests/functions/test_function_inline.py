"""Functions inside this process."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import pytest
from functions_project import MISBEHAVING, Make, Write, answer, ask


async def test_answers_and_failures_are_those_of_a_process(functions_of: Make, write: Write) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    write("lambdas/syntax.py", "\ndef handler(:\n")
    write("lambdas/missing.py", "import no_such_module")
    write("lambdas/crash.py", "def inner(): return 1 / 0\ninner()")
    inline, process = functions_of(runtime="inline"), functions_of()
    for name, event in [
        ("bad", {"a": [1, "é"]}),
        ("bad", "raise"),
        ("bad", "exit"),
        ("bad", "return a set"),
        ("bad", "return too much"),
        ("syntax", {}),
        ("missing", {}),
        ("crash", {}),
    ]:
        ours, theirs = await ask(inline, name, event), await ask(process, name, event)
        assert ours.payload.replace(ours.request_id.encode(), b"") == theirs.payload.replace(
            theirs.request_id.encode(), b""
        )
        assert ours.function_error == theirs.function_error


async def test_functions_do_not_meet_and_the_process_stays_as_it_was(
    functions_of: Make, write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write("mine/common.py", "NAME = 'mine'")
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    monkeypatch.setenv("AWS_REGION", "mine")
    common = importlib.import_module("common")
    for name in ("one", "two"):
        write(
            f"lambdas/{name}/app.py",
            "import os, common\n"
            "def handler(event, context):\n"
            "    import late\n"
            "    return [common.NAME, late.NAME, os.environ['AWS_REGION'], os.environ['AWS_LAMBDA_FUNCTION_NAME']]\n",
        )
        write(f"lambdas/{name}/common.py", f"NAME = {name!r}")
        write(f"lambdas/{name}/late.py", f"NAME = 'late {name}'")
    before = dict(os.environ), list(sys.path)
    functions = functions_of(runtime="inline")
    for name in ("one", "two", "one", "one"):
        assert await answer(functions, name, {}) == [name, f"late {name}", "us-east-1", name]
    await functions.close()
    assert (dict(os.environ), list(sys.path)) == before
    assert sys.modules["common"] is common
    assert not {"app", "late"} & set(sys.modules)


async def test_state_of_a_module_lives_between_calls(functions_of: Make, write: Write) -> None:
    write("lambdas/count.py", "calls = []\ndef handler(event, context):\n    calls.append(1)\n    return len(calls)")
    functions = functions_of({"count": {"path": "lambdas/count.py", "runtime": "inline"}})
    assert [await answer(functions, "count", {}) for _ in range(3)] == [1, 2, 3]


async def test_context_and_environment(functions_of: Make, write: Write) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of({"bad": {"path": "lambdas/bad.py", "environment": {"LEVEL": "x"}}}, runtime="inline")
    told = await answer(functions, "bad", "tell context", client_context='{"custom": {"a": 1}}')
    assert (told["name"], told["custom"], told["time_left"]) == ("bad", {"a": 1}, True)
    assert (await answer(functions, "bad", "tell"))["environment"]["LEVEL"] == "x"


async def test_a_timeout_is_told_afterwards(functions_of: Make, write: Write) -> None:
    write("lambdas/slow.py", "import time\ndef handler(event, context): time.sleep(0.02)")
    functions = functions_of({"slow": {"path": "lambdas/slow.py", "timeout": 0.01}}, runtime="inline")
    assert (await answer(functions, "slow", {}))["errorType"] == "Sandbox.Timedout"


async def test_output_leaves_the_programs_standard_output_alone(
    functions_of: Make, write: Write, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    invocation = await ask(functions_of(runtime="inline"), "bad", "print to stderr")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.splitlines() == ["module loaded", "asked to print to stderr", "from stderr"]
    log = (tmp_path / "logs/bad.log").read_text().splitlines()
    assert log[0] == f"START RequestId: {invocation.request_id} Version: $LATEST"
    assert json.loads(invocation.payload) == "print to stderr"
