"""Names of what the tests with real containers need."""

from __future__ import annotations

WISH = "ASL_RUNNER_DOCKER"
"""`required`: these tests fail without an engine; `none`: they are skipped in any case."""

BASE = "asl-runner-test/base"
"""A Debian with Python; `.ci/docker` makes it."""

OWN = "asl-runner-test/own"
"""An image as a user would build one, with programs `train` and `serve` of its own."""
