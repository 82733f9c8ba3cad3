"""The conditions of a Condition step as one JSONata expression.

Source: the SDK's `workflow/conditions.py`; reference section 8.2.
"""

from __future__ import annotations

from typing import Any

from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.definition.json_text import Path
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines.document import Step
from asl_runner.sagemaker.pipelines.expressions import Expressions, Uses

_OPERATORS = {
    "Equals": "=",
    "GreaterThan": ">",
    "GreaterThanOrEqualTo": ">=",
    "LessThan": "<",
    "LessThanOrEqualTo": "<=",
}

_MEMBERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_OPERATORS, ("LeftValue", "RightValue")),
    "In": ("QueryValue", "Values"),
    "Not": ("Condition",),
    "Or": ("Conditions",),
}


class Conditions:
    """Compiles the conditions of one step."""

    def __init__(self, expressions: Expressions, report: Report, step: Step, uses: Uses) -> None:
        self._expressions = expressions
        self._report = report
        self._step = step
        self._uses = uses

    def all_of(self) -> str:
        """All conditions of the step, joined by `and`."""
        place = (*self._step.path, "Arguments", "Conditions")
        found = self._each(self._step.arguments.get("Conditions"), place)
        return " and ".join(found) or "true"

    def _each(self, conditions: Json, path: Path) -> list[str]:
        if not isinstance(conditions, list):
            self._report.add("PIP102", "Expected a list of conditions", path, found=conditions)
            return []
        return [self._one(condition, (*path, index)) for index, condition in enumerate(conditions)]

    def _one(self, condition: Json, path: Path) -> str:
        type_ = condition.get("Type") if isinstance(condition, dict) else None
        if type_ not in _MEMBERS:
            hint = did_you_mean(str(type_), _MEMBERS)
            text = "This is no condition" if type_ is None else f"There is no condition of type {type_!r}"
            self._report.add("PIP103", text, path, expected=", ".join(_MEMBERS), hint=hint)
            return "true"
        members: dict[str, Any] = condition
        missing = [name for name in _MEMBERS[type_] if name not in members]
        for name in missing:
            self._report.add("PIP101", f"{name} is missing", path)
        if missing:
            return "true"
        match type_:
            case "Not":
                return f"$not({self._one(members['Condition'], (*path, 'Condition'))})"
            case "Or":
                return f"({' or '.join(self._each(members['Conditions'], (*path, 'Conditions'))) or 'false'})"
            case "In":
                return self._in(members, path)
            case _:
                left, right = (self._operand(members, name, path) for name in _MEMBERS[type_])
                return f"({left} {_OPERATORS[type_]} {right})"

    def _in(self, members: dict[str, Any], path: Path) -> str:
        values = members["Values"]
        if not isinstance(values, list):
            self._report.add("PIP102", "Expected a list of values", (*path, "Values"), found=values)
            return "true"
        place = (*path, "Values")
        among = [
            self._expressions.operand(one, (*place, index), self._step, self._uses) for index, one in enumerate(values)
        ]
        return f"({self._operand(members, 'QueryValue', path)} in [{', '.join(among)}])"

    def _operand(self, members: dict[str, Any], name: str, path: Path) -> str:
        return self._expressions.operand(members[name], (*path, name), self._step, self._uses)
