"""A first configuration, drafted from what the environment shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

# Environment name → (upstream name, kind, base URL, a model to begin with, provider).
KNOWN = {
    "OPENAI_API_KEY": ("openai", "openai", "https://api.openai.com/v1", "gpt-4.1-mini", "openai"),
    "ANTHROPIC_API_KEY": ("anthropic", "anthropic", "https://api.anthropic.com", "claude-sonnet-4-5", "anthropic"),
    "MISTRAL_API_KEY": ("mistral", "openai", "https://api.mistral.ai/v1", "mistral-small-latest", "mistral"),
    "GROQ_API_KEY": ("groq", "openai", "https://api.groq.com/openai/v1", "openai/gpt-oss-120b", "groq"),
}
# Its value is not copied: it may hold a login, and which way prompts leave is for a person to decide.
PROXY = """
# {name} is set, and not obeyed. Where it is the only way out, name it here; docs/how-to/behind-a-company-proxy.md.
# egress: {{proxy: "http://proxy.example:3128"}}
"""


# Where nothing is on record yet.
NO_RECORD = """
    # Say how answers are compared before you rehearse; `switchover propose-grader my-process` reads it off the record:
    # rehearse: {grader: label, margin: 0.05, labels: [yes, no]}
"""


def rehearse_section(section: Mapping[str, Any], indent: str, remarks: Sequence[str] = ()) -> str:
    """A ``rehearse`` section as YAML, each line indented, with remarks before it as comments."""
    text = yaml.safe_dump(
        {"rehearse": {**section, "margin": 0.05}},
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=88,
    )
    comments = [f"# {' '.join(remark.split())}" for remark in remarks]
    return "".join(f"{indent}{line}\n" for line in (*comments, *text.splitlines()))


def draft(env: Mapping[str, str], domicile: str, recorded: Mapping[str, str] | None = None) -> str:
    """A configuration as text: one upstream per key found, or one to fill in; a local engine; the processes.

    ``recorded`` has what is known of the processes on record: name → its ``rehearse`` section, as YAML. Without it one
    process is drafted.
    """
    found = [(name, *KNOWN[name]) for name in KNOWN if env.get(name)]
    rows = found or [("OPENAI_API_KEY", *KNOWN["OPENAI_API_KEY"])]
    upstreams = "\n".join(
        f"  {name}: {{kind: {kind}, base_url: {url}, key: env:{variable}, model: {model},\n"
        f"    developer: {provider}, host: {provider}, price: {{as: {provider}/{model}}}}}"
        for variable, name, kind, url, model, provider in rows
    )
    baseline = rows[0][1]
    others = ", ".join([name for _, name, *_ in rows[1:]] + ["student", "own"])
    processes = "".join(
        _process(name, baseline, others, section)
        for name, section in (recorded or {"my-process": NO_RECORD[1:]}).items()
    )
    proxy = next((PROXY.format(name=name) for name in ("HTTPS_PROXY", "https_proxy") if env.get(name)), "")
    return f"""# What Switchover should know. Each setting is explained in docs/reference/settings.md.
organisation: {{domicile: {domicile}}}

gateway: {{host: 127.0.0.1, port: 8080, workers: 1}}
{proxy}
upstreams:
{upstreams}
  own: {{kind: local, weights: starter, model: smollm2-135m-instruct, developer: huggingface, host: own}}
  student: {{kind: student, model: student, developer: own, host: own}}

processes:
  # One entry per business activity. Callers name the process (or one of its routes) as the model.
{processes}"""


def _process(name: str, baseline: str, others: str, rehearse: str) -> str:
    return f"""  {name}:
    owner: name-the-role-that-answers-for-it
    criticality: important        # critical | important | ordinary
    data: internal                # public | internal | confidential | secret
    rto: 15m
    baseline: {baseline}
    fallbacks: [{others}]   # tried in order, each only with a proof in date
{rehearse}"""
