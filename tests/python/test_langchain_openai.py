"""`langchain-openai`, with Chat Completions and with Responses: invoked, streamed and async."""

import asyncio

import openai
from conftest import needs_gate, said
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from suite import POISON, SCHEMA, Answer, Ask, Suite


# The models share one async client, which belongs to one loop.
LOOP = asyncio.new_event_loop()


def read(message):
    assert isinstance(message, AIMessage)
    assert message.invalid_tool_calls == []
    finish = message.response_metadata.get("finish_reason") or message.response_metadata.get("status")
    return Answer(message.text, [(call["id"], call["name"], call["args"]) for call in message.tool_calls], finish)


def summed(chunks):
    total = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return read(total)


def whole(self, gates, ask):
    return read(self.model(gates, ask).invoke(ask.text))


def streamed(self, gates, ask):
    return summed(self.model(gates, ask).stream(ask.text))


def in_async(self, gates, ask):
    async def run():
        model = self.model(gates, ask)
        answer = read(await model.ainvoke(ask.text))
        assert summed([chunk async for chunk in model.astream(ask.text)]) == answer
        return answer

    return LOOP.run_until_complete(run())


class LangChain(Suite):
    FORMS = {"whole": whole, "streamed": streamed, "async": in_async}
    STREAMED = ("streamed",)
    UNAUTHENTICATED, DENIED = openai.AuthenticationError, openai.BadRequestError
    LIMITED, BROKEN = openai.RateLimitError, openai.InternalServerError
    MIDWAY = openai.APIError
    RESPONSES = False

    def model(self, gates, ask):
        functions = [{"name": name, "description": POISON, "parameters": SCHEMA} for name in ask.names]
        model = ChatOpenAI(model=ask.model or "gpt-4o-mini", use_responses_api=self.RESPONSES, **gates.arguments(ask.on_violation, ask.role))
        return model.bind_tools([{"type": "function", "function": function} for function in functions])

    def pieces(self, gates, ask):
        for chunk in self.model(gates, ask).stream(ask.text):
            yield chunk.text

    def told(self, gates, ask, result):
        model = self.model(gates, ask)
        first = model.invoke(ask.text)
        results = [ToolMessage(result, tool_call_id=call["id"]) for call in first.tool_calls]
        return model.invoke([HumanMessage(ask.text), first, *results]).text

    @needs_gate
    def test_the_sdk_can_read_our_code(self, gates):
        for raised in self.raised(gates, openai.BadRequestError, {"text": ["hi"]}, names=("rm_rf",)).values():
            assert raised.code == "tool_not_in_contract"


class TestChat(LangChain):
    pass


class TestResponses(LangChain):
    RESPONSES = True
    STOP = CALLED = "completed"
    # LangChain's exception for an `error` or `response.failed` event: for the API's own error event, and for the gate's,
    # which the SDK itself raises.
    MIDWAY = (ValueError, openai.APIError)

    def test_a_summary_of_thoughts_arrives(self, gates):
        ask = Ask(said({"think": ["Let me ", "see."], "text": ["Sure."]}))
        message = self.model(gates, ask).invoke(ask.text)
        thoughts = [block["reasoning"] for block in message.content_blocks if block["type"] == "reasoning"]
        assert (thoughts, message.text) == (["Let me see."], "Sure.")
