"""One act of one official Python client, told as plain data; the JavaScript runner tells the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai

Told = dict[str, Any]


def act(job: dict[str, Any]) -> Told:
    """Does the job's act and tells what the caller saw; an error is told too."""
    client = CLIENTS[job["client"]](job)
    try:
        with client.sdk:
            told: Told = getattr(client, job["act"])()
            return told
    except Exception as error:
        own = isinstance(error, openai.OpenAIError | anthropic.AnthropicError)
        status = getattr(error, "status_code", None)
        return {"error": {"name": type(error).__name__, "status": status, "message": str(error), "library": own}}


class OpenAI:
    """`openai`, chat completions."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.sdk = openai.OpenAI(base_url=f"{job['url']}/v1", api_key=job["key"])

    def _ask(self, messages: list[Any] | None = None, **more: Any) -> Any:
        messages = messages or [{"role": "user", "content": self.job["prompt"]}]
        return self.sdk.chat.completions.create(model=self.job["model"], messages=messages, **more)

    def ask(self, messages: list[Any] | None = None, **more: Any) -> Told:
        """A whole answer."""
        return self._told(self._ask(messages, **more))

    def _told(self, answer: Any) -> Told:
        choice = answer.choices[0]
        calls = [[c.function.name, json.loads(c.function.arguments)] for c in choice.message.tool_calls or ()]
        usage = answer.usage and [answer.usage.prompt_tokens, answer.usage.completion_tokens]
        finish = choice.finish_reason
        return {"text": choice.message.content, "finish": finish, "usage": usage, "model": answer.model, "calls": calls}

    def stream(self) -> Told:
        """A stream, through the client's own gathering of it."""
        pieces = 0
        with self._streaming() as events:
            for event in events:
                pieces += event.type == "content.delta"
            return {**self._told(events.get_final_completion()), "pieces": pieces}

    def _streaming(self, **more: Any) -> Any:
        said = [{"role": "user", "content": self.job["prompt"]}]
        asked = {"stream_options": {"include_usage": True}, **more}
        return self.sdk.chat.completions.stream(model=self.job["model"], messages=said, **asked)

    def tools(self) -> Told:
        """Two calls in one answer, their results sent back, the answer after."""
        return self._with_results(self._ask(tools=self._tools()))

    def stream_tools(self) -> Told:
        """The same with the calls in a stream."""
        with self._streaming(tools=self._tools()) as events:
            return self._with_results(events.get_final_completion())

    def _with_results(self, first: Any) -> Told:
        message = first.choices[0].message
        said: list[Any] = [{"role": "user", "content": self.job["prompt"]}, message.model_dump(exclude_none=True)]
        for call in message.tool_calls:
            told = self.job["weather"][json.loads(call.function.arguments)["city"]]
            said.append({"role": "tool", "tool_call_id": call.id, "content": told})
        calls = self._told(first)["calls"]
        return {**self.ask(said, tools=self._tools()), "calls": calls, "first": first.choices[0].finish_reason}

    def _tools(self) -> list[Any]:
        function = {"name": "weather", "description": "weather now", "parameters": self.job["city"], "strict": True}
        return [{"type": "function", "function": function}]

    def schema(self) -> Told:
        """An answer that meets a schema."""
        wanted = {"name": "claim", "schema": self.job["schema"], "strict": True}
        told = self.ask(response_format={"type": "json_schema", "json_schema": wanted})
        return {**told, "object": json.loads(told["text"])}

    def image(self) -> Told:
        """A question with a picture."""
        url = f"data:image/png;base64,{self.job['png']}"
        parts = [{"type": "text", "text": "image"}, {"type": "image_url", "image_url": {"url": url}}]
        return self.ask([{"role": "user", "content": parts}])

    def cancel(self) -> Told:
        """Leaves after the first piece."""
        with self._ask(stream=True) as events:
            for event in events:
                if event.choices and event.choices[0].delta.content:
                    break
        return {"left": True}

    def file(self) -> Told:
        """A question with a PDF."""
        held = {"filename": "policy.pdf", "file_data": f"data:application/pdf;base64,{self.job['pdf']}"}
        return self.ask(
            [{"role": "user", "content": [{"type": "text", "text": "file"}, {"type": "file", "file": held}]}]
        )

    def embeddings(self) -> Told:
        """A vector for each text, in the form that the client asks for by itself."""
        answer = self.sdk.embeddings.create(model=self.job["model"], input=self.job["texts"])
        return {"vectors": [one.embedding for one in answer.data], "tokens": answer.usage.prompt_tokens}

    def responses(self) -> Told:
        """The Responses API."""
        answer = self.sdk.responses.create(model=self.job["model"], input=self.job["prompt"])
        return {"text": answer.output_text}


class Anthropic:
    """`anthropic`, messages."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.sdk = anthropic.Anthropic(base_url=job["url"], api_key=job["key"])

    def _common(self, messages: list[Any] | None = None) -> dict[str, Any]:
        said = messages or [{"role": "user", "content": self.job["prompt"]}]
        return {"model": self.job["model"], "max_tokens": 50, "messages": said}

    def ask(self, messages: list[Any] | None = None, **more: Any) -> Told:
        """A whole answer."""
        return self._told(self.sdk.messages.create(**self._common(messages), **more))

    def _told(self, answer: Any) -> Told:
        text = "".join(block.text for block in answer.content if block.type == "text")
        calls = [[block.name, block.input] for block in answer.content if block.type == "tool_use"]
        usage = [answer.usage.input_tokens, answer.usage.output_tokens]
        return {"text": text, "finish": answer.stop_reason, "usage": usage, "model": answer.model, "calls": calls}

    def stream(self) -> Told:
        """A stream, through the client's own gathering of it."""
        pieces = 0
        with self.sdk.messages.stream(**self._common()) as events:
            for event in events:
                pieces += event.type == "text"
            return {**self._told(events.get_final_message()), "pieces": pieces}

    def tools(self) -> Told:
        """Two calls in one answer, their results sent back, the answer after."""
        return self._with_results(self.sdk.messages.create(**self._common(), tools=self._tools()))

    def stream_tools(self) -> Told:
        """The same with the calls in a stream."""
        with self.sdk.messages.stream(**self._common(), tools=self._tools()) as events:
            return self._with_results(events.get_final_message())

    def _with_results(self, first: Any) -> Told:
        uses = [block for block in first.content if block.type == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": use.id, "content": self.job["weather"][use.input["city"]]}
            for use in uses
        ]
        said = [
            {"role": "user", "content": self.job["prompt"]},
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]},
            {"role": "user", "content": results},
        ]
        calls = self._told(first)["calls"]
        return {**self.ask(said, tools=self._tools()), "calls": calls, "first": first.stop_reason}

    def _tools(self) -> list[Any]:
        return [{"name": "weather", "description": "weather now", "input_schema": self.job["city"]}]

    def schema(self) -> Told:
        """An answer that meets a schema."""
        told = self.ask(output_config={"format": {"type": "json_schema", "schema": self.job["schema"]}})
        return {**told, "object": json.loads(told["text"])}

    def image(self) -> Told:
        """A question with a picture."""
        source = {"type": "base64", "media_type": "image/png", "data": self.job["png"]}
        blocks = [{"type": "image", "source": source}, {"type": "text", "text": "image"}]
        return self.ask([{"role": "user", "content": blocks}])

    def file(self) -> Told:
        """A question with a PDF."""
        source = {"type": "base64", "media_type": "application/pdf", "data": self.job["pdf"]}
        document = {"type": "document", "source": source, "title": "policy.pdf"}
        return self.ask([{"role": "user", "content": [document, {"type": "text", "text": "file"}]}])

    def count(self) -> Told:
        """How many tokens a question has."""
        said = [{"role": "user", "content": self.job["prompt"]}]
        return {"tokens": self.sdk.messages.count_tokens(model=self.job["model"], messages=said).input_tokens}

    def cancel(self) -> Told:
        """Leaves after the first piece."""
        with self.sdk.messages.create(**self._common(), stream=True) as events:
            for event in events:
                if event.type == "content_block_delta":
                    break
        return {"left": True}


CLIENTS: dict[str, Callable[[dict[str, Any]], Any]] = {"openai": OpenAI, "anthropic": Anthropic}
