"""The chat template of an engine of our own: where it comes from, its digest, and what no template may hold.

The digest is part of what a proof was made with: another template asks the same weights something else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from switchover.domain.process import UpstreamSpec
from switchover.errors import WeightsMissing

from .gguf import chat_template
from .weights import resolve

DIGEST_LENGTH = 16
# The longest template seen, that of gpt-oss, has 17 kB.
MOST_BYTES = 1 << 20
# Ways out of a template's sandbox (CVE-2024-34359, CVE-2026-5760). The engine renders in C++, where they lead nowhere,
# but weights that hold them were made to attack whoever renders in Python.
UNSAFE = re.compile(
    r"""\.\s*__\w+__|\[\s*["']__|\\x5f|\|\s*attr\b|\{%-?\s*(?:import|include|from|extends)\b""", re.IGNORECASE
)


def digest_of(template: str) -> str:
    """The first 16 hex digits of the SHA-256 of a template's text."""
    return hashlib.sha256(template.encode()).hexdigest()[:DIGEST_LENGTH]


def in_force(weights: Path, override: Path | None) -> str:
    """The template an engine is to run: that of the file, else the one in the weights.

    Without one the engine would silently assume ChatML, and the model answer badly for no visible reason. Raises
    WeightsMissing for none, one that can't be read, and one that is unsafe.
    """
    if override is not None:
        template, where = _read(override), str(override)
    else:
        template, where = chat_template(weights) or "", weights.name
    if not template.strip():
        raise WeightsMissing(
            f"{where} has no chat template, so the engine would guess one",
            mend="use instruction-tuned weights whose GGUF file carries tokenizer.chat_template, or set chat_template",
        )
    found = UNSAFE.search(template)
    if found is not None:
        raise WeightsMissing(
            f"{where} has an unsafe chat template: it holds {found[0][:40]!r}",
            mend="do not use these weights before you know who made them; a template of yours goes under chat_template",
        )
    return template


def configured(spec: UpstreamSpec, data_dir: str, env: Mapping[str, str]) -> str | None:
    """The digest of the template that an upstream's engine would run if it were started; None when it would not."""
    if spec.kind != "local":
        return None
    try:
        return digest_of(in_force(resolve(spec.weights or "starter", data_dir, env), template_file(spec)))
    except WeightsMissing:
        return None


def template_file(spec: UpstreamSpec) -> Path | None:
    """The file that replaces the template in the weights, if there is to be one."""
    return Path(spec.chat_template.removeprefix("file:")) if spec.chat_template else None


def _read(path: Path) -> str:
    mend = "put a Jinja chat template there, or remove chat_template"
    try:
        data = path.read_bytes()
    except OSError as cause:
        raise WeightsMissing(f"{path}: the chat template can't be read ({cause.strerror})", mend=mend) from cause
    if len(data) > MOST_BYTES:
        raise WeightsMissing(f"{path} has {len(data)} bytes, which is no chat template", mend=mend)
    try:
        return data.decode()
    except UnicodeDecodeError as cause:
        raise WeightsMissing(f"{path} is not UTF-8 text", mend=mend) from cause
