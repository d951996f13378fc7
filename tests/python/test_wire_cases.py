"""The traffic of real upstreams, clients and attackers, one case of each kind, through the real Envoy.

Each case states a user's expectation. `wire_cases` holds the tables; its headings name the kinds.
"""

import json

import pytest
from wire_cases_answers import ANSWERS
from wire_cases_requests import REQUESTS
from wire_gate import TOOLS, Gate, contract, tool
from wire_judge import verdict
from wire_upstream import Upstream

CASES = [*ANSWERS, *REQUESTS]
GATES = {
    "std": (contract([*TOOLS, tool("go"), tool("gogo")], limits={"maxOutputTokens": 1024}), []),
    "azure": (contract(), ["--path", "chatCompletions=/openai/deployments/{model}/chat/completions"]),
    "drop": (contract(undeclaredTools="drop", requestMembers={"unknown": "refuse", "allow": ["x_hint"]}), []),
    "loop": (contract([tool("get_weather", city="integer"), *TOOLS[1:]], onViolation="feedback"), []),
}


@pytest.fixture(scope="module")
def gates(tmp_path_factory):
    upstream, folder = Upstream(), tmp_path_factory.mktemp("cases")
    gates = {name: Gate(folder, name, made, upstream, options) for name, (made, options) in GATES.items()}
    try:
        yield {name: gate.ready() for name, gate in gates.items()}
        assert [line for gate in gates.values() for line in gate.traps()] == []
    finally:
        for gate in gates.values():
            gate.stop()
        upstream.close()


def test_every_case_has_a_name_of_its_own():
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_ends_as_its_user_expects(gates, case):
    gate = gates[case.gate]
    body = case.request if isinstance(case.request, (bytes, str)) else json.dumps(case.request)
    came = gate.exchange(case.name, case.play, case.path, body, headers=case.headers, method=case.method)
    verdict(case.expect, came, gate.upstream.bodies(case.name))
