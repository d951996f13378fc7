"""Amazon Bedrock Converse with the official `boto3` SDK: whole and streamed."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError
from conftest import needs_gate, said
from suite import POISON, SCHEMA, Answer, Ask, Suite

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"


def client(gates, ask):
    made = boto3.client(
        "bedrock-runtime", endpoint_url=gates.root(ask.on_violation), region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
    )

    def add_headers(request, **_):
        for name, value in gates.headers(ask.role).items():
            request.headers.add_header(name, value)

    made.meta.events.register("before-sign.bedrock-runtime.*", add_headers)
    return made


def body(ask, *more):
    spec = [{"name": name, "description": POISON, "inputSchema": {"json": SCHEMA}} for name in ask.names]
    return {
        "modelId": ask.model or MODEL, "messages": [{"role": "user", "content": [{"text": ask.text}]}, *more],
        "inferenceConfig": {"maxTokens": 512}, "toolConfig": {"tools": [{"toolSpec": one} for one in spec]},
    }


def read(answer):
    message = answer["output"]["message"]
    assert message["role"] == "assistant"
    used = [block["toolUse"] for block in message["content"] if "toolUse" in block]
    text = "".join(block.get("text", "") for block in message["content"])
    return Answer(text, [(one["toolUseId"], one["name"], one["input"]) for one in used], answer["stopReason"])


def accumulate(events):
    blocks, stopped, stop, names = {}, [], None, []
    for event in events:
        [(name, data)] = event.items()
        names.append(name)
        if name.startswith("contentBlock"):
            index = data["contentBlockIndex"]
            assert index == len(stopped), "indexes have no gap, and blocks do not overlap"
            block = blocks.setdefault(index, {"text": "", "input": "", "use": None})
            block["use"] = data.get("start", {}).get("toolUse") or block["use"]
            block["text"] += data.get("delta", {}).get("text", "")
            block["input"] += data.get("delta", {}).get("toolUse", {}).get("input", "")
            if name == "contentBlockStop":
                stopped.append(index)
        elif name == "messageStop":
            stop = data["stopReason"]
    assert (names[0], names[-2:]) == ("messageStart", ["messageStop", "metadata"])
    assert len(stopped) == len(blocks)
    used = [(block["use"], json.loads(block["input"] or "{}")) for block in blocks.values() if block["use"]]
    calls = [(use["toolUseId"], use["name"], arguments) for use, arguments in used]
    return Answer("".join(block["text"] for block in blocks.values()), calls, stop)


def whole(self, gates, ask):
    return read(client(gates, ask).converse(**body(ask)))


def streamed(self, gates, ask):
    return accumulate(client(gates, ask).converse_stream(**body(ask))["stream"])


class TestConverse(Suite):
    FORMS = {"whole": whole, "streamed": streamed}
    STREAMED = ("streamed",)
    STOP, CALLED = "end_turn", "tool_use"
    UNAUTHENTICATED = DENIED = LIMITED = BROKEN = ClientError
    MIDWAY = EventStreamError

    def status(self, error):
        return error.response["ResponseMetadata"]["HTTPStatusCode"]

    def words(self, error):
        return f"{error} {error.response}"

    def pieces(self, gates, ask):
        for event in client(gates, ask).converse_stream(**body(ask))["stream"]:
            yield event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")

    def told(self, gates, ask, result):
        first = client(gates, ask).converse(**body(ask))["output"]["message"]
        used = [block["toolUse"]["toolUseId"] for block in first["content"]]
        results = [{"toolResult": {"toolUseId": id, "content": [{"text": result}]}} for id in used]
        more = [first, {"role": "user", "content": results}]
        return read(client(gates, ask).converse(**body(ask, *more))).text

    def test_thoughts_arrive_with_their_signature(self, gates):
        ask = Ask(said({"think": ["Let me ", "see."], "text": ["Sure."]}))
        thought, text = client(gates, ask).converse(**body(ask))["output"]["message"]["content"]
        assert thought["reasoningContent"]["reasoningText"] == {"text": "Let me see.", "signature": "c2NyaXB0ZWQ="}
        assert text == {"text": "Sure."}
        events = client(gates, ask).converse_stream(**body(ask))["stream"]
        deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
        sealed = [delta["reasoningContent"] for delta in deltas if "reasoningContent" in delta]
        assert sealed == [{"text": "Let me "}, {"text": "see."}, {"signature": "c2NyaXB0ZWQ="}]

    def test_an_error_of_the_provider_has_its_own_type(self, gates):
        asking = client(gates, Ask("hi"))
        with pytest.raises(asking.exceptions.ThrottlingException):
            asking.converse(**body(Ask(said({"status": 429}))))

    @needs_gate
    def test_a_forbidden_request_is_an_access_denied_exception(self, gates):
        asking = client(gates, Ask("hi"))
        with pytest.raises(asking.exceptions.ValidationException) as raised:
            asking.converse(**body(Ask(said({"text": ["hi"]}), names=("rm_rf",))))
        assert "tool_not_in_contract" in self.words(raised.value)
