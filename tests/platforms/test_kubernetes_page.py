"""The page docs/operate/kubernetes.md, followed by an operator: its commands run against a real API server, and then what they left there runs.

No kubelet starts the pods: the test reads the objects, Secrets and ConfigMaps back from the server, and runs both programs with them."""

import base64
import json
import os
import re
import subprocess

import pytest

import chart
import cluster
from conftest import real
from model import Model, Server
from release import Release, folder_below, missing, refund

PLATFORM = "Kubernetes"
PAGE = chart.ROOT / "docs" / "operate" / "kubernetes.md"


def blocks():
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def server(folder, request):
    absent = [*cluster.missing(), *missing()]
    if absent:
        pytest.skip(f"{', '.join(absent)} are not there; make setup-platforms and make build make them")
    with cluster.Cluster(folder) as running:
        real(request.config, PLATFORM)
        yield running


@pytest.fixture(scope="module")
def release(server, folder):
    """Runs the commands of the page, and returns what they installed. Only the model's address differs."""
    folder = folder_below(folder, "page")
    for name in ["contracts", "envoy"]:
        (folder / name).symlink_to(chart.ROOT / name)
    (folder / "bin").mkdir()
    (folder / "bin" / "callgate").symlink_to(chart.CALLGATE)
    with Server() as model:
        script = "\n".join(blocks())
        assert script.count("callgate render ") == 1
        script = script.replace("callgate render ", f"callgate render --upstream 127.0.0.1:{model} ")
        environment = {**os.environ, "KUBECONFIG": str(server.config), "OPENAI_API_KEY": "the-providers-key",
                       "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
        done = subprocess.run(["sh", "-eux", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stderr[-4000:]
        found = json.loads(server.kubectl("-n", "llm", "get", "deployments,statefulsets,configmaps,secrets", "-o", "json"))["items"]
        bytes_of = {each["metadata"]["name"]: {key: base64.b64decode(text) for key, text in each.get("data", {}).items()}
                    for each in found if each["kind"] == "Secret"}
        yield Release(folder, [each for each in found if each["kind"] != "Secret"], bytes_of)


@pytest.fixture(scope="module")
def running(release):
    with release.start("StatefulSet") as executor:
        executor.wait()
        with release.start("Deployment") as gate:
            gate.wait()
            yield release


def token(server, account, audience="callgate"):
    return server.kubectl("-n", "shop", "create", "token", account, "--audience", audience).strip()


def test_an_application_calls_with_the_token_of_its_service_account(server, running):
    clerk = token(server, "clerk")
    status, calls = refund(running.gate, 4000, x_callgate_token=clerk)
    assert (status, len(calls)) == (200, 1)
    assert refund(running.gate, 6000, x_callgate_token=clerk)[1] == [], "more than a clerk may refund"
    assert set(Model.keys) == {"Bearer the-providers-key"}


def test_the_name_of_the_account_is_the_role(server, running):
    server.kubectl("-n", "shop", "create", "serviceaccount", "manager")
    assert len(refund(running.gate, 6000, x_callgate_token=token(server, "manager"))[1]) == 1


def test_nobody_else_reaches_the_model(server, running):
    server.kubectl("-n", "shop", "create", "serviceaccount", "stranger")
    before = len(Model.keys)
    for caller in [{}, {"x_callgate_token": "x"}, {"x_callgate_token": token(server, "clerk", "another")},
                   {"x_callgate_token": token(server, "stranger")}, {"x_callgate_tenant": "shop", "x_callgate_role": "manager"},
                   {"authorization": f"Bearer {token(server, 'clerk')}"}]:
        status, calls = refund(running.gate, 1, **caller)
        assert status in (400, 401, 403) and calls == [], (list(caller), status)
    assert len(Model.keys) == before


def test_an_installed_release_upgrades_and_rolls_back(server, running, folder):
    helm = ["helm", "--kubeconfig", str(server.config), "--namespace", "llm"]
    objects = lambda: server.kubectl("-n", "llm", "get", "configmap", "callgate-executor", "-o", r"jsonpath={.data.executor\.yaml}")
    old = objects()
    for command in [["upgrade", "callgate", chart.CHART, "--reuse-values", "--set", "executor.config.concurrency=7"]]:
        done = subprocess.run([*helm, *map(str, command)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
    assert "concurrency: 7" in objects()
    done = subprocess.run([*helm, "rollback", "callgate"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert objects() == old
