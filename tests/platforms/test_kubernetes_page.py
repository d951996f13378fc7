"""The page docs/operate/kubernetes.md, followed by an operator: its commands run against a real API server, and then what they left there runs.

Without a kubelet nothing starts the pods: the test reads the objects, Secrets and ConfigMaps back, and runs both programs with them. On
machines without an API server the commands run all the same, and `offline.py` keeps their objects."""

import os
import re
import shutil
import subprocess

import pytest

import chart
import cluster
from conftest import real
from model import Model, Server
from offline import Offline, Online, secrets
from release import Release, folder_below, missing, refund

PLATFORM = "Kubernetes"
# The first test may start the server, and runs the page.
pytestmark = pytest.mark.timeout(300)
PAGE = chart.ROOT / "docs" / "operate" / "kubernetes.md"


def blocks():
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.fixture(scope="module")
def place(folder, request):
    return folder_below(folder, "page")


@pytest.fixture(scope="module")
def platform(place, request):
    absent = [*missing(), *(name for name in ["kubectl", "helm", "openssl"] if shutil.which(name) is None)]
    if absent:
        pytest.skip(f"{', '.join(absent)} are not there; make setup-platforms and make build make them")
    if cluster.missing():
        return Offline(place)
    running = request.getfixturevalue("kubernetes")
    real(request.config, PLATFORM)
    return Online(running)


@pytest.fixture(scope="module")
def release(platform, place):
    """Runs the commands of the page, and returns what they installed. Only the model's address differs."""
    for name in ["contracts", "envoy"]:
        (place / name).symlink_to(chart.ROOT / name)
    programs = folder_below(place, "bin")
    (programs / "callgate").symlink_to(chart.CALLGATE)
    with Server() as model:
        script = "\n".join(blocks())
        assert script.count("callgate render ") == 1
        script = script.replace("callgate render ", f"callgate render --upstream 127.0.0.1:{model} ")
        environment = {**os.environ, **platform.programs(programs), "OPENAI_API_KEY": "the-providers-key",
                       "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(place)}
        done = subprocess.run(["sh", "-eux", "-c", script], cwd=place, env=environment, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr[-4000:]
        found = platform.objects("llm")
        yield Release(place, [each for each in found if each["kind"] != "Secret"], secrets(found))


@pytest.fixture(scope="module")
def running(release):
    with release.start("StatefulSet") as executor:
        executor.wait()
        with release.start("Deployment") as gate:
            gate.wait()
            yield release


def test_an_application_calls_with_the_token_of_its_service_account(platform, running):
    clerk = platform.token("clerk")
    status, calls = refund(running.gate, 4000, x_callgate_token=clerk)
    assert (status, len(calls)) == (200, 1)
    assert refund(running.gate, 6000, x_callgate_token=clerk)[1] == [], "more than a clerk may refund"
    assert set(Model.keys) == {"Bearer the-providers-key"}


def test_the_name_of_the_account_is_the_role(platform, running):
    assert len(refund(running.gate, 6000, x_callgate_token=platform.token("manager"))[1]) == 1


def test_nobody_else_reaches_the_model(platform, running):
    before = len(Model.keys)
    for caller in [{}, {"x_callgate_token": "x"}, {"x_callgate_token": platform.token("clerk", "another")},
                   {"x_callgate_token": platform.token("stranger")}, {"x_callgate_tenant": "shop", "x_callgate_role": "manager"},
                   {"authorization": f"Bearer {platform.token('clerk')}"}]:
        status, calls = refund(running.gate, 1, **caller)
        assert status in (400, 401, 403) and calls == [], (list(caller), status)
    assert len(Model.keys) == before


def test_a_person_reaches_approvals_with_the_token(platform, running, place):
    """The command of the page; the port is the one that `kubectl port-forward` would open."""
    (command,) = re.findall(r"^callgate approve (--url https://localhost:7071 .*)$", PAGE.read_text(), re.M)
    words = command.replace("7071", str(running.http)).split()
    done = subprocess.run([chart.CALLGATE, "approve", *words], cwd=place, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    (place / "wrong").write_text("0" * 48)
    words[-1] = "wrong"
    done = subprocess.run([chart.CALLGATE, "approve", *words], cwd=place, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0


def test_the_pages_application_may_use_the_token_and_nothing_else(platform, release):
    (app,) = [each for each in platform.objects("shop") if each["kind"] == "Pod"]
    assert app["spec"]["automountServiceAccountToken"] is False
    (source,) = app["spec"]["volumes"][0]["projected"]["sources"]
    assert source["serviceAccountToken"]["audience"] == "callgate"


def test_an_installed_release_upgrades_and_rolls_back(platform, release):
    if isinstance(platform, Offline):
        pytest.skip("kube-apiserver is not there; make setup-platforms builds it if there is Go")
    kubectl = platform.cluster.kubectl
    helm = ["helm", "--kubeconfig", str(platform.cluster.config), "--namespace", "llm"]

    def config():
        return kubectl("-n", "llm", "get", "configmap", "callgate-executor", "-o", r"jsonpath={.data.executor\.yaml}")

    def run(*command):
        done = subprocess.run([*helm, *map(str, command)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    old = config()
    run("upgrade", "callgate", chart.CHART, "--reuse-values", "--set", "executor.config.concurrency=7")
    assert "concurrency: 7" in config()
    run("rollback", "callgate")
    assert config() == old
