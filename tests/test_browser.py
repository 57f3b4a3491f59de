"""The main job as a person does it, in a real browser against the real server with a real worker."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of `gan-advisor serve` with one worker, its state in a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "serve.log").open("w")
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--workers", "1"]
    service = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            said = (tmp_path / "serve.log").read_text()
            assert service.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.1)
        yield address
    finally:
        service.terminate()
        service.wait(60)
        log.close()


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: chromium is not on PATH (apt-get install chromium)")
def test_a_newcomer_asks_reads_the_answer_and_watches_a_validation_to_its_verdict(server: str, tmp_path: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=QUIET, viewport={"width": 390, "height": 844}
        )
        page = browser.pages[0]
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))

        page.goto(server)
        page.get_by_label("image", exact=True).check()
        page.get_by_label("Samples").fill("5,000")
        page.get_by_label("Resolution").fill("32")
        page.get_by_label("Channels").fill("1")
        page.get_by_label("Domain").fill("digits")
        expect(page.get_by_label("Columns")).to_be_hidden()
        page.get_by_role("button", name="Recommend").press("Enter")

        page.wait_for_url("**/recommendations/*")
        first = page.get_by_role("heading", level=1)
        expect(page.locator("#c1")).to_contain_text(first.inner_text())
        expect(page.get_by_role("img", name="Expected figure of each candidate")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scrolling on a phone"
        page.locator("#c1 .reasons a.ref").first.click()
        expect(page).to_have_url(re.compile("/(evidence|rules)/."))
        page.go_back()

        page.get_by_label("Data set").fill("mnist-5k")
        page.get_by_label("Training time").fill("40")
        page.get_by_role("button", name="Validate").click()
        page.wait_for_url("**/validations/*")
        page.evaluate("window.kept = true")
        state = page.locator("#state")
        expect(state).to_contain_text("running", timeout=60_000)
        expect(page.locator("#curves polyline").first).to_be_attached(timeout=120_000)
        expect(state).to_contain_text("succeeded", timeout=180_000)

        assert page.evaluate("window.kept"), "the script swapped the parts; the page was never loaded again"
        expect(state.locator(".verdict")).to_contain_text("kid_")
        samples = page.locator("#samples img").first
        samples.scroll_into_view_if_needed()
        expect(samples).to_have_js_property("complete", True)
        assert samples.evaluate("image => image.naturalWidth") > 0
        report = httpx.get(server + str(page.get_by_role("link", name="report.json").first.get_attribute("href"))).json()
        assert state.locator(".verdict strong").first.inner_text().lower().rstrip(".") == report["verdict"]["outcome"]
        assert complaints == []
        browser.close()
