"""How numbers, times and data are written for people."""

from __future__ import annotations

import time


def duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`."""
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    for size, name, smaller, smaller_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {name} {rest} {smaller_name}" if rest else f"{whole // size} {name}"
    return f"{whole} s"


def local_time(seconds: float) -> str:
    """A moment in the machine's time zone, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def shorten(text: str, width: int) -> str:
    """One line of at most `width` characters, cut with an ellipsis, without what would steer a terminal."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else f"{line[: width - 1]}…"


def printable(text: str, keep: str = "") -> str:
    """The text without what would steer a terminal, as it is not ours; characters in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in keep else "\ufffd" for char in text)


def reason(error: str | None, cause: str | None, width: int = 300) -> str:
    """A failure in one line: the error, and of a Lambda function's error payload only its message; "" for neither."""
    message = cause or ""
    if message.startswith("{"):
        import msgspec

        try:
            payload = msgspec.json.decode(message)
        except msgspec.DecodeError:
            payload = None  # Cut off at the limit, or never JSON: shown as it is.
        if isinstance(payload, dict):
            said = payload.get("errorMessage", payload.get("FailureReason"))
            message = said if isinstance(said, str) else message
    return shorten(": ".join(part for part in (error, message) if part), width)
