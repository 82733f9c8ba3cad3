"""How an S3 key becomes a path below its bucket's directory, and back.

A key is its own path wherever a file system allows it: `csv/train.csv` is the file `csv/train.csv`. What cannot be a
plain path is written with names that start with a marker, so that every key has exactly one path and every such path
exactly one key:

    %e%TEXT   a segment that is empty, `.` or `..`, holds a control character, or itself looks like a marker;
              in TEXT the offending characters are percent-encoded (`a//b` is `a/%e%/b`, `..` is `%e%%2E%2E`)
    %l%TEXT   the beginning of a segment longer than 255 bytes; it goes on in the name below it
    %z%TEXT   the end of such a segment
    %f%       inside a directory: the object whose key is the directory's own (`a`, when `a/b` exists as well)

Everything else, `%` included, stands for itself, so a file put into a bucket by hand is found under its own name.
"""

from __future__ import annotations

import re

from asl_runner.errors import UsageError

ESCAPED, CONTINUED, ENDED = "%e%", "%l%", "%z%"
SELF = "%f%"
"""Name of the file that holds an object whose key is also a prefix of others."""

MAX_KEY_BYTES = 1024
"""S3's limit on a key (Amazon S3 User Guide, "Naming Amazon S3 objects")."""

_MAX_NAME_BYTES = 255
_CHUNK_BYTES = _MAX_NAME_BYTES - len(CONTINUED)
_MARKED = re.compile(r"%[elzf]%")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f%]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PERCENT = re.compile(r"%([0-9A-F]{2})")


class InvalidKey(UsageError):
    """A key S3 itself does not accept: empty, longer than 1,024 bytes, or not text."""


def encode(key: str) -> tuple[str, ...]:
    """The names of the path that holds `key`, from the bucket's directory down.

    Raises InvalidKey.
    """
    check(key)
    return encode_directory(key)


def encode_directory(text: str) -> tuple[str, ...]:
    """The names for any part of a key that lies between slashes, such as a prefix without its last slash."""
    return tuple(name for segment in text.split("/") for name in _encode_segment(segment))


def decode(names: tuple[str, ...]) -> str | None:
    """The key whose path has these names; None when no key is stored there (a foreign name with a marker in it)."""
    if names and names[-1] == SELF:
        names = names[:-1]
    segments: list[str] = []
    pending = ""
    for name in names:
        if name.startswith(CONTINUED):
            pending += name[len(CONTINUED) :]
            continue
        text = pending + name[len(ENDED) :] if name.startswith(ENDED) else name
        pending = ""
        segments.append(_unescape(text))
    key = "/".join(segments)
    return key if not pending and names and is_text(key) and encode_directory(key) == names else None


def is_marked(name: str) -> bool:
    """Whether a name on disk starts with one of the markers."""
    return _MARKED.match(name) is not None


def is_plain(name: str) -> bool:
    """Whether a segment of a key is its own name on disk."""
    return _is_safe(name) and len(name.encode("utf-8", "surrogatepass")) <= _MAX_NAME_BYTES and is_text(name)


def is_text(text: str) -> bool:
    """Whether the text is Unicode that UTF-8 can carry (a file name of other bytes is not)."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def check(key: str) -> None:
    """Raise InvalidKey unless S3 would accept the key."""
    if not key:
        raise InvalidKey("An object needs a key of at least one character.")
    if not is_text(key):
        raise InvalidKey(f"The key {key!a} is not valid Unicode text; S3 keys are UTF-8.")
    if (size := len(key.encode())) > MAX_KEY_BYTES:
        raise InvalidKey(f"The key {key[:40]!r}... is {size} bytes long; S3 allows at most {MAX_KEY_BYTES}.")


def _is_safe(segment: str) -> bool:
    return segment not in ("", ".", "..") and not _CONTROL.search(segment) and not _MARKED.match(segment)


def _encode_segment(segment: str) -> list[str]:
    text = segment if _is_safe(segment) else ESCAPED + _escape(segment)
    if len(text.encode()) <= _MAX_NAME_BYTES:
        return [text]
    chunks = _chunks(text)
    return [*(CONTINUED + chunk for chunk in chunks[:-1]), ENDED + chunks[-1]]


def _chunks(text: str) -> list[str]:
    """The text cut into pieces that fit a name, never inside a character."""
    chunks, start, size = [], 0, 0
    for index, character in enumerate(text):
        width = len(character.encode())
        if size + width > _CHUNK_BYTES:
            chunks.append(text[start:index])
            start, size = index, 0
        size += width
    return [*chunks, text[start:]]


def _escape(segment: str) -> str:
    if segment in (".", ".."):
        return segment.replace(".", "%2E")
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", segment)


def _unescape(text: str) -> str:
    if not text.startswith(ESCAPED):
        return text
    return _PERCENT.sub(lambda match: chr(int(match[1], 16)), text[len(ESCAPED) :])
