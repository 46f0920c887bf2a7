"""The page as a browser draws it: on a desk and on a telephone, without an error, a request or anything too wide."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess

import pytest

from switchover.report.assemble import assemble
from switchover.report.html import render_html
from switchover.store import Store
from switchover.store.register import build_snapshot
from switchover.testing.sample_organisation import NOW, fill, sample_settings

WIDTHS = (1440, 390)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
)
# The page forbids scripts, so one around it measures: a window's least width is larger than a telephone's.
AROUND = """<!doctype html><body>{frames}<pre id="measured"></pre><script>
addEventListener("load", () => {{
  const found = [...document.querySelectorAll("iframe")].map((frame) => ({{
    width: frame.contentWindow.innerWidth,
    needed: frame.contentDocument.documentElement.scrollWidth,
    height: frame.contentDocument.documentElement.scrollHeight,
    requests: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
  }}));
  document.getElementById("measured").textContent = JSON.stringify(found);
}});
</script></body>"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        said = f"no browser: none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("STRICT") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return found


@pytest.fixture(scope="module")
def page():
    settings = sample_settings()
    with Store.open("sqlite://") as store:
        fill(store, settings)
        snapshot = build_snapshot(store, settings, {"student": "http://127.0.0.1:1"}, NOW)
        return render_html(assemble(store, settings, snapshot, NOW, simulated=("vendor",)))


def drawn(browser, text, folder):
    """What the browser measured at each width, and what it had to say on its console."""
    frame = '<iframe style="width:{}px;height:900px;border:0" srcdoc="{}"></iframe>'
    around = folder / "around.html"
    frames = "".join(frame.format(width, html.escape(text)) for width in WIDTHS)
    around.write_text(AROUND.format(frames=frames), encoding="utf-8")
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", around.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    measured = re.search(r'<pre id="measured">(.+?)</pre>', done.stdout)
    assert measured is not None, done.stderr[-2000:]
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(measured[1])), said


def test_the_page_fits_both_widths_asks_for_nothing_and_reports_no_error(browser, page, tmp_path):
    found, said = drawn(browser, page, tmp_path)
    assert said == []
    assert [one["width"] for one in found] == list(WIDTHS)
    assert [one["requests"] for one in found] == [[], []]
    assert all(one["needed"] <= one["width"] for one in found), found
    assert all(one["height"] > 2000 for one in found)


def test_a_page_that_is_too_wide_or_that_fetches_is_found_out(browser, page, tmp_path):
    planted = '<div style="width:700px">wide</div><img src="missing.png"><script>1</script></body>'
    found, said = drawn(browser, page.replace("</body>", planted), tmp_path)
    assert found[1]["needed"] > found[1]["width"]
    assert any("Content Security Policy" in line for line in said)
