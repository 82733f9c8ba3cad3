"""The configuration: `asl-runner.toml`, or the table `[tool.asl-runner]` of a `pyproject.toml`.

    region = "us-east-1"
    account = "123456789012"
    role = "arn:aws:iam::123456789012:role/asl-runner"
    target = "local"                   # where Tasks run: local, docker (SageMaker's jobs), aws
    workspace = ".asl-runner"
    durability = "normal"              # or "full": a power cut loses nothing acknowledged, at the cost of speed
    runtime = "process"
    progress = "auto"
    mocks = "tests/MockConfigFile.json"    # what `asl-runner serve` lets test cases (ARN#case) answer

    [functions]                        # a glob on the function's name or ARN -> the code that answers
    "order-*" = "lambdas/orders.py:handler"
    "resize"  = { path = "lambdas/resize", handler = "app.handler", timeout = 30, environment = { LEVEL = "debug" } }

    [images]                           # a glob on the image URI -> a built-in algorithm, or a command
    "*/my-training:*" = { command = ["python", "train.py"] }

    [use]                              # a service or a state -> where it runs instead
    sagemaker = "docker"

    [limits]                           # AWS's own where a key is absent; "none" lifts one
    history_events = "none"

The file is the one given, else the nearest one upward from the current directory. Relative paths start at its
directory.
Every problem of a file is reported in one `ConfigurationError`, each with file and line.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from msgspec import Struct

from asl_runner.errors import ConfigurationError
from asl_runner.placement import TARGETS, WORDS, Choice, Placement, Target
from asl_runner.toml_lines import find_line

FILE_NAME = "asl-runner.toml"
WORKSPACE_NAME = ".asl-runner"
Runtime: TypeAlias = Literal["process", "inline"]


FunctionSetting: TypeAlias = str | dict[str, Any]
"""An entry of `[functions]` as written, checked."""


class ImageSetting(Struct, frozen=True, kw_only=True):
    """An entry of `[images]`: a built-in algorithm or a command, never both; an image for Docker."""

    pattern: str
    algorithm: str | None = None
    command: tuple[str, ...] | None = None
    """A leading `python` is this interpreter; a word that names a file beside the configuration is its whole path."""
    image: str | None = None
    """What Docker runs in its place."""
    environment: dict[str, str] = {}


class Configuration(Struct, frozen=True, kw_only=True):
    """What a workspace is run with. Every path is absolute."""

    root: Path
    """The directory relative paths start at, and where `lambdas/` is looked for."""
    file: Path | None = None
    region: str = "us-east-1"
    account: str = "123456789012"
    role: str | None = None
    target: Target = "local"
    use: dict[str, Target] = {}
    """Where Tasks of a service, or of states of a name, run instead."""
    chosen: Choice = Choice()
    """What the command line says of that; it comes before all the file says."""
    docker_network: str = "bridge"
    """The network of Docker that jobs' containers join."""
    aws_poll_seconds: float = 5.0
    """How often a job on AWS is looked at, at first."""
    workspace: Path
    durability: Literal["normal", "full"] = "normal"
    """Whether what is acknowledged outlives a power cut (`full`), or only the end of the process."""
    runtime: Runtime = "process"
    functions: dict[str, FunctionSetting] = {}
    """Function name or ARN, or a glob over either, to `path`, `path:handler` or a table, in the order written."""
    images: tuple[ImageSetting, ...] = ()
    limits: dict[str, Any] = {}
    """Fields of `interpreter.limits.Limits`; None lifts a limit."""
    progress: Literal["auto", "live", "plain", "none"] = "auto"
    mocks: Path | None = None
    """The mock file of the test cases that a started state machine's ARN may name."""

    @property
    def placement(self) -> Placement:
        """Where Tasks run."""
        return Placement(self.chosen, Choice(self.target, self.use))

    @property
    def role_arn(self) -> str:
        """The role executions say they run as."""
        return self.role or f"arn:aws:iam::{self.account}:role/asl-runner"


def load_configuration(file: Path | None = None, *, start: Path | None = None) -> Configuration:
    """The configuration from `file`, or from the nearest file upward from `start` (default: the current directory).

    With neither there is nothing to read: defaults, and relative paths start at `start`.
    Raises `ConfigurationError` with every problem of the file.
    """
    if file is not None:
        return _read(file.absolute())
    start = (start or Path.cwd()).absolute()
    for directory in (start, *start.parents):
        own = directory / FILE_NAME
        if own.is_file():
            return _read(own)
        project = directory / "pyproject.toml"
        if project.is_file() and "[tool.asl-runner" in _text(project):
            return _read(project)
    return Configuration(root=start, workspace=start / WORKSPACE_NAME)


def parse_configuration(text: str, file: Path) -> Configuration:
    """The configuration in `text`, which came from `file`; a `pyproject.toml` is read at `[tool.asl-runner]`."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigurationError(f"{file}: not valid TOML: {problem}") from None
    prefix: tuple[str, ...] = ()
    if file.name == "pyproject.toml":
        prefix = ("tool", "asl-runner")
        document = document.get("tool", {}).get("asl-runner", {})
    return _Reader(file, text, prefix).read(document)


def _read(file: Path) -> Configuration:
    return parse_configuration(_text(file), file)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(f"{file}: the configuration cannot be read: {reason}") from None


Kind: TypeAlias = Callable[[Any, tuple[str, ...]], Any]
"""Reads one value at a place of the document; raises `ValueError` saying what was expected."""


class _Reader:
    """Turns one document into a `Configuration`, collecting its problems."""

    def __init__(self, file: Path, text: str, prefix: tuple[str, ...]) -> None:
        self.file = file
        self.text = text
        self.prefix = prefix
        self.root = file.parent
        self.problems: list[str] = []

    def read(self, document: Mapping[str, Any]) -> Configuration:
        kinds: dict[str, Kind] = {
            "region": self.string,
            "account": self.account,
            "role": self.string,
            "target": self.one_of(*TARGETS),
            "use": self.uses,
            "docker": self.docker,
            "aws": self.aws,
            "workspace": self.path,
            "durability": self.one_of("normal", "full"),
            "runtime": self.one_of("process", "inline"),
            "functions": self.functions,
            "images": self.images,
            "limits": self.limits,
            "mocks": self.path,
            "progress": self.one_of("auto", "live", "plain", "none"),
        }
        values = self.table(document, (), kinds)
        values.setdefault("workspace", self.root / WORKSPACE_NAME)
        values |= {**values.pop("docker", {}), **values.pop("aws", {})}
        if self.problems:
            raise ConfigurationError("\n".join(self.problems))
        return Configuration(root=self.root, file=self.file, **values)

    def problem(self, where: tuple[str, ...], message: str) -> None:
        line = find_line(self.text, (*self.prefix, *where))
        self.problems.append(f"{self.file}:{line}: {message}")

    def table(self, value: Any, where: tuple[str, ...], kinds: Mapping[str, Kind]) -> dict[str, Any]:
        """The known keys of a table, read; unknown ones are problems."""
        read: dict[str, Any] = {}
        for key, item in value.items():
            if key not in kinds:
                self.problem((*where, key), f"{key!r} is not a key of {_table_name(where)}.{_near(key, kinds)}")
                continue
            found = self.checked(kinds[key], item, (*where, key))
            if found is not None:
                read[key] = found
        return read

    def checked(self, kind: Kind, item: Any, where: tuple[str, ...]) -> Any:
        try:
            return kind(item, where)
        except ValueError as problem:
            self.problem(where, f"{'.'.join(where)}: {problem}")
            return None

    def string(self, value: Any, where: tuple[str, ...]) -> str:
        if not isinstance(value, str) or not value:
            raise ValueError(f"expected a text, found {value!r}")
        return value

    def account(self, value: Any, where: tuple[str, ...]) -> str:
        if not isinstance(value, str) or len(value) != 12 or not value.isdigit():
            raise ValueError(f'expected an account id of twelve digits in quotes, like "123456789012", found {value!r}')
        return value

    def path(self, value: Any, where: tuple[str, ...]) -> Path:
        return self.root / os.path.expanduser(self.string(value, where))

    def positive(self, value: Any, where: tuple[str, ...]) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"expected a positive number, found {value!r}")
        return value

    def whole(self, value: Any, where: tuple[str, ...]) -> int:
        if not _is_whole(value):
            raise ValueError(f"expected a positive whole number, found {value!r}")
        return cast(int, value)

    def one_of(self, *allowed: str) -> Kind:
        def read(value: Any, where: tuple[str, ...]) -> str:
            if value not in allowed:
                choices = " or ".join(f'"{name}"' for name in allowed)
                raise ValueError(f"expected {choices}, found {value!r}.{_near(str(value), allowed)}")
            return cast(str, value)

        return read

    def strings(self, value: Any, where: tuple[str, ...]) -> dict[str, str]:
        if not isinstance(value, dict):
            raise ValueError(f'expected a table of texts, like {{ NAME = "value" }}, found {value!r}')
        for name, item in value.items():
            if not isinstance(item, str):
                self.problem((*where, name), f"{'.'.join((*where, name))}: expected a text in quotes, found {item!r}")
        return dict(value)

    def words(self, value: Any, where: tuple[str, ...]) -> tuple[str, ...]:
        if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
            raise ValueError(f'expected a list of texts, like ["python", "train.py"], found {value!r}')
        first, *rest = value
        found = [str(self.root / word) if (self.root / word).is_file() else word for word in rest]
        return (sys.executable if first == "python" else first, *found)

    def uses(self, value: Any, where: tuple[str, ...]) -> dict[str, Target]:
        read = self.entries(value, where, self.one_of(*WORDS), 'sagemaker = "docker"')
        return {name: WORDS[place] for name, place in zip(value, read, strict=True) if place is not None}

    def docker(self, value: Any, where: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"expected a table, found {value!r}")
        return {f"docker_{name}": found for name, found in self.table(value, where, {"network": self.string}).items()}

    def aws(self, value: Any, where: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"expected a table, found {value!r}")
        kinds: dict[str, Kind] = {"poll_seconds": self.positive}
        return {f"aws_{name}": found for name, found in self.table(value, where, kinds).items()}

    def functions(self, value: Any, where: tuple[str, ...]) -> dict[str, FunctionSetting]:
        self.entries(value, where, self.function, '"NAME-OR-GLOB" = "lambdas/file.py:handler"')
        return cast(dict[str, FunctionSetting], value)

    def images(self, value: Any, where: tuple[str, ...]) -> tuple[ImageSetting, ...]:
        read = self.entries(value, where, self.image, '"*/my-image:*" = "xgboost"')
        return tuple(image for image in read if image is not None)

    def entries(self, value: Any, where: tuple[str, ...], kind: Kind, example: str) -> list[Any]:
        if not isinstance(value, dict):
            raise ValueError(f"expected a table with entries like {example}, found {value!r}")
        return [self.checked(kind, item, (*where, pattern)) for pattern, item in value.items()]

    def function(self, value: Any, where: tuple[str, ...]) -> None:
        expected = '"path/to/file.py:handler", or a table with `path` and optionally `handler`'
        table = {"path": value} if isinstance(value, str) else value
        if not isinstance(table, dict):
            raise ValueError(f"expected {expected}, found {value!r}")
        fields = self.table(
            table,
            where,
            {
                "path": self.string,
                "handler": self.string,
                "environment": self.strings,
                "timeout": self.positive,
                "memory": self.whole,
                "concurrency": self.whole,
                "runtime": self.one_of("process", "inline"),
                "python": self.string,
            },
        )
        if "path" not in table:
            raise ValueError(f"expected {expected}, found no `path`")
        written = fields.get("path", "")
        path, colon, _ = written.rpartition(":")
        named = self.root / os.path.expanduser(path if colon and isinstance(value, str) else written)
        if written and not named.exists():
            raise ValueError(f"there is no file or folder {named}")

    def image(self, value: Any, where: tuple[str, ...]) -> ImageSetting | None:
        table = {"algorithm": value} if isinstance(value, str) else value
        if not isinstance(table, dict):
            raise ValueError(f'expected "xgboost", "scikit-learn" or a table with `command`, found {value!r}')
        before = len(self.problems)
        fields = self.table(
            table,
            where,
            {
                "algorithm": self.one_of("xgboost", "scikit-learn"),
                "command": self.words,
                "image": self.string,
                "environment": self.strings,
            },
        )
        if "algorithm" in table and "command" in table:
            raise ValueError("expected one of `algorithm` and `command`, not both")
        if not table.keys() & {"algorithm", "command", "image"}:
            raise ValueError("expected `algorithm` or `command`, and `image` for Docker")
        return None if len(self.problems) > before else ImageSetting(pattern=where[-1], **fields)

    def limits(self, value: Any, where: tuple[str, ...]) -> dict[str, int | None]:
        if not isinstance(value, dict):
            raise ValueError(f"expected a table, found {value!r}")
        kinds: dict[str, Kind] = {
            "payload_bytes": self.limit,
            "history_events": self.limit,
            "variable_bytes": self.limit,
            "variables_bytes": self.limit,
            "duration_seconds": self.limit,
            "redrive_seconds": self.limit,
            "inline_map_concurrency": self.whole,
            "distributed_map_concurrency": self.whole,
        }
        return {name: None if limit == "none" else limit for name, limit in self.table(value, where, kinds).items()}

    def limit(self, value: Any, where: tuple[str, ...]) -> int | str:
        if value == "none":
            return "none"
        if not _is_whole(value):
            raise ValueError(f'expected a positive whole number, or "none" to lift the limit, found {value!r}')
        return cast(int, value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _table_name(where: tuple[str, ...]) -> str:
    return f"[{'.'.join(where)}]" if where else "the configuration"


def _near(word: str, allowed: Mapping[str, Any] | tuple[str, ...]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(allowed), n=1)
    return f' Did you mean "{near[0]}"?' if near else f" Allowed: {', '.join(allowed)}."
