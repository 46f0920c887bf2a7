"""Which names mean the same family of model, by example and as a law."""

from __future__ import annotations

import pytest

from switchover.domain.model_name import is_other_model, is_same_model, told

# Asked for, and named in the answer.
SAME = [
    # dated snapshots
    ("gpt-4o", "gpt-4o-2024-08-06"),
    ("gpt-5", "gpt-5-2025-08-07"),
    ("gpt-4", "gpt-4-0613"),
    ("gpt-4-turbo-preview", "gpt-4-0125-preview"),
    ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("claude-opus-4-0", "claude-opus-4-20250514"),
    ("gemini-2.5-flash", "gemini-2.5-flash-preview-05-20"),
    ("gemini-2.5-flash", "gemini-2.5-flash-preview-10-2025"),
    ("mistral-large-2411", "mistral-large-2512"),
    ("mistral-small-3.2-24b", "mistral-small-3.2-24b-instruct-2506"),
    ("qwen3-235b-a22b", "qwen3-235b-a22b-instruct-2507"),
    ("deepseek-r1", "deepseek-r1-0528"),
    ("kimi-k2", "kimi-k2-0905-preview"),
    ("grok-4", "grok-4-0709"),
    ("command-a", "command-a-03-2025"),
    ("command-r-plus", "command-r-plus-08-2024"),
    ("doubao-pro-32k", "doubao-pro-32k-241215"),
    ("gemini-2.0-flash", "gemini-2.0-flash-001"),
    # the newest one
    ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
    ("gemini-flash-latest", "gemini-2.5-flash-preview-09-2025"),
    ("mistral-large-latest", "mistral-large-4"),
    ("mistral-small-latest", "mistral-small-4-119b-2603"),
    ("chatgpt-4o-latest", "gpt-4o-2024-11-20"),
    ("kimi-latest", "moonshot-v1-32k"),
    ("gpt-5.6", "gpt-5.6-sol"),
    # where it runs and who made it
    ("openai/gpt-oss-120b", "gpt-oss-120b"),
    ("accounts/fireworks/models/llama-v3p1-8b-instruct", "meta-llama/Llama-3.1-8B-Instruct"),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929"),
    ("anthropic.claude-3-sonnet-20240229-v1:0", "claude-3-sonnet"),
    ("meta.llama3-1-70b-instruct-v1:0", "llama-3.1-70b-instruct"),
    ("openai.gpt-oss-120b-1:0", "gpt-oss-120b"),
    ("claude-3-5-sonnet-v2@20241022", "claude-3-5-sonnet-20241022"),
    ("claude-haiku-4-5@20251001", "claude-haiku-4.5"),
    ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5-20250929"),
    ("models/gemini-2.5-flash", "gemini-2.5-flash"),
    ("publishers/google/models/gemini-2.5-flash", "google/gemini-2.5-flash"),
    ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "llama-3.3-70b-instruct"),
    ("meta-llama/llama-3.3-70b-instruct:free", "meta-llama/llama-3.3-70b-instruct"),
    ("gpt-35-turbo", "gpt-3.5-turbo-0125"),
    ("ft:gpt-4o-mini-2024-07-18:acme::AbC123x9", "gpt-4o-mini-2024-07-18"),
    ("cohere.command-r-plus-v1:0", "command-r-plus-08-2024"),
    ("ai21.jamba-1-5-large-v1:0", "jamba-1.5-large"),
    ("amazon.nova-lite-v1:0", "nova-lite"),
    # quantisations, files, tags
    ("qwen2.5-7b-instruct-mlx@4bit", "Qwen2.5-7B-Instruct"),
    ("qwen3:8b", "qwen3:8b-q4_K_M"),
    ("llama3.1:8b", "llama3.1:8b-instruct-q8_0"),
    ("gpt-oss-20b", "gpt-oss-20b-mxfp4"),
    ("Qwen/Qwen3-32B", "Qwen/Qwen3-32B-AWQ"),
    ("llama-3.1-8b-instruct", "/models/Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf"),
    ("smollm3-3b", "C:\\models\\SmolLM3-3B-UD-Q4_K_XL.gguf"),
    ("gemma-3-27b-it", "gemma-3-27b-it-w4a16"),
    ("llama-4-scout", "llama-4-scout-17b-16e-instruct"),
    ("llama-4-scout-109b", "Llama-4-Scout-17B-16E-Instruct-FP8"),
    ("nemotron-3-super-120b-a12b", "nvidia/nemotron-3-super"),
    ("minimax-m2.5", "MiniMaxAI/MiniMax-M2.5"),
    ("mistral-large-3-675b-2512", "mistral-large-2512"),
    # aliases: one of the two says nothing, or no more than the brand
    ("deepseek-chat", "deepseek-v4-flash"),
    ("deepseek-reasoner", "DeepSeek-V3.2"),
    ("qwen-turbo", "qwen3-30b-a3b"),
    ("mistral", "mistral:7b"),
    ("grok-code-fast-1", "grok-4-fast"),
    ("accounts/acme/deployedModels/llama-v3p1-8b-instruct-abc123", "llama-3.1-8b-instruct"),
    ("Meta-Llama-3.1-8B-Instruct-2", "meta/llama-3.1-8b-instruct"),
    ("chat-prod", "gpt-4o-2024-08-06"),
    ("gpt-5", "gpt-5-prod2"),
    ("eu-1-gpt-4.1", "gpt-4.1"),
    ("starter", "/data/weights/model.gguf"),
    ("vendor-model", "real-model"),
    ("auto", "claude-opus-4-8"),
    ("gpt-4o", ""),
    ("gpt-4o", "default"),
]  # fmt: skip
OTHER = [
    # a weaker one of the house
    ("gpt-5", "gpt-5-mini"),
    ("gpt-4o", "gpt-4o-mini-2024-07-18"),
    ("gpt-4.1", "gpt-4.1-nano"),
    ("gpt-5.6-sol", "gpt-5.6-luna"),
    ("o3", "o3-mini"),
    ("claude-opus-4-8", "claude-sonnet-4-5-20250929"),
    ("claude-fable-5", "claude-opus-4-8"),
    ("gemini-2.5-flash", "gemini-2.5-flash-lite"),
    ("glm-4.5", "glm-4.5-air"),
    ("deepseek-v4-pro", "deepseek-v4-flash"),
    ("command-r-plus", "command-r"),
    ("mistral-large-latest", "mistral-small-latest"),
    ("llama-4-maverick", "llama-4-scout-17b-16e-instruct"),
    # another version
    ("gpt-5", "gpt-4o"),
    ("gpt-4o", "gpt-4-0613"),
    ("gpt-5.1", "gpt-5"),
    ("claude-opus-4-8", "claude-opus-4-5"),
    ("claude-sonnet-4-5", "anthropic/claude-3.5-sonnet"),
    ("llama-3-70b-instruct", "Llama-3.3-70B-Instruct"),
    ("kimi-k3", "kimi-k2.6"),
    ("deepseek-r1", "deepseek-v3.2"),
    ("minimax-m3", "minimax-m2.7"),
    ("o3", "o4"),
    # another size
    ("llama-3.1-70b-instruct", "llama-3.1-8b-instruct-q4_K_M"),
    ("qwen3-235b-a22b", "qwen3:8b"),
    ("mixtral-8x22b", "mixtral-8x7b"),
    ("gpt-oss-120b", "openai/gpt-oss-20b"),
    ("gemma-3n-e4b", "gemma-3n-e2b"),
    # another house
    ("gpt-5", "claude-opus-4-8"),
    ("claude-sonnet-4-5", "gemini-2.5-flash"),
    ("mistral-large-4", "qwen3-32b"),
    ("gpt-oss-120b", "gpt-5"),
    ("deepseek-r1-distill-llama-70b", "llama-3.3-70b-instruct"),
    ("deepseek-r1", "deepseek-r1-distill-qwen-32b"),
    ("command-a", "command-r"),
    # a house that we do not know
    ("big-1", "big-2"),
    ("acme-large", "acme-small"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "answered"), SAME)
def test_names_of_one_model_are_not_told_apart(asked, answered):
    assert not is_other_model(asked, answered)


@pytest.mark.parametrize(("asked", "answered"), OTHER)
def test_names_of_two_models_are_told_apart(asked, answered):
    assert is_other_model(asked, answered)
    assert is_other_model(answered, asked)


@pytest.mark.parametrize("name", ["gpt-5-mini", "openai/gpt-oss-120b", "qwen3:8b-q4_K_M", "us.anthropic.claude-v1:0"])
def test_a_name_is_told_as_it_is(name):
    assert told(name) == f"'{name}'"


@pytest.mark.parametrize("said", [None, "", "somebody's words", "a\nb", "x" * 201, "modèle"])
def test_what_is_no_name_is_not_repeated(said):
    assert told(said) == "what is no model's name"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("claude-sonnet-4-5", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"),
        ("big-1", "openai/big-1"),
        ("chat-prod", "chat-prod"),
    ],
)
def test_names_that_say_the_same_model_are_of_one(one, other):
    assert is_same_model(one, other)
    assert is_same_model(other, one)


@pytest.mark.parametrize(
    ("one", "other"), [("gpt-4o-mini", "chat-prod"), ("gpt-4o-mini", "gpt"), ("big-1", "big-2"), ("mail", "sorter")]
)
def test_a_name_that_does_not_say_which_model_it_is_is_not_taken_for_one(one, other):
    assert not is_same_model(one, other)
    assert not is_same_model(other, one)


@pytest.mark.parametrize(("asked", "answered"), OTHER)
def test_two_models_are_never_one(asked, answered):
    assert not is_same_model(asked, answered)
