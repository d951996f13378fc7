"""The pods of the chart, run as processes: a real Envoy and a real executor take the rendered files, and their probes answer."""

import socket
import ssl
import time

import pytest

import chart
from certificates import Authority, Issuer
from chart import of_kind
from model import Model, Server
from release import Release, ask, folder_below, missing, refund

PLATFORM = "Kubernetes"
# The identity of docs/operate/kubernetes.md.
IDENTITY = ["--identity", "jwt", "--jwt-issuer", "https://kubernetes.default.svc.cluster.local", "--jwt-audience", "callgate",
            "--jwt-jwks", "/etc/callgate/jwks/jwks.json",
            "--tenant-claim", "/kubernetes.io/namespace", "--role-claim", "/kubernetes.io/serviceaccount/name"]
AUTHORITY = Authority()
ISSUER = Issuer()


@pytest.fixture(scope="module")
def release(folder):
    if missing():
        pytest.skip(f"{', '.join(missing())} are not there; make build makes them")
    folder = folder_below(folder, "programs")
    secrets = {"callgate-gate-tls": AUTHORITY.secret("callgate-gate"),
               "callgate-executor-tls": AUTHORITY.secret("callgate-executor.llm.svc", "callgate-executor"),
               "llm-provider": {"authorization": b"Bearer the-providers-key"}}
    with Server() as model:
        more = ["--upstream", f"127.0.0.1:{model}", "--upstream-credential", "/etc/callgate/provider/authorization", *IDENTITY]
        config = chart.configuration(folder, more=more)
        objects = chart.template("--values", chart.FILES["gateway"][0], *chart.desk_files(),
                                 "--set-file", f"gate.config.inline={config}", "--set", "serviceMonitor.enabled=true")
        yield Release(folder, objects, secrets, {"callgate-jwks": {"jwks.json": ISSUER.jwks()}})


@pytest.fixture(scope="module")
def executor(release):
    with release.start("StatefulSet") as process:
        yield process.wait()


@pytest.fixture(scope="module")
def gate(release, executor):
    with release.start("Deployment") as process:
        yield process.wait()


def clerk(account="clerk", namespace="shop", **more):
    return {"x_callgate_token": ISSUER.token(namespace, account, **more)}


def test_all_probes_of_both_pods_answer(gate, executor):
    for process in (gate, executor):
        for name in ["startupProbe", "readinessProbe", "livenessProbe"]:
            assert process.probe(name) == 200, name


def test_the_executors_policies_decide_calls_over_mutual_tls(gate, release):
    status, calls = refund(release.gate, 4000, **clerk())
    assert (status, len(calls)) == (200, 1)
    status, calls = refund(release.gate, 6000, **clerk())
    assert calls == []
    assert set(Model.keys) == {"Bearer the-providers-key"}, "the application holds no key"


def test_the_cluster_says_who_calls(gate, release):
    """The namespace is the tenant, and the name of the ServiceAccount the role."""
    assert len(refund(release.gate, 6000, **clerk("manager"))[1]) == 1, "a manager may refund more"
    assert refund(release.gate, 1, **clerk(namespace="globex"))[1] == [], "this tenant has refunds off"
    before = len(Model.keys)
    other = {"x_callgate_token": Issuer().token("shop", "manager")}
    for caller in [{}, {"x_callgate_token": "x"}, clerk(audience="another"), clerk("stranger"), other,
                   {"x_callgate_tenant": "shop", "x_callgate_role": "manager"}]:
        status, calls = refund(release.gate, 1, **caller)
        assert status in (400, 401, 403) and calls == [], (list(caller), status)
    assert len(Model.keys) == before, "nothing of it reached the model"


def test_other_machines_read_metrics_and_nothing_else_of_the_admin_interface(gate, release):
    refund(release.gate, 1, **clerk())
    status, text = ask(release.metrics, "/stats/prometheus")
    assert status == 200 and "callgate_exchanges_ended" in text
    assert ask(release.metrics, "/ready")[0] == 200
    for path in ["/quitquitquit", "/config_dump", "/", "/stats", "/ready/../quitquitquit", "/ready%2f..%2fquitquitquit", "//quitquitquit",
                 "/stats/prometheus?filter=x", "/ready?x", "/stats/prometheus/../../certs"]:
        for method in ["GET", "POST"]:
            status, _ = ask(release.metrics, path, method=method)
            assert status in (400, 404), (method, path, status)
    assert ask(release.metrics, "/ready", method="POST")[0] == 404
    assert gate.process.poll() is None


def test_a_stranger_with_a_certificate_of_the_same_authority_runs_nothing(executor, release):
    folder = folder_below(release.folder, "stranger")
    stranger = AUTHORITY.secret("somebody-else")
    for name, content in stranger.items():
        (folder / name).write_bytes(content)
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with socket.create_connection(("127.0.0.1", release.grpc), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="callgate-executor.llm.svc") as encrypted:
                encrypted.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
                # TLS 1.3: the refusal arrives with the first read.
                if encrypted.recv(1) == b"":
                    raise ConnectionError("closed")


def test_the_state_is_for_the_executor_alone(executor, release):
    state = release.roots["StatefulSet"] / "var/lib/callgate/state"
    assert state.stat().st_mode & 0o077 == 0
    assert (state / "audit.db").exists()


def test_the_executor_takes_a_changed_config_map_without_a_restart(executor, release):
    """The kubelet turns the link `..data`, and the executor reads both contracts."""
    changed = (chart.DESK / "contract.yaml").read_text().replace("maxRounds: 2", "maxRounds: 3")
    found = of_kind(release.objects, "ConfigMap", "callgate-executor")["data"]
    found["executor.yaml"] = found["executor.yaml"].replace("- contract.yaml", "- contract.yaml\n- new.yaml")
    found["new.yaml"] = changed
    before = executor.text()
    release.lay("StatefulSet")
    deadline = time.monotonic() + 40
    while "reloaded" not in executor.text()[len(before):]:
        assert executor.process.poll() is None and time.monotonic() < deadline, executor.text()[-2000:]
        time.sleep(0.2)
    assert executor.probe("readinessProbe") == 200


def test_a_replaced_pod_takes_the_volume_of_the_one_before(executor, release):
    """The volume's root has the modes of fsGroup, and what the executor made below stays its own."""
    executor.process.terminate()
    assert executor.process.wait(20) == 0
    with release.start("StatefulSet") as again:
        assert again.wait().probe("readinessProbe") == 200
