"""However a model's name is written, it means the same model, and no other one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from switchover.domain.model_name import is_other_model

# Of the facts about models, those that are told apart by more than a date or a size told in two ways.
MODELS = [
    "gpt-oss-120b", "gpt-oss-20b", "llama-3.1-8b-instruct", "llama-3.3-70b-instruct", "llama-3.1-405b-instruct",
    "llama-4-scout", "llama-4-maverick", "qwen3-8b", "qwen3-32b", "qwen3-30b-a3b", "qwen3-235b-a22b",
    "qwen3.5-122b-a10b", "qwen3.5-397b-a17b", "qwen2.5-72b-instruct", "deepseek-r1", "deepseek-v3.2",
    "deepseek-v4-flash", "deepseek-v4-pro", "mistral-small-3.2-24b", "ministral-3-14b", "mistral-medium-3.5-128b",
    "devstral-2-123b", "mixtral-8x22b", "gemma-3-27b-it", "gemma-4-31b-it", "gemma-4-26b-a4b-it", "phi-4",
    "granite-4.1-8b", "olmo-3-32b-think", "apertus-70b", "smollm3-3b", "glm-4.5-air", "glm-4.6", "glm-5.2",
    "kimi-k2.6", "kimi-k3", "minimax-m2.5", "minimax-m2.7", "minimax-m3", "nemotron-3-super-120b-a12b", "command-a",
    "step-3.7-flash", "laguna-s-2.1", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-5", "gpt-5-mini", "gpt-5.1",
    "gpt-5.6-sol", "gpt-6-sol", "gpt-6-luna", "gpt-6.1-terra", "claude-sonnet-4-5", "claude-opus-4-8",
    "claude-fable-5", "claude-opus-5-5", "claude-haiku-5-5", "gemini-2.5-flash", "gemini-3.8-flash", "grok-4.20",
    "mistral-large-4", "qwen3.6-plus", "qwen3.7-max",
]  # fmt: skip
BEFORE = ["", "openai/", "acme-ai/", "models/", "accounts/host/models/", "/weights/", "us.maker.", "maker."]
DATED = ["", "-20250929", "-2024-08-06", "@20251001", "-2507", "-09-2025", "-001", "-preview-05-20"]
BEHIND = ["", "-instruct", "-fp8", "-awq", ":free", "-q4_k_m.gguf", ":q8_0", "-v1:0", "-preview", "-turbo"]


@st.composite
def written(draw, model=None):
    """A model, and a name for it as some host might write it."""
    model = model or draw(st.sampled_from(MODELS))
    name = f"{draw(st.sampled_from(BEFORE))}{model}{draw(st.sampled_from(DATED))}{draw(st.sampled_from(BEHIND))}"
    return model, draw(st.sampled_from([str, str.upper, str.title]))(name)


@given(written().flatmap(lambda one: st.tuples(st.just(one[1]), written(one[0]))))
def test_two_ways_to_write_one_model_are_the_same(given_names):
    one, (_, other) = given_names
    assert not is_other_model(one, other)


@given(written(), written())
def test_two_models_differ_however_they_are_written(one, other):
    if one[0] != other[0]:
        assert is_other_model(one[1], other[1])


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_two_texts_compare_alike_from_both_sides(one, other):
    assert is_other_model(one, other) == is_other_model(other, one)
    assert not is_other_model(one, one)
