"""Where a function's code is: the folder that becomes its task root, and the handler in it.

A file or folder says it all; what is not written is found by the names people use: `handler` or `lambda_handler` in
`app.py`, `lambda_function.py`, `handler.py`, `index.py` or `main.py`.
"""

from __future__ import annotations

import ast
from pathlib import Path

MODULES = ("app.py", "lambda_function.py", "handler.py", "index.py", "main.py")
HANDLERS = ("handler", "lambda_handler")


class NoCode(Exception):
    """A path holds no function; the message says why, to be put behind the place that names the path."""


def locate(path: Path, handler: str = "") -> tuple[Path, str]:
    """The task root and the handler (`module.function`, AWS's form) of the code at `path`.

    `handler` is a function name, or for a folder AWS's `module.function` (`src/module.function` too); empty finds it.
    Raises `NoCode`.
    """
    if path.is_dir():
        return path, handler if "." in handler else _handler_in_folder(path, handler)
    if not path.is_file():
        raise NoCode(f"{path} does not exist")
    if path.suffix != ".py" or "." in path.stem:
        raise NoCode(f"{path} is not a Python file that can be imported (expected NAME.py, no other dot in NAME)")
    module, _, function = handler.rpartition(".")
    if module and module != path.stem:
        raise NoCode(f"the handler {handler!r} names the module {module!r}, but the path is the file {path.name}")
    return path.parent, f"{path.stem}.{function or _handler_in_file(path)}"


def _handler_in_folder(folder: Path, function: str) -> str:
    named = [folder / name for name in MODULES if (folder / name).is_file()]
    others = sorted(file for file in folder.glob("*.py") if file.stem not in ("__init__", "conftest", "setup"))
    candidates = named or (others if len(others) == 1 else [])
    for file in candidates:
        names = _top_level_names(file)
        for wanted in (function,) if function else HANDLERS:
            if wanted in names:
                return f"{file.stem}.{wanted}"
    if candidates and function:
        return f"{candidates[0].stem}.{function}"
    if candidates:
        return f"{candidates[0].stem}.{HANDLERS[0]}"
    raise NoCode(f"{folder} holds none of {', '.join(MODULES)}; name the handler as module.function")


def _handler_in_file(file: Path) -> str:
    names = _top_level_names(file)
    return next((name for name in HANDLERS if name in names), HANDLERS[0])


def _top_level_names(file: Path) -> set[str]:
    """The names a module binds at its top level, read without running it. Empty if it is not valid Python.

    A syntax error is the runtime's to report (`Runtime.UserCodeSyntaxError`), as on AWS.
    """
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Assign(targets=targets):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
    return names
