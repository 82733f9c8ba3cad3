"""The pages as a person uses them, in a real browser, on a wide and on a narrow screen."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from site_of_tests import HOSTILE, Site, page_of


def open_execution(page: Any, site: Site, arn: str) -> None:
    page.goto(site.url + page_of(arn))
    page.wait_for_selector("#table tbody tr.pick")
    page.wait_for_selector("#events tbody tr.pick")


def until(page: Any, condition: str) -> None:
    """Waits for something to be true in the page, which may not evaluate texts by itself."""
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(condition)


BOTH = pytest.mark.parametrize("page", [1440, 390], indirect=True)
"""A wide screen and a narrow one."""


def fits(page: Any) -> bool:
    """Whether nothing makes the page itself scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@BOTH
def test_a_failed_execution_shows_why_and_its_steps(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    assert HOSTILE in page.inner_text(".banner")
    assert page.inner_text("h1") == "one"
    assert fits(page)
    page.click("#graph [data-state='Check'] .shape")
    page.wait_for_selector("#panel [role=tab]")
    assert "4 is more than 3" in page.inner_text("#panel")
    page.click("#panel [role=tab]:has-text('Logs')")
    page.wait_for_selector("#panel pre:has-text('checking 4')")
    page.click("#panel button[aria-label='Visit before']")
    page.wait_for_selector("#panel .status:has-text('Succeeded')")
    assert fits(page)
    page.click("#panel button:has-text('Close')")
    page.wait_for_selector("#panel h2:has-text('Input and output')")


def test_stages_mark_what_changed(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    page.click("#table button:has-text('Load')")
    page.wait_for_selector("#panel .stage.changed .added:has-text('data')")
    assert "1 difference" in page.inner_text("#panel .stage.changed")


def test_the_graph_is_used_by_keyboard(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    page.focus("#graph [data-state='Load']")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.state") == "Each"
    before = page.evaluate("document.querySelector('#graph svg').clientWidth")
    page.keyboard.press("+")
    assert page.evaluate("document.querySelector('#graph svg').clientWidth") > before
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel h2:has-text('Each')")
    assert page.get_attribute("#graph [data-state='Each']", "aria-current") == "true"


def test_iterations_are_opened_and_shown_on_the_graph(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    page.click("#table .toggle")
    page.wait_for_selector("#table button:has-text('Failed 1')")
    page.click("#table .inner tr.pick:has-text('# 0')")
    page.wait_for_selector("#graph [data-state='Check'].SUCCEEDED")
    page.wait_for_selector("#table .inner .inner tr:has-text('Check')")
    page.click("button:has-text('All iterations')")
    page.wait_for_selector("#graph [data-state='Check'].FAILED")


def test_events_are_filtered_and_opened(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    page.fill("#event-tools input", "taskfailed")
    page.wait_for_selector("#events .empty")
    page.fill("#event-tools input", "LambdaFunctionFailed")
    until(page, "document.querySelectorAll('#events tr.bad').length === 2")
    page.click("#events tr.bad >> nth=0")
    page.wait_for_selector("#events .json:has-text('lambdaFunctionFailedEventDetails')")
    page.select_option("#event-tools select", "clock")
    until(page, "/^\\d\\d:\\d\\d:/.test(document.querySelector('#events tr.bad td:nth-child(2)').textContent)")


@BOTH
def test_the_table_is_sorted_and_becomes_a_timeline(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    page.click("#table th button:has-text('State')")
    until(page, "document.querySelector('#table tbody td').textContent.includes('Each')")
    assert page.get_attribute("#table th >> nth=0", "aria-sort") == "ascending"
    page.click("#table-tools button:has-text('Timeline')")
    assert page.is_hidden("#table th:has-text('Type')")
    assert page.is_visible("#table .bars svg >> nth=0")
    assert fits(page)


def test_a_replay_goes_back_in_the_history(page: Any, site: Site, failed: str) -> None:
    open_execution(page, site, failed)
    page.evaluate(
        "const slider = document.querySelector('#replay input'); slider.value = 4;"
        "slider.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.wait_for_selector("#graph [data-state='Each'].RUNNING")
    assert "after event 4 of" in page.inner_text("#replay output")
    assert page.get_attribute("#graph [data-state='Refuse']", "class") == "node"


def test_a_running_execution_is_stopped_and_the_page_follows(page: Any, site: Site, waiting: str) -> None:
    open_execution(page, site, waiting)
    page.wait_for_selector("#live.on", state="attached")
    page.wait_for_selector("#graph [data-state='Hold'].RUNNING")
    page.click("button:has-text('Stop')")
    page.wait_for_selector("#head .status.ABORTED")
    page.wait_for_selector("#graph [data-state='Hold'].ABORTED")
    page.wait_for_selector("#table .status.ABORTED")
    page.wait_for_selector("button:has-text('Redrive')")
    page.click("button:has-text('Redrive')")
    page.wait_for_selector("#head .status.RUNNING")


def test_an_execution_is_started_with_an_input_that_is_checked(page: Any, site: Site, failed: str) -> None:
    page.goto(f"{site.url}/_asl/machines/orders")
    page.fill("#start textarea", '{"items": [1,]}')
    page.wait_for_selector("#start-problem:has-text('This is not JSON')")
    assert page.is_disabled("#start button")
    page.fill("#start textarea", '{"items": [1]}')
    page.click("#start button")
    page.wait_for_url("**/executions/**")
    page.wait_for_selector("#head .status.SUCCEEDED")
    with page.expect_navigation():
        page.click("button:has-text('New execution with this input')")
    page.wait_for_selector("#head .status.SUCCEEDED")
    assert '"items"' in page.inner_text("#panel")


@BOTH
def test_the_list_follows_and_compares(page: Any, site: Site, failed: str, succeeded: str) -> None:
    page.goto(f"{site.url}/_asl/executions?machine=orders")
    page.wait_for_selector("#live.on", state="attached")
    started = site.run("orders", json.loads(site.json("/_asl/machines/orders.json")["machine"]["definition"]), {},
                       as_=f"seen-{page.viewport_size['width']}")  # fmt: skip
    page.wait_for_selector(f"a:has-text('{started.rpartition(':')[2]}')")
    assert fits(page)
    page.check(f"input[value='{failed}']")
    assert page.is_disabled("#compare")
    page.check(f"input[value='{succeeded}']")
    page.click("#compare")
    page.wait_for_selector(".banner:has-text('They part at step 1, Load')")
    page.wait_for_selector(".removed, .added, .changed")
    assert fits(page)


def test_hostile_text_runs_nowhere(page: Any, site: Site, evil: str) -> None:
    open_execution(page, site, evil)
    page.click("#graph .node >> nth=0")
    page.wait_for_selector("#panel [role=tab]")
    for tab in page.query_selector_all("#panel [role=tab]"):
        tab.click()
    page.click("#events tr.pick >> nth=0")
    page.wait_for_selector("#events .json")
    assert page.query_selector("img") is None
    assert HOSTILE in page.inner_text("#panel h2")


@pytest.fixture(scope="module")
def reports(site: Site, failed: str, evil: str, long: str) -> dict[str, Path]:
    found = {}
    for name, arn in (("failed", failed), ("evil", evil), ("long", long)):
        found[name] = site.directory / f"{name}.html"
        command = [sys.executable, "-m", "asl_runner", "report", arn, "-o", str(found[name])]
        subprocess.run(command, cwd=site.directory, check=True, capture_output=True)
    return found


@BOTH
def test_a_report_is_the_page_without_a_server(page: Any, reports: dict[str, Path]) -> None:
    page.goto(reports["failed"].as_uri())
    page.wait_for_selector("#table tbody tr.pick")
    assert fits(page)
    page.click("#graph [data-state='Check'] .shape")
    page.wait_for_selector("#panel .banner:has-text('4 is more than 3')")
    page.click("#table .toggle")
    page.click("#table .inner tr.pick:has-text('# 0')")
    page.wait_for_selector("#graph [data-state='Check'].SUCCEEDED")
    page.fill("#event-tools input", "LambdaFunctionFailed")
    until(page, "document.querySelectorAll('#events tr.bad').length === 2")
    page.click("#events tr.bad >> nth=0")
    page.wait_for_selector("#events .json:has-text('lambdaFunctionFailedEventDetails')")
    page.click("#table th button:has-text('State')")
    until(page, "document.querySelector('#table tbody td').textContent.includes('Each')")


def test_a_hostile_report_runs_nothing(page: Any, reports: dict[str, Path]) -> None:
    page.goto(reports["evil"].as_uri())
    page.wait_for_selector("#table tbody tr.pick")
    assert page.query_selector("img") is None


def test_a_report_is_read_without_javascript(browser: Any, reports: dict[str, Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(reports["long"].as_uri())
    assert len(page.query_selector_all("#events tbody tr")) == 1208
    assert len(page.query_selector_all("#table tbody tr")) == 2
    assert page.is_visible("#graph svg")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    context.close()


def test_a_page_is_read_without_javascript(browser: Any, site: Site, failed: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + page_of(failed))
    assert "Refuse" in page.inner_text("#table")
    assert "ExecutionFailed" in page.inner_text("#events")
    assert page.query_selector("button") is None
    context.close()


def test_light_and_dark_have_contrast(browser: Any, site: Site, failed: str) -> None:
    """Text and statuses against what is behind them: 4.5 to 1. Source: WCAG 2.2, 1.4.3."""
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        open_execution(page, site, failed)
        assert page.evaluate(_CONTRAST) == []
        context.close()


_CONTRAST = """() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => {
    const [r, g, b] = numbers(text).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (color.startsWith("rgb(")) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  for (const element of document.querySelectorAll("h1,h2,h3,dt,dd,td,th,button,a,p,.status,label,pre,.error-name")) {
    if (element.disabled || !element.offsetParent || element.classList.contains("skip")) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))].sort((x, y) => y - x);
    const said = `${element.tagName} ${element.className} ${element.textContent.slice(0, 30)}`;
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(said);
  }
  return bad;
}"""
