"""Reads one streamed turn with the official SDK of each dialect, as a trusting application does.

Each reader takes a base URL and returns the text and calls the SDK finds. At an error it returns the text and calls so far,
because an application has already acted on them.
"""

import json

import anthropic
import boto3
import httpx2
import ollama
import openai
from botocore.config import Config
from google import genai
from google.genai import types
from mcp.types import ListToolsResult, jsonrpc_message_adapter
from wire_gate import HEADERS
from wire_samples import DIALECTS

PLAY = "mutated"
ALL = {**HEADERS, "x-play": PLAY}


class Found:
    """Text and calls, perhaps until an error."""

    def __init__(self):
        self.text, self.calls, self.error = "", [], None

    def call(self, name, arguments):
        self.calls.append((name, arguments))

    def __eq__(self, other):
        return (self.text, self.calls, self.error) == (other.text, other.calls, other.error)

    def __repr__(self):
        return f"text {self.text!r}, calls {self.calls}, error {self.error}"


class Reader:
    """A client of one SDK, made once and used for every stream."""

    def __init__(self, name, url):
        self.read = READERS[name](url)

    def __call__(self):
        found = Found()
        try:
            self.read(found)
        except Exception as error:  # noqa: BLE001  # SDKs raise anything for an unreadable stream
            found.error = type(error).__name__
        return found


def chat(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", default_headers=ALL, max_retries=0, timeout=20)

    def read(found):
        slots = {}
        try:
            for chunk in client.chat.completions.create(**DIALECTS["chat"].request, stream=True):
                for choice in chunk.choices or []:
                    found.text += choice.delta.content or ""
                    for call in choice.delta.tool_calls or []:
                        slot = slots.setdefault((choice.index, call.index), ["", ""])
                        function = call.function or getattr(call, "custom", None)
                        slot[0] += getattr(function, "name", None) or ""
                        slot[1] += getattr(function, "arguments", None) or ""
                    if choice.delta.function_call:
                        slot = slots.setdefault((choice.index, "legacy"), ["", ""])
                        slot[0] += choice.delta.function_call.name or ""
                        slot[1] += choice.delta.function_call.arguments or ""
        finally:
            for name, arguments in slots.values():
                found.call(name, arguments)

    return read


def responses(url):
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="k", default_headers=ALL, max_retries=0, timeout=20)

    def read(found):
        ended = []
        for event in client.responses.create(**DIALECTS["responses"].request, stream=True):
            if event.type == "response.output_text.delta":
                found.text += event.delta
            elif event.type == "response.output_item.done" and event.item.type.endswith("_call"):
                found.call(getattr(event.item, "name", event.item.type), getattr(event.item, "arguments", None))
            elif event.type in ("response.completed", "response.incomplete"):
                ended = [item for item in event.response.output if item.type.endswith("_call")]
        for item in ended:
            made = (getattr(item, "name", item.type), getattr(item, "arguments", None))
            if made not in found.calls:
                found.call(*made)

    return read


def messages(url):
    client = anthropic.Anthropic(base_url=url, api_key="k", default_headers=ALL, max_retries=0, timeout=20)

    def read(found):
        blocks = {}
        for event in client.messages.create(**DIALECTS["messages"].request, stream=True):
            if event.type == "content_block_start":
                blocks[event.index] = (event.content_block, "")
            elif event.type == "content_block_delta":
                found.text += getattr(event.delta, "text", None) or ""
                block, text = blocks.get(event.index, (None, ""))
                blocks[event.index] = (block, text + (getattr(event.delta, "partial_json", None) or ""))
            elif event.type == "content_block_stop":
                block, text = blocks.get(event.index, (None, ""))
                if block is not None and block.type.endswith("tool_use"):
                    found.call(block.name, text or json.dumps(block.input))

    return read


def gemini(url):
    options = types.HttpOptions(base_url=url, headers=ALL, timeout=20_000)
    client = genai.Client(api_key="k", http_options=options)
    tools = [types.Tool(function_declarations=[{"name": "get_weather"}])]
    config = types.GenerateContentConfig(tools=tools, automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))

    def read(found):
        for chunk in client.models.generate_content_stream(model="gemini-a", contents="hi", config=config):
            for candidate in chunk.candidates or []:
                for part in (candidate.content and candidate.content.parts) or []:
                    found.text += (part.text or "") if not part.thought else ""
                    if part.function_call:
                        found.call(part.function_call.name, json.dumps(part.function_call.args or {}))
                    if part.executable_code or part.tool_call:
                        found.call("(provider tool)", None)

    return read


def ollama_chat(url):
    client = ollama.Client(host=url, headers=ALL, timeout=20)
    request = {**DIALECTS["ollama"].request, "stream": True}

    def read(found):
        for line in client.chat(**request):
            found.text += line.message.content or ""
            for call in line.message.tool_calls or []:
                found.call(call.function.name, json.dumps(dict(call.function.arguments)))

    return read


def converse(url):
    config = Config(retries={"total_max_attempts": 1}, read_timeout=20, max_pool_connections=2)
    client = boto3.client("bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="t",
                          aws_secret_access_key="t", config=config)

    def add_headers(request, **_):
        for name, value in ALL.items():
            request.headers.add_header(name, value)

    client.meta.events.register("before-sign.bedrock-runtime.*", add_headers)

    def read(found):
        blocks = {}
        for event in client.converse_stream(modelId="anthropic.claude-a", **DIALECTS["converse"].request)["stream"]:
            [(name, data)] = event.items()
            at = data.get("contentBlockIndex")
            if name == "contentBlockStart" and "toolUse" in data.get("start", {}):
                blocks[at] = [data["start"]["toolUse"].get("name"), ""]
            elif name == "contentBlockDelta":
                found.text += data.get("delta", {}).get("text", "")
                if "toolUse" in data.get("delta", {}):
                    blocks.setdefault(at, [None, ""])[1] += data["delta"]["toolUse"].get("input", "")
            elif name == "contentBlockStop" and at in blocks:
                found.call(*blocks.pop(at))

    return read


def mcp(url):
    """The SDK's decoders without its session, which would send further requests."""
    client = httpx2.Client(headers={**ALL, "accept": "application/json, text/event-stream"}, timeout=20)

    def read(found):
        with client.stream("POST", f"{url}/mcp", json=DIALECTS["mcp"].request) as response:
            if "text/event-stream" in response.headers.get("content-type", ""):
                texts = [event.data for event in httpx2.EventSource(response) if event.event == "message" and event.data]
            else:
                texts = [response.read()]
        for text in texts:
            message = jsonrpc_message_adapter.validate_json(text, by_name=False)
            if getattr(message, "result", None) is not None:
                for tool in ListToolsResult.model_validate(message.result).tools:
                    found.call(tool.name, None)

    return read


READERS = {"chat": chat, "responses": responses, "messages": messages, "gemini": gemini, "ollama": ollama_chat, "converse": converse, "mcp": mcp}
