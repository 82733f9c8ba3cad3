"""The transform `AWS::Serverless-2016-10-31`: SAM's resources become CloudFormation's, by AWS's own translator."""

from __future__ import annotations

import copy
from typing import Any

from moto.cloudformation.exceptions import ValidationError

from asl_runner.endpoint.cloudformation.template import Template

SERVERLESS = "AWS::Serverless-2016-10-31"
_NOTHING_TO_DO = frozenset({"AWS::LanguageExtensions"})
"""Its functions that moto knows (`Fn::ToJsonString`) work without it; others are refused where they are met."""


def transformed(template: Template, parameters: dict[str, str], region: str) -> Template:
    """The template without its transforms. Raises moto's `ValidationError`."""
    named = template.get("Transform") or []
    names = [named] if isinstance(named, str | dict) else named
    for name in names:
        if name != SERVERLESS and name not in _NOTHING_TO_DO:
            shown = name.get("Name") if isinstance(name, dict) else name
            raise ValidationError(message=f"No transform named {shown} is available here; {SERVERLESS} is.")
    plain = {key: value for key, value in template.items() if key != "Transform"}
    return _translated(template, parameters, region) if SERVERLESS in names else plain


def _translated(template: Template, parameters: dict[str, str], region: str) -> Template:
    try:
        import boto3
        from samtranslator.model.exceptions import InvalidDocumentException
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
    except ImportError as error:
        raise ValidationError(
            message=f"{SERVERLESS} needs AWS's translator ({error}): pip install 'asl-runner[server]'."
        ) from error

    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region))
    given: dict[str, Any] = {**parameters, "AWS::Region": region}
    try:
        found: Template = translator.translate(copy.deepcopy(template), given, get_managed_policy_map=dict)
    except InvalidDocumentException as error:
        reasons = " ".join(cause.message for cause in error.causes)
        message = f"Transform {SERVERLESS} failed with: {error.message} {reasons}"
        raise ValidationError(message=message) from error
    finally:
        translator.metrics.publish()  # To nobody; it complains of those that are not published.
    return {key: value for key, value in found.items() if key != "Transform"}
