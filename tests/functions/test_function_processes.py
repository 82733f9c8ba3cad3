"""Functions in worker processes: what they answer, how they fail, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from functions_project import MISBEHAVING, Make, Write, answer, ask, runs, until

from asl_runner.errors import WorkspaceError
from asl_runner.functions import Functions, InvokeRefused


@pytest.fixture(params=["awslambdaric", "fallback"])
def client(request: pytest.FixtureRequest) -> str:
    if request.param == "awslambdaric":
        pytest.importorskip("awslambdaric")
    return str(request.param)


@pytest.mark.parametrize("event", [{"a": [1, 2.5, None, "é"]}, [], "text", 0, True, None, "x" * 300_000])
async def test_answers_what_the_handler_returns(functions_of: Make, write: Write, client: str, event: Any) -> None:
    write("lambdas/echo.py", "def handler(event, context): return event")
    invocation = await ask(functions_of(client=client), "echo", event)
    assert json.loads(invocation.payload) == event
    assert (invocation.status_code, invocation.function_error, invocation.executed_version) == (200, None, "$LATEST")


def exit_error(reason: str) -> dict[str, str]:
    return {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {{id}} Error: Runtime exited {reason}"}


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ("raise", {"errorMessage": "no é left", "errorType": "OrderError"}),
        ("exit", exit_error("with error: exit status 3")),
        ("exit quietly", exit_error("without providing a reason")),
        ("be killed", exit_error("with error: signal: killed")),
        (
            "return a set",
            {
                "errorMessage": "Unable to marshal response: Object of type set is not JSON serializable",
                "errorType": "Runtime.MarshalError",
            },
        ),
        (
            "return too much",
            {
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
                "errorType": "Function.ResponseSizeTooLarge",
            },
        ),
        (
            "hang",
            {
                "errorType": "Sandbox.Timedout",
                "errorMessage": "RequestId: {id} Error: Task timed out after 1.50 seconds",
            },
        ),
    ],
)
async def test_failures_have_awss_payloads_and_the_next_call_works(
    functions_of: Make, write: Write, client: str, event: str, error: dict[str, str]
) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of({"bad": {"path": "lambdas/bad.py", "timeout": 1.5}}, client=client)
    invocation = await ask(functions, "bad", event)
    assert (invocation.status_code, invocation.function_error) == (200, "Unhandled")
    payload = json.loads(invocation.payload)
    expected = {key: text.replace("{id}", invocation.request_id) for key, text in error.items()}
    assert {key: payload[key] for key in expected} == expected
    assert list(payload)[:2] == list(error)
    assert await answer(functions, "bad", "again") == "again"


async def test_stack_traces_name_the_files_as_on_aws_and_the_log_as_here(
    functions_of: Make, write: Write, tmp_path: Path, client: str
) -> None:
    write("lambdas/deep/app.py", "import steps\ndef handler(event, context):\n    steps.first()\n")
    write("lambdas/deep/steps.py", "def first():\n    raise KeyError('total')\n")
    invocation = await ask(functions_of(client=client), "deep", {})
    payload = json.loads(invocation.payload)
    assert payload == {
        "errorMessage": "'total'",
        "errorType": "KeyError",
        "requestId": invocation.request_id,
        "stackTrace": [
            '  File "/var/task/app.py", line 3, in handler\n    steps.first()\n',
            "  File \"/var/task/steps.py\", line 2, in first\n    raise KeyError('total')\n",
        ],
    }
    assert str(tmp_path / "lambdas/deep/steps.py") in (tmp_path / "logs/deep.log").read_text()


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        (
            "import no_such_module",
            "Runtime.ImportModuleError",
            "Unable to import module 'start': No module named 'no_such_module'",
        ),
        ("def handler(:", "Runtime.UserCodeSyntaxError", "Syntax error in module 'start': "),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'start'"),
        ("1 / 0", "ZeroDivisionError", "division by zero"),
        ("import sys; sys.exit(4)", "Runtime.ExitError", "Error: Runtime exited with error: exit status 4"),
    ],
)
async def test_failures_of_the_start(
    functions_of: Make, write: Write, client: str, code: str, error_type: str, message: str
) -> None:
    file = write("lambdas/start.py", code)
    functions = functions_of(client=client)
    payload = await answer(functions, "start", {})
    assert payload["errorType"] == error_type
    assert message in payload["errorMessage"]
    file.write_text("def handler(event, context): return 'mended'")
    assert await answer(functions, "start", {}) == "mended"


async def test_the_two_clients_write_the_same_payloads(functions_of: Make, write: Write) -> None:
    pytest.importorskip("awslambdaric")
    write("lambdas/bad.py", MISBEHAVING)
    write("lambdas/syntax.py", "\ndef handler(:\n")
    write("lambdas/deep.py", "def handler(event, context): return inner()\ndef inner(): return 1 / 0")
    write("lambdas/crash.py", "def inner(): return 1 / 0\ninner()")
    write(
        "lambdas/values.py",
        "from decimal import Decimal\n"
        "def handler(e, c): return {'d': Decimal('1.50'), 'i': Decimal(7), 't': (1, 2), 1: float('inf'), 'é': 'ü'}\n",
    )
    payloads: list[list[Any]] = []
    for client in ("awslambdaric", "fallback"):
        functions = functions_of(client=client)
        seen: list[Any] = []
        for name, event in [
            ("bad", "raise"),
            ("bad", "return a set"),
            ("bad", "return bytes"),
            ("syntax", {}),
            ("deep", {}),
            ("crash", {}),
        ]:
            invocation = await ask(functions, name, event)
            seen.append(invocation.payload.replace(invocation.request_id.encode(), b"ID"))
        seen.append(await answer(functions, "values", {}))
        payloads.append(seen)
    assert payloads[0] == payloads[1]


async def test_context(functions_of: Make, write: Write, client: str) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of({"bad": {"path": "lambdas/bad.py", "memory": 512}}, client=client)
    arn = "arn:aws:lambda:eu-west-1:111122223333:function:bad:5"
    invocation = await ask(functions, arn, "tell context", client_context='{"custom": {"who": "test"}}')
    assert json.loads(invocation.payload) == {
        "request_id": invocation.request_id,
        "arn": arn,
        "name": "bad",
        "version": "5",
        "memory": "512",
        "log_group": "/aws/lambda/bad",
        "custom": {"who": "test"},
        "time_left": True,
    }
    assert invocation.executed_version == "5"


async def test_environment(functions_of: Make, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.2/")
    monkeypatch.setenv("OTHER", "kept")
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of(
        {"bad": {"path": "lambdas/bad.py", "environment": {"LEVEL": "debug"}, "memory": 256}},
        environment=lambda: {"AWS_ENDPOINT_URL": "http://127.0.0.1:5000", "AWS_REGION": "eu-west-1"},
    )
    told = await answer(functions, "bad", "tell")
    environment = told["environment"]
    assert {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_SESSION_TOKEN": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "bad",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "LAMBDA_TASK_ROOT": str(tmp_path / "lambdas"),
        "LEVEL": "debug",
        "OTHER": "kept",
        "TZ": ":UTC",
        "_HANDLER": "bad.handler",
    }.items() <= environment.items()
    assert "AWS_PROFILE" not in environment
    assert not any(
        "real" in value.lower() or "169.254" in value for name, value in environment.items() if "AWS" in name
    )
    assert told["cwd"] == told["path"] == str(tmp_path / "lambdas")


async def test_two_functions_with_a_module_app_do_not_meet(functions_of: Make, write: Write) -> None:
    for name in ("one", "two"):
        write(f"lambdas/{name}/app.py", "import common\ndef handler(event, context): return common.NAME")
        write(f"lambdas/{name}/common.py", f"NAME = {name!r}")
    functions = functions_of()
    assert [await answer(functions, name, {}) for name in ("one", "two", "one")] == ["one", "two", "one"]


async def test_a_worker_stays_warm_and_the_pool_grows_with_concurrency(functions_of: Make, write: Write) -> None:
    write(
        "lambdas/meet.py",
        """
        import os, time
        from pathlib import Path
        def handler(event, context):
            here = Path(event["folder"])
            (here / str(os.getpid())).touch()
            while len(list(here.iterdir())) < event["meet"]:
                time.sleep(0.005)
            return os.getpid()
        """,
    )
    functions = functions_of({"meet": {"path": "lambdas/meet.py", "concurrency": 3}})
    folder = write("met/.keep", "").parent
    folder.joinpath(".keep").unlink()
    first = [await answer(functions, "meet", {"folder": str(folder), "meet": 1}) for _ in range(3)]
    assert len(set(first)) == 1
    together = await asyncio.gather(*(answer(functions, "meet", {"folder": str(folder), "meet": 3}) for _ in range(9)))
    assert len(set(together)) == 3
    assert first[0] in together


async def test_logs_are_kept_as_lambda_writes_them(
    functions_of: Make, write: Write, tmp_path: Path, client: str
) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of(client=client)
    log = Path("execution-1", "00003-Charge.log")
    first = await ask(functions, "bad", "print to stderr", log=log)
    second = await ask(functions, "bad", "again", log=log)
    lines = (tmp_path / "logs" / log).read_text().splitlines()
    assert lines[:5] == [
        "module loaded",
        f"START RequestId: {first.request_id} Version: $LATEST",
        "asked to print to stderr",
        "from stderr",
        f"END RequestId: {first.request_id}",
    ]
    assert lines[5].startswith(f"REPORT RequestId: {first.request_id}\tDuration: ")
    assert "\tMemory Size: 128 MB\tMax Memory Used: " in lines[5]
    assert "\tInit Duration: " in lines[5]
    assert lines[6:9] == [
        f"START RequestId: {second.request_id} Version: $LATEST",
        "asked to again",
        f"END RequestId: {second.request_id}",
    ]
    assert second.log_tail.decode().splitlines() == lines[6:]


async def test_the_tail_is_the_last_4_kb(functions_of: Make, write: Write, tmp_path: Path) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    invocation = await ask(functions_of(), "bad", "print much")
    log = (tmp_path / "logs/bad.log").read_bytes()
    assert log.count(b"\nline ") == 2000
    assert invocation.log_tail == log[-4096:]


@pytest.mark.parametrize(
    ("event", "status"),
    [("hang", "timeout"), ("raise", "error\tError Type: OrderError"), ("exit", "error\tError Type: Runtime.ExitError")],
)
async def test_the_log_says_how_it_ended(functions_of: Make, write: Write, event: str, status: str) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    invocation = await ask(functions_of({"bad": {"path": "lambdas/bad.py", "timeout": 1}}), "bad", event)
    tail = invocation.log_tail.decode()
    assert f"asked to {event}\n" in tail
    assert f"\tStatus: {status}\t" in tail


async def test_a_timeout_kills_the_whole_group(functions_of: Make, write: Write, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    write("lambdas/family.py", _family(pids))
    functions = functions_of({"family": {"path": "lambdas/family.py", "timeout": 1}})
    assert (await ask(functions, "family", {})).function_error == "Unhandled"
    await until(lambda: not any(map(runs, _read_pids(pids))))


async def test_cancelling_kills_the_process_that_runs_it(functions_of: Make, write: Write, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    write("lambdas/family.py", _family(pids))
    functions = functions_of()
    task = asyncio.create_task(ask(functions, "family", {}))
    await until(pids.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(_read_pids(pids)[0])
    await until(lambda: not any(map(runs, _read_pids(pids))))


async def test_cancelling_while_the_process_starts(functions_of: Make, write: Write, tmp_path: Path) -> None:
    write(
        "lambdas/slow.py",
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)",
    )
    functions = functions_of()
    early = asyncio.create_task(ask(functions, "slow", {}))
    await asyncio.sleep(0)
    early.cancel()
    with pytest.raises(asyncio.CancelledError):
        await early
    late = asyncio.create_task(ask(functions, "slow", {}))
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert not runs(int((tmp_path / "pid").read_text()))


async def test_a_cancelled_wait_for_a_worker_gives_its_turn_on(functions_of: Make, write: Write) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of({"bad": {"path": "lambdas/bad.py", "concurrency": 1, "timeout": 1}})
    hanging = asyncio.create_task(ask(functions, "bad", "hang"))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(answer(functions, "bad", number)) for number in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await hanging
    waiting[1].cancel()
    assert await waiting[2] == 2


async def test_nothing_is_left_after_close(functions_of: Make, write: Write, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    write("lambdas/family.py", _family(pids))
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of()
    warm = (await answer(functions, "bad", "tell"))["pid"]
    descriptors = len(os.listdir("/proc/self/fd"))
    running = asyncio.create_task(ask(functions, "family", {}))
    await until(pids.exists)
    await functions.close()
    assert (await running).function_error == "Unhandled"
    assert not runs(warm)
    assert not runs(_read_pids(pids)[0])
    await until(lambda: not any(map(runs, _read_pids(pids))))
    assert len(os.listdir("/proc/self/fd")) <= descriptors
    with pytest.raises(WorkspaceError, match="closed"):
        await ask(functions, "bad", {})


async def test_closing_while_a_process_starts(functions_of: Make, write: Write, tmp_path: Path) -> None:
    write("lambdas/mark.py", f"import os\nopen({str(tmp_path / 'mark')!r}, 'w').close()\ndef handler(e, c): ...")
    for steps in range(12):
        functions = functions_of()
        starting = asyncio.create_task(ask(functions, "mark", {}))
        for _ in range(steps):
            await asyncio.sleep(0)
        await functions.close()
        if steps == 0:
            with pytest.raises(WorkspaceError, match="closed"):
                await starting
        else:
            assert (await starting).function_error == "Unhandled"
    assert not (tmp_path / "mark").exists()


async def test_cancelling_twice_loses_no_process(functions_of: Make, write: Write) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    for steps in range(12):
        functions = functions_of()
        task = asyncio.create_task(ask(functions, "bad", "hang"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await functions.close()
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


def test_under_another_event_loop(write: Write, tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")
    write("lambdas/bad.py", MISBEHAVING)

    async def play() -> list[Any]:
        functions = Functions(tmp_path, {"bad": {"path": "lambdas/bad.py", "timeout": 1}}, logs=tmp_path / "logs")
        events = ["again", "raise", "exit", "hang", "print much"]
        payloads = [await answer(functions, "bad", event) for event in events]
        await functions.close()
        return [payload if isinstance(payload, str) else payload["errorType"] for payload in payloads]

    assert uvloop.run(play()) == ["again", "OrderError", "Runtime.ExitError", "Sandbox.Timedout", "print much"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's help is Linux's")
async def test_workers_die_with_their_parent(write: Write, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    write("lambdas/family.py", _family(pids))
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys; from pathlib import Path; from asl_runner.functions import Functions\n"
        "root = Path(sys.argv[1])\n"
        "async def main(): await Functions(root, {}, logs=root / 'logs').invoke('family', b'{}')\n"
        "asyncio.run(main())",
        str(tmp_path),
    )
    await until(pids.exists)
    parent.kill()
    await parent.wait()
    await until(lambda: not runs(_read_pids(pids)[0]))
    os.kill(_read_pids(pids)[1], 9)


async def test_events_return_at_once_and_run_on(
    functions_of: Make, write: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write("lambdas/mark.py", "import os\ndef handler(event, context):\n    open(event, 'w').close()\n    1 / 0")
    functions = functions_of()
    mark = tmp_path / "mark"
    invocation = await ask(functions, "mark", str(mark), invocation_type="Event")
    assert (invocation.status_code, invocation.payload) == (202, b"")
    await functions.close()
    assert mark.exists()
    assert "division by zero" in caplog.text


async def test_a_dry_run_runs_nothing(functions_of: Make, write: Write, tmp_path: Path) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    assert (await ask(functions_of(), "bad", "raise", invocation_type="DryRun")).status_code == 204
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("payload", "code", "says"),
    [
        (b"hello", "InvalidRequestContentException", "Unrecognized token 'hello': was expecting (JSON String, Number,"),
        (b"", "InvalidRequestContentException", "Could not parse request body into json"),
        (b'"' + b"a" * 6_291_455 + b'"', "RequestTooLargeException", "6291457 byte payload is too large for the"),
    ],
)
async def test_requests_that_lambda_refuses(
    functions_of: Make, write: Write, payload: bytes, code: str, says: str
) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    with pytest.raises(InvokeRefused) as caught:
        await functions_of().invoke("bad", payload)
    assert caught.value.code == code
    assert says in caught.value.message


async def test_an_interpreter_that_is_not_there(functions_of: Make, write: Write) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    functions = functions_of({"bad": {"path": "lambdas/bad.py", "python": "no/such/python"}})
    with pytest.raises(WorkspaceError, match=r"Cannot start the function bad with .*no/such/python"):
        await ask(functions, "bad", {})


async def test_a_log_that_cannot_be_written(functions_of: Make, write: Write, tmp_path: Path) -> None:
    write("lambdas/bad.py", MISBEHAVING)
    write("logs", "a file where the folder should be")
    with pytest.raises(WorkspaceError, match=r"Cannot write the function's log .*bad\.log: Not a directory"):
        await ask(functions_of(), "bad", {})


def _family(pids: Path) -> str:
    """A function that starts a process, notes both, and waits for long."""
    return f"""
        import os, subprocess, time
        def handler(event, context):
            child = subprocess.Popen(["sleep", "60"])
            with open({str(pids) + ".new"!r}, "w") as file:
                file.write(f"{{os.getpid()}} {{child.pid}}")
            os.rename({str(pids) + ".new"!r}, {str(pids)!r})
            time.sleep(60)
    """


def _read_pids(pids: Path) -> list[int]:
    return [int(pid) for pid in pids.read_text().split()]
