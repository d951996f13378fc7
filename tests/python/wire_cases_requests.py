"""Cases about requests: members, models, limits, declared tools, paths, charsets, state."""

import json

from wire_cases import CHAT, Case, Expect, asks, chat_with
from wire_samples import DIALECTS, chat_answer, chat_call, converse_whole, function, gemini_part, messages_message, responses_answer
from wire_upstream import Play, answer

OK = Expect(text="ok")


def refused(code, status=400):
    return Expect(status, says=(code,), nothing_sent=True)


def unsent(*names):
    """None of these words reached the upstream."""
    def check(bodies):
        return bodies and not [name for name in names if name in json.dumps(bodies)]
    return check


def kept_out(name, member, value, words):
    """A member that makes a provider run something. The gate drops or refuses it, and it never reaches the provider."""
    return asks(name, chat_with(**{member: value}),
                Expect(status=0, sent=lambda bodies: not [word for word in words if word in json.dumps(bodies)]))


SEARCH = [{"type": "web_search", "mark": "xyzzy"}]
POWERS = [
    kept_out("tools in extra_body never reaches the provider", "extra_body", {"tools": SEARCH}, ["xyzzy"]),
    kept_out("web_search never reaches the provider", "web_search", {"enable": True, "mark": "xyzzy"}, ["xyzzy"]),
    kept_out("enable_code_interpreter never reaches the provider", "enable_code_interpreter", True, ["enable_code_interpreter"]),
    kept_out("preset never reaches the provider", "preset", "xyzzy", ["xyzzy"]),
    kept_out("agent_reference never reaches the provider", "agent_reference", {"name": "xyzzy"}, ["xyzzy"]),
    kept_out("plugins never reaches the provider", "plugins", [{"id": "xyzzy"}], ["xyzzy"]),
    kept_out("container never reaches the provider", "container", "xyzzy", ["xyzzy"]),
    kept_out("tool_resources never reaches the provider", "tool_resources", {"file_search": "xyzzy"}, ["xyzzy"]),
    kept_out("user_config never reaches the provider", "user_config", {"model_list": ["xyzzy"]}, ["xyzzy"]),
    kept_out("documents by URL never reaches the provider", "documents", [{"url": "http://xyzzy.example"}], ["xyzzy"]),
    kept_out("an unknown member never reaches the provider", "x_unheard_of", {"a": "xyzzy"}, ["xyzzy"]),
    kept_out("an unknown member that is nested never reaches the provider", "extra_body", {"x_unheard_of": "xyzzy"}, ["xyzzy"]),
    asks("metadata is data", chat_with(metadata={"tools": "kept"}), OK._replace(sent=lambda bodies: bodies[0]["metadata"] == {"tools": "kept"})),
    asks("an unknown member is refused when the contract says so", chat_with(x_unheard_of=1), refused("x_unheard_of", 400), gate="drop"),
    asks("an unknown member that the contract lists passes", chat_with(x_hint=1), OK._replace(sent=lambda bodies: bodies[0]["x_hint"] == 1), gate="drop"),
    asks("n_predict is clamped or dropped", chat_with(n_predict=10**9), OK._replace(sent=lambda bodies: bodies[0].get("n_predict", 0) < 10**9)),
]

MODELS = [
    asks("fallbacks that are not allowed are refused", chat_with(fallbacks=["other-model"]), refused("model_not_allowed")),
    asks("fallbacks as objects are refused", chat_with(fallbacks=[{"model": "other-model"}]), Expect(400, nothing_sent=True)),
    asks("models that are not allowed are refused", chat_with(models=["m", "other-model"]), refused("model_not_allowed")),
    asks("a model with a space matches no glob", chat_with(model="gpt-4o tools"), refused("model_not_allowed")),
    asks("a model with a line break matches no glob", chat_with(model="gpt-4o\nx"), refused("model_not_allowed")),
    asks("a deployment stands in for a model of null", {**CHAT, "model": None}, OK, "/openai/deployments/gpt-4o/chat/completions", gate="azure"),
    asks("a deployment that is not allowed is refused", chat_with(model="gpt-4o"), refused("model_not_allowed"), "/openai/deployments/o1-pro/chat/completions", gate="azure"),
    asks("a member that is not allowed is refused beside a good deployment", chat_with(model="o1-pro"), refused("model_not_allowed"), "/openai/deployments/gpt-4o/chat/completions",
         gate="azure"),
    asks("a member without model and no deployment is refused", {key: value for key, value in CHAT.items() if key != "model"}, Expect(status=0, nothing_sent=True)),
]


def limits(bodies):
    return all(0 < body.get(name, 1) < 10**6 for body in bodies for name in ("max_tokens", "max_completion_tokens"))


PHP = b'{"model": "m", "temperature": 0.69999999999999996, "messages": [{"role": "user", "content": "hi"}]}'
CLIENTS = [
    asks("max_tokens of -1 is no fault", chat_with(max_tokens=-1), OK._replace(sent=limits)),
    asks("max_completion_tokens of -1 is no fault", chat_with(max_completion_tokens=-1), OK._replace(sent=limits)),
    asks("max_tokens of null is no fault", chat_with(max_tokens=None), OK),
    asks("a fraction of 17 digits is no fault", PHP, OK),
    asks("a byte order mark is no fault", b"\xef\xbb\xbf" + json.dumps(CHAT).encode(), OK),
    asks("a tool without a type is a function", chat_with(tools=[{"function": {"name": "get_weather", "parameters": {}}}]), OK),
    asks("a switch that is off is no fault", chat_with(search_parameters={"mode": "off"}), OK),
    asks("a switch that is on is refused or dropped", chat_with(search_parameters={"mode": "on"}), Expect(status=0, sent=lambda bodies: not any("on" == (body.get("search_parameters") or {}).get("mode") for body in bodies))),
    asks("tools of Gemini as one object are read", {**DIALECTS["gemini"].request, "tools": {"functionDeclarations": [{"name": "get_weather"}]}}, OK,
         DIALECTS["gemini"].path, gemini_part([{"text": "ok"}], "STOP")),
    asks("tools of Gemini as one object are still checked", {**DIALECTS["gemini"].request, "tools": {"functionDeclarations": [{"name": "delete_everything"}]}},
         refused("tool_not_in_contract".upper()), DIALECTS["gemini"].path),
    asks("members about the handling of a declared tool survive in Messages, and examples do not", {**DIALECTS["messages"].request, "tools": [
        {"name": "get_weather", "input_schema": {"type": "object"}, "eager_input_streaming": True, "input_examples": [{"city": "Oslo"}], "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
         Expect(text="ok", sent=lambda bodies: bodies[0]["tools"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"} and bodies[0]["tools"][0]["eager_input_streaming"] is True
                and "input_examples" not in bodies[0]["tools"][0]),
         "/v1/messages", messages_message([{"type": "text", "text": "ok"}], "end_turn")),
    asks("strict of a declared tool survives in Responses", {"model": "m", "input": "hi", "tools": [
        {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": True}]},
         Expect(sent=lambda bodies: bodies[0]["tools"][0]["strict"] is True), "/v1/responses", responses_answer([])),
    asks("output_config reaches Bedrock", {**DIALECTS["converse"].request, "additionalModelRequestFields": {"output_config": {"effort": "low"}}},
         Expect(sent=lambda bodies: "output_config" in json.dumps(bodies)), DIALECTS["converse"].path, converse_whole("get_weather", {"city": "Oslo"})),
    asks("a model of Bedrock by ARN is read", DIALECTS["converse"].request, Expect(200),
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.anthropic.claude-a/converse", converse_whole("get_weather", {"city": "Oslo"})),
]

REASONED = chat_answer({"content": "", "reasoning_content": "I think.", "tool_calls": [chat_call("get_weather", '{"city": "Oslo"}')]}, "tool_calls")
TOOLS = [
    asks("an undeclared tool is refused", chat_with(tools=[function("get_weather"), function("delete_everything")]), refused("tool_not_in_contract")),
    asks("an undeclared tool is dropped when the contract says so", chat_with(tools=[function("get_weather"), function("delete_everything")]),
         OK._replace(sent=unsent("delete_everything")), gate="drop"),
    asks("a tool of the provider is dropped when the contract says so",
         chat_with(tools=[function("get_weather"), {"type": "web_search"}], tool_choice={"type": "web_search"}, web_search_options={}, plugins=[{"id": "web"}]),
         OK._replace(sent=unsent("web")), gate="drop"),
    asks("a model that searches is refused although the contract drops tools", chat_with(model="gpt-4o:online", web_search_options={}),
         refused("provider_tool_forbidden", 400), gate="drop"),
    asks("a custom tool is refused", chat_with(tools=[{"type": "custom", "custom": {"name": "xyzzy"}}]), Expect(400, nothing_sent=True)),
    Case("reasoning goes into further rounds", "/v1/chat/completions", CHAT, Play((answer(REASONED), answer(chat_answer({"content": "ok"})))),
         OK._replace(sent=lambda bodies: [turn["reasoning_content"] for turn in bodies[1]["messages"] if turn["role"] == "assistant"] == ["I think."]), gate="loop"),
]

SEEN = {"content-type": "application/json; charset=utf-8"}
PATHS = [
    asks("UTF-8 in a request's content type is read", CHAT, OK, headers=SEEN),
    asks("UTF-7 in a request's content type is refused", CHAT, refused("request_encoded", 415), headers={"content-type": "application/json; charset=utf-7"}),
    asks("UTF-16 in a request's content type is refused", CHAT, refused("request_encoded", 415), headers={"content-type": "application/json;charset=utf-16le"}),
    asks("a request that is not in its coding is refused", CHAT, Expect(400, nothing_sent=True), headers={"content-encoding": "gzip"}),
    asks("a request in a coding that nobody decodes is refused", CHAT, refused("request_encoded", 415), headers={"content-encoding": "br"}),
    asks("a path with an encoded letter is one path or refused", chat_with(model="o1-pro"), Expect(status=0, nothing_sent=True), "/v1/chat/completion%73"),
    asks("a path with a double slash is one path or refused", chat_with(model="o1-pro"), Expect(status=0, nothing_sent=True), "//v1//chat/completions"),
    asks("a path with a parameter is refused", CHAT, refused("path_not_allowed", 404), "/v1/chat/completions;a=b"),
    asks("GET of an API is refused", "", Expect(405, nothing_sent=True), method="GET"),
]

ITEM = {"model": "m", "input": [{"role": "user", "content": "a"}, {"type": "item_reference", "id": "msg_1"}]}
STATE = [
    asks("item_reference is refused with what to change", ITEM, Expect(400, says=("server_state_forbidden", "serverState"), nothing_sent=True), "/v1/responses"),
    asks("previous_response_id is refused with what to change", {"model": "m", "input": "a", "previous_response_id": "resp_1"},
         Expect(400, says=("server_state_forbidden", "serverState"), nothing_sent=True), "/v1/responses"),
    asks("a stream of Gemini without alt=sse is read or refused in words", DIALECTS["gemini"].request, Expect(status=0, check=lambda came, seen: seen.text == "ok" or "alt=sse" in came.text),
         "/v1beta/models/gemini-a:streamGenerateContent", [gemini_part([{"text": "ok"}], "STOP")]),
    asks("a stream of Gemini with $alt=sse is read or refused in words", DIALECTS["gemini"].request,
         Expect(status=0, check=lambda came, seen: seen.text == "ok" or came.status == 400), "/v1beta/models/gemini-a:streamGenerateContent?$alt=sse", [gemini_part([{"text": "ok"}], "STOP")]),
]
REQUESTS = [*POWERS, *MODELS, *CLIENTS, *TOOLS, *PATHS, *STATE]
