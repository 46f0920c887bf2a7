"""The demo's stage: a folder of its own, a configuration a user could have written, and the fake vendor."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from switchover.errors import OperatorError
from switchover.testing.fake_vendor import VendorProcess
from switchover.testing.inbox import DESKS

MARK = ".made-by-switchover-demo"
VENDOR_MODEL = "big-1"
MESSAGES, CLAIMS = "customer-messages", "claim-intake"

CONFIGURATION = """\
# Written by `switchover demo`. The vendor is a fake one on this machine; all else is real.
organisation: {{domicile: NL, revenue_usd: 40_000_000}}
data: ./data
gateway: {{host: 127.0.0.1, port: 0, workers: 1}}
pages: {{serve: false}}

providers:
  acme: {{home: US}}

upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: file:vendor.key, model: {model},
    developer: acme, host: acme, price: {{as: openai/gpt-6-sol}}}}
  own: {{kind: local, weights: starter, model: smollm2-135m-instruct, developer: huggingface, host: own,
    context: 2048, slots: 2}}
  student: {{kind: student, model: student, developer: own, host: own, slots: 2}}

processes:
  customer-messages:
    owner: head-of-customer-service
    criticality: critical
    data: confidential
    routes: [messages]
    allow: {{confidential: [vendor, student, own]}}
    rto: 5m
    baseline: vendor
    fallbacks: [student, own]
    rehearse:
      grader: label
      labels: [{desks}]
      margin: 0.10
      slice_margin: 0.10
      budget_calls: 1500
      slices: {{complaints: 'metadata.kind == "complaint"'}}
  claim-intake:
    owner: head-of-claims
    criticality: critical
    data: confidential
    routes: [claims]
    allow: {{confidential: [vendor, own]}}
    rto: 1h
    baseline: vendor
    fallbacks: [own]
    rehearse:
      grader: json_fields
      margin: 0.10
      must_match: [policy]
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays."""

    folder: Path
    configuration: Path
    vendor: VendorProcess


@contextmanager
def stage(folder: Path, seed: int) -> Iterator[Stage]:
    """An empty folder with a configuration, and a running fake vendor that ends with the demo.

    A folder that holds anything the demo did not make is left alone: raises OperatorError.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise OperatorError(f"{folder} holds files that are not the demo's", mend="name another folder with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
        (folder / MARK).touch()
        key = secrets.token_hex(16)
        secret = folder / "vendor.key"
        secret.touch(mode=0o600)
        secret.write_text(key, encoding="utf-8")
    except OSError as cause:
        raise OperatorError(
            f"{folder}: {cause.strerror}", mend="name a folder you may write to, with --folder"
        ) from cause
    with VendorProcess(key=key, seed=seed) as vendor:
        configuration = folder / "switchover.yaml"
        text = CONFIGURATION.format(vendor=vendor.url, model=VENDOR_MODEL, desks=", ".join(DESKS))
        configuration.write_text(text, encoding="utf-8")
        yield Stage(folder, configuration, vendor)
