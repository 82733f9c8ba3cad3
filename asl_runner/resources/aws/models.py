"""Which AWS services and actions there are, by botocore's models; loaded once each, when first asked for."""

from __future__ import annotations

import threading
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

from asl_runner.resources.aws.names import BOTOCORE_NAMES

_loading = threading.Lock()


class UnknownOperation(Exception):
    """There is no such service, or it has no such action; `str()` says which come close."""


@lru_cache(maxsize=1)
def session() -> Any:
    """The botocore session whose loader caches every model that was read."""
    from botocore.session import Session

    return Session()


@lru_cache(maxsize=1)
def services() -> dict[str, str]:
    """Every service of `aws-sdk` resources, as written there, with botocore's name for it."""
    own = BOTOCORE_NAMES
    renamed = set(own.values())
    names = session().get_component("data_loader").list_available_services("service-2")
    return {name.replace("-", ""): name for name in names if name not in renamed} | own


def botocore_name(service: str) -> str:
    """botocore's name of a service as `aws-sdk` resources name it. Raises `UnknownOperation`."""
    name = services().get(service)
    if name is None:
        found = [spelt for spelt, own in services().items() if own.replace("-", "") == service.replace("-", "")]
        hint = f" Did you mean {found[0]}?" if found else _close(service, services())
        raise UnknownOperation(f"There is no AWS service {service!r} in aws-sdk resources.{hint}")
    return name


@lru_cache(maxsize=256)
def service_model(name: str) -> Any:
    """The model of a service by botocore's name."""
    with _loading:
        return session().get_service_model(name)


def operation(name: str, action: str) -> Any:
    """The model of an operation of a service by botocore's name; `action` as in a resource, `getItem`.

    Raises `UnknownOperation`.
    """
    model = service_model(name)
    known = _actions(name)
    if action not in known:
        raise UnknownOperation(f"The AWS service {name!r} has no action {action!r}.{_close(action, known)}")
    found = model.operation_model(known[action])
    if found.has_event_stream_input or found.has_event_stream_output:
        raise UnknownOperation(
            f"The action {action!r} of {name!r} streams events, which Step Functions does not offer."
        )
    return found


@lru_cache(maxsize=256)
def _actions(name: str) -> dict[str, str]:
    """Actions in camel case, with the operation's name."""
    return {found[:1].lower() + found[1:]: found for found in service_model(name).operation_names}


def _close(name: str, known: dict[str, str]) -> str:
    by_lower = {found.lower(): found for found in known}
    if found := get_close_matches(name.lower(), by_lower, n=3, cutoff=0.6):
        return f" Did you mean {' or '.join(by_lower[close] for close in found)}?"
    shown = sorted(known)
    return f" It has {', '.join(shown)}." if len(shown) <= 12 else ""
