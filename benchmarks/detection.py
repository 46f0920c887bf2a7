"""What looking for personal data costs: CPU per kilobyte of text, per request and per exchange that is redacted.

`python benchmarks/detection.py [FOLDER]`: with a folder of texts (.csv, .jsonl) it also counts what is found in them.
Figures depend on the machine and are printed, not judged.
"""

from __future__ import annotations

import csv
import json
import random
import statistics
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from switchover.domain.exchange import Exchange, Outcome
from switchover.domain.personal import Privacy
from switchover.privacy.detect import Patterns
from switchover.privacy.look import kinds_in
from switchover.privacy.redact import redacted

ROUNDS = 15
COUNTRIES = ("NL", "DE", "FR", "BE", "GB", "US")
PROSE = "I would like to know what happens with the claim that I sent in last week, as nobody has called me since. "
LETTER = (
    "My name is Jan, my policy is PV-2024-0183 and my IBAN is NL91 ABNA 0417 1643 00. On 12 March 2026 at 14:30 a car "
    "hit mine near exit 12; the damage is EUR 1,250.00. Please write to jan@example.com or call 020 123 4567. "
)
TABLE = "2026-03-12;14:30;1250.00;4021;118273;0.25;PV-2024-0183;1112;993\n"


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """The median CPU of one round."""
    work()
    taken = []
    for _ in range(rounds):
        begun = time.thread_time()
        work()
        taken.append(time.thread_time() - begun)
    return statistics.median(taken) * 1e6


def chat(text: str) -> bytes:
    """A request that says this."""
    return json.dumps({"model": "p", "messages": [{"role": "user", "content": text}]}).encode()


def streamed(text: str) -> bytes:
    """The same as a stream, a word an event."""
    words = [f"{word} " for word in text.split()]
    events = [{"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": word}}]} for word in words]
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events) + b"data: [DONE]\n\n"


def exchange(request: bytes, answer: bytes, *, stream: bool) -> Exchange:
    """A recorded exchange of these bodies."""
    return Exchange(
        id="x", process="p", route="p", dialect="openai_chat", stream=stream, started_at=1.0, outcome=Outcome.COMPLETE,
        status=200, request=request, answer=answer, upstream="v", model="m",
    )  # fmt: skip


def detection_cost() -> dict[str, float]:
    """Microseconds of CPU: per kilobyte of each kind of text, and per exchange of a kilobyte each way."""
    detector = Patterns(Privacy(countries=COUNTRIES))
    detector.warm()
    found = {}
    for name, text in (("prose", PROSE), ("a letter", LETTER), ("a table of numbers", TABLE)):
        body = chat(text * (16_384 // len(text)))
        found[f"{name}, per kB"] = microseconds(lambda body=body: kinds_in(body, detector)) / (len(body) / 1024)  # type: ignore[misc]  # bound per turn
    small, said = chat((LETTER * 4)[:900]), (LETTER * 4)[:640]
    answer = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": said}}]}).encode()
    found["a request of 1 kB"] = microseconds(lambda: kinds_in(small, detector))
    whole, stream = exchange(small, answer, stream=False), exchange(small, streamed(said), stream=True)
    found["redacting an exchange"] = microseconds(lambda: redacted(whole, detector))
    found["redacting one whose answer came in a hundred events"] = microseconds(lambda: redacted(stream, detector))
    return found


def library() -> tuple[float, float]:
    """What the phone numbers' metadata takes to load: seconds, and megabytes that stay."""
    before, begun = resident_mb(), time.perf_counter()
    Patterns(Privacy(countries=COUNTRIES)).warm()
    return time.perf_counter() - begun, resident_mb() - before


def resident_mb() -> float:
    """Memory of this process; Linux only, else 0."""
    path = Path("/proc/self/statm")
    return int(path.read_text().split()[1]) * 4096 / 1e6 if path.exists() else 0.0


def texts(path: Path) -> Iterator[str]:
    """Every string in a file."""
    with path.open(encoding="utf-8") as file:
        if path.suffix == ".csv":
            for row in csv.DictReader(file):
                yield from row.values()
            return
        for line in file:
            yield from strings(json.loads(line))


def strings(value: object) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def count(folder: Path) -> None:
    """Prints what is found in each file, by kind."""
    detector = Patterns(Privacy(countries=COUNTRIES))
    for path in sorted([*folder.glob("*.csv"), *folder.glob("*.jsonl")]):
        kinds: Counter[str] = Counter()
        number = size = 0
        for text in texts(path):
            number, size = number + 1, size + len(text)
            kinds.update(one.kind for one in detector.find(text))
        named = ", ".join(f"{kind} {times}" for kind, times in kinds.most_common()) or "nothing"
        print(f"{path.name}: {number} texts, {size / 1e6:.2f} MB: {named}")


def by_chance(tries: int = 5_000) -> dict[int, Counter[str]]:
    """For numbers of so many random digits: as what how many in ten thousand are found."""
    detector, chance = Patterns(Privacy(countries=COUNTRIES)), random.Random(7)
    found: dict[int, Counter[str]] = {}
    for length in range(8, 17):
        found[length] = Counter()
        for _ in range(tries):
            number = "".join(chance.choices(string.digits, k=length))
            found[length].update(one.kind for one in detector.find(f"ref {number} of"))
        found[length] = Counter({kind: round(times * 10_000 / tries) for kind, times in found[length].items()})
    return found


def main() -> None:
    """Prints."""
    seconds, megabytes = library()
    print(f"Metadata of phone numbers: {seconds * 1000:.0f} ms and {megabytes:.1f} MB once, when first needed")
    print("Looking for personal data, CPU:")
    for name, cost in detection_cost().items():
        print(f"  {name}: {cost:.0f} µs")
    print("Random digits, found in ten thousand numbers:")
    for length, kinds in by_chance().items():
        print(f"  {length} digits: {', '.join(f'{kind} {times}' for kind, times in kinds.most_common()) or 'nothing'}")
    if len(sys.argv) > 1:
        count(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
