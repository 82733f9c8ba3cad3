"""The expressions of a definition, `Get`, `Std:Join` and `Std:JsonGet`, as JSONata over the state's input.

A machine's data are one object: `Parameters`, `Execution`, `Steps` (each step's properties by its name) and `Files`
(each property file that was read). `{"Get": "Steps.Train.TrainingJobName"}` is
`$states.input.Steps.Train.TrainingJobName`.

Source: the SDK's `workflow/functions.py` and `workflow/entities.py`; reference section 8.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from asl_runner.definition.diagnostics import Report, did_you_mean
from asl_runner.definition.json_text import Path
from asl_runner.expressions.environment import Json
from asl_runner.sagemaker.pipelines import jsonata, references
from asl_runner.sagemaker.pipelines.document import Pipeline, Step
from asl_runner.sagemaker.pipelines.kinds import KINDS
from asl_runner.sagemaker.pipelines.names import job_name

_FORMS = ("Get", "Std:Join", "Std:JsonGet")
_PLACE_OF_FILES = "$states.input.Files"


class Uses(Struct):
    """What the expressions of one step need before it can start."""

    steps: list[str] = field(default_factory=list)
    """Steps whose properties or files it reads, in the order they are met."""
    files: dict[str, str] = field(default_factory=dict)
    """The property files it reads: key in `Files`, and the expression of the object's URI."""
    properties: list[tuple[str, str]] = field(default_factory=list)
    """Step and first member of each property it reads."""


class Expressions:
    """Compiles the expressions of a pipeline's steps, reporting what they get wrong."""

    def __init__(self, pipeline: Pipeline, report: Report) -> None:
        self._report = report
        self._steps = {step.name: step for step in pipeline.steps}
        self._parameters = {parameter.name: parameter for parameter in pipeline.parameters}

    def value(self, value: Json, path: Path, step: Step, uses: Uses) -> Json:
        """A value of a step's arguments with every expression in it as a `{% … %}` field."""
        if is_expression(value):
            return jsonata.expression(self.inner(value, path, step, uses))
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key), step, uses) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, index), step, uses) for index, item in enumerate(value)]
        if isinstance(value, str) and value.startswith("{%"):
            return jsonata.expression(jsonata.text(value))
        return value

    def inner(self, value: Json, path: Path, step: Step, uses: Uses) -> str:
        """The JSONata text of a value where an expression may stand: an operand, a part of a join."""
        form = is_expression(value)
        if form == "Get":
            return self._get(value["Get"], (*path, "Get"), step, uses)
        if form == "Std:Join":
            return self._join(value[form], (*path, form), step, uses)
        if form == "Std:JsonGet":
            return self._json_get(value[form], (*path, form), step, uses)
        return jsonata.literal(value)

    def operand(self, value: Json, path: Path, step: Step, uses: Uses) -> str:
        """An operand of a condition: one that turns out to be missing fails the condition, with its name."""
        inner = self.inner(value, path, step, uses)
        if not inner.startswith(("$states.input.Steps", _PLACE_OF_FILES)):
            return inner
        return jsonata.required(inner, f"There is no {inner.removeprefix('$states.input.').replace('`', '')}")

    def _get(self, name: Json, path: Path, step: Step, uses: Uses) -> str:
        found = references.parse(name) if isinstance(name, str) else None
        if isinstance(found, references.Parameter):
            if found.name not in self._parameters:
                self._unknown(f"The pipeline has no parameter {found.name!r}", path, found.name, self._parameters)
            return jsonata.path("$states.input.Parameters", (found.name,))
        if isinstance(found, references.Variable):
            return self._variable(found.name, path, step)
        if isinstance(found, references.Property):
            if self._known(found.step, path, uses):
                uses.properties.append((found.step, str(found.keys[0])))
            return jsonata.path("$states.input.Steps", (found.step, *found.keys))
        self._report.add(
            "PIP204",
            "This names nothing",
            path,
            found=name,
            expected="Parameters.NAME, Execution.VARIABLE or Steps.NAME.PROPERTY",
        )
        return "null"

    def _variable(self, name: str, path: Path, step: Step) -> str:
        if name not in references.EXECUTION_VARIABLES:
            self._unknown(f"There is no execution variable {name!r}", path, name, references.EXECUTION_VARIABLES)
        if name == "CurrentDateTime":
            return "$now()"
        if name in ("TrainingJobName", "ProcessingJobName"):
            return self.job_name(step)
        return f"$states.input.Execution.{name}"

    def job_name(self, step: Step) -> str:
        """The expression of the name of the job a step creates."""
        given = step.arguments.get(f"{KINDS[step.type].job or step.type}Name")
        prefix = None if given is None or step.type == "Model" else self.inner(given, step.path, step, Uses())
        return job_name(step.name, tuning=step.type == "Tuning", prefix=prefix)

    def _join(self, join: Json, path: Path, step: Step, uses: Uses) -> str:
        if not isinstance(join, dict) or not isinstance(join.get("Values"), list):
            self._report.add("PIP204", "A Std:Join has On and Values", path, found=join)
            return "null"
        parts = [self._text(one, (*path, "Values", index), step, uses) for index, one in enumerate(join["Values"])]
        on = join.get("On", "")
        if len(parts) == 1:
            return parts[0]
        return f"$join([{', '.join(parts)}], {jsonata.text(str(on))})"

    def _text(self, value: Json, path: Path, step: Step, uses: Uses) -> str:
        """A part of a join: numbers and truth values read as Python writes them, as the service's SDK does."""
        if not is_expression(value):
            return jsonata.text(value if isinstance(value, str) else str(value))
        inner = self.inner(value, path, step, uses)
        named = references.parse(str(value["Get"])) if "Get" in value else None
        kind = "String" if "Std:Join" in value else None
        if isinstance(named, references.Parameter) and named.name in self._parameters:
            kind = self._parameters[named.name].type
        if isinstance(named, references.Variable):
            kind = "String"
        match kind:
            case "String":
                return inner
            case "Float":
                return f"($contains($string({inner}), /[.e]/) ? $string({inner}) : $string({inner}) & '.0')"
            case "Boolean":
                return f"({inner} ? 'True' : 'False')"
            case _:
                return f"$string({inner})"

    def _json_get(self, given: Json, path: Path, step: Step, uses: Uses) -> str:
        wanted: Mapping[str, Any] = given if isinstance(given, dict) else {}
        keys = references.parse_keys(str(wanted.get("Path", "")))
        if keys is None or ("PropertyFile" in wanted) == ("S3Uri" in wanted):
            text = "A Std:JsonGet has a Path, and either a PropertyFile or an S3Uri"
            self._report.add("PIP204", text, path, found=given)
            return "null"
        if "S3Uri" in wanted:
            uri = self.inner(wanted["S3Uri"], (*path, "S3Uri"), step, uses)
            key = next((key for key, known in uses.files.items() if known == uri), f"{step.name} {len(uses.files) + 1}")
        else:
            named = self._property_file(wanted["PropertyFile"], (*path, "PropertyFile"), uses)
            if named is None:
                return "null"
            key, uri = named
        uses.files[key] = uri
        return jsonata.path(_PLACE_OF_FILES, (key, *keys))

    def _property_file(self, given: Json, path: Path, uses: Uses) -> tuple[str, str] | None:
        """Key and URI of a file named by `Steps.STEP.PropertyFiles.NAME`."""
        found = references.parse(str(given.get("Get", ""))) if isinstance(given, dict) else None
        if not isinstance(found, references.Property) or len(found.keys) != 2 or found.keys[0] != "PropertyFiles":
            text = "A property file is named by Steps.STEP.PropertyFiles.NAME"
            self._report.add("PIP204", text, path, found=given)
            return None
        if not self._known(found.step, path, uses):
            return None
        name, files = str(found.keys[1]), self._steps[found.step].file_names
        if name not in files:
            self._unknown(f"The step {found.step!r} has no property file {name!r}", path, name, files)
            return None
        self._check_output(self._steps[found.step], files[name]["OutputName"], path)
        output = ("ProcessingOutputConfig", "Outputs", files[name]["OutputName"], "S3Output", "S3Uri")
        folder = jsonata.path("$states.input.Steps", (found.step, *output))
        return f"{found.step}.{name}", f"{folder} & {jsonata.text('/' + files[name]['FilePath'])}"

    def _check_output(self, step: Step, name: str, path: Path) -> None:
        config: Any = step.arguments.get("ProcessingOutputConfig")
        outputs = config.get("Outputs") if isinstance(config, dict) else None
        if isinstance(outputs, list):
            names = [str(one["OutputName"]) for one in outputs if isinstance(one, dict) and "OutputName" in one]
            if name not in names:
                self._unknown(f"The step {step.name!r} has no output {name!r} for its property file", path, name, names)

    def _known(self, step: str, path: Path, uses: Uses) -> bool:
        if step not in self._steps:
            self._unknown(f"The pipeline has no step {step!r}", path, step, self._steps)
            return False
        if step not in uses.steps:
            uses.steps.append(step)
        return True

    def _unknown(self, text: str, path: Path, name: str, known: Any) -> None:
        self._report.add("PIP202", text, path, hint=did_you_mean(name, known))


def is_expression(value: Json) -> Any:
    """The form of an expression, `Get`, `Std:Join` or `Std:JsonGet`; None for any other value."""
    if isinstance(value, dict) and len(value) == 1:
        form = next(iter(value))
        return form if form in _FORMS else None
    return None
