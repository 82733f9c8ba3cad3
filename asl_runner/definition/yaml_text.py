"""YAML text as JSON values, with places: the YAML 1.2 core rules, so that `on`, `yes` and dates stay strings.

Tags of templates (`!Sub x`, `!GetAtt x`) become placeholders `${x}`: their value is not known here.
"""

from __future__ import annotations

import re
from typing import Any

from asl_runner.definition.json_text import MAX_DEPTH, Path, Scan, SourceProblem
from asl_runner.expressions.environment import Json

_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Json] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
_NOT_JSON = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_EXPLICIT = frozenset(f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "null"))
_MAX_NODES = 500_000
_MAX_FLOW = 500


def scan_yaml(text: str) -> Scan:
    """Reads `text` as one YAML document; never raises for a wrong text."""
    import yaml

    if problem := _too_nested(text):
        return Scan(value=None, keys={}, values={}, problems=[problem])
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        return Scan(value=None, keys={}, values={}, problems=[_syntax(error, text)])
    except yaml.YAMLError as error:
        return Scan(value=None, keys={}, values={}, problems=[SourceProblem("ASL002", str(error), 0)])
    converter = _Converter(text)
    value = None if node is None else converter.convert(node, (), 0, ())
    return Scan(value=value, keys=converter.keys, values=converter.values, problems=converter.problems)


def resolve_scalar(text: str) -> Json:
    """The JSON value of a plain (unquoted) scalar, by the YAML 1.2 core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    return text


def _too_nested(text: str) -> SourceProblem | None:
    # The composer recurses in C without a guard: endless '[' would end the process.
    depth = 0
    for match in re.finditer(r"[\[\]{}]", text):
        depth += 1 if match[0] in "[{" else -1
        if depth > _MAX_FLOW:
            return SourceProblem("ASL007", f"The document is nested more than {MAX_DEPTH} levels deep", match.start())
    return None


def _syntax(error: Any, text: str) -> SourceProblem:
    mark = error.problem_mark or error.context_mark
    offset = offset_of(text, mark) if mark else 0
    message = (error.problem or error.context or "not YAML").strip()
    if "\\t" in message or "tab character" in message:
        return SourceProblem("ASL002", "A tab cannot be used for indentation in YAML", offset, "indent with blanks")
    context = f" {error.context}" if error.context and error.problem else ""
    return SourceProblem("ASL002", f"Not valid YAML: {message}{context}", offset)


def offset_of(text: str, mark: Any) -> int:
    """The character offset of a mark. Its own `index` counts characters in both loaders."""
    return min(int(mark.index), len(text))


class _Converter:
    def __init__(self, text: str) -> None:
        self.text = text
        self.keys: dict[Path, int] = {}
        self.values: dict[Path, tuple[int, int]] = {}
        self.problems: list[SourceProblem] = []
        self.nodes = 0

    def convert(self, node: Any, path: Path, depth: int, open_nodes: tuple[int, ...]) -> Json:
        """One node as a JSON value. `open_nodes` are the containers around it: an alias to one of them never ends."""
        start = offset_of(self.text, node.start_mark)
        self.values[path] = (start, offset_of(self.text, node.end_mark))
        self.nodes += 1
        if id(node) in open_nodes:
            self.problems.append(SourceProblem("ASL002", "This alias contains itself", start))
            return None
        if self.nodes > _MAX_NODES or depth > MAX_DEPTH:
            if not any(problem.code == "ASL007" for problem in self.problems):
                limit = f"{MAX_DEPTH} levels" if depth > MAX_DEPTH else f"{_MAX_NODES} values"
                self.problems.append(SourceProblem("ASL007", f"The document has more than {limit}", start))
            return None
        if node.id == "scalar":
            return self.scalar(node, start)
        if _is_template_tag(node.tag):
            return f"${{{node.tag.lstrip('!')}}}"
        inside = (*open_nodes, id(node))
        if node.id == "sequence":
            return [self.convert(child, (*path, i), depth + 1, inside) for i, child in enumerate(node.value)]
        return self.mapping(node, path, depth, inside)

    def mapping(self, node: Any, path: Path, depth: int, inside: tuple[int, ...]) -> dict[str, Json]:
        members: dict[str, Json] = {}
        merged: list[Any] = []
        for key_node, value_node in node.value:
            offset = offset_of(self.text, key_node.start_mark)
            if key_node.id != "scalar":
                self.problems.append(SourceProblem("ASL002", "A key must be a string", offset))
                continue
            key = str(key_node.value)
            if key == "<<" and not key_node.style:
                merged += value_node.value if value_node.id == "sequence" else [value_node]
                continue
            here = (*path, key)
            if key in members:
                self.problems.append(
                    SourceProblem(
                        "ASL004", f'The key "{key}" appears more than once in this object; the last one counts', offset
                    )
                )
            self.keys[here] = offset
            members[key] = self.convert(value_node, here, depth + 1, inside)
        for source in merged:
            inherited = self.convert(source, path, depth + 1, inside)
            if isinstance(inherited, dict):
                members = {**inherited, **members}
        return members

    def scalar(self, node: Any, start: int) -> Json:
        text = str(node.value)
        if _is_template_tag(node.tag):
            return text if "${" in text else f"${{{text}}}"
        if node.style and node.tag in _EXPLICIT:
            return resolve_scalar(text)
        if node.style or node.tag == "tag:yaml.org,2002:str!":
            return text
        if node.tag == "!" or self.text.startswith("!!str", start):
            return text
        if _NOT_JSON.match(text):
            self.problems.append(
                SourceProblem("ASL002", f"{text} is not a value of JSON", start, "write a number or null")
            )
            return None
        return resolve_scalar(text)


def _is_template_tag(tag: str) -> bool:
    return tag.startswith("!") and len(tag) > 1
