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

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
WITH_LINKS = sorted({*PAGES, *ROOT.glob("*.md"), *ROOT.glob("*/README.md")})

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def cli_page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_page", DOCS / "cli_page.py")
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
    generated = text("cli.md").partition("]]] -->\n")[2].partition("<!-- [[[end]]]")[0]
    assert generated == f"{cli_page().page()}\n", "run: python -m cogapp -r -I docs docs/cli.md"


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
