"""Who answers, and what a call of theirs costs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..values import (
    AMOUNT,
    FILE,
    PUBLISHED,
    URL,
    Country,
    Day,
    KeyReference,
)
from .base import Section


class ProviderSection(Section):
    """An organisation that hosts models and is not among the facts we ship."""

    home: Country = Field(description="Country of the legal entity that can be ordered to stop.")
    parent: str | None = Field(default=None, description="Controlling organisation, if any.")
    parent_home: Country | None = Field(default=None, description="Country of the controlling organisation.")


class PriceSection(Section):
    """What a call costs."""

    priced_as: str | None = Field(
        default=None,
        alias="as",
        pattern=PUBLISHED,
        description="A published model, provider/model, as `genai-prices` names it.",
    )
    input_mtok: str | None = Field(
        default=None, pattern=AMOUNT, description="USD per million input tokens, as a decimal in quotes."
    )
    output_mtok: str | None = Field(
        default=None, pattern=AMOUNT, description="USD per million output tokens, as a decimal in quotes."
    )
    source: str | None = Field(default=None, description="Where a price of your own comes from.")
    checked: str | None = Field(default=None, description="The day it was checked, in quotes.")


class UpstreamSection(Section):
    """Endpoint + model + credential."""

    kind: Literal["openai", "anthropic", "local", "student"] = Field(description="Which endpoint it is.")
    model: str = Field(min_length=1, description="The model's name at the endpoint.")
    developer: str = Field(description="Who made the model.")
    host: str = Field(description="The provider that runs it; `own` is your own machine.")
    base_url: str | None = Field(default=None, pattern=URL, description="As the provider's own SDK takes it.")
    key: KeyReference | None = Field(default=None, description="`env:NAME` or `file:PATH`, never the key itself.")
    speaks: Literal["chat", "responses", "both"] | None = Field(
        default=None,
        description="OpenAI's interfaces that an `openai` endpoint has; default: `both` at OpenAI itself, else `chat`.",
    )
    answers_as: tuple[str, ...] = Field(
        default=(),
        description="Names beside `model` that its answers may bear, such as what a deployment's alias means.",
    )
    weights: str | None = Field(default=None, description="`starter` or `file:PATH.gguf`, for a local engine.")
    context: int | None = Field(
        default=None,
        ge=256,
        description="Tokens of context per slot: of a local engine (default 4096), or of a server of yours "
        "(`host: own`), which is then asked nothing that does not fit.",
    )
    slots: int = Field(default=1, ge=1, le=64, description="Requests served at once, for a local engine.")
    threads: int | None = Field(default=None, ge=1, description="Threads of a local engine; default: all cores.")
    chat_template: str | None = Field(
        default=None,
        pattern=FILE,
        description="`file:PATH` to a chat template that replaces the one in the weights, for a local engine.",
    )
    max_output: int | None = Field(
        default=None,
        ge=1,
        description="Tokens that its model writes at most in one answer, as its provider documents it: what a budget "
        "reserves for a call without a limit of its own.",
    )
    price: PriceSection | None = Field(default=None, description="What a call costs.")
    retires: Day | None = Field(
        default=None, description="The first day on which its model is gone, as a date such as `2027-01-31`."
    )
