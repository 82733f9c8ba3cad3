"""`requirements.txt` beside a script: what is there already is used, the rest is installed for this job alone."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

FILE = "requirements.txt"
_MISSING = ".requirements-missing.txt"
_REQUIRING = ("-r", "--requirement", "-e", "--editable")


class InstallError(Exception):
    """The requirements cannot be had."""


def install(directory: Path, target: Path) -> list[str]:
    """Makes the requirements of `directory` importable; the paths to search for them, [] when all are there.

    Packages go into `target`, never into the environment of this Python. Raises `InstallError`.
    """
    path = directory / FILE
    if not path.is_file():
        return []
    options, wanted = read(path)
    if not wanted:
        return []
    sys.stdout.write(f"Installing {', '.join(wanted)} for this job\n")
    sys.stdout.flush()
    rest = directory / _MISSING
    rest.write_text("".join(f"{line}\n" for line in (*options, *wanted)), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # pip works in the file's directory: its lines may name files beside it.
    done = subprocess.run(
        [*command, "--target", str(target), "-r", _MISSING],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    sys.stdout.write(done.stdout)
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if line.startswith("ERROR")]
        said = errors[-1] if errors else done.stdout.strip().rpartition("\n")[2]
        raise InstallError(f"{FILE} asks for {', '.join(wanted)}, which cannot be installed: {said}")
    return [str(target)]


def read(path: Path) -> tuple[list[str], list[str]]:
    """The options of a requirements file, and what it asks for that this Python has not.

    What only pip understands, such as a URL or another file, counts as not there.
    """
    lines = [line.split(" #", 1)[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    options = [line for line in lines if line.startswith("-") and not line.startswith(_REQUIRING)]
    return options, [line for line in lines if line not in options and not _satisfied(line)]


def _satisfied(line: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        wanted = Requirement(line)
    except InvalidRequirement:
        return False
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        return not wanted.url and wanted.specifier.contains(version(wanted.name), prereleases=True)
    except PackageNotFoundError:
        return False
