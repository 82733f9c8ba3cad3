"""Other inputs for the states an execution goes on in: beyond AWS, which enters them with what they had.

Such a state is entered once more, after the redrive, and the history shows with what: the entry before stays true.
"""

from __future__ import annotations

from msgspec import structs

from asl_runner.errors import UsageError
from asl_runner.interpreter.carried import Carried, Does, Step, enter_anew, joined, place_name
from asl_runner.interpreter.restored import Restored, open_places

_MOST_NAMED = 20
"""Places a message names."""


def give_input(carried: Carried, wanted: str, text: bytes) -> list[str]:
    """Has the visits that are open of a state, by its name or its place, be entered once more with this input.

    Gives their scopes.
    Raises `UsageError` with those there are.
    """
    open_ = {place_name(place.path, place.todo or ""): place for place in open_places(carried.restored)}
    chosen = [place for name, place in open_.items() if wanted in (name, place.todo)]
    if not chosen:
        names = list(open_)
        more = f", and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        raise UsageError(
            f"{wanted!r} is not where the execution goes on: that is {', '.join(names[:_MOST_NAMED])}{more}."
        )
    for place in chosen:
        within = f"{place.child_path}." if place.visits.get(place.todo or "") else None
        enter_anew(place, text)
        steps = [step for step in carried.steps if within is None or not step.scope.startswith(within)]
        carried.steps = [_with_input(step, place) for step in steps]
    return [place.path for place in chosen]


def give_input_at(restored: Restored, scope: str, text: bytes) -> None:
    """Has the open state of a scope, if it still goes on in one, be entered once more with this input."""
    for place in open_places(restored):
        if place.path == scope:
            enter_anew(place, text)
            return


def _with_input(step: Step, place: Restored) -> Step:
    if (step.scope, step.state) != (place.path, place.todo) or step.does == "KEPT":
        return step
    does: Does = "RUNS AGAIN" if step.does == "GOES ON" else step.does
    return structs.replace(step, does=does, note=joined("with the new input", step.note))
