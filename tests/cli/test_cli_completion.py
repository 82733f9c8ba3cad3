"""Shell completion: scripts for three shells; commands, files and execution names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PASS, asl_runner, environment, write


def completed(directory: Path, *words: str) -> list[str]:
    """What bash would offer for the last word."""
    ran = subprocess.run(
        [sys.executable, "-m", "asl_runner"],
        cwd=directory,
        env={
            **environment(),
            "_ASL_RUNNER_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(["asl-runner", *words]),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stderr == ""
    return [line.partition(",")[2] for line in ran.stdout.splitlines() if line]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(tmp_path: Path, shell: str) -> None:
    script = asl_runner(tmp_path, "completion", shell)
    assert (script.returncode, script.stderr) == (0, "")
    assert "_ASL_RUNNER_COMPLETE" in script.stdout


def test_the_examples_can_be_pasted(tmp_path: Path) -> None:
    told = asl_runner(tmp_path, "completion", "--help").stdout
    examples = [line.strip() for line in told.partition("Examples:")[2].splitlines() if "asl-runner" in line]
    assert len(examples) == 4
    program = f'asl-runner() {{ "{sys.executable}" -m asl_runner "$@"; }}\n'
    for example in examples:
        folder = "mkdir -p ~/.config/fish/completions\n"
        ran = subprocess.run(
            ["bash", "-ec", program + folder + example],
            env={**environment(), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ran.returncode, ran.stderr) == (0, "")
    for file in (".bashrc", ".zshrc"):
        shell = file[1:-2]
        assert (tmp_path / file).read_text() == f'eval "$(asl-runner completion {shell})"\n'


def test_commands_complete(tmp_path: Path) -> None:
    assert completed(tmp_path, "des") == ["describe"]


def test_executions_complete(tmp_path: Path) -> None:
    assert completed(tmp_path, "describe", "or") == []
    write(tmp_path, "order.asl.json", PASS)
    for name in ("order-1", "order-2", "other"):
        asl_runner(tmp_path, "run", "-q", "order.asl.json", "--name", name)
    assert completed(tmp_path, "describe", "ord") == ["order-2", "order-1"]
    assert completed(tmp_path, "history", "la") == ["latest"]


def test_definition_files_complete(tmp_path: Path) -> None:
    for name in ("order.asl.json", "order.asl.yaml", "order.csv", "machines/a.json", ".hidden.json"):
        write(tmp_path, name, PASS)
    assert completed(tmp_path, "run", "o") == ["order.asl.json", "order.asl.yaml"]
    assert completed(tmp_path, "run", "m") == ["machines/"]
    assert completed(tmp_path, "run", "machines/") == ["machines/a.json"]
