"""Pictures of every page of the table, on what the demo makes up: ``python docs/screenshots.py FOLDER``.

Time stands still at :data:`NOW`, so that another run gives nearly the same pictures.
"""

from __future__ import annotations

import base64
import struct
import sys
import tempfile
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

from switchover.report.html import render_html  # noqa: E402
from switchover.web.app import PAGES  # noqa: E402
from switchover.wiring import answer  # noqa: E402

WIDTH, TALLEST = 1440, 1900
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
READ = sorted({page.path for page in PAGES if page.method == "GET"})


def name_of(path: str) -> str:
    """A picture's name: ``/processes/{process}`` is ``page-processes-process.png``."""
    words = [part.strip("{}") for part in path.split("/") if part]
    return f"page-{'-'.join(words) or 'first'}.png"


def reduced(browser: Browser, path: Path) -> None:
    """Redraws a picture with its 256 most frequent colours, the others by the nearest of these."""
    browser.open("about:blank")
    made = browser.value(REDUCE % (base64.b64encode(path.read_bytes()).decode(), COLOURS))
    points, width = base64.b64decode(made["points"]), made["width"]
    rows = b"".join(b"\0" + points[at : at + width] for at in range(0, len(points), width))
    head = struct.pack(">IIBBBBB", width, made["height"], 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"PLTE", bytes(made["palette"])), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
    )


def take(browser: Browser, address: str, path: Path) -> None:
    """A picture of a page from its top, kept small enough for a repository."""
    browser.open(address)
    tall = browser.value("document.documentElement.scrollHeight")
    browser.picture(path, height=min(max(tall, 600), TALLEST))
    reduced(browser, path)
    size = path.stat().st_size
    sys.stdout.write(f"{path.name}: {size / 1000:.0f} kB\n")
    if size > MOST_BYTES:
        raise SystemExit(f"{path} has {size:,} bytes, above {MOST_BYTES:,}: show less of that page")


def main(folder: Path) -> None:
    """Every page, the pages that ask people, and the report."""
    program = found()
    if program is None:
        raise SystemExit("no browser is installed (chromium, google-chrome)")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        rooms = {name: Path(scratch, name) for name in ("demo", "people", "browser")}
        for room in rooms.values():
            room.mkdir()
        browser = Browser(program, rooms["browser"])
        browser.size(WIDTH)
        demo = with_the_demos_past(rooms["demo"], NOW)
        people = with_people(rooms["people"])
        try:
            for path, address in samples(demo, READ).items():
                take(browser, f"{demo.origin}{address}", folder / name_of(path))
            take(browser, f"{people.origin}/sign-in", folder / name_of("/sign-in"))
            browser.open(f"{people.origin}/sign-in")
            browser.type(people.keys["admin"])
            browser.follow(lambda: browser.press("Enter"))
            desk = "/label/{process}/{candidate}"
            take(browser, f"{people.origin}{ELSEWHERE[desk]}", folder / name_of(desk))
            report = Path(scratch, "board.html")
            report.write_text(render_html(answer.report(demo.settings)), encoding="utf-8")
            take(browser, report.as_uri(), folder / "report.png")
        finally:
            browser.close()
            people.close()
            demo.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
