"""What a name that becomes part of an ARN may hold: of machines, executions, and labels of distributed Maps."""

from __future__ import annotations

_FORBIDDEN = frozenset('<>{}[]?*"#%\\^|~`$&,;:/\ufffe\uffff\U0010ffff')


def first_forbidden(name: str) -> int | None:
    """The offset of the first character AWS does not take in a name, None if it takes them all.

    Source: Step Functions API reference, StartExecution, `name`; reference section 1.
    """
    return next((offset for offset, character in enumerate(name) if _is_forbidden(character)), None)


def _is_forbidden(character: str) -> bool:
    """Blanks, brackets, wildcards and special characters; control characters; halves of surrogate pairs."""
    return (
        character in _FORBIDDEN
        or character.isspace()
        or character < " "
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
    )


def machine_name(file: str) -> str:
    """A state machine's name: its file's, without `.asl.json` and the like, in characters AWS allows in a name.

    `-` is standard input.
    """
    import re

    if file == "-":
        return "stdin"
    name = re.sub(r"(\.asl)?(\.(json|yaml|yml))?$", "", file.replace("\\", "/").rpartition("/")[2])
    return re.sub(r"[^\w.-]+", "-", name).strip("-")[:80] or "state-machine"


def map_label(state: str, label: str | None, machine_arn: str) -> str:
    """The label of a distributed Map in ARNs: its own, or one made up, the same in all of a machine's executions.

    Source: reference section 11 (map runs); the recorded ones look like UUIDs.
    """
    if label:
        return label
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{machine_arn}/{state}"))
