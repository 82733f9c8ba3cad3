"""The message for a function that has no local code: what was looked for, and the configuration to write."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from pathlib import Path

from asl_runner.functions.arn import FunctionArn
from asl_runner.functions.code import MODULES

_GENERATED = re.compile(r"^.+-(?P<logical>[A-Za-z0-9]+)-[A-Za-z0-9]{12,13}$")
"""CloudFormation's names: stack, logical id, random suffix."""


def missing_function(arn: FunctionArn, root: Path, folder: str, patterns: tuple[str, ...]) -> str:
    """Says that `arn` has no local code, where it was looked for, and what to put in the configuration."""
    files = _functions_in(root / folder)
    near = _near(arn.name, files)
    pattern = _pattern(arn.name)
    code = f"{folder}/{near[0]}" if near else f"{folder}/{_file_name(arn.name)}"
    configured = ", ".join(json.dumps(known) for known in patterns) or "nothing"
    lines = [
        f'No local code for the Lambda function "{arn.name}" ({arn.arn}).',
        f"Looked for {folder}/{arn.name}.py and for {folder}/{arn.name}/ with one of {', '.join(MODULES)}, in {root},",
        f"and in [functions] of the configuration, which has {configured}.",
        f"Write the function, or say where it is in {root / 'asl-runner.toml'} (a path to a Python file, "
        "`file.py:function`, or a folder):",
        "",
        "[functions]",
        f"{json.dumps(pattern)} = {json.dumps(code)}",
    ]
    if near:
        lines += ["", f"Close matches: {', '.join(f'{folder}/{file}' for file in near)}."]
    return "\n".join(lines)


def _functions_in(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(
        entry.name + ("/" if entry.is_dir() else "")
        for entry in folder.iterdir()
        if not entry.name.startswith((".", "_")) and (entry.suffix == ".py" or entry.is_dir())
    )


def _near(name: str, files: list[str]) -> list[str]:
    """The files whose name is contained in the function's name or resembles it, best first."""
    plain = {_plain(file.removesuffix("/").removesuffix(".py")): file for file in files}
    wanted = _plain(name)
    contained = sorted((text for text in plain if len(text) > 2 and text in wanted), key=len, reverse=True)
    resembling = get_close_matches(wanted, plain, n=3, cutoff=0.6)
    return [plain[text] for text in dict.fromkeys((*contained, *resembling))][:3]


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _pattern(name: str) -> str:
    """The key to write: the name, or for a name CloudFormation made a glob that survives the next deployment."""
    match = _GENERATED.match(name)
    return f"*-{match['logical']}-*" if match else name


def _file_name(name: str) -> str:
    match = _GENERATED.match(name)
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", match["logical"] if match else name)
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_") + ".py"
