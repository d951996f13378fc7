"""`pydantic-ai-slim`, with Chat Completions, Responses and Anthropic Messages: run and streamed."""

import asyncio

import anthropic
from pydantic_ai import Agent, PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta
from pydantic_ai.exceptions import ModelAPIError, ModelHTTPError
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from suite_agents import FUNCTIONS, AgentSuite


class PydanticAI(AgentSuite):
    DENIED = LIMITED = BROKEN = ModelHTTPError
    MIDWAY = ModelAPIError

    def client(self, gates, ask):
        return gates.async_client(ask.on_violation, ask.role)

    def model(self, client):
        raise NotImplementedError

    def run(self, gates, ask, stream, on_text=lambda text: None):
        async def read(_context, events):
            async for event in events:
                if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
                    on_text(event.part.content)
                elif isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
                    on_text(event.delta.content_delta)

        async def run():
            async with self.client(gates, ask) as client:
                agent = Agent(self.model(client), tools=[FUNCTIONS[name] for name in ask.names], retries=0)
                # With a handler, the model is streamed.
                result = await agent.run(ask.text, event_stream_handler=read if stream else None)
                return result.output

        return asyncio.run(run())


class TestChat(PydanticAI):
    def model(self, client):
        return OpenAIChatModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))


class TestResponses(PydanticAI):
    def model(self, client):
        return OpenAIResponsesModel("gpt-4o-mini", provider=OpenAIProvider(openai_client=client))


class TestAnthropic(PydanticAI):
    def client(self, gates, ask):
        return anthropic.AsyncAnthropic(
            base_url=gates.root(ask.on_violation), api_key="sk-test", default_headers=gates.headers(ask.role),
            max_retries=0, timeout=30,
        )

    def model(self, client):
        return AnthropicModel("claude-scripted", provider=AnthropicProvider(anthropic_client=client))
