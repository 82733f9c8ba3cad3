"""The walk over a document along the table of fields: all problems reported, all values compiled, in one pass.

The result mirrors the document: each object becomes a dict of its compiled fields, which the parser takes to structs.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, TypeAlias

from asl_runner.definition import fields as f
from asl_runner.definition.compiling import Compiler, Unresolved
from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.definition.fields import Field, Language, Shape, fields_of, groups_of, required_of
from asl_runner.definition.json_text import Path
from asl_runner.definition.kinds import PLAIN_KINDS, check_plain
from asl_runner.definition.shapes import MACHINE, OPERATOR_NAMES, SHAPES, STATE_TYPES, STATES
from asl_runner.expressions.environment import Evaluator, Json

Compiled: TypeAlias = dict[str, Any]

_COUNTERPARTS: dict[str, tuple[str, ...]] = {
    "InputPath": ("Arguments", "Output"),
    "Parameters": ("Arguments", "ItemSelector", "Output"),
    "ResultSelector": ("Output",),
    "ResultPath": ("Output",),
    "OutputPath": ("Output",),
    "Result": ("Output",),
    "ItemsPath": ("Items",),
    "Variable": ("Condition",),
    "Arguments": ("Parameters",),
    "Output": ("Parameters", "ResultSelector", "OutputPath"),
    "Items": ("ItemsPath",),
    "Condition": ("Variable",),
}
"""What does the job of a field in the other query language; the first one the object has."""


class Walker:
    """One walk over one document."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.compiler = Compiler(report)
        self.machine_language: Language = "JSONPath"
        self.item_types: dict[Path, tuple[str, ...]] = {}
        """What `Items` of the Map state at a path may give."""

    def machine(self, value: dict[str, Json]) -> Compiled:
        """A whole definition."""
        self.machine_language = language_of(value, "JSONPath")
        return self.object(value, MACHINE, (), self.machine_language)

    def object(self, value: Json, shape: Shape, path: Path, language: Language) -> Compiled:
        """An object of a shape, as its compiled fields."""
        if not isinstance(value, dict):
            if self.compiler.unresolved(value) is None:
                self.report.add("ASL103", "Expected value of type Object", path, found=value, expected="an object")
            return {}
        known = fields_of(shape, language)
        compiled: Compiled = {}
        meant: set[str] = set()
        for name, item in value.items():
            field = known.get(name)
            if field is not None:
                compiled[name] = _HANDLERS[type(field.kind)](self, field, item, (*path, name), language)
            elif name != "Type" or shape.name not in STATES:
                meant |= self._unknown(name, value, shape, path, language)
        present = value.keys() | meant if meant else value.keys()
        self._required(present, shape, path, language)
        self._groups(value, present, shape, path, language)
        return compiled

    def _required(self, given: Set[str], shape: Shape, path: Path, language: Language) -> None:
        missing = [name for name in required_of(shape, language) if name not in given]
        if missing:
            self.report.add("ASL101", f"These fields are required: [{', '.join(missing)}]", path, key=True)

    def _groups(self, value: dict[str, Json], given: Set[str], shape: Shape, path: Path, language: Language) -> None:
        for group, needed in groups_of(shape, language):
            present = [name for name in group if name in given]
            if present == ["Next", "End"] and value.get("End") is False:
                continue
            if len(present) > 1:
                message = f"There should only be one of the following fields: [{', '.join(group)}]"
                self.report.add("ASL107", message, (*path, present[-1]), at=path, key=True, found=present)
            elif needed and (not present or (present == ["End"] and value.get("End") is False)):
                if shape.name == "Credentials":
                    self.report.add("ASL101", "The field 'RoleArn' is required but was missing", path, key=True)
                    continue
                if len(group) == 1:
                    self.report.add("ASL101", f"These fields are required: [{group[0]}]", path, key=True)
                    continue
                if "Variable" in group and OPERATOR_NAMES & value.keys():
                    continue
                message = f"This object should have only one of the following fields: [{', '.join(group)}]"
                hint = 'add "Next" or "End": true' if "Next" in group else "add one of them"
                self.report.add("ASL108", message, path, key=True, hint=hint)

    def _unknown(
        self, name: str, value: dict[str, Json], shape: Shape, path: Path, language: Language
    ) -> frozenset[str]:
        """Reports a field that does not belong there; gives the name that was meant, so that it is not missed too."""
        if shape.name == "Credentials":
            # The service looks for the role and for nothing else (recorded).
            return frozenset()
        here = (*path, name)
        other: Language = "JSONata" if language == "JSONPath" else "JSONPath"
        if name in fields_of(shape, other):
            message = (
                f"The QueryLanguage is set to '{language}', but field '{name}' is only supported for the "
                f"'{other}' QueryLanguage"
            )
            if name in OPERATOR_NAMES and "Variable" in value:
                return frozenset()
            twin = next((twin for twin in _COUNTERPARTS.get(name, ()) if twin in fields_of(shape, language)), "")
            hint = f'in {language} this is "{twin}"' if twin else ""
            if (
                language == "JSONata"
                and name.endswith("Path")
                and name.removesuffix("Path") in fields_of(shape, language)
            ):
                hint = f'write "{name.removesuffix("Path")}" with an expression {{% … %}}'
            self.report.add("ASL111", message, here, at=path, key=True, hint=hint)
            return frozenset((twin,))
        missing = [field for field in fields_of(shape, language) if field not in value]
        hint = did_you_mean(name, missing)
        owners = [kind for kind in STATE_TYPES if name in fields_of(STATES[kind], language)]
        if not hint and owners and shape.name in STATES:
            hint = f"{', '.join(owners)} states have it, {shape.name} states do not"
        self.report.add("ASL102", f"Field '{name}' is not supported", here, at=path, key=True, hint=hint)
        return frozenset(field for field in missing if f'"{field}"' in hint)

    def state(self, value: Json, path: Path) -> Compiled:
        """One state, with its `Type` and `QueryLanguage`."""
        if not isinstance(value, dict):
            return self.object(value, MACHINE, path, "JSONPath")
        kind = value.get("Type")
        language = language_of(value, self.machine_language)
        if self.machine_language == "JSONata" and value.get("QueryLanguage") == "JSONPath":
            message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
            self.report.add("ASL112", message, (*path, "QueryLanguage"), at=path)
        if kind not in STATES or not isinstance(kind, str):
            self._bad_type(value, path)
            return {}
        if kind == "Map":
            self.item_types[path] = ("array", "object") if _is_distributed(value) else ("array",)
        return {"Type": kind, **self.object(value, STATES[kind], path, language), "QueryLanguage": language}

    def _bad_type(self, value: dict[str, Json], path: Path) -> None:
        if "Type" not in value:
            self.report.add("ASL101", "These fields are required: [Type]", path, key=True, hint=_guess_type(value))
            return
        kind = value["Type"]
        if self.compiler.unresolved(kind):
            return
        self.report.add(
            "ASL104",
            f"The field 'Type' should have one of these values: [{', '.join(STATE_TYPES)}]",
            (*path, "Type"),
            found=kind,
            hint=did_you_mean(kind, STATE_TYPES) if isinstance(kind, str) else "",
        )


def language_of(value: dict[str, Json], default: Language) -> Language:
    """The query language an object sets: anything but `JSONPath` counts as JSONata, as at the service."""
    if "QueryLanguage" not in value:
        return default
    return "JSONPath" if value["QueryLanguage"] == "JSONPath" else "JSONata"


def _is_distributed(state: dict[str, Json]) -> bool:
    processor = state.get("ItemProcessor", state.get("Iterator"))
    config = processor.get("ProcessorConfig") if isinstance(processor, dict) else None
    return isinstance(config, dict) and config.get("Mode", "INLINE") != "INLINE"


def _guess_type(value: dict[str, Json]) -> str:
    signs = {"Resource": "Task", "Choices": "Choice", "Branches": "Parallel", "ItemProcessor": "Map", "Seconds": "Wait"}
    return next((f'its fields look like "Type": "{kind}"' for sign, kind in signs.items() if sign in value), "")


_Handler: TypeAlias = Callable[[Walker, Field, Json, Path, Language], Any]


def _text(walker: Walker, value: Json, path: Path) -> bool:
    if isinstance(value, str):
        return True
    walker.report.add("ASL103", "Expected value of type String", path, found=value, expected="a string")
    return False


def _plain(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    if field.expression and language == "JSONata" and isinstance(value, str) and value.startswith("{%"):
        return walker.compiler.expression(value, path, (field.expression,))
    before = walker.report.count
    check_plain(field.kind, value, path, walker.report, field, language)
    if walker.report.count > before:
        return None
    # A free text with a placeholder is a text; see `placeholders`.
    free = isinstance(field.kind, f.String | f.Anything) and isinstance(value, str)
    return value if free else walker.compiler.unresolved(value) or value


def _path(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    kind = field.kind
    assert isinstance(kind, f.JsonPath)
    if value is None and kind.nullable:
        return None
    return walker.compiler.path(value, path) if _text(walker, value, path) else None


def _reference(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    kind = field.kind
    assert isinstance(kind, f.ReferencePath)
    if not _text(walker, value, path):
        return None
    return walker.compiler.path(value, path, reference=True, context=kind.context)


def _result_path(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    if value is None:
        return None
    return walker.compiler.result_path(value, path) if _text(walker, value, path) else None


def _intrinsic(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    return walker.compiler.path_or_intrinsic(value, path) if _text(walker, value, path) else None


def _template(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    kind = field.kind
    assert isinstance(kind, f.Template)
    if kind.object_only and not isinstance(value, dict):
        if (unresolved := walker.compiler.unresolved(value)) is None:
            walker.report.add("ASL103", "Expected value of type Object", path, found=value, expected="an object")
        return unresolved
    return walker.compiler.template(value, path, language)


def _variables(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    if not isinstance(value, dict):
        if (unresolved := walker.compiler.unresolved(value)) is None:
            walker.report.add("ASL103", "Expected value of type Object", path, found=value, expected="an object")
        return unresolved
    return walker.compiler.variables(value, path, language)


def _items(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    if isinstance(value, str) and not value.startswith("{%"):
        if (unresolved := walker.compiler.unresolved(value)) is None:
            expected = "an array or an expression {% … %}"
            walker.report.add(
                "ASL208", "Expected a JSONata expression or an array", path, found=value, expected=expected
            )
        return unresolved
    if isinstance(value, str):
        return walker.compiler.expression(value, path, walker.item_types.get(path[:-1], ()))
    return walker.compiler.jsonata_template(value, path)


def _condition(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.startswith("{%"):
        return walker.compiler.expression(value, path, ("boolean",))
    if (unresolved := walker.compiler.unresolved(value)) is None:
        expected = "true, false or an expression {% … %}"
        walker.report.add("ASL208", "Expected a JSONata expression or a boolean", path, found=value, expected=expected)
    return unresolved


def _list(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    kind = field.kind
    assert isinstance(kind, f.ListOf)
    if not isinstance(value, list):
        if walker.compiler.unresolved(value) is None:
            walker.report.add("ASL103", "Expected value of type Array", path, found=value, expected="an array")
        return []
    if kind.nonempty and not value:
        walker.report.add("ASL106", "Value cannot be empty", path)
    handler = _HANDLERS[type(kind.element)]
    element = Field(name=field.name, kind=kind.element)
    return [handler(walker, element, item, (*path, index), language) for index, item in enumerate(value)]


def _object(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    kind = field.kind
    assert isinstance(kind, f.ObjectOf)
    before = walker.report.count
    compiled = walker.object(value, SHAPES[kind.shape], path, language)
    if kind.shape in ("Rule", "NestedRule") and isinstance(value, dict) and language == "JSONPath":
        _one_operator(walker, value, path)
    if kind.shape == "Rule" and language == "JSONPath" and walker.report.count == before and isinstance(value, dict):
        compiled["Condition"] = walker.compiler.rule(value, path)
    elif kind.shape == "Credentials" and language == "JSONPath" and isinstance(value, dict):
        return walker.compiler.template(value, path, language) if walker.report.count == before else None
    elif kind.shape == "Credentials":
        return _role(compiled["RoleArn"]) if walker.report.count == before and "RoleArn" in compiled else None
    return compiled


def _role(role: Any) -> Evaluator:
    """Credentials in JSONata: a role as written, or the expression for it."""
    if callable(role):
        return lambda states, env: {"RoleArn": role(states, env)}
    return lambda states, env: {"RoleArn": role}


def _one_operator(walker: Walker, rule: dict[str, Json], path: Path) -> None:
    """A rule with a Variable has exactly one comparison; any other has none."""
    found = [name for name in rule if name in OPERATOR_NAMES]
    if "Variable" in rule and not found:
        known = {"Variable", "Next", "Comment", "Assign"}
        if not any(did_you_mean(name, OPERATOR_NAMES) for name in rule.keys() - known):
            hint = "such as StringEquals or IsPresent"
            walker.report.add("ASL108", "A rule with 'Variable' needs one comparison operator", path, hint=hint)
    elif len(found) > 1:
        message = f"There should only be one of the following fields: [{', '.join(found)}]"
        hint = 'combine several tests with "And"'
        walker.report.add("ASL107", message, (*path, found[-1]), at=path, key=True, found=found, hint=hint)
    elif found and "Variable" not in rule and not {"And", "Or", "Not"} & rule.keys():
        walker.report.add("ASL101", "These fields are required: [Variable]", path)


def _states(walker: Walker, field: Field, value: Json, path: Path, language: Language) -> Any:
    if not isinstance(value, dict):
        if walker.compiler.unresolved(value) is None:
            walker.report.add("ASL103", "Expected value of type Object", path, found=value, expected="an object")
        return {}
    if not value:
        walker.report.add("ASL106", "Value cannot be empty", path)
    return {name: walker.state(state, (*path, name)) for name, state in value.items()}


_HANDLERS: dict[type[f.Kind], _Handler] = {
    f.JsonPath: _path,
    f.ReferencePath: _reference,
    f.ResultPath: _result_path,
    f.PathOrIntrinsic: _intrinsic,
    f.Template: _template,
    f.Variables: _variables,
    f.Items: _items,
    f.Condition: _condition,
    f.ListOf: _list,
    f.ObjectOf: _object,
    f.StateMap: _states,
    **dict.fromkeys(PLAIN_KINDS, _plain),
}
"""One handler per kind: takes the walker, the field, the value, its path and language; gives the compiled value."""

__all__ = ["Compiled", "Unresolved", "Walker", "language_of"]
