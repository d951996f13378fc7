"""The script of `make demo`, with the official OpenAI client: one line for each thing the gate does.

`callgate-stack demo` starts everything and sets the environment:
  CALLGATE_REFUSE, CALLGATE_FEEDBACK   base URLs of two gates, named after their `onViolation`
  CALLGATE_UPSTREAM                    the scripted model; not set in front of a real API
A scripted model makes the calls spelled out in the user message (`call NAME {…}`), so every line is asserted. A real model is
free: the script then only shows the lines that depend on it, and asserts only Callgate's own decisions. In front of the small
model of LLM=local the lines differ: see demo_local.py.
"""

import json
import os
import sys
import time
import urllib.request

import openai

UPSTREAM = os.environ.get("CALLGATE_UPSTREAM")
MODEL = os.environ.get("LLM_MODEL") or "gpt-4o-mini"
DECLARED = ["get_order", "list_orders", "create_order", "get_customer", "send_confirmation"]


def client(on_violation):
    """A client as in any application; only `base_url` and the caller's identity are special."""
    return openai.OpenAI(
        base_url=os.environ[f"CALLGATE_{on_violation.upper()}"],
        api_key=os.environ.get("OPENAI_API_KEY") or "sk-demo",
        # In production a verified token identifies the caller; the demo's gate trusts two headers.
        default_headers={"x-callgate-tenant": "acme", "x-callgate-role": "clerk"},
        max_retries=0,
        timeout=60,
    )


def tools(names):
    """Declarations with names only. The gate inserts the contract's own descriptions and schemas."""
    return [{"type": "function", "function": {"name": name}} for name in names]


def ask(text, real_text, on_violation="refuse", names=DECLARED, messages=(), **more):
    content = text if UPSTREAM else real_text
    conversation = [{"role": "user", "content": content}, *messages]
    return client(on_violation).chat.completions.create(
        model=MODEL, messages=conversation, tools=tools(names), **more
    )


class Wrong(Exception):
    """A line differs from the announced one."""


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def short(text, limit=170):
    text = " ".join((text or "").split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def calls_of(answer):
    return answer.choices[0].message.tool_calls or []


def runs_in_client():
    answer = ask(
        'call get_customer { "customer_id" : "C-1042" }',
        "Look up customer C-1042 with the tool get_customer.",
        names=["get_customer"],
        tool_choice={"type": "function", "function": {"name": "get_customer"}},
    )
    calls = calls_of(answer)
    if UPSTREAM or calls:
        expect([call.function.name for call in calls] == ["get_customer"], f"calls: {calls}")
        arguments = json.loads(calls[0].function.arguments)
        expect(not UPSTREAM or arguments == {"customer_id": "C-1042"}, f"arguments: {arguments}")
        return f"get_customer({calls[0].function.arguments})"
    return f"the model made no call: {short(answer.choices[0].message.content)}"


def runs_in_sandbox():
    answer = ask('call get_order {"order_id":"O-1001"}', "What is the state of order O-1001? Use get_order.")
    text = answer.choices[0].message.content
    expect(not calls_of(answer), "a server-run call reached the client")
    if UPSTREAM:
        expect("LAMP-0007" in (text or ""), f"the answer does not quote the order: {text}")
    return short(text)


def unknown_tool():
    if UPSTREAM:
        answer = ask('call delete_all_orders {"really":true}', "")
        text = answer.choices[0].message.content or ""
        expect(not calls_of(answer), "the call reached the client")
        expect("delete_all_orders" in text and "tool_not_in_contract" in text, text)
        return short(text)
    try:
        ask("", "Delete all orders.", names=["delete_all_orders"])
    except openai.BadRequestError as error:
        expect(error.code == "tool_not_in_contract", str(error))
        return short(f"{error.status_code} {error.code}: {error.body['message']}")
    raise Wrong("a tool that the contract does not have could be declared")


BAD = '{"customer_id":"C-1042","sku":"LAMP-0007","quantity":5000}'
GOOD = '{"customer_id":"C-1042","sku":"LAMP-0007","quantity":5}'


def bad_arguments():
    answer = ask(f"call create_order {BAD}", "Order 5000 of LAMP-0007 for customer C-1042, now, with create_order.")
    text = answer.choices[0].message.content or ""
    expect(not calls_of(answer), "a server-run call reached the client")
    if UPSTREAM:
        expect("arguments_invalid at /quantity" in text, text)
        expect("5000" not in text, "the value is repeated")
    return short(text)


def repaired():
    before = len(seen())
    answer = ask(
        f"call create_order {BAD}\nthen call create_order {GOOD}",
        "Order 5000 of LAMP-0007 for customer C-1042 with create_order; if that is refused, order as many as are allowed.",
        on_violation="feedback",
    )
    text = answer.choices[0].message.content or ""
    expect(not calls_of(answer), "a server-run call reached the client")
    if not UPSTREAM:
        return short(text)
    rounds = seen()[before:]
    expect(len(rounds) == 3, f"{len(rounds)} rounds instead of 3")
    told = json.loads(rounds[1]["body"])["messages"][-1]["content"]
    expect("/quantity" in told, f"the model was told: {told}")
    expect('"quantity":5' in text.replace(" ", ""), text)
    return short(f"the model was told {told!r}; then: {text}", 300)


def live():
    """The client reads text before the scripted model has written its call: the model waits for a release sent after the text."""
    script = {"rounds": [{"text": ["Working ", "on it."], "hold": True,
                          "calls": [{"name": "delete_all_orders", "arguments": '{"really":"secret"}'}]}]}
    stream = ask(
        "script " + json.dumps(script),
        "Say in two sentences what an order desk does, then call get_customer for C-1042.",
        stream=True,
    )
    text, seen_before, call_names, raw = "", "", [], []
    for chunk in stream:
        raw.append(chunk.model_dump_json())
        for choice in chunk.choices:
            text += choice.delta.content or ""
            call_names += [call.function.name for call in choice.delta.tool_calls or [] if call.function]
        if UPSTREAM and text == "Working on it." and not seen_before:
            seen_before = text
            release()
            release()
    names = [name for name in call_names if name]
    expect(not set(names) - set(DECLARED), f"a call outside the contract reached the client: {names}")
    if UPSTREAM:
        expect(seen_before, f"the text did not arrive before the call was written: {text!r}")
        expect(not names and "secret" not in "".join(raw), f"the bad call reached the client: {raw}")
        expect("tool_not_in_contract" in text, text)
        return f"“{seen_before}” was read while the model still waited; then: {short(text[len(seen_before):])}"
    return f"{len(raw)} chunks, {len(text)} characters of text, calls: {names or 'none'}"


def seen():
    """Returns the requests received by the scripted model; a real one reports none."""
    if not UPSTREAM:
        return []
    with urllib.request.urlopen(f"{UPSTREAM}/_/requests", timeout=10) as answer:
        return json.load(answer)


def release():
    urllib.request.urlopen(urllib.request.Request(f"{UPSTREAM}/_/release", method="POST"), timeout=10).close()


LINES = [
    ("allowed, and run by the client", runs_in_client),
    ("run in the sandbox, with the final answer", runs_in_sandbox),
    ("unknown tool refused", unknown_tool),
    ("bad arguments refused, with the JSON Pointer", bad_arguments),
    ("bad arguments repaired through feedback", repaired),
    ("text streams live, the bad call in it never arrives", live),
]
ASSERTED_WITH_A_REAL_MODEL = {unknown_tool}


def main(lines=LINES, asserted=frozenset(ASSERTED_WITH_A_REAL_MODEL), introduction=None):
    if not UPSTREAM:
        print(introduction or f"\nA real model ({MODEL}) decides what it calls, so most lines are observed: only errors fail them.")
    print()
    failed = 0
    for name, line in lines:
        began = time.monotonic()
        try:
            what = line()
            word = "ok  " if UPSTREAM or line in asserted else "seen"
        except Wrong as wrong:
            word, what, failed = "FAIL", str(wrong), failed + 1
        except openai.APIError as error:
            word, what, failed = "FAIL", f"{type(error).__name__}: {error}", failed + 1
        print(f"{word}  {name} ({(time.monotonic() - began) * 1000:.0f} ms)\n      {what}", flush=True)
    outcome = "came out as announced" if UPSTREAM else "went through"
    print(f"\n{len(lines) - failed} of {len(lines)} lines {outcome}.")
    return 1 if failed else 0


if __name__ == "__main__":
    if os.environ.get("LLM") == "local" and not UPSTREAM:
        import demo_local

        sys.exit(demo_local.main())
    sys.exit(main())
