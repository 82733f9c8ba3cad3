"""What GetTemplateSummary and ValidateTemplate say of a template."""

from __future__ import annotations

from typing import Any

from asl_runner.endpoint.cloudformation.serverless import SERVERLESS
from asl_runner.endpoint.cloudformation.template import Template

_CONSTRAINTS = (
    "AllowedPattern", "AllowedValues", "ConstraintDescription", "MaxLength", "MaxValue", "MinLength", "MinValue"
)  # fmt: skip
_NAMES = ("GroupName", "ManagedPolicyName", "PolicyName", "RoleName", "UserName")


def summary(template: Template) -> dict[str, Any]:
    """The answer of GetTemplateSummary."""
    capabilities, reason = _capabilities(template)
    resources = template["Resources"].values()
    return {
        "Description": template.get("Description"),
        "Metadata": None,
        "Version": template.get("AWSTemplateFormatVersion"),
        "Parameters": [_parameter(name, each) for name, each in (template.get("Parameters") or {}).items()],
        "ResourceTypes": sorted({resource["Type"] for resource in resources}),
        "Capabilities": capabilities,
        "CapabilitiesReason": reason,
        "DeclaredTransforms": _transforms(template),
    }


def validation(template: Template) -> dict[str, Any]:
    """The answer of ValidateTemplate."""
    said = summary(template)
    keys = ("Description", "Capabilities", "CapabilitiesReason", "DeclaredTransforms")
    parameters = [
        {key: value for key, value in each.items() if key in ("ParameterKey", "DefaultValue", "NoEcho", "Description")}
        for each in said["Parameters"]
    ]
    return {"Parameters": parameters, **{key: said[key] for key in keys}}


def _parameter(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    default = declared.get("Default")
    return {
        "ParameterKey": name,
        "DefaultValue": None if default is None else str(default),
        "ParameterType": declared.get("Type", "String"),
        "NoEcho": bool(declared.get("NoEcho", False)),
        "Description": declared.get("Description"),
        "ParameterConstraints": {key: declared[key] for key in _CONSTRAINTS if key in declared},
    }


def _transforms(template: Template) -> list[str]:
    named = template.get("Transform") or []
    each = named if isinstance(named, list) else [named]
    return [item["Name"] if isinstance(item, dict) else item for item in each]


def _capabilities(template: Template) -> tuple[list[str], str | None]:
    """Source: CreateStack, `Capabilities`."""
    needed, named = set(), False
    for resource in template["Resources"].values():
        if resource["Type"].startswith("AWS::IAM::"):
            named = named or any(name in (resource.get("Properties") or {}) for name in _NAMES)
            needed.add(resource["Type"])
    found = (["CAPABILITY_NAMED_IAM"] if named else ["CAPABILITY_IAM"]) if needed else []
    if SERVERLESS in _transforms(template):
        found.append("CAPABILITY_AUTO_EXPAND")
    reason = f"The following resource(s) require capabilities: [{', '.join(sorted(needed))}]" if needed else None
    return found, reason
