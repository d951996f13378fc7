"""A scripted model for coding agents, on loopback: it plays one script, and records every request.

The script is a list of turns. The model plays the turn after as many as the conversation has results of tools, so a repeated request
gets the same answer. A request that declares no tool is a side request (a title, a choice of model) and gets a short answer.
"""

import gzip
import http.server
import json
import threading
from typing import NamedTuple

import zstandard
from answers import Turn, write

ROUTE = {"complexity_reasoning": "short", "complexity_score": 10}


class Request(NamedTuple):
    """One recorded request, and its body if that was JSON."""

    method: str
    path: str
    headers: dict
    body: object
    api: str
    side: bool


def api_of(path):
    path = path.partition("?")[0]
    for end, api in [("/chat/completions", "chatCompletions"), ("/responses", "responses"), ("/messages", "messages"),
                     ("enerateContent", "gemini")]:
        if path.endswith(end):
            return api
    return ""


def results(api, body):
    """Returns how many results of tools the conversation has."""
    if api == "chatCompletions":
        return sum(message.get("role") == "tool" for message in body.get("messages", []))
    if api == "messages":
        blocks = [block for message in body.get("messages", []) if isinstance(message["content"], list) for block in message["content"]]
        return sum(block.get("type") == "tool_result" for block in blocks)
    if api == "gemini":
        return sum("functionResponse" in part for content in body.get("contents", []) for part in content.get("parts", []))
    items = body.get("input") if isinstance(body.get("input"), list) else []
    return sum(item.get("type") in ("function_call_output", "custom_tool_call_output") for item in items)


def declares(api, body):
    items = body.get("input") if isinstance(body.get("input"), list) else []
    listed = [tool for item in items if item.get("type") == "additional_tools" for tool in item.get("tools", [])]
    tools = [tool for tool in body.get("tools") or [] if "googleSearch" not in tool and not tool.get("type", "").startswith("web_search_")]
    return bool(tools or listed)


class Model:
    """Listens until `close`. `script` may be changed between runs."""

    def __init__(self):
        self.script, self.requests, self._lock = [Turn("ready")], [], threading.Lock()
        model = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 120

            def log_message(self, *_):
                pass

            def do_GET(self):
                model.get(self)

            def do_POST(self):
                model.post(self)

            do_HEAD = do_GET

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def play(self, script):
        with self._lock:
            self.script, self.requests = script, []

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def get(self, handler):
        self._record(Request(handler.command, handler.path, dict(handler.headers), None, "", True))
        listed = {"object": "list", "data": [], "models": []} if "models" in handler.path else {}
        send(handler, 200, "application/json", json.dumps(listed).encode())

    def post(self, handler):
        data = handler.rfile.read(int(handler.headers.get("content-length") or 0)) if not handler.headers.get("transfer-encoding") else chunks(
            handler.rfile)
        try:
            body = json.loads(unpacked(data, handler.headers.get("content-encoding")))
        except (ValueError, OSError, zstandard.ZstdError):
            body = None
        api = api_of(handler.path)
        known = bool(api) and isinstance(body, dict)
        side = not known or not declares(api, body)
        self._record(Request(handler.command, handler.path, dict(handler.headers), body, api, side))
        if not known:
            send(handler, 400 if api else 404, "application/json", b'{"error":{"message":"The model cannot read this request."}}')
            return
        stream = "streamGenerateContent" in handler.path or bool(body.get("stream"))
        model = body.get("model") or handler.path.partition("models/")[2].partition(":")[0]
        number = results(api, body)
        if side:
            config = body.get("generationConfig") or {}
            turn = Turn(json.dumps(ROUTE) if "json" in config.get("responseMimeType", "") else "A short title")
        else:
            turn = self.script[min(number, len(self.script) - 1)]
        answer = write(api, model, turn, number, stream)
        send(handler, 200, answer.content_type, answer.body)

    def _record(self, request):
        with self._lock:
            self.requests.append(request)


def unpacked(data, encoding):
    """Without the gate, compressed requests arrive as the agent sent them."""
    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return gzip.decompress(data) if encoding == "gzip" else data


def chunks(reader):
    body = b""
    while (size := int(reader.readline().split(b";")[0] or b"0", 16)):
        body += reader.read(size)
        reader.readline()
    while reader.readline().strip():
        pass
    return body


def send(handler, status, content_type, body):
    try:
        handler.send_response(status)
        handler.send_header("content-type", content_type)
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
    except OSError:
        # The agent left before its answer.
        handler.close_connection = True
