"""How a command gets asyncio: a machine without Tasks talks to nobody, and need not wait for OpenSSL to load."""

from __future__ import annotations

import sys
from types import ModuleType


def load_asyncio(*, tls: bool) -> ModuleType:
    """Gives asyncio; without `tls`, where it is not loaded yet, as it is on a Python built without OpenSSL.

    Loading OpenSSL takes a tenth of a small run. asyncio itself copes without; only TLS connections of event loops are
    then refused in this process. `ssl` stays there for everybody else to import, and child processes know nothing.
    """
    if tls or "asyncio" in sys.modules or "ssl" in sys.modules:
        import asyncio

        return asyncio
    # None stands for a module that cannot be found (language reference, "The module cache").
    sys.modules["ssl"] = None  # type: ignore[assignment]
    try:
        import asyncio
    finally:
        del sys.modules["ssl"]
    return asyncio
