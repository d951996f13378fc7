"""`openai-agents`, with Chat Completions and with Responses: run and streamed."""

import asyncio

import agents
import openai
from suite_agents import FUNCTIONS, AgentSuite


class Agents(AgentSuite):
    DENIED, LIMITED, BROKEN = openai.BadRequestError, openai.RateLimitError, openai.InternalServerError
    MODEL = None

    def run(self, gates, ask, stream, on_text=lambda text: None):
        async def run():
            async with gates.async_client(ask.on_violation, ask.role) as client:
                tools = [agents.function_tool(FUNCTIONS[name]) for name in ask.names]
                agent = agents.Agent("tester", model=self.MODEL("gpt-4o-mini", client), tools=tools)
                config = agents.RunConfig(tracing_disabled=True)
                if not stream:
                    return (await agents.Runner.run(agent, ask.text, run_config=config)).final_output
                result = agents.Runner.run_streamed(agent, ask.text, run_config=config)
                async for event in result.stream_events():
                    if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                        on_text(event.data.delta)
                assert result.is_complete
                return result.final_output

        return asyncio.run(run())


class TestChat(Agents):
    MODEL = agents.OpenAIChatCompletionsModel
    MIDWAY = openai.APIError


class TestResponses(Agents):
    MODEL = agents.OpenAIResponsesModel
    # Returns the SDK's exception for an `error` or `response.failed` event.
    MIDWAY = (agents.exceptions.AgentsException, openai.APIError)
    # The final output is the last message item, and the replacement of a call is an item of its own.
    FIRST = "Callgate"
