"""Two workers on one socket: whichever a scrape reaches, it gets the figures of both."""

from __future__ import annotations

import re
import time
import urllib.request

import openai

CALLS = 6
COUNTED = re.compile(
    r'^switchover_requests_total\{worker="(worker-\d)",process="messages",.*outcome="complete"\} (\d+)$'
)


def scrape(stage) -> str:
    """What a scraper gets, which opens a connection of its own each time."""
    with urllib.request.urlopen(f"{stage.url}/metrics", timeout=60) as response:
        return response.read().decode()


def counted(page: str) -> dict[str, int]:
    return {match[1]: int(match[2]) for line in page.splitlines() if (match := COUNTED.fullmatch(line))}


def test_a_scrape_of_either_worker_sums_up_to_what_was_asked(stage):
    stage.write(workers=2)
    begun = time.monotonic()
    stage.up("worker-0", "worker-1", "keeper")
    token = stage.key()
    for _ in range(CALLS):
        # One connection is one worker.
        with openai.OpenAI(base_url=f"{stage.url}/v1", api_key=token, max_retries=0) as client:
            client.chat.completions.create(model="messages", messages=[{"role": "user", "content": "I want to leave"}])
    pages: list[str] = []

    def all_counted() -> bool:
        pages.append(scrape(stage))
        return sum(counted(pages[-1]).values()) == CALLS

    # Each worker writes its figures every 5 s.
    stage.until(all_counted)
    ages = re.findall(r'^switchover_figures_age_seconds\{worker="(worker-\d)"\} (\S+)$', pages[-1], re.MULTILINE)
    assert {worker for worker, _ in ages} == {"worker-0", "worker-1"}
    # No figure is older than its worker; how old one may get is a matter of the machine.
    assert all(0 <= float(age) < time.monotonic() - begun for _, age in ages)
    assert stage.down() == 0
    assert list((stage.data / "run" / "metrics").glob("*.prom")) == []
