"""A headless Chromium, driven over its debugging pipe: JSON between NULs, no library and no port."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path

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
    "--remote-debugging-pipe",
)
# Seconds; a page of ours takes far less, on a slow machine, too.
PATIENCE = 120.0
# As a keyboard sends them: what a page sees, and the number that says which action is meant.
KEYS = {"Enter": ("\r", 13), "Tab": ("", 9), "ArrowRight": ("", 39), "ArrowLeft": ("", 37), "ArrowDown": ("", 40)}


def found() -> str | None:
    """The browser of this machine."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class Browser:
    """One page of a browser of its own. ``complaints`` is what it had to say, ``asked`` every address it fetched."""

    def __init__(self, program: str, folder: Path) -> None:
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()
        # The browser reads from descriptor 3 and writes to 4.
        command = f'exec 3<&{to_read} 4>&{to_write}; exec "$0" "$@"'
        arguments = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", command, *arguments],
            pass_fds=(to_read, to_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._numbers, self._rest, self._session = 0, b"", None
        self._answers: dict[int, dict] = {}
        self.complaints: list[str] = []
        self.asked: list[str] = []
        # Documents whose load is over; one that the browser began with may end after it was sent elsewhere.
        self._loaded: set[str] = set()
        self._frame = self._first_page()
        self._session = self.call("Target.attachToTarget", targetId=self._frame, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self._loaded.add(self.call("Page.getFrameTree")["frameTree"]["frame"]["loaderId"])
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def _first_page(self) -> str:
        """The page that it opens by itself, a moment after it can be talked to."""
        end = time.monotonic() + PATIENCE
        while True:
            for one in self.call("Target.getTargets")["targetInfos"]:
                if one["type"] == "page":
                    return one["targetId"]
            assert time.monotonic() < end, "the browser opens no page"
            time.sleep(0.02)

    def close(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        os.close(self._to)
        os.close(self._from)

    def call(self, method: str, **parameters):
        self._numbers += 1
        asked = {"id": self._numbers, "method": method, "params": parameters}
        if self._session is not None:
            asked["sessionId"] = self._session
        os.write(self._to, json.dumps(asked).encode() + b"\0")
        while asked["id"] not in self._answers:
            self._read()
        answer = self._answers.pop(asked["id"])
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def size(self, width: int, height: int = 900) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def dark(self, wanted: bool) -> None:
        value = "dark" if wanted else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": value}])

    def scripts(self, wanted: bool) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=not wanted)

    def open(self, address: str) -> None:
        wanted = self.call("Page.navigate", url=address)["loaderId"]
        self._until(lambda: wanted in self._loaded, "the page did not load")

    def follow(self, act) -> None:
        """Does what leads to another page, and waits for it."""
        before = len(self._loaded)
        act()
        self._until(lambda: len(self._loaded) > before, "no other page was loaded")

    def hear(self, what: str) -> None:
        """Waits until it complains of something."""
        self._until(lambda: any(what in one for one in self.complaints), f"no complaint of {what}")

    def _until(self, is_so, otherwise: str) -> None:
        """Hears what the browser tells until it is so."""
        end = time.monotonic() + PATIENCE
        while not is_so():
            assert time.monotonic() < end, otherwise
            self._read()

    def value(self, expression: str):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def origins(self) -> set[str]:
        """Who was asked for anything. What is in the page itself, or the browser's own, was asked of nobody."""
        return {
            "/".join(one.split("/")[:3])
            for one in self.asked
            if one != "about:blank" and not one.startswith(("data:", "blob:"))
        }

    def forget(self) -> None:
        """What was complained of and asked for so far."""
        self.complaints.clear()
        self.asked.clear()

    def text(self) -> str:
        return self.value("document.querySelector('main').innerText")

    def click(self, selector: str) -> None:
        """Clicks in the middle of what is found, as a mouse does."""
        box = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        text, number = KEYS.get(key, (key, ord(key.upper()) if len(key) == 1 else 0))
        shared = {"key": key, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
        self.call("Input.dispatchKeyEvent", type="keyUp", **shared)

    def type(self, text: str) -> None:
        """Types into the field that has the focus, which a page may give it a moment after it has loaded."""
        end = time.monotonic() + PATIENCE
        while self.value("document.activeElement === document.body"):
            assert time.monotonic() < end, "no field has the focus"
        self.call("Input.insertText", text=text)

    def picture(self, path: Path) -> None:
        path.write_bytes(self.pictured())

    def pictured(self, *, height: int | None = None) -> bytes:
        """A picture of the whole page, or of its first ``height`` pixels."""
        width = self.value("document.documentElement.clientWidth")
        clip = {} if height is None else {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        made = self.call("Page.captureScreenshot", captureBeyondViewport=True, **clip)
        return base64.b64decode(made["data"])

    def _read(self) -> None:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], PATIENCE)
            assert ready, "the browser says nothing any more"
            more = os.read(self._from, 1 << 20)
            assert more, "the browser is gone"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        told = json.loads(line)
        if "id" in told:
            self._answers[told["id"]] = told
            return
        self._hear(told["method"], told["params"])

    def _hear(self, method: str, said: dict) -> None:
        if method == "Page.lifecycleEvent":
            if said["name"] == "load" and said["frameId"] == self._frame:
                self._loaded.add(said["loaderId"])
        elif method == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {said['message']}")
            # Nobody waits for the answer: this is heard amid another call.
            self._numbers += 1
            asked = {"id": self._numbers, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}
            os.write(self._to, json.dumps(asked | {"sessionId": self._session}).encode() + b"\0")
        elif method == "Network.requestWillBeSent":
            self.asked.append(said["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(said["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(said["args"]))
        elif method == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.complaints.append(f"{said['entry']['text']} {said['entry'].get('url', '')}")
