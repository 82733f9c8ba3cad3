"""Reading by path: closures specialised for the paths people write, and a pipeline of node lists for the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from msgspec.structs import replace

from asl_runner.expressions.environment import Environment, Evaluator, Json
from asl_runner.expressions.jsonpath_errors import explain, unassigned
from asl_runner.expressions.jsonpath_filter import compile_filter
from asl_runner.expressions.jsonpath_steps import (
    Descend,
    Filter,
    Index,
    Indices,
    Name,
    Names,
    ParsedPath,
    Slice,
    Step,
    Wildcard,
    path_keys,
)

Stage: TypeAlias = Callable[[list[Json], Json], list[Json]]
"""One step over many nodes: (nodes, root value of the path) in, the nodes it selects out."""

_MISS = (KeyError, TypeError, IndexError)


def compile_definite(path: ParsedPath) -> Evaluator:
    """The getter of a definite path; it raises `PathNotFound`."""
    if path.root == "context":
        read = _definite_getter(path)
        return lambda data, env: read(env.context, env)
    if path.root == "variable":
        return _variable_getter(path)
    return _definite_getter(path)


def compile_indefinite(path: ParsedPath) -> Evaluator:
    """The getter of an indefinite path: the list of what it finds, also `[]` where its beginning is missing."""
    steps = path.steps
    stages = [_stage(step, steps[:position], position == len(steps) - 1) for position, step in enumerate(steps)]

    def read(root: Json) -> list[Json]:
        nodes = [root]
        for stage in stages:
            nodes = stage(nodes, root)
        return nodes

    if path.root == "context":
        return lambda data, env: read(env.context)
    if path.root == "variable":
        variable = path.variable or ""

        def of_variable(data: Json, env: Environment) -> list[Json]:
            if variable not in env.variables:
                raise unassigned(path)
            return read(env.variables[variable])

        return of_variable
    return lambda data, env: read(data)


def _variable_getter(path: ParsedPath) -> Evaluator:
    variable = path.variable or ""
    read = _definite_getter(path) if path.steps else None

    def get(data: Json, env: Environment) -> Json:
        try:
            value = env.variables[variable]
        except KeyError:
            raise unassigned(path) from None
        return value if read is None else read(value, env)

    return get


def _identity(data: Json, env: Environment) -> Json:
    return data


def _definite_getter(path: ParsedPath) -> Evaluator:
    """A getter that starts from the value handed to it, whatever the path's root."""
    steps = path.steps
    if not steps:
        return _identity
    if all(isinstance(step, Name) for step in steps) and len(steps) <= 3:
        return _names_getter(path, [step.name for step in steps if isinstance(step, Name)])
    if isinstance(steps[-1], Names):
        return _members_getter(path, steps[-1].names)
    keys = path_keys(path)

    def get(data: Json, env: Environment) -> Json:
        node = data
        try:
            for key in keys:
                # Python indexes strings by number as well, JSON does not.
                if type(key) is int and not isinstance(node, list):
                    raise TypeError(key)
                node = node[key]
        except _MISS:
            raise explain(path, data) from None
        return node

    return get


def _names_getter(path: ParsedPath, names: list[str]) -> Evaluator:
    if len(names) == 1:
        (only,) = names

        def get_1(data: Json, env: Environment) -> Json:
            try:
                return data[only]
            except _MISS:
                raise explain(path, data) from None

        return get_1
    if len(names) == 2:
        one, two = names

        def get_2(data: Json, env: Environment) -> Json:
            try:
                return data[one][two]
            except _MISS:
                raise explain(path, data) from None

        return get_2
    first, second, third = names

    def get_3(data: Json, env: Environment) -> Json:
        try:
            return data[first][second][third]
        except _MISS:
            raise explain(path, data) from None

    return get_3


def _members_getter(path: ParsedPath, names: tuple[str, ...]) -> Evaluator:
    """`['a','b']` at the end: one object of the members that exist (Jayway)."""
    owner = _definite_getter(replace(path, steps=path.steps[:-1]))

    def get(data: Json, env: Environment) -> Json:
        node = owner(data, env)
        if not isinstance(node, dict):
            raise explain(path, data)
        return _members(node, names)

    return get


def _members(node: dict[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    return {name: node[name] for name in names if name in node}


def _stage(step: Step, before: tuple[Step, ...], last: bool) -> Stage:
    if isinstance(step, Name):
        return _name_stage(step.name)
    if isinstance(step, Names):
        return _members_stage(step.names, last)
    if isinstance(step, Index):
        return _indices_stage((step.position,))
    if isinstance(step, Indices):
        return _indices_stage(step.indices)
    if isinstance(step, Slice):
        window = slice(step.start, step.stop)
        return lambda nodes, root: [item for node in nodes if isinstance(node, list) for item in node[window]]
    if isinstance(step, Wildcard):
        return _every
    if isinstance(step, Descend):
        return _descend
    # A filter right after `..` tests the nodes themselves: elements come on their own.
    return _filter_stage(step, bool(before) and isinstance(before[-1], Descend))


def _name_stage(name: str) -> Stage:
    return lambda nodes, root: [node[name] for node in nodes if isinstance(node, dict) and name in node]


def _members_stage(names: tuple[str, ...], last: bool) -> Stage:
    """At the end of a path a union makes one object of each node; before other steps it gives each value (Jayway)."""
    if last:
        return lambda nodes, root: [_members(node, names) for node in nodes if isinstance(node, dict)]
    return lambda nodes, root: [
        node[name] for node in nodes if isinstance(node, dict) for name in names if name in node
    ]


def _indices_stage(indices: tuple[int, ...]) -> Stage:
    def select(nodes: list[Json], root: Json) -> list[Json]:
        return [
            node[index]
            for node in nodes
            if isinstance(node, list)
            for index in indices
            if -len(node) <= index < len(node)
        ]

    return select


def _every(nodes: list[Json], root: Json) -> list[Json]:
    found: list[Json] = []
    for node in nodes:
        if isinstance(node, list):
            found.extend(node)
        elif isinstance(node, dict):
            found.extend(node.values())
    return found


def _descend(nodes: list[Json], root: Json) -> list[Json]:
    """Each node and everything below, parents first and in document order (Jayway's scan)."""
    found: list[Json] = []
    pending = list(reversed(nodes))
    while pending:
        node = pending.pop()
        found.append(node)
        if isinstance(node, list):
            pending.extend(reversed(node))
        elif isinstance(node, dict):
            pending.extend(reversed(node.values()))
    return found


def _filter_stage(step: Filter, scanning: bool) -> Stage:
    keep = compile_filter(step.condition)

    def select(nodes: list[Json], root: Json) -> list[Json]:
        candidates: list[Json] = []
        for node in nodes:
            if isinstance(node, dict):
                candidates.append(node)
            elif isinstance(node, list) and not scanning:
                # `@` stands for objects (and arrays), never for a scalar (developer guide).
                candidates.extend(item for item in node if isinstance(item, (dict, list)))
        return [node for node in candidates if keep(node, root)]

    return select
