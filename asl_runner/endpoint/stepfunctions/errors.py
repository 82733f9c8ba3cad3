"""The refusals several operations share, with AWS's codes and texts (reference section 23)."""

from __future__ import annotations

from asl_runner.service_model.errors import ServiceError


def invalid_arn(reason: str) -> ServiceError:
    """An ARN that is none, or that names something else."""
    return ServiceError("InvalidArn", f"Invalid Arn: '{reason}'")


def invalid_name(name: str) -> ServiceError:
    """A name with characters AWS does not take."""
    return ServiceError("InvalidName", f"Invalid Name: '{name}'")


def invalid_token() -> ServiceError:
    """A `nextToken` or task token that was not given out by this operation."""
    return ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")


def invalid_definition(problems: str) -> ServiceError:
    """A definition with the problems listed."""
    return ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{problems}'")


def no_machine(arn: str) -> ServiceError:
    """There is no such state machine, version or alias."""
    return ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")


def machine_deleting(arn: str) -> ServiceError:
    """The state machine waits for the end of its executions to be deleted."""
    return ServiceError("StateMachineDeleting", f"State machine is being deleted: '{arn}'")


def no_resource(arn: str) -> ServiceError:
    """There is nothing with this ARN."""
    error = ServiceError("ResourceNotFound", "Request references a resource that does not exist.")
    error.response["resourceName"] = arn
    return error


def invalid(message: str) -> ServiceError:
    """The request has the right form but cannot be accepted."""
    return ServiceError("ValidationException", message)


def conflict(message: str) -> ServiceError:
    """The request contradicts what is there."""
    return ServiceError("ConflictException", message)
