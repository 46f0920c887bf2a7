"""What a message holds besides words, in Anthropic's blocks and in the chat's parts: images and files.

The chat is the hub between dialects, and here it says two things that OpenAI's chat does not know: a tool's result may
hold images and files, and a file may be named by its address. :func:`settled` makes of it what the chat knows.

Sources: docs.claude.com/en/api/messages, platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from ..errors import BadRequest

_IMAGE = re.compile(r"data:(image/[\w.+-]+);base64,(.*)", re.DOTALL)
_FILE = re.compile(r"data:([\w./+-]+)(?:;[^;,]+)*;base64,(.*)", re.DOTALL)
PDF = "application/pdf"
# How every PDF begins ("%PDF-"), in base64: some callers send the data without saying what it is.
_PDF_BEGINS = "JVBERi"


class Source(msgspec.Struct):
    """Where a block's data is."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    content: str | list[Block] | None = None


class Block(msgspec.Struct):
    """One block of a message, or of a tool's result."""

    type: str
    text: str | None = None
    source: Source | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None
    tool_use_id: str | None = None
    content: str | list[Block] | None = None
    is_error: bool | None = None
    title: str | None = None
    context: str | None = None
    citations: Any = None


def parts_of(block: Block, dropped: list[str]) -> list[dict[str, Any]]:
    """The chat's parts for a block of words, an image or a document; raises BadRequest for any other."""
    if block.type == "text":
        if block.citations:
            dropped.append("citations")
        return [_text(block.text or "")]
    source = block.source
    if block.type == "image" and source is not None:
        return [{"type": "image_url", "image_url": {"url": _image_url(source)}}]
    if block.type == "document" and source is not None:
        if isinstance(block.citations, dict) and block.citations.get("enabled"):
            dropped.append("document.citations")
        before = [_text(block.context)] if block.context else []
        return before + _document(block, source, dropped)
    raise BadRequest(f"Content blocks of type `{block.type}` can't be carried to this upstream.")


def _document(block: Block, source: Source, dropped: list[str]) -> list[dict[str, Any]]:
    title = block.title or ""
    if source.type == "base64" and source.media_type == PDF and source.data:
        return [_file(title, file_data=f"data:{PDF};base64,{source.data}")]
    if source.type == "url" and source.url:
        return [_file(title, file_url=source.url)]
    heading = [_text(title)] if title else []
    if source.type == "text" and source.data:
        return [*heading, _text(source.data)]
    if source.type == "content":
        within = source.content or ""
        if isinstance(within, str):
            return [*heading, _text(within)]
        return heading + [part for one in within for part in parts_of(one, dropped)]
    raise BadRequest(
        f"A document from a `{source.type}` can't be carried to this upstream; send its data, as base64 or as text."
    )


def _file(title: str, **where: str) -> dict[str, Any]:
    name = title or "document.pdf"
    return {"type": "file", "file": {"filename": name if name.lower().endswith(".pdf") else f"{name}.pdf", **where}}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _image_url(source: Source) -> str:
    if source.type == "base64" and source.media_type and source.data:
        return f"data:{source.media_type};base64,{source.data}"
    if source.type == "url" and source.url:
        return source.url
    raise BadRequest(f"Images from a `{source.type}` can't be carried to this upstream; send the data.")


def image_block(url: str) -> dict[str, Any]:
    """Anthropic's block for an image's URL; raises BadRequest."""
    inline = _IMAGE.fullmatch(url)
    if inline:
        return {"type": "image", "source": {"type": "base64", "media_type": inline[1], "data": inline[2]}}
    if url.startswith(("https://", "http://")):
        return {"type": "image", "source": {"type": "url", "url": url}}
    raise BadRequest("An image's `url` must be a base64 data URL or an https URL.")


def file_block(file: dict[str, Any]) -> dict[str, Any]:
    """Anthropic's block for a file: a PDF, or plain text; raises BadRequest for any other."""
    if file.get("file_url"):
        source = {"type": "url", "url": str(file["file_url"])}
    elif file.get("file_data"):
        source = _source(str(file["file_data"]))
    else:
        raise BadRequest("A file's id names what its provider keeps, and this upstream does not; send `file_data`.")
    title = file.get("filename")
    return {"type": "document", "source": source} | ({"title": title} if title else {})


def _source(data: str) -> dict[str, str]:
    inline = _FILE.fullmatch(data)
    kind, data = (inline[1], inline[2]) if inline else (PDF if data.startswith(_PDF_BEGINS) else "", data)
    if kind == PDF:
        return {"type": "base64", "media_type": PDF, "data": data}
    if kind == "text/plain":
        try:
            return {"type": "text", "media_type": kind, "data": base64.b64decode(data, validate=True).decode()}
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadRequest("A file's `file_data` is no text in base64.") from error
    raise BadRequest(
        f"Files of type `{kind or 'unknown'}` can't be carried to this upstream; "
        "send a PDF or plain text, as a data URL."
    )


def settled(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The hub's messages as OpenAI's chat takes them: what a tool returned besides text follows in the user's words.

    Raises BadRequest for a file named by its address, which the chat can't fetch.
    """
    out: list[dict[str, Any]] = []
    held: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content")
        parts = content if isinstance(content, list) else []
        if any("file_url" in part.get("file", ()) for part in parts):
            raise BadRequest("A file's address can't be carried to this upstream; send its data, as base64.")
        if message["role"] != "tool":
            if held:
                out.append({"role": "user", "content": held})
                held = []
            out.append(message)
        elif not parts:
            out.append(message)
        else:
            said = "\n\n".join(part["text"] for part in parts if part["type"] == "text")
            shown = [part for part in parts if part["type"] != "text"]
            if shown:
                held += [_text(f"What the call {message['tool_call_id']} returned:"), *shown]
            out.append({**message, "content": said or "What it returned follows."})
    return [*out, {"role": "user", "content": held}] if held else out
