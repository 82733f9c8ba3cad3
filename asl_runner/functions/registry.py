"""Which Lambda ARN is which local code: the configuration first, then the convention `lambdas/NAME`.

A configuration key is a function name or ARN, or a glob (`*`, `?`, `[…]`) over either; its value is a path, a
`path:handler`, or a table (see `SETTINGS`). An exact key wins over globs, globs count in the order written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from asl_runner.errors import ConfigurationError, NotFound
from asl_runner.functions.arn import FunctionArn, parse_function_name
from asl_runner.functions.code import NoCode, locate
from asl_runner.functions.missing import missing_function

Runtime: TypeAlias = Literal["process", "inline"]
Setting: TypeAlias = "str | Mapping[str, Any]"

CONVENTION = "lambdas"
TIMEOUT = 900.0
"""Seconds, unless configured: Lambda's maximum. AWS's default of 3 would stop most code on a laptop for no reason."""
MEMORY = 128
CONCURRENCY = 10

SETTINGS: dict[str, tuple[type, ...]] = {
    "path": (str,),
    "handler": (str,),
    "environment": (dict,),
    "timeout": (int, float),
    "memory": (int,),
    "concurrency": (int,),
    "runtime": (str,),
    "python": (str,),
}
"""The keys of a function's table and their types. `timeout` is in seconds, `memory` in MB (told to the function, not
enforced), `concurrency` the number of worker processes, `python` the interpreter, by default this one."""


class Function(Struct, frozen=True, kw_only=True):
    """A local function: its names on AWS, its code here, and how it runs."""

    arn: FunctionArn
    root: Path
    """The folder that is `/var/task` on AWS: working directory and first entry of `sys.path`."""
    handler: str
    """`module.function`."""
    environment: Mapping[str, str] = MappingProxyType({})
    timeout: float = TIMEOUT
    memory: int = MEMORY
    concurrency: int = CONCURRENCY
    runtime: Runtime | None = None
    """None: as the workspace says."""
    python: str | None = None
    version: str = ""
    """The version an alias stands for; empty: as the ARN says."""
    revision: str = ""
    """Changes with code and configuration of a function that can change while it is served."""
    fixed: bool = False
    """Whether its files stay as they are as long as the revision does."""

    @property
    def name(self) -> str:
        """The function name."""
        return self.arn.name

    @property
    def executed_version(self) -> str:
        """The version that runs: a number or `$LATEST`."""
        return self.version or self.arn.version


class Registry:
    """Finds functions. Every answer is remembered, so asking again costs a dict lookup.

    `root` is the project root: relative paths and the convention folder count from it. `region` and `account` complete
    names that are not ARNs. `created` finds functions made through Lambda's API, which come first.
    """

    def __init__(
        self,
        root: Path,
        config: Mapping[str, Setting],
        *,
        region: str = "us-east-1",
        account: str = "123456789012",
        created: Callable[[FunctionArn], Function | None] | None = None,
    ) -> None:
        self._root = root.absolute()
        self._config = dict(config)
        self._defaults = {"partition": "aws", "region": region, "account": account}
        self._found: dict[str, Function] = {}
        self._created = created

    def written(self) -> list[Function]:
        """The functions that configuration and convention give by name, sorted. Raises `ConfigurationError`."""
        folder = self._root / CONVENTION
        files = folder.iterdir() if folder.is_dir() else ()
        named = {name: self.written_as(name) for name in (*self._config, *(file.stem for file in files))}
        functions = {found.name: found for found in named.values() if found is not None}
        return [functions[name] for name in sorted(functions)]

    def written_as(self, name: str) -> Function | None:
        """The function that configuration or convention give under exactly this name. Raises `ConfigurationError`."""
        written = parse_function_name(name)
        if written is None:
            return None
        arn = written.completed(**self._defaults)
        if any(known in self._config for known in (arn.arn, arn.unqualified, arn.name)):
            return self._configured(written, arn)
        return self._conventional(arn)

    def resolve(self, name_or_arn: str) -> Function:
        """The function of that name or ARN.

        Raises `NotFound`, whose message spells out the configuration to write, and `ConfigurationError`.
        """
        written = None
        if self._created is not None and (written := parse_function_name(name_or_arn)) is not None:
            created = self._created(written.completed(**self._defaults))
            if created is not None:
                return created
        if (known := self._found.get(name_or_arn)) is not None:
            return known
        written = written or parse_function_name(name_or_arn)
        if written is None:
            raise NotFound(f'"{name_or_arn}" is no Lambda function name or ARN.')
        arn = written.completed(**self._defaults)
        found = self._configured(written, arn) or self._conventional(arn)
        if found is None:
            raise NotFound(missing_function(arn, self._root, CONVENTION, tuple(self._config)))
        self._found[name_or_arn] = found
        return found

    def _configured(self, written: FunctionArn, arn: FunctionArn) -> Function | None:
        names = [arn.arn, arn.unqualified, arn.name]
        if arn.qualifier:
            names.append(f"{arn.name}:{arn.qualifier}")
        for name in names:
            if name in self._config:
                return _function(self._root, arn, name, self._config[name])
        for pattern, setting in self._config.items():
            # A bare name also meets the function part of a pattern written over ARNs.
            pattern_here = pattern if written.partition else pattern.rpartition(":function:")[2]
            if any(fnmatchcase(name, pattern_here) for name in names):
                return _function(self._root, arn, pattern, setting)
        return None

    def _conventional(self, arn: FunctionArn) -> Function | None:
        for name in dict.fromkeys((arn.name, arn.name.replace("-", "_"))):
            if name.startswith("."):
                continue
            for path in (self._root / CONVENTION / f"{name}.py", self._root / CONVENTION / name):
                try:
                    root, handler = locate(path)
                except NoCode:
                    continue
                return Function(arn=arn, root=root, handler=handler)
        return None


def _function(root: Path, arn: FunctionArn, key: str, setting: Setting) -> Function:
    table = _table(key, setting)
    path = root / Path(table["path"]).expanduser()
    try:
        task_root, handler = locate(path, table.get("handler", ""))
    except NoCode as problem:
        raise ConfigurationError(f"[functions] {key!r}: {problem}.") from None
    return Function(
        arn=arn,
        root=task_root.resolve(),
        handler=handler,
        environment={name: _text(key, name, value) for name, value in table.get("environment", {}).items()},
        timeout=float(table.get("timeout", TIMEOUT)),
        memory=table.get("memory", MEMORY),
        concurrency=table.get("concurrency", CONCURRENCY),
        runtime=table.get("runtime"),
        python=_interpreter(root, table.get("python")),
    )


def _interpreter(root: Path, written: str | None) -> str | None:
    """A path counts from the project root; a bare command name is looked up on `PATH`."""
    return str(root / Path(written).expanduser()) if written and "/" in written else written


def _table(key: str, setting: Setting) -> dict[str, Any]:
    """The setting as a checked table. Raises `ConfigurationError` naming the key."""
    if isinstance(setting, str):
        path, colon, handler = setting.rpartition(":")
        if colon and handler.replace(".", "_").isidentifier():
            return {"path": path, "handler": handler}
        return {"path": setting}
    table = dict(setting)
    for name, value in table.items():
        if name not in SETTINGS:
            raise ConfigurationError(f"[functions] {key!r}: unknown key {name!r}; allowed: {', '.join(SETTINGS)}.")
        if not isinstance(value, SETTINGS[name]) or isinstance(value, bool):
            expected = " or ".join(kind.__name__ for kind in SETTINGS[name])
            raise ConfigurationError(f"[functions] {key!r}: {name} = {value!r} should be of type {expected}.")
    if "path" not in table:
        raise ConfigurationError(f"[functions] {key!r}: `path` is missing (a Python file or a folder).")
    if table.get("timeout", 1) <= 0 or table.get("concurrency", 1) < 1 or table.get("memory", 1) < 1:
        raise ConfigurationError(f"[functions] {key!r}: timeout, memory and concurrency must be greater than 0.")
    if table.get("runtime", "process") not in ("process", "inline"):
        raise ConfigurationError(
            f"[functions] {key!r}: runtime = {table['runtime']!r} is not known; allowed: process, inline."
        )
    return table


def _text(key: str, name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ConfigurationError(f"[functions] {key!r}: environment variable {name} should be a string.")
