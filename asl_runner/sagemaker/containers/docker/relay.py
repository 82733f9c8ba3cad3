"""Lets containers reach the workspace's AWS endpoint, which listens on the loopback interface only.

A relay listens on the address this machine has in the containers' network, and passes on what comes from that network;
all others are turned away.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from ipaddress import IPv4Address, IPv4Network
from typing import Any


class Relay:
    """Passes connections on to one port of 127.0.0.1 until it is closed."""

    def __init__(self, address: IPv4Address, network: IPv4Network, port: int) -> None:
        """Listens on a free port of `address`. Raises `OSError` where this machine has no such address."""
        self._network = network
        self._target = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listening = socket.create_server((str(address), 0))
        self.port: int = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"relay-{port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends every connection."""
        # `close` alone does not wake up a thread that waits in `accept`.
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listening.accept()
            except OSError:
                return
            if IPv4Address(peer[0]) not in self._network:
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), name="relay", daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        with self._lock:
            self._open |= {near, far}
        back = threading.Thread(target=_copy, args=(far, near), name="relay", daemon=True)
        back.start()
        _copy(near, far)
        back.join()
        with self._lock:
            self._open -= {near, far}
        near.close()
        far.close()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def host_in(network: Any) -> tuple[IPv4Address, IPv4Network] | None:
    """The host's address in a network of Docker, and the network; None for one without an IPv4 address."""
    for part in (network.attrs.get("IPAM") or {}).get("Config") or ():
        found = IPv4Network(part["Subnet"]) if ":" not in part.get("Subnet", ":") else None
        if found is not None:
            # Docker gives the host the first address where nobody said otherwise.
            return IPv4Address(part.get("Gateway", "").partition("/")[0] or str(next(found.hosts()))), found
    return None
