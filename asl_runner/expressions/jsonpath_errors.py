"""What a definite path that finds nothing says: Jayway's words, which AWS passes on."""

from __future__ import annotations

from asl_runner.expressions.environment import ExpressionError, Json
from asl_runner.expressions.json_text import java_text, quoted_name
from asl_runner.expressions.jsonpath_steps import Index, Name, Names, ParsedPath, jayway_text


class PathNotFound(ExpressionError):
    """A definite path found nothing. `message` is Jayway's text, `path_text` the path as written."""

    def __init__(self, message: str, path: ParsedPath) -> None:
        super().__init__(message)
        self.path_text = path.text
        self.root = path.root

    @property
    def invalid_path(self) -> str:
        """AWS's text for InputPath, OutputPath and the `…Path` numbers of a Task."""
        return f"Invalid path '{self.path_text}' : {self.message}"


def unassigned(path: ParsedPath) -> PathNotFound:
    """The error of a path whose variable does not exist."""
    return PathNotFound(f"The variable '${path.variable}' has not been assigned a value", path)


def explain(path: ParsedPath, data: Json) -> PathNotFound:
    """Walk the path again to say, in Jayway's words, where it stops."""
    node = data
    last = len(path.steps) - 1
    for position, step in enumerate(path.steps):
        here = jayway_text("$", path.steps[:position])
        if isinstance(step, (Name, Names)):
            names = step.names if isinstance(step, Names) else (step.name,)
            if not isinstance(node, dict):
                fragment = "[" + ",".join(f"'{name}'" for name in names) + "]"
                return PathNotFound(
                    f"Expected to find an object with property {fragment} in path {here} but found "
                    f"'{_java_class(node)}'. This is not a json object according to the JsonProvider: "
                    "'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                    path,
                )
            if names[0] not in node:
                if position < last:
                    return PathNotFound(f"Missing property in path {here}{quoted_name(names[0])}", path)
                break
            node = node[names[0]]
        elif isinstance(step, Index):
            if node is None:
                return PathNotFound(f"The path {here} is null", path)
            if not isinstance(node, list):
                return PathNotFound(
                    f"Filter: [{step.position}] can only be applied to arrays. Current context is: {java_text(node)}",
                    path,
                )
            if not -len(node) <= step.position < len(node):
                break
            node = node[step.position]
    return PathNotFound(f"No results for path: {jayway_text('$', path.steps)}", path)


def _java_class(value: Json) -> str:
    names: dict[type, str] = {
        str: "java.lang.String",
        bool: "java.lang.Boolean",
        int: "java.lang.Integer",
        float: "java.lang.Double",
        list: "java.util.ArrayList",
        dict: "java.util.LinkedHashMap",
    }
    return names.get(type(value), "null")
