"""The main job as a person does it, in a real browser against the real server with a real worker."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import httpx
import pytest
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `gan-advisor serve` with one worker, its state in a folder of its own."""
    folder = tmp_path_factory.mktemp("browser")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (folder / "serve.log").open("w")
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port), "--workers", "1"]
    env = {**os.environ, "GAN_ADVISOR_DATA_DIR": str(folder / "var")}
    service = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=env)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 60
    try:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{address}/healthz").status_code == 200:
                    break
            said = (folder / "serve.log").read_text()
            assert service.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.1)
        yield address
    finally:
        service.terminate()
        service.wait(60)
        log.close()


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser with nothing in it. There must be one: `apt-get install chromium`."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "chromium is not on PATH (apt-get install chromium)"
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=QUIET, viewport={"width": 390, "height": 844}
        )
        yield context
        context.close()


@pytest.fixture
def page(chromium: BrowserContext) -> Iterator[Page]:
    """A page at the width of a phone, on which nothing may be complained of and no page may scroll sideways."""
    found = chromium.pages[0]
    complaints: list[str] = []
    found.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    yield found
    assert found.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "no sideways scrolling on a phone"
    assert complaints == []


def test_a_newcomer_asks_reads_the_answer_and_watches_a_validation_to_its_verdict(server: str, page: Page) -> None:
    from playwright.sync_api import expect

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
    page.locator("#samples summary").first.click()
    moments = page.locator("#samples details[open] img")
    assert moments.count() > 1, "the run is seen to grow"
    expect(moments.first).to_have_js_property("complete", True)
    assert moments.first.evaluate("image => image.naturalWidth") > 0
    report = httpx.get(server + str(page.get_by_role("link", name="report.json").first.get_attribute("href"))).json()
    assert state.locator(".verdict strong").first.inner_text().lower().rstrip(".") == report["verdict"]["outcome"]


def test_a_folder_is_read_described_and_asked_about(server: str, page: Page, tmp_path: Path) -> None:
    from playwright.sync_api import expect
    from sklearn.datasets import load_digits

    folder = tmp_path / "numbers"
    for place, (image, label) in enumerate(zip(*load_digits(return_X_y=True), strict=True)):
        if place < 40:
            (folder / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray((image.reshape(8, 8) * 15).astype("uint8")).resize((32, 32)).save(
                folder / str(label) / f"{place}.png"
            )
    page.goto(f"{server}/datasets")
    for chosen in (page.get_by_label("A file"), page.get_by_label("or a folder")):
        box = chosen.bounding_box()
        assert box and box["width"] > 300, "the name of what was chosen has room"
    page.get_by_label("or a folder").set_input_files(folder)
    page.get_by_role("button", name="Read it").click()
    page.wait_for_url("**/datasets/ds_*")
    expect(page.locator("main")).to_contain_text("40 samples of image data")
    expect(page.locator("main")).to_contain_text("Classes: 10")
    page.get_by_role("link", name="Ask which GAN for it").click()
    expect(page.get_by_label("Samples")).to_have_value("40")
    expect(page.get_by_label("Resolution")).to_have_value("32")
    page.get_by_role("button", name="Recommend").click()
    page.wait_for_url("**/recommendations/*")
    expect(page.get_by_label("Data set")).to_have_value(re.compile("ds_"))
    page.goto(f"{server}/datasets")
    expect(page.get_by_role("link", name="numbers.zip")).to_be_visible()


def test_the_queue_follows_what_happens_without_being_loaded_again_and_without_a_script_reloads(server: str, page: Page) -> None:
    from playwright.sync_api import expect

    page.goto(f"{server}/queue")
    expect(page.locator("noscript")).to_be_attached()
    assert 'http-equiv="refresh"' in page.locator("noscript").inner_text()
    page.evaluate("window.kept = true")
    last = page.locator("#workers thead th").last.bounding_box()
    assert last and last["x"] + last["width"] <= 390, "the last column is not cut"
    task = {"data": {"type": "image", "resolution": 16, "channels": 1, "samples": 1797}, "budget": {"gpu_hours": 2}}
    asked = {"task": task, "architectures": ["gan", "dcgan", "sngan"], "dataset": "digits", "budget": {"max_seconds": 60}}
    made = httpx.post(f"{server}/v1/validations", json=asked).json()
    link = page.get_by_role("link", name="gan, dcgan and sngan on digits")
    expect(link).to_be_visible(timeout=30_000)
    assert page.evaluate("window.kept")
    link.click()
    expect(page.get_by_role("heading", name="The race")).to_be_visible()
    expect(page.locator("#race tbody tr")).to_have_count(3)
    httpx.post(f"{server}/v1/validations/{made['id']}/cancel")
    expect(page.locator("#state")).to_contain_text("canceled", timeout=30_000)


def test_figures_are_filtered_compared_and_followed_to_their_source(server: str, page: Page) -> None:
    from playwright.sync_api import expect

    page.goto(f"{server}/evidence")
    page.get_by_label("Data set").fill("cifar10")
    page.get_by_label("Metric").fill("fid")
    page.get_by_label("Order").select_option("newest")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/evidence?*dataset=cifar10*")
    expect(page.locator(".yard").first).to_contain_text("cifar10")
    sheet = httpx.get(server + str(page.get_by_role("link", name="CSV").get_attribute("href"))).text.splitlines()
    assert len(sheet) > 10 and all("cifar10" in line for line in sheet[1:])
    page.locator("table.figures td.n a").first.click()
    expect(page).to_have_url(re.compile("/evidence/."))
    expect(page.locator("a[rel=external]").first).to_be_attached()

    page.goto(f"{server}/compare")
    for place, slug in enumerate(("stylegan2-ada", "projected-gan"), 1):
        page.get_by_label(f"Architecture {place}").fill(slug)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name=re.compile("Measured alike: [1-9]"))).to_be_visible()
    expect(page.get_by_role("table").last.locator("thead th")).to_have_text(
        [re.compile("Fact"), "StyleGAN2-ADA", "Projected GAN"]
    )


SCHEMES: list[tuple[Literal["light", "dark"], dict[str, list[str]]]] = [("light", {}), ("dark", {"runOnly": ["color-contrast"]})]


def test_every_page_is_small_fits_a_phone_and_can_be_read_by_everybody(server: str, page: Page) -> None:
    from axe_playwright_python.base import AXE_SCRIPT

    sizes: list[int] = []
    parts = ("responseBodySize", "responseHeadersSize")
    page.on("requestfinished", lambda request: sizes.append(sum(request.sizes()[part] for part in parts)))
    links = [
        "/",
        "/evidence?disputed=true",
        "/compare?architecture=stylegan2-ada&architecture=fastgan",
    ]
    page.goto(server)
    links += [str(a.get_attribute("href")) for a in page.get_by_label("Pages").get_by_role("link").all()]
    assert len(links) > 12
    task = {"data": {"type": "image", "resolution": 256, "samples": 1000}, "budget": {"gpu": "RTX 3090", "gpu_hours": 48}}
    links.append(f"/recommendations/{httpx.post(f'{server}/v1/recommendations', json=task).json()['id']}")
    for address in links:
        sizes.clear()
        page.goto(server + address, wait_until="networkidle")
        assert 0 < sum(sizes) < 150_000, address
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
        page.evaluate(AXE_SCRIPT)
        for scheme, asked in SCHEMES if address in links[:3] or address == links[-1] else SCHEMES[:1]:
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("asked => axe.run(asked)", asked | {"resultTypes": ["violations"]})["violations"]
            assert [(f["id"], f["impact"], f["nodes"][0]["html"]) for f in found] == [], f"{address} {scheme}"
