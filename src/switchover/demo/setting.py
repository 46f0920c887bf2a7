"""The demo's stage: a folder of its own, a configuration a user could have written, and two fake vendors."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from switchover.config import load
from switchover.domain.process import Settings
from switchover.errors import OperatorError
from switchover.testing.fake_vendor import VendorProcess
from switchover.testing.inbox import DESKS

MARK = ".made-by-switchover-demo"
KEY = "vendor.key"
VENDORS = {"vendor": "big-1", "second": "big-2"}
WRONG = {"vendor": 0.08, "second": 0.02}
ORGANISATION, ACME, CLAIMS = "organisation", "provider:acme", "process:claim-intake"
# Far above what the story spends: the caps that are shown come with the past.
CAPS = dict.fromkeys((ORGANISATION, ACME, CLAIMS), "1000.00")
NOTE = (
    "Demo: the vendors are simulated on this machine, and what is dated before today was made up for the demo. "
    "Gateway, record, engine, verdicts and today's drill are real."
)

CONFIGURATION = """\
# Written by `switchover demo`. The vendors are fake ones on this machine; all else is real.
organisation: {{domicile: NL, revenue_usd: 40_000_000}}
data: ./data
gateway: {{host: 127.0.0.1, port: 0, workers: 1}}
pages:
  port: 0
  note: "{note}"
# What is due is shown and left to you, so that an expired proof can be seen.
watch: {{rehearse: false}}

providers:
  acme: {{home: US}}
  nordlys: {{home: FI}}

upstreams:
  vendor: {{kind: openai, base_url: "{vendor}/v1", key: file:vendor.key, model: big-1, developer: acme, host: acme,
    price: {{as: openai/gpt-6-sol}}, simulated: true}}
  second: {{kind: openai, base_url: "{second}/v1", key: file:vendor.key, model: big-2, developer: nordlys,
    host: nordlys, price: {{input_mtok: "0.90", output_mtok: "3.60", source: made up for the demo}}, simulated: true}}
  own: {{kind: local, weights: starter, model: smollm2-135m-instruct, developer: huggingface, host: own,
    context: 2048, slots: 2}}
  student: {{kind: student, model: student, developer: own, host: own, slots: 2}}

# Soft caps are told and refuse nothing.
budgets:
  organisation: {{month: {caps[organisation]} USD, kind: soft}}
  providers:
    acme: {{month: {caps[provider:acme]} USD, kind: soft}}

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
    budget: {{month: {caps[process:claim-intake]} USD, kind: soft}}
    rehearse:
      grader: json_fields
      margin: 0.10
      must_match: [policy]
  policy-letters:
    owner: head-of-policies
    criticality: important
    data: internal
    routes: [letters]
    rto: 4h
    baseline: vendor
    fallbacks: [second]
    rehearse: {{grader: label, labels: [{desks}], margin: 0.10}}
  broker-mail:
    owner: head-of-brokers
    criticality: important
    data: internal
    routes: [brokers]
    rto: 1d
    baseline: vendor
    fallbacks: [second]
    rehearse: {{grader: label, labels: [{desks}], margin: 0.10}}
  medical-claims:
    owner: head-of-medical
    criticality: critical
    data: secret
    routes: [medical]
    allow: {{secret: [{{host-home: EU}}, own]}}
    rto: 2h
    baseline: second
    fallbacks: [own]
    rehearse: {{grader: json_fields, margin: 0.10, must_match: [policy]}}
  staff-questions:
    owner: head-of-people
    criticality: ordinary
    data: secret
    routes: [staff]
    allow: {{secret: [own]}}
    rto: 2d
    baseline: own
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo plays. ``vendors`` are their addresses by the upstream's name, without a path."""

    folder: Path
    configuration: Path
    vendors: Mapping[str, str]

    def write(self, caps: Mapping[str, str] = CAPS) -> Settings:
        """Writes the configuration with these caps (USD a month), and reads it."""
        text = CONFIGURATION.format(note=NOTE, desks=", ".join(DESKS), caps=caps, **self.vendors)
        beside = self.configuration.with_suffix(".new")
        beside.write_text(text, encoding="utf-8")
        # Renamed, as an editor does: what runs reads the old file or the new one, whole.
        beside.replace(self.configuration)
        return load(str(self.configuration))


def at(folder: Path, vendors: Mapping[str, str]) -> Stage:
    """The stage in a folder."""
    return Stage(folder, folder / "switchover.yaml", vendors)


def command_again(folder: Path) -> str:
    """The command that opens the pages on what the demo left in a folder, as it can be typed here."""
    program = "switchover" if shutil.which("switchover") else os.path.relpath(sys.argv[0])
    given = "" if folder == Path("demo-data") else f" --folder {folder}"
    return f"{program} demo --again{given}"


def _keep_weights(folder: Path) -> None:
    """Links to the weights that the environment names, so that what is left runs without it, too."""
    named = os.environ.get("SWITCHOVER_WEIGHTS")
    if named and Path(named).is_dir():
        data = folder / "data"
        data.mkdir(mode=0o700)
        (data / "weights").symlink_to(Path(named).resolve(), target_is_directory=True)


@contextmanager
def stage(folder: Path, seed: int) -> Iterator[Stage]:
    """An empty folder with a configuration, and running fake vendors that end with the demo.

    A folder that holds anything the demo did not make is left alone: raises OperatorError.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise OperatorError(f"{folder} holds files that are not the demo's", mend="name another folder with --folder")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True, mode=0o700)
        (folder / MARK).touch()
        key = secrets.token_hex(16)
        secret = folder / KEY
        secret.touch(mode=0o600)
        secret.write_text(key, encoding="utf-8")
        _keep_weights(folder)
    except OSError as cause:
        raise OperatorError(
            f"{folder}: {cause.strerror}", mend="name a folder you may write to, with --folder"
        ) from cause
    with _vendors(key, seed, dict.fromkeys(VENDORS, 0)) as addresses:
        made = at(folder, addresses)
        made.write()
        yield made


@contextmanager
def again(folder: Path, seed: int) -> Iterator[tuple[Stage, Settings]]:
    """What an earlier demo left in a folder, its vendors running where they ran then. Raises OperatorError."""
    found = at(folder, {})
    try:
        key = (folder / KEY).read_text(encoding="utf-8")
        (folder / MARK).stat()
    except OSError as cause:
        raise OperatorError(f"no demo was played in {folder}", mend="play one: switchover demo") from cause
    settings = load(str(found.configuration))
    ports = {}
    for name in VENDORS:
        spec = settings.upstreams.get(name)
        port = urlsplit(spec.base_url or "").port if spec is not None else None
        if port is None:
            raise OperatorError(
                f"{found.configuration} no longer says where {name} is", mend="play the demo anew: switchover demo"
            )
        ports[name] = port
    with _vendors(key, seed, ports) as addresses:
        yield at(folder, addresses), settings


@contextmanager
def _vendors(key: str, seed: int, ports: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """Running fake vendors, by the upstream's name; port 0 takes a free one. Raises OperatorError."""
    with ExitStack() as stack:
        found = {}
        for name, port in ports.items():
            try:
                vendor = stack.enter_context(VendorProcess(key=key, seed=seed, wrong=WRONG[name], port=port))
            except RuntimeError as cause:
                raise OperatorError(
                    f"the fake vendor {name!r} does not start: {cause}",
                    mend=f"free port {port}, or play the demo anew: switchover demo",
                ) from cause
            found[name] = vendor.url
        yield found
