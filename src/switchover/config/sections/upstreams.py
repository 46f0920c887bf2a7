"""Who answers, and what a call of theirs costs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from ..values import (
    FILE,
    PUBLISHED,
    URL,
    Country,
    Day,
    KeyReference,
    Mtok,
    Percent,
)
from .base import Section


class ProviderSection(Section):
    """An organisation that hosts models and is not among the facts we ship."""

    home: Country = Field(description="Country of the legal entity that can be ordered to stop.")
    parent: str | None = Field(default=None, description="Controlling organisation, if any.")
    parent_home: Country | None = Field(default=None, description="Country of the controlling organisation.")


class PriceSection(Section):
    """What a call costs, where it is not the published price of the upstream's own model: of another one, by your own
    contract, or with a surcharge or a discount on it.

    Where it changes, `price` is a list of such rows, each with the day `from` which it holds; the first may have none.
    Each request is priced by the row of its moment.
    """

    from_: Day | None = Field(
        default=None,
        alias="from",
        description="The day (UTC) from which it holds; before the first, as published.",
    )
    priced_as: str | None = Field(
        default=None,
        alias="as",
        pattern=PUBLISHED,
        description="A published model, provider/model, as `genai-prices` names it.",
    )
    input_mtok: Mtok | None = Field(
        default=None, description='USD per million input tokens, as a decimal in quotes, such as `"0.60"`.'
    )
    output_mtok: Mtok | None = Field(default=None, description="USD per million output tokens, in quotes.")
    cached_mtok: Mtok | None = Field(
        default=None, description="USD per million tokens read from a prompt cache, in quotes; default: as input."
    )
    written_mtok: Mtok | None = Field(
        default=None, description="USD per million tokens written to a prompt cache, in quotes; default: as input."
    )
    surcharge: Percent | None = Field(
        default=None, description="Percent on top, such as `10` where data stays in a region. Needs a `source`."
    )
    discount: Percent | None = Field(
        default=None, description="Negotiated percent off, after the surcharge. Needs a `source`."
    )
    source: str | None = Field(default=None, min_length=1, description="Where it comes from, such as a contract.")
    checked: str | None = Field(default=None, description="The day it was checked, in quotes.")


def _price_shape(section: Any) -> str:
    return "[rows]" if isinstance(section, list | tuple) else "[row]"


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
    weights: str | None = Field(
        default=None,
        description="`starter` or `file:PATH.gguf`, for a local engine. Proofs hold for what the file holds, wherever.",
    )
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
    price: (
        Annotated[
            Annotated[PriceSection, Tag("[row]")] | Annotated[tuple[PriceSection, ...], Tag("[rows]")],
            Discriminator(_price_shape),
        ]
        | None
    ) = Field(default=None, description="What a call costs; a list where that changes.")
    retires: Day | None = Field(
        default=None, description="The first day on which its model is gone, as a date such as `2027-01-31`."
    )
    simulated: bool = Field(
        default=False, description="It stands in for a real one: every figure of the report that rests on it says so."
    )
