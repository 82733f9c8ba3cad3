"""State data as history keeps them: compact JSON text, made once per value.

A large value that goes from state to state mostly stays the same object, with small parts changed around it. Its text
is made once; the texts of values around it are made of pieces that refer to it: what a state does not touch is free.
"""

from __future__ import annotations

from asl_runner.expressions.environment import Json
from asl_runner.expressions.json_text import compact as text
from asl_runner.expressions.json_text import compact_bytes
from asl_runner.history.events import Payload, Pieces

__all__ = ["PayloadEncoder", "text"]

_LARGE = 8192
"""Bytes of text from which a value's parts are remembered."""

_PIECE = 2048
"""Bytes of text from which a part is kept as a piece of its own."""

_REMEMBERED = 4 << 20
"""Bytes of text remembered before what was not used since is forgotten."""

_WIDEST = 64
"""Members of an object up to which its parts are looked at one by one."""


class PayloadEncoder:
    """Makes the texts of one execution's data. Remembers values by identity, and keeps them alive while it does."""

    __slots__ = ("_known", "_older", "_size")

    def __init__(self) -> None:
        self._known: dict[int, tuple[Json, bytes]] = {}
        self._older: dict[int, tuple[Json, bytes]] = {}
        self._size = 0

    def encode(self, value: Json) -> Payload:
        """The compact JSON text of a value; its length in bytes is what the payload limit counts."""
        if self._known and isinstance(value, (dict, list)):
            return self._assembled(value)
        text = compact_bytes(value)
        if len(text) >= _LARGE:
            self._learn(value, text)
        return text

    def _learn(self, value: Json, text: bytes) -> None:
        self._remember(value, text)
        if isinstance(value, dict) and len(value) <= _WIDEST:
            for member in value.values():
                if isinstance(member, (dict, list)):
                    part = compact_bytes(member)
                    if len(part) >= _PIECE:
                        self._learn(member, part)

    def _remember(self, value: Json, text: bytes) -> None:
        self._known[id(value)] = (value, text)
        self._size += len(text)
        if self._size > _REMEMBERED:
            self._older = self._known
            self._known = {id(value): (value, text)}
            self._size = len(text)

    def _recall(self, value: Json) -> bytes | None:
        found = self._known.get(id(value))
        if found is None:
            found = self._older.get(id(value))
            if found is None:
                return None
            self._remember(*found)
        return found[1]

    def _assembled(self, value: Json) -> Payload:
        pieces: list[bytes] = []
        small: list[bytes] = []
        self._assemble(value, pieces, small)
        if small:
            pieces.append(b"".join(small))
        if len(pieces) == 1:
            return pieces[0]
        return Pieces(tuple(pieces)) if pieces else b""

    def _assemble(self, value: Json, pieces: list[bytes], small: list[bytes]) -> None:
        known = self._recall(value)
        if known is None and isinstance(value, dict) and len(value) <= _WIDEST:
            separator = b"{"
            for name, member in value.items():
                small += (separator, compact_bytes(name), b":")
                if isinstance(member, (dict, list)):
                    self._assemble(member, pieces, small)
                else:
                    small.append(compact_bytes(member))
                separator = b","
            small.append(b"}" if value else b"{}")
            return
        if known is None:
            known = compact_bytes(value)
            if len(known) >= _PIECE:
                self._remember(value, known)
        if len(known) < _PIECE:
            small.append(known)
            return
        if small:
            pieces.append(b"".join(small))
            small.clear()
        pieces.append(known)
