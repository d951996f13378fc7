"""Argument kinds in a real Envoy: the profile of the caller's role decides on commands, paths and patches, streamed or not."""

import json

import pytest
from wire_gate import Gate, contract, tool
from wire_upstream import Play, Upstream, answer, chunked

PROFILES = {
    "look": {"read": [".", "!.git", "!@secrets"], "run": ["ls", "cat", "rg", "cd", "git status", "git log", "echo"]},
    "edit": {"like": "look", "write": [".", "!.git", "!@secrets", "!@agents", "!@hooks"], "run": ["git commit", "rm", "mkdir"],
             "ask": ["git push"]},
}
PATCH = "*** Begin Patch\n*** Update File: {}\n@@\n-a\n+b\n*** End Patch\n"
# No executor runs here, so a call that a person must approve is not released.
ALLOWED, UNREADABLE, FORBIDDEN, HELD = None, "argument_unreadable", "argument_forbidden", "executor_unavailable"
# Role, tool, argument, and the code of the refusal.
CASES = [
    ("reader", "Bash", "cd src && rg -n 'fn main' . | cat", ALLOWED),
    ("reader", "Bash", "git log --oneline -5", ALLOWED),
    ("reader", "Bash", "rm -r src", FORBIDDEN),
    ("reader", "Bash", "cat /etc/shadow", FORBIDDEN),
    ("reader", "Bash", "cat src/../../../etc/cron.d/x", FORBIDDEN),
    ("reader", "Bash", "cat .env", FORBIDDEN),
    ("reader", "Bash", "ls; curl evil.example", FORBIDDEN),
    ("reader", "Bash", "git -c core.pager=id log", FORBIDDEN),
    ("reader", "Bash", "echo $(id)", FORBIDDEN),
    ("reader", "Bash", "echo hello > /work/project/a", FORBIDDEN),
    ("reader", "Bash", "echo ${x:-$(id)}", UNREADABLE),
    ("reader", "Bash", "cat 'a", UNREADABLE),
    ("dev", "Bash", "git commit -m \"$(cat <<'EOF'\nmend it\nEOF\n)\"", ALLOWED),
    ("dev", "Bash", "mkdir -p src/new", ALLOWED),
    ("dev", "Bash", "rm -rf .git", FORBIDDEN),
    ("dev", "Bash", "git push", HELD),
    ("reader", "Read", "src/main.rs", ALLOWED),
    ("reader", "Read", "/work/project/../../etc/passwd", FORBIDDEN),
    ("reader", "Read", "/work/project/a\u202e", UNREADABLE),
    ("dev", "apply_patch", PATCH.format("src/a.rs"), ALLOWED),
    ("dev", "apply_patch", PATCH.format("../a.rs"), FORBIDDEN),
    ("dev", "apply_patch", PATCH.format("AGENTS.md"), FORBIDDEN),
    ("dev", "apply_patch", PATCH.format("src/a.rs") + "*** Environment ID: x\n", UNREADABLE),
]
MEMBERS = {"Bash": "command", "Read": "file_path", "apply_patch": "input"}


def desk():
    tools = [tool(name, **{member: "string"}) for name, member in MEMBERS.items()]
    marks = {"Bash": {"command": {"shell": "bash"}}, "Read": {"path": "read"}, "apply_patch": {"patch": "codex"}}
    for made in tools:
        made["parameters"]["properties"][MEMBERS[made["name"]]]["x-callgate"] = marks[made["name"]]
    roles = {"reader": {"tools": ["Bash", "Read"], "profile": "look"}, "dev": {"tools": ["*"], "profile": "edit"}}
    return contract(tools, roles=roles, profiles=PROFILES, workspace={"root": "/work/project"})


def whole(name, arguments):
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [call]}}
    return answer({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def streamed(name, arguments):
    def event(delta, finish=None):
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({'id': 'x', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', 'choices': [choice]})}\n\n"

    first = {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": ""}}
    pieces = [arguments[at:at + 7] for at in range(0, len(arguments), 7)]
    events = [event({"role": "assistant", "tool_calls": [first]})]
    events += [event({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
    body = "".join([*events, event({}, "tool_calls"), "data: [DONE]\n\n"])
    return chunked(body.encode(), "text/event-stream")


@pytest.fixture(scope="module")
def gate(tmp_path_factory):
    upstream = Upstream()
    gate = Gate(tmp_path_factory.mktemp("kinds"), "kinds", desk(), upstream)
    try:
        yield gate.ready()
    finally:
        gate.stop()
        upstream.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("role, name, argument, code", CASES)
def test_the_profile_of_the_role_decides(gate, role, name, argument, code, stream):
    arguments = json.dumps({MEMBERS[name]: argument})
    play = Play(((streamed if stream else whole)(name, arguments),))
    declared = {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": "go on"}], "tools": [declared]}
    got = gate.exchange("kinds", play, "/v1/chat/completions", body, headers={"x-callgate-role": role})
    assert got.status == 200 or code is HELD, got.text
    assert ("tool_calls" in got.text and '"name"' in got.text) == (code is ALLOWED), got.text
    if code is not ALLOWED:
        assert code in got.text
        assert argument not in got.text and json.dumps(argument)[1:-1] not in got.text


def test_a_fixed_caller_has_the_workspace_of_its_listener(tmp_path):
    upstream = Upstream()
    made = desk()
    made["spec"]["workspace"] = {"root": "header:x-workspace"}
    options = ["--identity", "fixed", "--tenant", "acme", "--role", "reader", "--workspace", "/work/project"]
    gate = Gate(tmp_path, "fixed", made, upstream, options)
    try:
        gate.ready()
        for path, code in [("/work/project/a", ALLOWED), ("/work/other/a", FORBIDDEN)]:
            for headers in [{}, {"x-workspace": "/work/other"}]:
                declared = {"type": "function", "function": {"name": "Read", "parameters": {"type": "object"}}}
                body = {"model": "m", "messages": [{"role": "user", "content": "go on"}], "tools": [declared]}
                play = Play((whole("Read", json.dumps({"file_path": path})),))
                got = gate.exchange("fixed", play, "/v1/chat/completions", body, headers=headers)
                assert got.status == 200 and ("tool_calls" in got.text) == (code is ALLOWED), (path, headers, got.text)
                assert all("x-workspace" not in seen for seen in upstream.headers("fixed"))
    finally:
        gate.stop()
        upstream.close()
