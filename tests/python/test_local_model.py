"""A real model behind the gate: llama.cpp's own server with 135 million parameters, the official `openai` SDK in front.

Such a model is often wrong, and differs between machines, so each test checks a property of any answer. One event must
occur: the model begins a call if a tool is declared. The chat template makes it nine times as likely as everything else
together, and the temperature is 0. With the server's prompt cache off, the model answers the same twice.
"""

import json
import os
import re
import subprocess
import sys

import openai
import pytest
from conftest import ROOT, STACK, Gates, needs_gate, tools
from test_openai_sdk import accumulate, whole

PYTHON = ROOT / ".callgate" / "local-model" / "bin" / "python"
# Written last by .setup/local-model.sh.
INSTALLED = PYTHON.parents[1] / ".requirements.sha256"
CONTRACT = ROOT / "tests" / "contracts" / "local" / "contract.yaml"
# The contract's maxOutputTokens.
MOST_TOKENS = 48

pytestmark = [pytest.mark.timeout(300), needs_gate]
if not INSTALLED.is_file():
    pytest.skip("the local model is not installed; `make test-local` installs it and runs these", allow_module_level=True)


@pytest.fixture(scope="module")
def model():
    """The base URL of a real model that ends with this module."""
    command = [PYTHON, ROOT / "tests" / "python" / "local_model.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            ready = server.stdout.readline().strip()
            if not ready:
                pytest.fail("the local model did not start", pytrace=False)
            yield ready.removeprefix("LLM_BASE_URL=")
        finally:
            # It ends when its standard input does.
            server.stdin.close()
            server.wait(timeout=30)


@pytest.fixture(scope="module")
def gates(model, tmp_path_factory):
    state = tmp_path_factory.mktemp("local") / "stack.json"
    up = [STACK, "up", "--contract", CONTRACT, "--on-violation", "refuse,error", "--port", "0", "--state", state]
    environment = {**os.environ, "LLM_BASE_URL": model, "LLM_MODEL": "smollm2-135m"}
    done = subprocess.run(up, env=environment, stdout=sys.stderr, timeout=300)
    if done.returncode != 0:
        pytest.fail("the stack did not start", pytrace=False)
    try:
        yield Gates(json.loads(state.read_text()))
    finally:
        subprocess.run([STACK, "down", "--state", state], stdout=sys.stderr, timeout=60)


def body(text, *names, **more):
    declared = {"tools": tools(names)} if names else {}
    extra = {"cache_prompt": False, **more.pop("extra", {})}
    return {"model": "smollm2-135m", "messages": [{"role": "user", "content": text}], "temperature": 0, "seed": 1,
            "extra_body": extra, **declared, **more}


def client(gates, *args, **more):
    return gates.client(*args, timeout=120, **more)


def asked(gates, request, *args):
    """Text, calls without their ids, and finish: the same whole and streamed."""
    chat = client(gates, *args).chat.completions
    answers = [whole(chat.create(**request)), accumulate(chat.create(**request, stream=True))]
    answers = [(text, [(c["name"], c["arguments"]) for c in calls], finish) for text, calls, finish in answers]
    assert answers[0] == answers[1]
    return answers[0]


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_a_real_stream_arrives_in_deltas_that_add_up_to_the_whole_answer(gates):
    request = body("What is a door?", max_tokens=32)
    answer = client(gates).chat.completions.create(**request).choices[0]
    chunks = list(client(gates).chat.completions.create(**request, stream=True))
    deltas = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(deltas) > 5
    assert "".join(deltas) == answer.message.content
    finishes = [choice.finish_reason for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert finishes == [answer.finish_reason]
    assert answer.finish_reason in ("stop", "length")


@pytest.mark.parametrize("wanted", [{}, {"max_tokens": 4000}, {"max_completion_tokens": 4000}], ids=["none", "old", "new"])
def test_the_contract_ends_an_endless_answer(gates, wanted):
    answer = client(gates).chat.completions.create(**body("Count.", **wanted, extra={"ignore_eos": True}))
    assert (answer.usage.completion_tokens, answer.choices[0].finish_reason) == (MOST_TOKENS, "length")


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_models_call_arrives_in_canonical_form(gates, choice):
    text, calls, finish = asked(gates, body("Look up customer C-1042.", "get_customer", tool_choice=choice))
    assert (text, finish, len(calls)) == ("", "tool_calls", 1)
    name, arguments = calls[0]
    assert name == "get_customer"
    assert arguments == canonical(json.loads(arguments))
    assert re.fullmatch(r"C-[0-9]{1,9}", json.loads(arguments)["customer_id"])


def test_the_model_itself_had_written_the_call_otherwise(gates, model):
    """Asked directly, the model writes spaces, which the gate's canonical form never has. So the gate wrote the earlier text."""
    request = body("Look up customer C-1042.", "get_customer", tool_choice="required")
    answer = openai.OpenAI(base_url=model, api_key="none", timeout=120).chat.completions.create(**request)
    arguments = answer.choices[0].message.tool_calls[0].function.arguments
    assert arguments != canonical(json.loads(arguments))


def test_the_same_tool_is_refused_to_a_role_without_it(gates):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as raised:
            request = body("Look up customer C-1042.", "get_customer", tool_choice="required")
            client(gates, role="viewer").chat.completions.create(**request, stream=stream)
        assert raised.value.code == "role_forbidden"


BOXES = "Order 7 boxes of LAMP-0007."


def test_a_call_the_server_permits_and_the_contract_forbids_is_refused(gates):
    text, calls, finish = asked(gates, body(BOXES, "order_boxes", tool_choice="required"))
    assert (calls, finish) == ([], "stop")
    assert "Callgate refused the call of `order_boxes` (arguments_invalid at /quantity)" in text


def test_the_same_call_is_an_error_if_the_contract_demands_errors(gates):
    request = body(BOXES, "order_boxes", tool_choice="required")
    with pytest.raises(openai.BadRequestError) as raised:
        client(gates, "error").chat.completions.create(**request)
    assert (raised.value.code, raised.value.param) == ("arguments_invalid", "/quantity")
    with pytest.raises(openai.APIError) as raised:
        accumulate(client(gates, "error").chat.completions.create(**request, stream=True))
    assert raised.value.code == "arguments_invalid"


def test_a_truncated_call_is_refused(gates):
    """If tokens run out, the model's server sends the part of a call it has: half of a JSON object."""
    text, calls, finish = asked(gates, body(BOXES, "order_boxes", tool_choice="required", max_tokens=26))
    assert calls == []
    assert "Callgate refused the call of `order_boxes` (arguments_not_json)" in text


# The contract's description, which the gate also gives to the model.
GET_ORDER = {
    "name": "get_order",
    "description": "Look up an order by number.",
    "parameters": {
        "type": "object",
        "required": ["order_id"],
        "additionalProperties": False,
        "properties": {"order_id": {"type": "string", "pattern": "^O-[0-9]{1,9}$"}},
    },
}


def test_the_model_gets_a_sandbox_tools_result_and_its_answer_arrives(gates, model):
    """As if the application had run the tool itself: the same words, and the tokens of both rounds."""
    request = body("What is the state of order O-1001?", "get_order", max_tokens=MOST_TOKENS)
    direct = openai.OpenAI(base_url=model, api_key="none", timeout=120).chat.completions
    request_direct = {**request, "tools": [{"type": "function", "function": GET_ORDER}]}
    first = direct.create(**request_direct)
    call = first.choices[0].message.tool_calls[0]
    made = {"name": "get_order", "arguments": canonical(json.loads(call.function.arguments))}
    request_direct["messages"] = [
        *request["messages"],
        {"role": "assistant", "content": None, "tool_calls": [{"id": call.id, "type": "function", "function": made}]},
        {"role": "tool", "tool_call_id": call.id, "content": canonical({"status": "open", "quantity": 2})},
    ]
    second = direct.create(**request_direct)

    text, calls, finish = asked(gates, request)
    assert text
    assert (text, calls, finish) == (second.choices[0].message.content, [], second.choices[0].finish_reason)
    used = client(gates).chat.completions.create(**request).usage
    assert used.total_tokens == first.usage.total_tokens + second.usage.total_tokens
