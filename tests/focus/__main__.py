"""A month's FOCUS file, shown to the FinOps Foundation's own validator.

`python tests/focus PYTHON`: the interpreter of the environment that has `focus-validator`. Exit status: 1 when a rule
fails, or when STRICT=1 and there is no validator.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from switchover.config import load
from switchover.costs.metering import meter
from switchover.domain.exchange import AttemptRecord, Length, Outcome, Usage
from switchover.store import Store
from switchover.store.indexing import save_exchanges
from switchover.testing.builders import make_exchange
from switchover.wiring import spent

CONFIGURATION = """\
organisation: {domicile: NL}
providers: {acme: {home: US}}
upstreams:
  vendor: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: big-1, developer: initech, host: acme,
           price: {as: google/gemini-2.5-pro, discount: 15, source: contract 7}}
  other: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: gpt-4.1-mini, developer: openai, host: openai}
processes:
  claims: {owner: o, criticality: important, data: internal, baseline: vendor, fallbacks: [other]}
  mail: {owner: o, criticality: important, data: internal, baseline: other}
"""
AT = 1_794_000_000.0  # 6 November 2026
MODELS = {"vendor": "big-1", "other": "gpt-4.1-mini"}
# What of the specification's conditions applies to us: the others are about clouds, or about unit prices, which a day
# of several tiers has not.
APPLIES = "TAGGING_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED,ACCOUNT_NAMING_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED"
# Alternatives, of which one always fails: InvoiceId is null or it is not (InvoiceId-C-003-C holds if either does).
ALTERNATIVES = {"InvoiceId-C-004-C", "InvoiceId-C-005-C"}
VERDICT = re.compile(r"^(✅|❌) ([\w-]+): (PASS|FAIL)")


def write(folder: Path) -> Path:
    """A file of a month in which there is a bit of everything."""
    file = folder / "switchover.yaml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    settings = load(str(file))
    Path(settings.data_dir).mkdir()
    exchanges = []
    for number in range(200):
        name = ("vendor", "other")[number % 2]
        cut = number % 17 == 0
        tried = AttemptRecord(
            upstream=name, model=MODELS[name], fault="reset-midway" if cut else None, status=200, elapsed_ms=1.0
        )
        used = Usage(input=1000 * number + 10, cached_input=300 * number, output=7 * number)
        exchanges.append(
            make_exchange(
                process=("claims", "mail")[number % 3 == 0], started_at=AT + number * 7200, upstream=name,
                attempts=(tried,), usage=None if cut else used, stream=cut, length=Length(asked=9000, said=number),
                outcome=Outcome.TRUNCATED if cut else Outcome.COMPLETE,
            )
        )  # fmt: skip
    with Store.open(settings.database) as store:
        save_exchanges(store, exchanges, lambda exchange: meter(exchange, settings.upstreams))
    to = folder / "november.csv"
    written = spent.export_focus(settings, spent.month_of("2026-11"), to)
    checked = spent.check_focus(to)
    print(f"{written.rows} rows, {written.total:.9f} USD; our own check: {checked.failures} failures")
    for line in checked.wrong:
        print(line)
    if checked.failures:
        sys.exit(1)
    return to


def validated(python: str, file: Path) -> dict[str, bool]:
    """Each rule of the validator's, and whether it holds. It looks for its lists beside its package."""
    asked = "import sys, os, focus_validator as f; os.chdir(os.path.dirname(os.path.dirname(f.__file__))); "
    words = (
        "--data-file", str(file), "--validate-version", "1.2.0.1", "--block-download", "--focus-dataset",
        "CostAndUsage", "--applicability-criteria", APPLIES,
    )  # fmt: skip
    run = asked + f"sys.argv = ['focus-validator', *{words!r}]; from focus_validator.main import main; main()"
    done = subprocess.run([python, "-c", run], capture_output=True, text=True, check=False)
    found = {
        match[2]: match[3] == "PASS" for line in done.stdout.splitlines() if (match := VERDICT.match(line.strip()))
    }
    if done.returncode or not found:
        sys.exit(f"the validator did not run:\n{done.stderr[-2000:]}")
    return found


def main(python: str) -> int:
    """Writes, validates and says what fails."""
    with tempfile.TemporaryDirectory() as folder:
        file = write(Path(folder))
        if not Path(python).exists():
            print("focus-validator: not run, it can't be installed here (it wants Python 3.12 or newer)")
            return int(os.environ.get("STRICT") == "1")
        found = validated(python, file)
    failed = {rule for rule, holds in found.items() if not holds}
    print(f"focus-validator: {sum(found.values())} rules of FOCUS 1.2 hold, {len(failed - ALTERNATIVES)} fail")
    for rule in sorted(failed - ALTERNATIVES):
        print(f"  {rule}")
    return int(bool(failed - ALTERNATIVES) or failed >= ALTERNATIVES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
