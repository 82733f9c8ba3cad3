"""Random identifiers, made quickly: a start of an execution needs several."""

from __future__ import annotations

import random

_VARIANTS = "89ab"


def random_uuid() -> str:
    """A version 4 UUID as text, such as `3fd4dc92-fe75-476a-b01c-036d84837873`. Not for secrets."""
    digits = random_hex()
    variant = _VARIANTS[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def random_hex() -> str:
    """128 random bits as 32 hexadecimal digits."""
    return f"{random.getrandbits(128):032x}"
