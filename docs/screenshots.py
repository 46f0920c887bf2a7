"""Pictures of every page of the table, on what the demo makes up: ``python docs/screenshots.py FOLDER``.

Time stands still at :data:`NOW`, so that another run gives nearly the same pictures; but on the first page.
"""

from __future__ import annotations

import base64
import json
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from switchover.testing.clock import ManualClock  # noqa: E402  # what is below takes its clock as it is imported
from switchover.wiring import parts  # noqa: E402

NOW = 1_795_604_400.0  # Wednesday 25 November 2026, 11:00 UTC
parts.CLOCK = ManualClock(NOW)

from journeys.browser import Browser, found  # noqa: E402
from journeys.demo_pages import ELSEWHERE, samples, with_the_demos_past  # noqa: E402
from journeys.served_pages import with_people  # noqa: E402

from switchover.report.pdf import render_pictures  # noqa: E402
from switchover.web.app import PAGES  # noqa: E402
from switchover.wiring import answer  # noqa: E402

WIDTH, TALLEST = 1440, 1600
# 827 × 1,169 points of an A4 page.
PER_INCH = 100.0
# So long there is traffic before the first page is taken.
LIVE_S = 100.0
MOST_BYTES = 150_000
COLOURS = 256
# Run in an empty page of the browser: it can read its own pictures, and we need no library for that.
REDUCE = """(async () => {
  const picture = new Image(); picture.src = "data:image/png;base64,%s"; await picture.decode();
  const canvas = document.createElement("canvas"); canvas.width = picture.width; canvas.height = picture.height;
  const pen = canvas.getContext("2d"); pen.drawImage(picture, 0, 0);
  const points = new Uint32Array(pen.getImageData(0, 0, picture.width, picture.height).data.buffer);
  const counts = new Map(); for (const one of points) counts.set(one, (counts.get(one) || 0) + 1);
  const parts = (one) => [one & 255, (one >> 8) & 255, (one >> 16) & 255];
  const kept = [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, %d).map((one) => parts(one[0]));
  const places = new Map();
  for (const one of counts.keys()) {
    const [r, g, b] = parts(one);
    let best = 0, least = Infinity;
    kept.forEach((k, place) => {
      const far = (k[0] - r) ** 2 + (k[1] - g) ** 2 + (k[2] - b) ** 2;
      if (far < least) { least = far; best = place; }
    });
    places.set(one, best);
  }
  let found = ""; const bytes = Uint8Array.from(points, (one) => places.get(one));
  for (let at = 0; at < bytes.length; at += 32768) found += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return {width: picture.width, height: picture.height, palette: kept.flat(), points: btoa(found)};
})()"""
# No picture shows a folder of the machine that made it.
HIDE = """(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), folder = %s;
  while (texts.nextNode()) {
    const words = texts.currentNode.data.split(" ");
    if (words.some((word) => word.startsWith(folder)))
      texts.currentNode.data = words.map((w) => (w.startsWith(folder) ? "./" + w.split("/").pop() : w)).join(" ");
  }
})()"""
READ = sorted({page.path for page in PAGES if page.method == "GET"})


def name_of(path: str) -> str:
    """A picture's name: ``/processes/{process}`` is ``page-processes-process.png``."""
    words = [part.strip("{}") for part in path.split("/") if part]
    return f"page-{'-'.join(words) or 'first'}.png"


def keep(browser: Browser, picture: bytes, path: Path) -> None:
    """Keeps a picture with its 256 most frequent colours, the others as the nearest of these: small enough for git."""
    browser.open("about:blank")
    made = browser.value(REDUCE % (base64.b64encode(picture).decode(), COLOURS))
    points, width = base64.b64decode(made["points"]), made["width"]
    rows = b"".join(b"\0" + points[at : at + width] for at in range(0, len(points), width))
    head = struct.pack(">IIBBBBB", width, made["height"], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", bytes(made["palette"])), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    drawn = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    sys.stdout.write(f"{path.name}: {len(drawn) / 1000:.0f} kB\n")
    if len(drawn) > MOST_BYTES:
        raise SystemExit(f"{path} would have {len(drawn):,} bytes, above {MOST_BYTES:,}: show less of that page")
    path.write_bytes(drawn)


def take(browser: Browser, address: str, path: Path) -> None:
    """A picture of a page from its top."""
    browser.open(address)
    browser.value(HIDE % json.dumps(tempfile.gettempdir()))
    tall = browser.value("document.documentElement.scrollHeight")
    keep(browser, browser.pictured(height=min(max(tall, 600), TALLEST)), path)


def take_live(browser: Browser, folder: Path, path: Path) -> None:
    """The first page while all of it runs, with some traffic: of today, as what runs goes by the machine's time."""
    with_the_demos_past(folder, time.time()).close()
    command = [sys.executable, "-m", "switchover", "demo", "--again", "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:  # noqa: S603  # our own program
        try:
            said = next(line for line in child.stdout or () if "The dashboard: " in line)
            time.sleep(LIVE_S)
            take(browser, said.split()[-1], path)
        finally:
            child.send_signal(signal.SIGINT)


def main(folder: Path) -> None:
    """Every page, the pages that ask people, and the pages of the report as a PDF."""
    program = found()
    if program is None:
        raise SystemExit("no browser is installed (chromium, google-chrome)")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        rooms = {name: Path(scratch, name) for name in ("demo", "people", "browser", "live")}
        for room in rooms.values():
            room.mkdir()
        browser = Browser(program, rooms["browser"])
        browser.size(WIDTH)
        demo = with_the_demos_past(rooms["demo"], NOW)
        people = with_people(rooms["people"])
        try:
            for path, address in samples(demo, READ).items():
                if path != "/":
                    take(browser, f"{demo.origin}{address}", folder / name_of(path))
            take_live(browser, rooms["live"], folder / name_of("/"))
            take(browser, f"{people.origin}/sign-in", folder / name_of("/sign-in"))
            browser.open(f"{people.origin}/sign-in")
            browser.click("[name=key]")
            browser.type(people.keys["admin"])
            browser.follow(lambda: browser.press("Enter"))
            desk = "/label/{process}/{candidate}"
            take(browser, f"{people.origin}{ELSEWHERE[desk]}", folder / name_of(desk))
            pages = render_pictures(answer.report(demo.settings), PER_INCH)
            for number, page in enumerate(pages, 1):
                keep(browser, page, folder / f"report-{number:02d}.png")
        finally:
            browser.close()
            people.close()
            demo.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
