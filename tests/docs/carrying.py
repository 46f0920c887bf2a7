"""What is carried from each dialect to each other, tried. Run as a script, it prints the page's tables."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from switchover.dialects import DIALECTS
from switchover.dialects.across import translate_answer, translate_request
from switchover.errors import BadRequest

CHAT, MESSAGES, RESPONSES = "openai_chat", "anthropic_messages", "openai_responses"
TITLES = {CHAT: "chat", MESSAGES: "messages", RESPONSES: "responses"}
WAYS = [(source, target) for source in TITLES for target in TITLES if source != target]
MODELS = {CHAT: "gpt-5-mini", MESSAGES: "claude-opus-5-5", RESPONSES: "gpt-5-mini"}
OLD = {CHAT: "gpt-4.1", MESSAGES: "claude-3-5-haiku-latest", RESPONSES: "gpt-4.1"}
BUDGETED = {**MODELS, MESSAGES: "claude-sonnet-4-5"}
BASES: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": "hi"}]},
    MESSAGES: {"max_tokens": 8192, "messages": [{"role": "user", "content": "hi"}]},
    RESPONSES: {"input": "hi"},
}

PNG, PDF, NOTE = "iVBORw0KGgo=", "JVBERi0xLjQ=", base64.b64encode(b"a note").decode()
SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}
CALLS = [("a", "Oslo"), ("b", "Bergen")]


def chat_says(*parts: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts)}]}


messages_say = chat_says


def responses_say(*parts: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(parts)}]}


def chat_talk(content: Any = "cold") -> dict[str, Any]:
    calls = [{"id": n, "type": "function", "function": {"name": "f", "arguments": f'{{"x":"{x}"}}'}} for n, x in CALLS]
    results = [{"role": "tool", "tool_call_id": n, "content": content} for n, _ in CALLS]
    return {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": calls}, *results]}


def messages_talk(content: Any = "cold", before: tuple[Any, ...] = (), **more: Any) -> dict[str, Any]:
    calls = [{"type": "tool_use", "id": n, "name": "f", "input": {"x": x}} for n, x in CALLS]
    results = [{"type": "tool_result", "tool_use_id": n, "content": content, **more} for n, _ in CALLS]
    said = [{"role": "assistant", "content": [*before, *calls]}, {"role": "user", "content": results}]
    return {"messages": [{"role": "user", "content": "?"}, *said]}


def responses_talk(content: Any = "cold", before: tuple[Any, ...] = ()) -> dict[str, Any]:
    calls = [{"type": "function_call", "call_id": n, "name": "f", "arguments": f'{{"x":"{x}"}}'} for n, x in CALLS]
    results = [{"type": "function_call_output", "call_id": n, "output": content} for n, _ in CALLS]
    return {"input": [{"role": "user", "content": "?"}, *before, *calls, *results]}


def chat_tool(**more: Any) -> dict[str, Any]:
    function = {"name": "f", "description": "d", "parameters": SCHEMA}
    return {"type": "function", "function": {**function, **more}}


def messages_tool(**more: Any) -> dict[str, Any]:
    return {"name": "f", "description": "d", "input_schema": SCHEMA, **more}


def responses_tool(**more: Any) -> dict[str, Any]:
    return {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, **more}


def image(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def source_block(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": kind, "source": source}


def file_part(kind: str, data: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    held = {"filename": name, "file_data": f"data:{kind};base64,{data}"}
    return chat_says({"type": "file", "file": held}), responses_say({"type": "input_file", **held})


PICTURE = source_block("image", type="base64", media_type="image/png", data=PNG)
PAPER = source_block("document", type="base64", media_type="application/pdf", data=PDF)
PDF_CHAT, PDF_RESPONSES = file_part("application/pdf", PDF, "a.pdf")
TEXT_CHAT, TEXT_RESPONSES = file_part("text/plain", NOTE, "a.txt")
OTHER_CHAT, OTHER_RESPONSES = file_part("application/msword", "0M8R4KGx", "a.doc")
DATA, WEB = f"data:image/png;base64,{PNG}", "https://x.example/y.png"
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "s"}
HIDDEN = {"type": "redacted_thinking", "data": "gAAA"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
ARRAY = {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True}

# What is asked → for each dialect that can: its fields, and what shows that they arrived.
FEATURES: dict[str, dict[str, tuple[dict[str, Any], tuple[str, ...]]]] = {
    "text": {name: ({}, ('"hi"',)) for name in TITLES},
    "system prompt": {
        CHAT: ({"messages": [{"role": "system", "content": "Brief."}, *BASES[CHAT]["messages"]]}, ("Brief.",)),
        MESSAGES: ({"system": [{"type": "text", "text": "Brief."}]}, ("Brief.",)),
        RESPONSES: ({"instructions": "Brief."}, ("Brief.",)),
    },
    "image, in base64": {
        CHAT: (chat_says(image(DATA)), (PNG,)),
        MESSAGES: (messages_say(PICTURE), (PNG,)),
        RESPONSES: (responses_say({"type": "input_image", "image_url": DATA}), (PNG,)),
    },
    "image, by address": {
        CHAT: (chat_says(image(WEB)), (WEB,)),
        MESSAGES: (messages_say(source_block("image", type="url", url=WEB)), (WEB,)),
        RESPONSES: (responses_say({"type": "input_image", "image_url": WEB}), (WEB,)),
    },
    "image's `detail`": {
        CHAT: (chat_says(image(WEB, detail="high")), ('"high"',)),
        RESPONSES: (responses_say({"type": "input_image", "image_url": WEB, "detail": "high"}), ('"high"',)),
    },
    "PDF, in base64": {
        CHAT: (PDF_CHAT, (PDF,)),
        MESSAGES: (messages_say(PAPER), (PDF,)),
        RESPONSES: (PDF_RESPONSES, (PDF,)),
    },
    "PDF, by address": {
        MESSAGES: (messages_say(source_block("document", type="url", url="https://x.example/a.pdf")), ("a.pdf",)),
        RESPONSES: (responses_say({"type": "input_file", "file_url": "https://x.example/a.pdf"}), ("a.pdf",)),
    },
    "file of plain text": {
        CHAT: (TEXT_CHAT, (NOTE, "a note")),
        MESSAGES: (
            messages_say(source_block("document", type="text", media_type="text/plain", data="a note")),
            ("a note",),
        ),
        RESPONSES: (TEXT_RESPONSES, (NOTE, "a note")),
    },
    "file of another type": {
        CHAT: (OTHER_CHAT, ("0M8R4KGx",)),
        RESPONSES: (OTHER_RESPONSES, ("0M8R4KGx",)),
    },
    "file by its provider's id": {
        CHAT: (chat_says({"type": "file", "file": {"file_id": "file-1"}}), ("file-1",)),
        MESSAGES: (messages_say(source_block("document", type="file", file_id="file-1")), ()),
        RESPONSES: (responses_say({"type": "input_file", "file_id": "file-1"}), ()),
    },
    "citations of a document": {
        MESSAGES: (messages_say({**PAPER, "citations": {"enabled": True}}), (PDF,)),
    },
    "sound": {
        CHAT: (chat_says({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}), ()),
    },
    "functions": {
        CHAT: ({"tools": [chat_tool()]}, ('"f"',)),
        MESSAGES: ({"tools": [messages_tool()]}, ('"f"',)),
        RESPONSES: ({"tools": [responses_tool()]}, ('"f"',)),
    },
    "strict functions, closed schema": {
        CHAT: ({"tools": [chat_tool(strict=True)]}, ('"strict":true',)),
        MESSAGES: ({"tools": [messages_tool(strict=True)]}, ('"strict":true',)),
        RESPONSES: ({"tools": [responses_tool(strict=True)]}, ('"strict":true',)),
    },
    "choice of a function, one at a time": {
        CHAT: (
            {"tools": [chat_tool()], "parallel_tool_calls": False,
             "tool_choice": {"type": "function", "function": {"name": "f"}}},
            ('"parallel_tool_calls":false', '"disable_parallel_tool_use":true'),
        ),
        MESSAGES: (
            {"tools": [messages_tool()],
             "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
            ('"parallel_tool_calls":false',),
        ),
        RESPONSES: (
            {"tools": [responses_tool()], "parallel_tool_calls": False,
             "tool_choice": {"type": "function", "name": "f"}},
            ('"parallel_tool_calls":false', '"disable_parallel_tool_use":true'),
        ),
    },
    "parallel calls and their results": {
        CHAT: (chat_talk(), ("cold",)),
        MESSAGES: (messages_talk(), ("cold",)),
        RESPONSES: (responses_talk(), ("cold",)),
    },
    "image in a function's result": {
        MESSAGES: (messages_talk([PICTURE]), (PNG,)),
        RESPONSES: (responses_talk([{"type": "input_image", "image_url": DATA}]), (PNG,)),
    },
    "PDF in a function's result": {
        MESSAGES: (messages_talk([PAPER]), (PDF,)),
        RESPONSES: (responses_talk(PDF_RESPONSES["input"][0]["content"]), (PDF,)),
    },
    "a function that failed (`is_error`)": {
        MESSAGES: (messages_talk("no such city", is_error=True), ("The tool failed.",)),
    },
    "tools that run at the provider": {
        CHAT: ({"web_search_options": {"user_location": None, "search_context_size": "low"}}, ()),
        MESSAGES: ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, ()),
        RESPONSES: ({"tools": [{"type": "web_search"}]}, ()),
    },
    "tools that take free text": {
        CHAT: ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, ()),
        RESPONSES: ({"tools": [{"type": "custom", "name": "f"}]}, ()),
    },
    "JSON schema of the answer": {
        CHAT: ({"response_format": {"type": "json_schema", "json_schema": {**ARRAY, "type": None}}}, ('"x"',)),
        MESSAGES: ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, ('"x"',)),
        RESPONSES: ({"text": {"format": ARRAY}}, ('"x"',)),
    },
    "any JSON object": {
        CHAT: ({"response_format": {"type": "json_object"}}, ('"json_object"',)),
        RESPONSES: ({"text": {"format": {"type": "json_object"}}}, ('"json_object"',)),
    },
    "reasoning of earlier turns": {
        MESSAGES: (messages_talk(before=(THOUGHT,)), ('"hm"',)),
        RESPONSES: (responses_talk(before=({**REASONING, "encrypted_content": None},)), ("rs_1",)),
    },
    "the same, encrypted": {
        MESSAGES: (messages_talk(before=(HIDDEN,)), ("gAAA",)),
        RESPONSES: (responses_talk(before=(REASONING,)), ("gAAA",)),
    },
    "how much to reason": {
        CHAT: ({"reasoning_effort": "low"}, ('"low"',)),
        MESSAGES: ({"output_config": {"effort": "low"}}, ('"low"',)),
        RESPONSES: ({"reasoning": {"effort": "low"}}, ('"low"',)),
    },
    "a budget for reasoning": {
        MESSAGES: ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, ('"medium"',)),
    },
    "effort, towards models with a budget": {
        CHAT: ({"reasoning_effort": "low", "max_completion_tokens": 8192}, ('"budget_tokens":2048', '"low"')),
        RESPONSES: ({"reasoning": {"effort": "low"}, "max_output_tokens": 8192}, ('"budget_tokens":2048', '"low"')),
    },
    "effort, towards models without": {
        CHAT: ({"reasoning_effort": "low"}, ('"low"',)),
        MESSAGES: ({"output_config": {"effort": "low"}}, ('"low"',)),
        RESPONSES: ({"reasoning": {"effort": "low"}}, ('"low"',)),
    },
    "limit of the answer": {
        CHAT: ({"max_completion_tokens": 77}, (":77",)),
        MESSAGES: ({"max_tokens": 77}, (":77",)),
        RESPONSES: ({"max_output_tokens": 77}, (":77",)),
    },
    "temperature, top p": {name: ({"temperature": 0.5, "top_p": 0.75}, (":0.75",)) for name in TITLES},
    "the same, towards models that reason": {
        name: ({"temperature": 0.5, "top_p": 0.75}, (":0.75",)) for name in TITLES
    },
    "temperature above 1": {name: ({"temperature": 1.5}, (":1.5",)) for name in (CHAT, RESPONSES)},
    "stop sequences": {
        CHAT: ({"stop": ["END"]}, ("END",)),
        MESSAGES: ({"stop_sequences": ["END"]}, ("END",)),
    },
    "top k": {MESSAGES: ({"top_k": 44}, (":44",))},
    "seed, penalties, biases": {
        CHAT: ({"seed": 1, "frequency_penalty": 0.5, "presence_penalty": 0.5, "logit_bias": {"1": 2}}, ()),
    },
    "several answers (`n`)": {CHAT: ({"n": 2}, ())},
    "log probabilities": {
        CHAT: ({"logprobs": True, "top_logprobs": 2}, ()),
        RESPONSES: ({"top_logprobs": 2}, ()),
    },
    "length of the answer (`verbosity`)": {
        CHAT: ({"verbosity": "low"}, ('"low"',)),
        RESPONSES: ({"text": {"verbosity": "low"}}, ('"low"',)),
    },
    "metadata": {
        CHAT: ({"metadata": {"kind": "claim-7"}}, ("claim-7",)),
        MESSAGES: ({"metadata": {"user_id": "claim-7"}}, ("claim-7",)),
        RESPONSES: ({"metadata": {"kind": "claim-7"}}, ("claim-7",)),
    },
    "names of speakers": {
        CHAT: ({"messages": [{"role": "user", "content": "hi", "name": "ann"}]}, ('"ann"',)),
    },
    "marks for the prompt cache": {
        CHAT: ({"prompt_cache_key": "cache-7"}, ("cache-7",)),
        MESSAGES: (messages_say({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}), ("ephemeral",)),
        RESPONSES: ({"prompt_cache_key": "cache-7"}, ("cache-7",)),
    },
    "service tier": {
        CHAT: ({"service_tier": "flex"}, ("flex",)),
        MESSAGES: ({"service_tier": "standard_only"}, ("standard_only",)),
        RESPONSES: ({"service_tier": "flex"}, ("flex",)),
    },
    "keep the answer (`store`)": {
        CHAT: ({"store": True}, ('"store":true',)),
        RESPONSES: ({"store": True}, ('"store":true',)),
    },
    "what a provider keeps": {
        MESSAGES: ({"container": "c_1"}, ()),
        RESPONSES: ({"previous_response_id": "resp_1"}, ()),
    },
    "where it may be processed": {MESSAGES: ({"inference_geo": "eu"}, ())},
    "a field of a tool we don't know": {
        CHAT: ({"tools": [chat_tool(future="new-7")]}, ("new-7",)),
        MESSAGES: ({"tools": [messages_tool(future="new-7")]}, ("new-7",)),
        RESPONSES: ({"tools": [responses_tool(future="new-7")]}, ("new-7",)),
    },
    "a field of a part we don't know": {
        CHAT: (chat_says({"type": "text", "text": "x", "future": "new-7"}), ("new-7",)),
        MESSAGES: (messages_say({"type": "text", "text": "x", "future": "new-7"}), ("new-7",)),
        RESPONSES: (responses_say({"type": "input_text", "text": "x", "future": "new-7"}), ("new-7",)),
    },
    "a part of a type we don't know": {
        CHAT: (chat_says({"type": "future"}), ()),
        MESSAGES: (messages_say({"type": "future"}), ()),
        RESPONSES: (responses_say({"type": "future"}), ()),
    },
}  # fmt: skip
TOWARDS = {
    "effort, towards models without": OLD,
    "effort, towards models with a budget": BUDGETED,
    "temperature, top p": OLD,
    "temperature above 1": OLD,
}


def tried(feature: str, source: str, target: str) -> str:
    """What becomes of a feature on one way, as the page says it."""
    if source not in FEATURES[feature]:
        return "–"
    fields, shown = FEATURES[feature][source]
    model = TOWARDS.get(feature, MODELS)[target]
    sent = msgspec.json.encode({"model": "r", **BASES[source], **fields})
    try:
        body, dropped = translate_request(sent, source, target, model)
    except BadRequest:
        return "refused"
    arrived = any(one.encode() in body for one in shown)
    names = ", ".join(f"`{name}`" for name in dropped)
    if not arrived and not names:
        return "LOST"
    return ("carried" + (f", less {names}" if names else "")) if arrived else f"left out: {names}"


def requests_table() -> list[str]:
    """The table of requests, line by line."""
    head = ["Of a request", *(f"{TITLES[source]} → {TITLES[target]}" for source, target in WAYS)]
    return _table(head, [[feature, *(tried(feature, *way) for way in WAYS)] for feature in FEATURES])


def chat_answer(reason: str, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": "yes", **message}
    return {"id": "c", "model": "m", "choices": [{"index": 0, "message": said, "finish_reason": reason}]}


def messages_answer(reason: str, *blocks: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": "yes"}, *blocks]
    return {"id": "m", "type": "message", "model": "m", "content": content, "stop_reason": reason}


def responses_answer(reason: str, *items: Any, kind: str = "output_text") -> dict[str, Any]:
    part = {"type": kind, "refusal" if kind == "refusal" else "text": "yes"}
    output = [{"type": "message", "role": "assistant", "content": [part]}, *items]
    status = "completed" if reason == "completed" else "incomplete"
    details = {} if status == "completed" else {"incomplete_details": {"reason": reason}}
    return {"id": "r", "model": "m", "status": status, "output": output, **details}


CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ENDS: dict[tuple[str, str], dict[str, Any]] = {
    (CHAT, "`stop`"): chat_answer("stop"),
    (CHAT, "`stop`, with `refusal`"): chat_answer("stop", content=None, refusal="no"),
    (CHAT, "`length`"): chat_answer("length"),
    (CHAT, "`tool_calls`"): chat_answer("tool_calls", tool_calls=[CALL]),
    (CHAT, "`content_filter`"): chat_answer("content_filter"),
    **{
        (MESSAGES, f"`{reason}`"): messages_answer(reason)
        for reason in ("end_turn", "stop_sequence", "max_tokens", "pause_turn", "refusal")
    },
    (MESSAGES, "`model_context_window_exceeded`"): messages_answer("model_context_window_exceeded"),
    (MESSAGES, "`tool_use`"): messages_answer("tool_use", {"type": "tool_use", "id": "a", "name": "f", "input": {}}),
    (RESPONSES, "`completed`"): responses_answer("completed"),
    (RESPONSES, "`completed`, with a call"): responses_answer(
        "completed", {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    ),
    (RESPONSES, "`completed`, with a `refusal`"): responses_answer("completed", kind="refusal"),
    (RESPONSES, "`incomplete`: `max_output_tokens`"): responses_answer("max_output_tokens"),
    (RESPONSES, "`incomplete`: `content_filter`"): responses_answer("content_filter"),
}


def ended(dialect: str, body: bytes) -> str:
    """How an answer ended, in its own dialect's words."""
    answer = msgspec.json.decode(body)
    if dialect == CHAT:
        choice = answer["choices"][0]
        return f"`{choice['finish_reason']}`" + (", with `refusal`" if choice["message"].get("refusal") else "")
    if dialect == MESSAGES:
        return f"`{answer['stop_reason']}`"
    if answer["status"] == "incomplete":
        return f"`incomplete`: `{answer['incomplete_details']['reason']}`"
    parts = [part["type"] for item in answer["output"] for part in item.get("content", ())]
    calls = any(item["type"] == "function_call" for item in answer["output"])
    return "`completed`" + (", with a `refusal`" if "refusal" in parts else ", with a call" if calls else "")


def ends_table() -> list[str]:
    """The table of how answers end, line by line."""
    rows = []
    for (source, name), answer in ENDS.items():
        body = msgspec.json.encode(answer)
        DIALECTS[source].read_answer(body)
        told = [
            ended(target, translate_answer(body, source, target, model="m")) for target in TITLES if target != source
        ]
        told.insert(list(TITLES).index(source), f"**{name}**")
        rows.append(told)
    return _table([f"in {title}" for title in TITLES.values()], rows)


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return [lines[0], "|-" * len(head) + "|", *lines[1:]]


if __name__ == "__main__":
    print("\n".join([*requests_table(), "", *ends_table()]))
