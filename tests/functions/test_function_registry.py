"""Which ARN is which code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from functions_project import Write
from hypothesis import given
from hypothesis import strategies as st

from asl_runner.errors import ConfigurationError, NotFound
from asl_runner.functions import Registry
from asl_runner.functions.arn import FunctionArn, parse_function_name

HANDLER = "def handler(event, context): return event\n"
ARN = "arn:aws:lambda:eu-west-1:210987654321:function:"


@pytest.mark.parametrize(
    "name",
    [
        "orders",
        "orders:1",
        "orders:live",
        "orders:$LATEST",
        "123456789012:function:orders",
        "function:orders",
        f"{ARN}orders",
        f"{ARN}orders:7",
        f"{ARN}orders:live",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders",
        "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:orders:$LATEST",
    ],
)
def test_every_spelling_of_a_name_finds_the_convention(tmp_path: Path, write: Write, name: str) -> None:
    write("lambdas/orders.py", HANDLER)
    function = Registry(tmp_path, {}).resolve(name)
    assert (function.name, function.root, function.handler) == ("orders", tmp_path / "lambdas", "orders.handler")


def test_names_are_completed_and_versions_kept(tmp_path: Path, write: Write) -> None:
    write("lambdas/orders.py", HANDLER)
    registry = Registry(tmp_path, {}, region="eu-north-1", account="111122223333")
    arn = registry.resolve("orders:12").arn
    assert (arn.arn, arn.version) == ("arn:aws:lambda:eu-north-1:111122223333:function:orders:12", "12")
    assert registry.resolve(f"{ARN}orders:live").arn.version == "$LATEST"


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"resize.py": "def lambda_handler(event, context): ..."}, "resize.lambda_handler"),
        ({"resize.py": "from elsewhere import handler"}, "resize.handler"),
        ({"resize.py": "handler = wrap(print)"}, "resize.handler"),
        ({"resize.py": "this is not python"}, "resize.handler"),
        (
            {"resize/app.py": "", "resize/lambda_function.py": "def lambda_handler(e, c): ..."},
            "lambda_function.lambda_handler",
        ),
        ({"resize/index.py": HANDLER, "resize/helper.py": "def handler(): ..."}, "index.handler"),
        ({"resize/anything.py": HANDLER}, "anything.handler"),
    ],
)
def test_the_convention_finds_the_handler(tmp_path: Path, write: Write, files: dict[str, str], handler: str) -> None:
    for name, text in files.items():
        write(f"lambdas/{name}", text)
    assert Registry(tmp_path, {}).resolve("resize").handler == handler


def test_a_dash_in_the_name_may_be_an_underscore_in_the_file(tmp_path: Path, write: Write) -> None:
    write("lambdas/seed_data.py", HANDLER)
    assert Registry(tmp_path, {}).resolve("seed-data").handler == "seed_data.handler"


@pytest.mark.parametrize("name", ["../secret", "..", "a/../../secret", "/etc/passwd", "", ".hidden", "a b"])
def test_names_do_not_leave_the_folder(tmp_path: Path, write: Write, name: str) -> None:
    write("secret.py", HANDLER)
    write("lambdas/.hidden.py", HANDLER)
    with pytest.raises(NotFound):
        Registry(tmp_path, {}).resolve(name)


@pytest.mark.parametrize(
    ("config", "name", "handler"),
    [
        ({"orders": "code/a.py"}, f"{ARN}orders", "a.handler"),
        ({"order*": "code/a.py:run"}, f"{ARN}orders:3", "a.run"),
        ({"orders:live": "code/a.py:one", "orders": "code/a.py:two"}, "orders:live", "a.two"),
        ({"*": "code/a.py:any", "orders": "code/a.py:exact"}, "orders", "a.exact"),
        ({"*:eu-west-1:*": "code/a.py"}, f"{ARN}orders", "a.handler"),
        ({"arn:aws:lambda:*:*:function:order?": "code/a.py"}, "orders", "a.handler"),
        ({"orders": "code"}, "orders", "a.handler"),
        ({"orders": {"path": "code", "handler": "a.main"}}, "orders", "a.main"),
        ({"orders": {"path": "code/a.py", "handler": "a.main"}}, "orders", "a.main"),
        ({"orders": {"path": "code/a.py", "handler": "main"}}, "orders", "a.main"),
        (
            {"*-LambdaForDataGeneration-*": "code/a.py"},
            f"{ARN}StepFunctionsSample-SageMa-LambdaForDataGeneration-1TF67BUE5A12U",
            "a.handler",
        ),
    ],
)
def test_configuration(tmp_path: Path, write: Write, config: dict[str, Any], name: str, handler: str) -> None:
    write("code/a.py", HANDLER)
    function = Registry(tmp_path, config).resolve(name)
    assert (function.root, function.handler) == (tmp_path / "code", handler)


def test_a_table_says_how_a_function_runs(tmp_path: Path, write: Write) -> None:
    path = write("elsewhere/a.py", HANDLER)
    table = {
        "path": str(path),
        "environment": {"LEVEL": "debug", "COUNT": 3, "ON": True},
        "timeout": 2.5,
        "memory": 256,
        "concurrency": 4,
        "runtime": "inline",
    }
    function = Registry(tmp_path / "project", {"orders": table}).resolve("orders")
    assert function.environment == {"LEVEL": "debug", "COUNT": "3", "ON": "true"}
    assert (function.timeout, function.memory, function.concurrency, function.runtime) == (2.5, 256, 4, "inline")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("code/missing.py", "missing.py does not exist"),
        ("code/notes.txt", "is not a Python file"),
        ("empty", "name the handler as module.function"),
        ({"handler": "a.b"}, "`path` is missing"),
        ({"path": "code/a.py", "timeut": 3}, "unknown key 'timeut'; allowed: path"),
        ({"path": "code/a.py", "timeout": "3"}, "timeout = '3' should be of type int or float"),
        ({"path": "code/a.py", "timeout": 0}, "must be greater than 0"),
        ({"path": "code/a.py", "runtime": "docker"}, "allowed: process, inline"),
        ({"path": "code/a.py", "handler": "b.main"}, "names the module 'b'"),
        ({"path": "code/a.py", "environment": {"A": []}}, "environment variable A should be a string"),
    ],
)
def test_wrong_configuration_names_the_key(tmp_path: Path, write: Write, setting: Any, says: str) -> None:
    write("code/a.py", HANDLER)
    write("code/notes.txt", "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError) as caught:
        Registry(tmp_path, {"orders": setting}).resolve("orders")
    assert str(caught.value).startswith("[functions] 'orders': ")
    assert says in str(caught.value)


def test_a_missing_function_gets_the_configuration_to_write(tmp_path: Path, write: Write) -> None:
    write("lambdas/data_generation.py", HANDLER)
    write("lambdas/other/app.py", HANDLER)
    name = f"{ARN}StepFunctionsSample-SageMa-LambdaForDataGeneration-1TF67BUE5A12U"
    with pytest.raises(NotFound) as caught:
        Registry(tmp_path, {"orders": "x.py"}).resolve(name)
    lines = str(caught.value).splitlines()
    at = lines.index("[functions]")
    assert lines[at + 1] == '"*-LambdaForDataGeneration-*" = "lambdas/data_generation.py"'
    assert lines[0].endswith(f"({name}).")
    assert "lambdas/StepFunctionsSample" in lines[1]
    assert 'which has "orders"' in str(caught.value)
    assert lines[-1] == "Close matches: lambdas/data_generation.py."


def test_the_suggested_configuration_works(tmp_path: Path, write: Write) -> None:
    import tomllib

    registry = Registry(tmp_path, {})
    with pytest.raises(NotFound) as caught:
        registry.resolve("sendInvoice")
    config = tomllib.loads(str(caught.value).partition("\n\n")[2])["functions"]
    assert config == {"sendInvoice": "lambdas/send_invoice.py"}
    write("lambdas/send_invoice.py", HANDLER)
    assert Registry(tmp_path, config).resolve("sendInvoice").handler == "send_invoice.handler"


names = st.text("abcXYZ019_-", min_size=1, max_size=64)


@given(
    name=names,
    qualifier=st.one_of(st.just(""), names),
    partition=st.sampled_from(["aws", "aws-cn", "aws-us-gov"]),
    region=st.sampled_from(["us-east-1", "cn-north-1", "us-gov-west-1"]),
    account=st.text("0123456789", min_size=12, max_size=12),
)
def test_arns_come_apart_as_they_were_put_together(**parts: str) -> None:
    arn = FunctionArn(**parts)
    assert parse_function_name(arn.arn) == arn
