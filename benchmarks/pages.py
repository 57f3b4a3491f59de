"""First paint and weight of every kind of page in Chromium, in turn with a page of one word from a bare file server.

Every visit is one of a new profile: nothing is cached. Both servers are on loopback. Limits: 200 ms to the first contentful paint,
150 kB of transfer. On a busy machine read the difference from the page of one word.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from benchmarks.caller import free_port, server, service, up

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VISITS = 9
MOST_MS, MOST_BYTES = 200, 150_000
PAINTED = """() => new Promise(done => new PerformanceObserver(seen => {
  const paint = seen.getEntriesByName("first-contentful-paint")[0];
  const [page] = performance.getEntriesByType("navigation"), all = [page, ...performance.getEntriesByType("resource")];
  if (paint) done([paint.startTime, page.responseStart, all.reduce((sum, one) => sum + one.transferSize, 0)]);
}).observe({ type: "paint", buffered: true }))"""
TASK = {"data": {"type": "image", "resolution": 256, "samples": 1000}, "budget": {"gpu": "RTX 3090", "gpu_hours": 48}}
PAGES = {
    "ask": "/",
    "answer": "/recommendations/{answer}",
    "why not": "/recommendations/{answer}/why-not?architecture=stylegan2",
    "answers": "/recommendations",
    "cost": "/estimates?architecture=stylegan2&resolution=256&gpu=RTX+3090",
    "compare": "/compare?architecture=stylegan2-ada&architecture=projected-gan&architecture=fastgan",
    "evidence": "/evidence",
    "evidence, one data set": "/evidence?dataset=cifar10",
    "figure": "/evidence/{figure}",
    "architectures": "/architectures",
    "architecture": "/architectures/stylegan2-ada",
    "rules": "/rules",
    "record": "/record",
    "validations": "/validations",
    "queue": "/queue",
    "your data": "/datasets",
    "not found": "/architectures/none",
}


def visit(browser: Browser, url: str) -> tuple[float, float, int]:
    """(ms to the first contentful paint, ms to the first byte, bytes of all responses) of one visit of a stranger."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    painted, began, size = page.evaluate(PAINTED)
    context.close()
    return painted, began, size


@contextlib.contextmanager
def one_word() -> Iterator[str]:
    """The address of a page of one word."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "index.html").write_text("<!doctype html><title>word</title><p>word")
        port = free_port()
        with server(["-c", _BARE, str(port), folder], {}):
            up(f"http://127.0.0.1:{port}/")
            yield f"http://127.0.0.1:{port}/"


_BARE = """
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), partial(Quiet, directory=sys.argv[2])).serve_forever()
"""


def main() -> None:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        print("skipped: there is no chromium on PATH (apt-get install chromium)")
        return
    from playwright.sync_api import sync_playwright

    with service() as ours, one_word() as bare, sync_playwright() as playwright:
        url = f"http://127.0.0.1:{ours[0]}"
        answer = httpx.post(f"{url}/v1/recommendations", json=TASK).json()["id"]
        figure = httpx.get(f"{url}/v1/benchmarks?dataset=cifar10&limit=1").json()["items"][0]["id"]
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        print(f"medians of {VISITS} visits, limits {MOST_MS} ms and {MOST_BYTES // 1000} kB\n")
        print("| page | first paint ms | fastest | of one word | first byte ms | kB |")
        print("| --- " * 6 + "|")
        over = []
        for name, path in PAGES.items():
            seen = partial(visit, browser, url + path.format(answer=answer, figure=figure))
            rows, words = zip(*((seen(), visit(browser, bare)[0]) for _ in range(VISITS)), strict=True)
            paint, began, size = (statistics.median(column) for column in zip(*rows, strict=True))
            fastest = min(row[0] for row in rows)
            cells = f"{paint:.0f}", f"{fastest:.0f}", f"{statistics.median(words):.0f}", f"{began:.0f}", f"{size / 1e3:.0f}"
            print("|", " | ".join((name, *cells)), "|", flush=True)
            if paint > MOST_MS or size > MOST_BYTES:
                over.append(name)
        browser.close()
    print(f"\nover a limit: {', '.join(over) or 'none'}")


if __name__ == "__main__":
    main()
