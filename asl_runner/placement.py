"""Where Tasks run: on this machine, in its Docker, or on AWS; chosen per state, per service, or for all.

The definition never says it. Choices are asked in their order, the command line's before the configuration's; within
one, a state by its name comes before its service, and that before the target of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from asl_runner.definition.resource import Resource
from asl_runner.errors import UsageError

Target: TypeAlias = Literal["local", "docker", "aws"]
TARGETS: tuple[Target, ...] = get_args(Target)

WORDS: Mapping[str, Target] = {"local": "local", "process": "local", "docker": "docker", "aws": "aws"}
"""What a place may be called; jobs on this machine without Docker are processes."""

IN_DOCKER = "sagemaker"
"""The service whose work Docker can do."""

_ALSO_CALLED: Mapping[str, str] = {"sfn": "states", "eventbridge": "events", "http": "events"}
"""A service of `aws-sdk` resources to its name as an optimized integration."""


class Choice(Struct, frozen=True):
    """What one source says: the target of all, and that of services and states by name."""

    target: Target | None = None
    uses: Mapping[str, Target] = {}


class Placement:
    """Several choices; the first that says something of a Task holds for it."""

    def __init__(self, *choices: Choice) -> None:
        self._choices = choices

    def of(self, resource: Resource, state: str) -> Target:
        """Where the Task `state` with this resource runs.

        With `docker` for all, what Docker cannot do runs on this machine; so do activities with `aws` for all, whose
        workers ask this workspace.
        """
        names = (state, *service_names(resource))
        for choice in self._choices:
            for name in names:
                if name in choice.uses:
                    return choice.uses[name]
            if choice.target is not None:
                return choice.target if problem(resource, choice.target) is None else "local"
        return "local"

    @property
    def anywhere_else(self) -> bool:
        """Whether anything is placed elsewhere than on this machine."""
        return any(choice.target not in (None, "local") or choice.uses for choice in self._choices)


def service_names(resource: Resource) -> tuple[str, ...]:
    """What a Task's service may be called: `aws-sdk:sfn`, `sfn`, `states`."""
    if resource.kind in ("lambda", "activity"):
        return (resource.kind,)
    name = resource.service.removeprefix("aws-sdk:")
    return tuple(dict.fromkeys((resource.service, name, _ALSO_CALLED.get(name, name))))


def problem(resource: Resource, target: Target) -> str | None:
    """Why a resource cannot be placed there; None if it can."""
    names = service_names(resource)
    if target == "docker" and IN_DOCKER not in names:
        return f"Only SageMaker's jobs run in Docker; place {names[-1]} at local or aws."
    if target == "aws" and "activity" in names:
        return "Workers of activities ask this workspace for their tasks, wherever they run; place activity at local."
    return None


def parse_uses(written: Sequence[str]) -> dict[str, Target]:
    """`sagemaker=docker`, `Train the model=aws`. Raises `UsageError` for what is not of that form."""
    uses: dict[str, Target] = {}
    for one in written:
        name, equals, place = one.rpartition("=")
        if not equals or not name:
            raise UsageError(f"--use expects SERVICE=PLACE or STATE=PLACE, like sagemaker=docker; found {one!r}.")
        if place not in WORDS:
            raise UsageError(f"--use {one}: the place is {_listed(WORDS)}, not {place!r}.{_near(place, WORDS)}")
        uses[name] = WORDS[place]
    return uses


def check_names(uses: Mapping[str, Target], states: Mapping[str, Resource]) -> None:
    """Raises `UsageError` for a name that is neither a Task of a machine nor the service of one.

    `states` are the machine's Tasks with their resources.
    """
    services = {name for resource in states.values() for name in service_names(resource)}
    for name in uses:
        if name not in states and name not in services:
            near = _near(name, (*states, *services))
            raise UsageError(
                f"--use {name}={uses[name]}: the state machine has no Task {name!r} and none of a service called so."
                + (near or f" Its Tasks: {', '.join(map(repr, states)) or 'none'}; services: {_listed(services)}.")
            )


def _listed(names: Mapping[str, object] | set[str]) -> str:
    *most, last = sorted(names) or ["none"]
    return f"{', '.join(most)} or {last}" if most else last


def _near(word: str, names: Mapping[str, object] | Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(names), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
