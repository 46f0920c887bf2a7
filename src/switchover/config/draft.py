"""A first configuration, drafted from what the environment shows."""

from __future__ import annotations

from collections.abc import Mapping

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


def draft(env: Mapping[str, str], domicile: str) -> str:
    """A configuration as text: one upstream per key found, or one to fill in; a local engine; one process."""
    found = [(name, *KNOWN[name]) for name in KNOWN if env.get(name)]
    rows = found or [("OPENAI_API_KEY", *KNOWN["OPENAI_API_KEY"])]
    upstreams = "\n".join(
        f"  {name}: {{kind: {kind}, base_url: {url}, key: env:{variable}, model: {model},\n"
        f"    developer: {provider}, host: {provider}, price: {{as: {provider}/{model}}}}}"
        for variable, name, kind, url, model, provider in rows
    )
    baseline = rows[0][1]
    others = ", ".join([name for _, name, *_ in rows[1:]] + ["student", "own"])
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
  my-process:
    owner: name-the-role-that-answers-for-it
    criticality: important        # critical | important | ordinary
    data: internal                # public | internal | confidential | secret
    rto: 15m
    baseline: {baseline}
    fallbacks: [{others}]   # tried in order, each only with a proof in date
    # Say how answers are compared before you rehearse:
    # rehearse: {{grader: label, margin: 0.05, labels: [yes, no]}}
"""
