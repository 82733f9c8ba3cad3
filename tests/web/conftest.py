"""One served workspace with executions of every kind, and a headless Chromium where there is one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from site_of_tests import EVIL, LONG, ORDERS, WAIT, Site

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    served = Site(tmp_path_factory.mktemp("site"))
    yield served
    assert served.stop() == 0, served.said
    assert "Traceback" not in served.said, served.said


@pytest.fixture(scope="session")
def failed(site: Site) -> str:
    """An execution with a retry, a failed iteration and a caught error, ended by Fail with a hostile cause."""
    return site.run("orders", ORDERS, {"items": [1, 2, 3, 4, 5]})


@pytest.fixture(scope="session")
def succeeded(site: Site, failed: str) -> str:
    """The same machine with another input."""
    return site.run("orders", ORDERS, {"items": [1, 3]}, as_="two")


@pytest.fixture(scope="session")
def evil(site: Site) -> str:
    return site.run("evil", EVIL, {"text": EVIL["Comment"]})


@pytest.fixture(scope="session")
def long(site: Site) -> str:
    """A Map of 300 iterations."""
    return site.run("long", LONG, {})


@pytest.fixture
def waiting(site: Site, request: pytest.FixtureRequest) -> Iterator[str]:
    """An execution that runs until it is stopped."""
    yield (arn := site.run("waiting", WAIT, {}, wait=False, as_=request.node.name.translate(str.maketrans("[]", "--"))))
    site.call("StopExecution", executionArn=arn)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Closed after the module: while it is open, Playwright's event loop counts as running in this thread."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """1440 pixels wide, or as the test says. Fails the test if a script fails or asks for anything elsewhere."""
    width = getattr(request, "param", 1440)
    context = browser.new_context(viewport={"width": width, "height": 900}, reduced_motion="reduce")
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    opened.on("dialog", lambda dialog: problems.extend(["a dialog"]))
    here = ("http://127.0.0.1:", "file://", "data:")
    opened.on("request", lambda asked: problems.extend([asked.url] * (not asked.url.startswith(here))))
    opened.set_default_timeout(30_000)
    yield opened
    context.close()
    assert not problems
