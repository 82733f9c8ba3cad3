"""`asl-runner.toml` and `[tool.asl-runner]`: where it is found, what it may say, how it is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from asl_runner.configuration import load_configuration
from asl_runner.errors import ConfigurationError
from asl_runner.toml_lines import find_line
from asl_runner.workspace import Workspace

FULL = """\
region = "eu-central-1"
account = "111122223333"
target = "local"
workspace = "state"
durability = "full"
runtime = "inline"
progress = "plain"

[functions]
"order-*" = "code.py:handle"
plain = "code.py"
"arn:aws:lambda:*:*:function:x" = { path = "folder", handler = "app.run", timeout = 2.5, environment = { A = "b" } }

[images]
"*xgboost*" = "xgboost"
"*/mine:*" = { command = ["python", "code.py", "train.py"] }

[limits]
history_events = "none"
payload_bytes = 1000
"""


def write(directory: Path, text: str, name: str = "asl-runner.toml") -> Path:
    (directory / "folder").mkdir(exist_ok=True)
    (directory / "code.py").write_text("")
    file = directory / name
    file.write_text(text)
    return file


def test_every_key_is_read(tmp_path: Path) -> None:
    read = load_configuration(write(tmp_path, FULL))
    assert (read.root, read.region, read.account, read.runtime) == (tmp_path, "eu-central-1", "111122223333", "inline")
    assert read.workspace == tmp_path / "state"
    assert read.progress == "plain"
    assert read.durability == "full"
    assert read.functions == {
        "order-*": "code.py:handle",
        "plain": "code.py",
        "arn:aws:lambda:*:*:function:x": {
            "path": "folder",
            "handler": "app.run",
            "timeout": 2.5,
            "environment": {"A": "b"},
        },
    }
    assert [(image.pattern, image.algorithm, image.command) for image in read.images] == [
        ("*xgboost*", "xgboost", None),
        ("*/mine:*", None, (sys.executable, str(tmp_path / "code.py"), "train.py")),
    ]
    assert read.limits == {"history_events": None, "payload_bytes": 1000}
    assert read.role_arn == "arn:aws:iam::111122223333:role/asl-runner"


def test_no_file_gives_the_defaults(tmp_path: Path) -> None:
    read = load_configuration(start=tmp_path)
    assert (read.file, read.root, read.workspace) == (None, tmp_path, tmp_path / ".asl-runner")
    assert (read.region, read.account, read.target) == ("us-east-1", "123456789012", "local")


def test_the_nearest_file_upward_wins(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    write(tmp_path, 'region = "outer"')
    write(tmp_path / "a", '[project]\nname = "x"\n', "pyproject.toml")
    assert load_configuration(start=inner).region == "outer"
    write(tmp_path / "a", '[tool.asl-runner]\nregion = "project"\n', "pyproject.toml")
    read = load_configuration(start=inner)
    assert (read.region, read.root) == ("project", tmp_path / "a")
    write(tmp_path / "a", 'region = "own"')
    assert load_configuration(start=inner).region == "own"


@pytest.mark.parametrize(
    "text, line, words",
    [
        ('regoin = "x"', 1, ["'regoin'", 'Did you mean "region"?']),
        ('region = "x"\naccount = 12', 2, ["account", "twelve digits", "12"]),
        ('\ntarget = "mars"', 2, ["target", '"local"', "'mars'"]),
        ('[use]\nsagemaker = "dokcer"', 2, ["use.sagemaker", 'Did you mean "docker"?']),
        ("use = 1", 1, ["use", 'sagemaker = "docker"']),
        ("[docker]\nnetwork = 1", 2, ["docker.network", "expected a text"]),
        ("[aws]\npoll_seconds = 0", 2, ["aws.poll_seconds", "positive"]),
        ('[images]\nx = { environment = { A = "b" } }', 2, ["images.x", "`image` for Docker"]),
        ('[functions]\nf = "missing.py:handler"', 2, ["functions.f", "no file or folder", "missing.py"]),
        ("[functions]\nf = 3", 2, ["functions.f", "expected", "handler", "3"]),
        ('[functions]\n"a.b" = { path = "code.py", handlr = "x" }', 2, ["'handlr'", 'Did you mean "handler"?']),
        ('[functions.f]\npath = "code.py"\ntimeout = -1', 3, ["functions.f.timeout", "positive", "-1"]),
        ('[functions.f]\nhandler = "b"', 1, ["no `path`"]),
        ('[functions.f]\npath = "code.py"\nenvironment = { A = 1 }', 3, ["in quotes", "1"]),
        ('[images]\nx = "xgbost"', 2, ["images.x", 'Did you mean "xgboost"?']),
        ('[images.x]\nalgorithm = "xgboost"\ncommand = ["a"]', 1, ["not both"]),
        ("[images.x]\ncommand = []", 2, ["list of texts"]),
        ("functions = 1", 1, ["functions", "expected a table"]),
        ("limits = 1", 1, ["limits", "expected a table"]),
        ("[limits]\nhistory_events = 0", 2, ["limits.history_events", '"none"']),
        ("[limits]\nhistory_event = 1", 2, ["[limits]", 'Did you mean "history_events"?']),
        ('region = ""', 1, ["region", "expected a text"]),
    ],
)
def test_a_problem_names_file_line_and_remedy(tmp_path: Path, text: str, line: int, words: list[str]) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(file)
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}: ")
    for word in words:
        assert word in message


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(write(tmp_path, "regin = 1\naccount = 2\n[imges]\n"))
    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "2", "3"]


def test_what_is_not_toml_or_not_readable_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_configuration(write(tmp_path, "region = "))
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load_configuration(tmp_path / "absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_configuration(tmp_path / "binary.toml")


def test_lines_are_found_in_a_project_file() -> None:
    text = '[project]\nregion = 1\n\n[tool.asl-runner]\nregion = 2\n[tool."asl-runner".limits]\n"x.y" = 3\n'
    assert find_line(text, ("tool", "asl-runner", "region")) == 5
    assert find_line(text, ("tool", "asl-runner", "limits", "x.y")) == 7
    assert find_line(text, ("tool", "asl-runner", "limits", "absent")) == 6


@pytest.mark.parametrize(("line", "synchronous"), [("", 1), ('durability = "normal"', 1), ('durability = "full"', 2)])
async def test_durability_is_what_the_database_is_opened_with(tmp_path: Path, line: str, synchronous: int) -> None:
    (tmp_path / "asl-runner.toml").write_text(line, encoding="utf-8")
    with Workspace(load_configuration(tmp_path / "asl-runner.toml")) as workspace:
        asked = await workspace.writable.change(lambda tables: tables.execute("PRAGMA synchronous").fetchone())
    assert asked == (synchronous,)  # SQLite's numbers for NORMAL and FULL.


def test_durability_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "asl-runner.toml").write_text('durability = "ful"', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"durability: expected .*'ful'.*Did you mean"):
        load_configuration(tmp_path / "asl-runner.toml")
