"""A model that answers as the last user message says: with calls of tools, whole or streamed, and after a tool's result with its text."""

import http.server
import json
import threading


def said(*calls, text="ok"):
    """Returns messages that make the model ask for these calls, each `(tool, arguments)`, or say the text, or so many letters."""
    return [{"role": "user", "content": json.dumps({"calls": calls, "text": text})}]


def _answer(messages):
    if messages[-1]["role"] == "tool":
        return {"role": "assistant", "content": f"It said {messages[-1]['content']}"}, "stop"
    script = json.loads(messages[-1]["content"])
    if not script["calls"]:
        text = script["text"] if isinstance(script["text"], str) else "x" * script["text"]
        return {"role": "assistant", "content": text}, "stop"
    calls = [{"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
             for at, (name, arguments) in enumerate(script["calls"])]
    return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        request = json.loads(body)
        self.server.seen.append((self.path, dict(self.headers), len(body)))
        message, finish = _answer(request["messages"])
        head = {"id": "chatcmpl-1", "created": 1, "model": request["model"]}
        if request.get("stream"):
            return self._stream(head, message, finish)
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        choice = {"index": 0, "message": message, "finish_reason": finish}
        answer = json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
        self._head("application/json", ("content-length", str(len(answer))))
        self.wfile.write(answer)

    def _head(self, kind, *more):
        self.send_response(200)
        for name, value in [("content-type", kind), *more]:
            self.send_header(name, value)
        self.end_headers()

    def _stream(self, head, message, finish):
        self._head("text/event-stream", ("transfer-encoding", "chunked"))
        deltas = [{"role": "assistant", "content": ""}]
        deltas += [{"content": letter} for letter in message["content"] or ""]
        for at, call in enumerate(message.get("tool_calls", [])):
            half = len(call["function"]["arguments"]) // 2
            deltas.append({"tool_calls": [{"index": at, **call, "function": {**call["function"], "arguments": ""}}]})
            for part in (call["function"]["arguments"][:half], call["function"]["arguments"][half:]):
                deltas.append({"tool_calls": [{"index": at, "function": {"arguments": part}}]})
        for delta, end in [*((delta, None) for delta in deltas), ({}, finish)]:
            choice = {"index": 0, "delta": delta, "finish_reason": end}
            self._chunk(json.dumps({**head, "object": "chat.completion.chunk", "choices": [choice]}))
        self._chunk("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data):
        event = f"data: {data}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """With TLS. `seen` has the path, headers and size of every request."""

    daemon_threads = True

    def __init__(self, context):
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.seen = []
        self.port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
