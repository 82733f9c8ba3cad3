"""JSONPath compiled to callables: `compile_path(text)` gives a `Path` that reads, or writes as ResultPath does.

A definite path gives the value itself and fails when there is nothing; any other gives the list of what it finds,
possibly empty (Jayway's rules; reference: expressions, section B).
"""

from __future__ import annotations

from functools import lru_cache

from asl_runner.expressions.environment import Environment, Evaluator, ExpressionSyntaxError, Json, Writer
from asl_runner.expressions.jsonpath_errors import PathNotFound
from asl_runner.expressions.jsonpath_read import compile_definite, compile_indefinite
from asl_runner.expressions.jsonpath_steps import Name, ParsedPath, Root
from asl_runner.expressions.jsonpath_syntax import parse_path
from asl_runner.expressions.jsonpath_write import compile_writer

__all__ = ["Path", "PathNotFound", "compile_path", "path_of"]


class Path:
    """A compiled path. Calling it evaluates it; `evaluate` is the same without the call's detour.

    `text` is the path as written, `root` what it starts from, `definite` whether it selects exactly one node and
    `reference` whether it is a Reference Path. `names` are its member names when it consists of nothing else.
    """

    __slots__ = ("definite", "evaluate", "names", "parsed", "reference", "root", "text")

    def __init__(self, parsed: ParsedPath) -> None:
        self.parsed = parsed
        self.text: str = parsed.text
        self.root: Root = parsed.root
        self.definite: bool = parsed.definite
        self.reference: bool = parsed.reference
        self.names: tuple[str, ...] | None = (
            tuple(step.name for step in parsed.steps if isinstance(step, Name))
            if all(isinstance(step, Name) for step in parsed.steps)
            else None
        )
        self.evaluate: Evaluator = compile_definite(parsed) if self.definite else compile_indefinite(parsed)

    def __call__(self, data: Json, env: Environment) -> Json:
        """The value at the path. Raises `PathNotFound` when a definite path finds nothing."""
        return self.evaluate(data, env)

    def __repr__(self) -> str:
        return f"Path({self.text!r})"

    def writer(self) -> Writer:
        """A function that puts a result at this path of the raw input (ResultPath), copying along the path.

        Raises `ExpressionSyntaxError` when the path cannot be written to: not a Reference Path, or not of the input.
        """
        if self.root != "input":
            raise ExpressionSyntaxError(
                f"A result can only be put into the state input, so the path must start with '$.': {self.text}",
                self.text,
            )
        if not self.reference:
            raise ExpressionSyntaxError(
                f"A result can only be put at a Reference Path, which selects one node: {self.text}", self.text
            )
        return compile_writer(self.parsed)


@lru_cache(maxsize=8192)
def compile_path(text: str) -> Path:
    """Compile a path.

    Raises `ExpressionSyntaxError` with the offset of the first wrong character.
    """
    return path_of(parse_path(text))


def path_of(parsed: ParsedPath) -> Path:
    """The compiled path of one already parsed."""
    return Path(parsed)
