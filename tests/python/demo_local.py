"""The script of `make demo LLM=local`: a small model on this machine behind the gate, with its own words and calls, never
scripted ones.

It asserts Callgate's decisions, and only shows the model's words, right or wrong.
"""

import json
import time

import openai
from demo import MODEL, Wrong, calls_of, client, expect, short, tools
from demo import main as show

INTRODUCTION = f"""
A real model on this machine: {MODEL}, with 135 million parameters: very few. It writes fluent text that is often wrong, and
tool calls only because its chat template shows it one, after which llama.cpp holds it to the declared names and schemas. Which
tool, and with what arguments, is its own choice, and may be a bad one. The lines marked `seen` show what it does; those marked
`ok` are what Callgate made sure of."""


def ask(text, *names, role="clerk", **more):
    declared = {"tools": tools(names)} if names else {}
    asking = client("refuse").with_options(default_headers={"x-callgate-tenant": "acme", "x-callgate-role": role})
    return asking.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": text}], temperature=0, seed=1,
        **{"max_tokens": 64, **declared, **more},
    )


def text_whole():
    answer = ask("What is a door?")
    text = answer.choices[0].message.content
    expect(text, "no text arrived")
    return f"“{short(text)}” ({answer.usage.completion_tokens} tokens)"


def text_live():
    began, times, text = time.monotonic(), [], ""
    for chunk in ask("Name three colours.", stream=True):
        delta = "".join(choice.delta.content or "" for choice in chunk.choices)
        text += delta
        if delta:
            times.append((time.monotonic() - began) * 1000)
    expect(len(times) > 2, f"only {len(times)} deltas")
    return f"“{short(text, 90)}”: {len(times)} deltas, the first after {times[0]:.0f} ms, the last after {times[-1]:.0f} ms"


def runs_in_client():
    answer = ask("Look up customer C-1042.", "get_customer", "send_confirmation", tool_choice="required")
    calls = calls_of(answer)
    if not calls:
        return f"the model made no call: {short(answer.choices[0].message.content)}"
    said = []
    for call in calls:
        arguments = json.loads(call.function.arguments)
        canonical = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        expect(call.function.arguments == canonical, f"not canonical: {call.function.arguments}")
        said.append(f"{call.function.name}({canonical})")
        if arguments.get("customer_id", "C-1042") != "C-1042":
            said.append("(the model's mistake: it was asked for C-1042; a contract says what may be asked, not what was meant)")
    return " ".join(said)


def runs_in_sandbox():
    answer = ask("What is the state of order O-1001?", "get_order")
    expect(not calls_of(answer), "a server-run call reached the client")
    usage = answer.usage
    return f"“{short(answer.choices[0].message.content)}” ({usage.prompt_tokens} tokens read, {usage.completion_tokens} written)"


def cut_off():
    # As the model's server does: if tokens run out in the middle of a call, it sends half of a JSON object.
    answer = ask("Order 7 of LAMP-0007 for C-1042.", "create_order", tool_choice="required", max_tokens=26)
    text = answer.choices[0].message.content or ""
    expect(not calls_of(answer), "half a call reached the client")
    expect("refused the call of `create_order` (arguments_not_json" in text, text)
    return short(text)


def refused(code, *arguments, **more):
    try:
        ask(*arguments, **more)
    except openai.BadRequestError as error:
        expect(error.code == code, str(error))
        return short(f"{error.status_code} {error.code}: {error.body['message']}")
    raise Wrong("the request was not refused")


def not_this_role():
    return refused("role_forbidden", "Order 7 of LAMP-0007 for C-1042.", "create_order", role="viewer")


def unknown_tool():
    return refused("tool_not_in_contract", "Delete all orders.", "delete_all_orders")


LINES = [
    ("text", text_whole),
    ("text, streamed", text_live),
    ("a call by the model, allowed, and run by the client", runs_in_client),
    ("a call by the model, run in the sandbox, and its answer", runs_in_sandbox),
    ("a call by the model that is cut off is refused", cut_off),
    ("a tool that the role may not use is refused before the model is asked", not_this_role),
    ("so is one that the contract does not have", unknown_tool),
]
ASSERTED = frozenset({cut_off, not_this_role, unknown_tool})


def main():
    return show(LINES, ASSERTED, INTRODUCTION)
