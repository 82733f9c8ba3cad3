"""The documentation says what the code does: generated parts are current, keys and options complete, links sound."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from asl_runner.cli.entry import command_group
from asl_runner.cli.overview import COMMANDS
from asl_runner.configuration import parse_configuration
from asl_runner.definition.shapes import STATE_TYPES
from asl_runner.errors import ConfigurationError
from asl_runner.expressions.intrinsic_functions import FUNCTIONS
from asl_runner.workspace.preflight import AVAILABLE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
WITH_LINKS = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob("*/README.md")})

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def page_module(name: str) -> ModuleType:
    """The module that writes a page."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands() -> Iterator[tuple[str, click.Command]]:
    group = command_group()
    context = click.Context(group, info_name="asl-runner")
    for name in COMMANDS:
        command = group.get_command(context, name)
        assert command is not None
        yield name, command


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text(page), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {title}"
    return found[1]


def test_command_page_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "33")
    assert generated("cli.md") == [f"{page_module('cli_page').page()}\n"], (
        "run: python -m cogapp -r -I docs docs/cli.md"
    )


def test_error_page_is_current() -> None:
    page = page_module("errors_page")
    written = [f"{part.rstrip()}\n\n" for part in (page.language(), page.services())]
    assert generated("errors.md") == written, "run: python -m cogapp -r -I docs docs/errors.md"


def generated(page: str) -> list[str]:
    """The generated parts of a page."""
    return re.findall(r"^\]\]\] -->\n(.*?)<!-- \[\[\[end\]\]\]", text(page), re.MULTILINE | re.DOTALL)


def test_every_command_and_option_is_documented() -> None:
    for name, command in commands():
        documented = section("cli.md", name)
        for option in command.params:
            if isinstance(option, click.Option):
                for spelled in (*option.opts, *option.secondary_opts):
                    assert re.search(rf"`{re.escape(spelled)}[` ]", documented), f"{name} {spelled}"


def anchors(page: Path) -> set[str]:
    """The anchors GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)
    return set(plain)


@pytest.mark.parametrize("page", WITH_LINKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(_FENCED.sub("", page.read_text(encoding="utf-8"))):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_index_names_every_page() -> None:
    linked = {link.partition("#")[0] for link in _LINK.findall(text("README.md"))}
    assert linked >= {page.name for page in PAGES if page.name != "README.md"}


_BLOCK = re.compile(r"(?:^`(?P<file>[^`\n]+)`\n\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def without_times(output: str) -> str:
    """Output without what no two runs share: names given at random, times, and the widths that follow from them."""
    return re.sub(r"\s+", " ", re.sub(r"\d+(?:\.\d+)?", "0", _UUID.sub("UUID", output))).strip()


def test_getting_started_prints_what_it_says(tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for block in _BLOCK.finditer(text("getting-started.md")):
        if block["file"]:
            target = tmp_path / block["file"]
            target.parent.mkdir(exist_ok=True)
            target.write_text(block["body"], encoding="utf-8")
        elif block["kind"] == "console":
            for command, expected in _COMMAND.findall(block["body"]):
                streams = subprocess.STDOUT if "--quiet" in command or " stop " in command else subprocess.DEVNULL
                ran = subprocess.run(
                    ["bash", "-c", command],
                    cwd=tmp_path,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=streams,
                    text=True,
                    check=False,
                )
                assert without_times(ran.stdout) == without_times(expected), command


def accepted_keys(prefix: str) -> list[str]:
    """The keys the reader accepts in a table, as it lists them when it meets one it does not know."""
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(f"{prefix}\nqqqqqq = 1\n", ROOT / "asl-runner.toml")
    allowed = re.search(r"'qqqqqq' is not a key of .*? Allowed: (.*)\.$", str(caught.value), re.MULTILINE)
    assert allowed is not None, caught.value
    return allowed[1].split(", ")


TABLES = {
    "": "Top level",
    '[functions."x"]\npath = "lambdas"': "functions",
    '[images."x"]\nalgorithm = "xgboost"': "images",
    "[limits]": "limits",
    "[docker]": "docker",
    "[aws]": "aws",
}


@pytest.mark.parametrize(("prefix", "title"), TABLES.items(), ids=TABLES.values())
def test_every_configuration_key_is_documented(prefix: str, title: str) -> None:
    documented = re.findall(r"^\| `(\w+)` \|", section("configuration.md", title), re.MULTILINE)
    assert sorted(documented) == sorted(accepted_keys(prefix))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_configuration_examples_are_valid(page: Path, tmp_path: Path) -> None:
    for kind, example in re.findall(r"^```(toml.*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S):
        for path in re.findall(r'"((?:lambdas|src)/[^":]+)', example):
            target = tmp_path / path
            (target.parent if target.suffix else target).mkdir(parents=True, exist_ok=True)
            if target.suffix:
                target.touch()
        name = "pyproject.toml" if "pyproject" in kind else "asl-runner.toml"
        assert parse_configuration(example, tmp_path / name).root == tmp_path


def test_example_file_shows_every_key() -> None:
    example = re.search(r"^```toml\n(.*?)^```", section("configuration.md", "A whole file"), re.M | re.S)
    assert example is not None
    written = set(re.findall(r"(?:^|[{,\[] *)(\w+)(?= = |[.\]])", example[1], re.MULTILINE))
    for prefix in TABLES:
        assert set(accepted_keys(prefix)) <= written


def test_language_page_names_what_runs() -> None:
    page = text("language.md")
    assert re.findall(r"`(States\.\w+)`", section("language.md", "JSONPath")) == sorted(FUNCTIONS)
    assert f"{len(FUNCTIONS)} intrinsic functions" in page
    assert AVAILABLE in page
    for state in STATE_TYPES:
        assert re.search(rf"^\| .*\b{state}\b", section("language.md", "States"), re.MULTILINE)
