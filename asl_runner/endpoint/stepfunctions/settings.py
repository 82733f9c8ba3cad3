"""Settings of a state machine besides its definition: logging, tracing, encryption; and the form of a role's ARN."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from asl_runner.service_model.errors import ServiceError

if TYPE_CHECKING:
    from asl_runner.endpoint.stepfunctions.service import StepFunctions

LOGGING, TRACING, ENCRYPTION = "loggingConfiguration", "tracingConfiguration", "encryptionConfiguration"

OWNED_KEY = "AWS_OWNED_KEY"

DEFAULT_REUSE_SECONDS = 300
"""How long a data key is used when a customer's key is given without a time. Source: EncryptionConfiguration."""

DEFAULTS: dict[str, Any] = {
    LOGGING: {"level": "OFF", "includeExecutionData": False},
    TRACING: {"enabled": False},
    ENCRYPTION: {"type": OWNED_KEY},
}
"""The settings of a state machine that says nothing, as they are described."""

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")
_LOG_GROUP = re.compile(r"arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:(?P<name>[^:]+):\*")


async def checked_settings(service: StepFunctions, request: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The settings a request asks for, those it is silent about as they are `now`.

    Raises `ServiceError` InvalidLoggingConfiguration or InvalidEncryptionConfiguration.
    """
    settings = dict(now)
    if LOGGING in request:
        settings[LOGGING] = await _logging(service, request[LOGGING])
    if TRACING in request:
        settings[TRACING] = {"enabled": bool(request[TRACING].get("enabled"))}
    if ENCRYPTION in request:
        settings[ENCRYPTION] = checked_encryption(request[ENCRYPTION])
    return settings


def check_role(arn: str) -> None:
    """Raises `ServiceError` InvalidArn for what is no role's ARN. Whether there is such a role does not matter here."""
    if not _ROLE.fullmatch(arn):
        raise ServiceError("InvalidArn", f"Invalid Role Arn: '{arn}'")


def checked_encryption(wanted: dict[str, Any]) -> dict[str, Any]:
    """Encryption as it is described. Raises `ServiceError` InvalidEncryptionConfiguration."""
    key = wanted.get("kmsKeyId")
    if wanted["type"] == OWNED_KEY:
        if key is not None or "kmsDataKeyReusePeriodSeconds" in wanted:
            raise _invalid_encryption("kmsKeyId and kmsDataKeyReusePeriodSeconds need type CUSTOMER_MANAGED_KMS_KEY")
        return {"type": OWNED_KEY}
    if key is None:
        raise _invalid_encryption("kmsKeyId is required for type CUSTOMER_MANAGED_KMS_KEY")
    seconds = wanted.get("kmsDataKeyReusePeriodSeconds", DEFAULT_REUSE_SECONDS)
    return {"kmsKeyId": key, "kmsDataKeyReusePeriodSeconds": seconds, "type": wanted["type"]}


async def _logging(service: StepFunctions, wanted: dict[str, Any]) -> dict[str, Any]:
    """Recorded: the two refusals, and how a level without the rest is described."""
    level = wanted.get("level", "OFF")
    destinations = wanted.get("destinations", [])
    settings = {"level": level, "includeExecutionData": bool(wanted.get("includeExecutionData"))}
    if level != "OFF" and len(destinations) != 1:
        raise _invalid_logging("Must specify exactly one Log Destination.")
    for destination in destinations:
        arn = destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        group = _LOG_GROUP.fullmatch(arn)
        if group is None:
            raise _invalid_logging("Log Destination not valid.")
        if not await asyncio.to_thread(service.deliveries.has_group, group["name"]):
            raise _invalid_logging("Log Destination not found.")
    if destinations:
        settings["destinations"] = destinations
    return settings


def _invalid_logging(reason: str) -> ServiceError:
    return ServiceError("InvalidLoggingConfiguration", f"Invalid Logging Configuration: {reason}")


def _invalid_encryption(reason: str) -> ServiceError:
    return ServiceError("InvalidEncryptionConfiguration", f"Invalid Encryption Configuration: {reason}")
