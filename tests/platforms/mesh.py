"""Istio: a real istiod on a real kube-apiserver, and Istio's agent with an Envoy that gets everything from it as a gateway's proxy."""

import functools
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from cluster import free_ports, log_of

ISTIOD, AGENT = "pilot-discovery", "pilot-agent"
# Files of Istio that are beside the programs: the definitions of its resources, and the template of the proxy's bootstrap.
CRDS, BOOTSTRAP = "istio-crds.yaml", "istio-bootstrap.json"
ENVOY = os.environ.get("ENVOY_BIN", "envoy")
LABEL = {"gateway.networking.k8s.io/gateway-name": "llm"}
# istiod and Envoy are ready within this time, also on a busy machine.
PATIENCE = 60
# Istio's own proxy has these two filters, and Envoy's own builds do not.
WITHOUT = {"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false"}
VERDICT = '{"path":"%PATH(NQ)%","status":"%RESPONSE_CODE%","verdict":"%FILTER_STATE(wasm.callgate.verdict:PLAIN)%"}\n'


# The agent keeps fetched modules in /var/lib/istio/data, and nothing moves it. So it gets a /var/lib of its own, if this machine allows that.
PRIVATE = ["unshare", "--map-root-user", "--mount", "sh", "-c",
           'mount -t tmpfs tmpfs /var/lib && mkdir -p /var/lib/istio/data && exec "$@"', "sh"]


@functools.cache
def private():
    """Returns the start of a command with a /var/lib of its own, or nothing if this machine does not allow it."""
    allowed = shutil.which(PRIVATE[0]) and subprocess.run([*PRIVATE, "true"], capture_output=True, timeout=20).returncode == 0
    return PRIVATE if allowed else []


def beside(name):
    return pathlib.Path(shutil.which(ISTIOD) or "").parent / name


def missing():
    """Returns the files that are not there."""
    programs = [name for name in [ISTIOD, AGENT, ENVOY] if shutil.which(name) is None]
    return programs or [name for name in [CRDS, BOOTSTRAP] if not beside(name).is_file()]


class Process:
    def __init__(self, log, command, **more):
        self.log = log
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=open(log, "wb"),
                                        stderr=subprocess.STDOUT, start_new_session=True, **more)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            # Its children too: the agent has Envoy.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def wait(self, ready, what):
        """Waits until `ready` returns something, and returns it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"{what}: it ended: {log_of(self.log)}"
            found = ready()
            if found:
                return found
            time.sleep(0.2)
        raise AssertionError(f"{what}: not within {PATIENCE} s: {log_of(self.log)}")


def get(url):
    """Returns the text of a page, or nothing if it does not answer with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


class Istiod(Process):
    def __init__(self, folder, cluster):
        folder = folder / f"istiod-{secrets.token_hex(4)}"
        folder.mkdir()
        self.http, self.xds, secure, self.https, self.monitoring, debug = free_ports(6)
        mesh = folder / "mesh.yaml"
        # No authority signs certificates of the mesh here.
        mesh.write_text(json.dumps({"accessLogFile": "/dev/stdout", "accessLogFormat": VERDICT, "enableAutoMtls": False}))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "POD_NAMESPACE": "istio-system", "POD_NAME": "istiod-0",
                       "INJECT_ENABLED": "false", **WITHOUT}
        local = {"httpAddr": self.http, "grpcAddr": self.xds, "secureGRPCAddr": secure, "httpsAddr": self.https,
                 "monitoringAddr": self.monitoring}
        super().__init__(folder / "istiod.log", [
            ISTIOD, "discovery", "--kubeconfig", cluster.config, "--meshConfig", mesh, "--clusterID", "Kubernetes",
            "--profile=false", "--ctrlz_address", "127.0.0.1", "--ctrlz_port", debug,
            *(word for name, port in local.items() for word in (f"--{name}", f"127.0.0.1:{port}"))], env=environment, cwd=folder)

    def __enter__(self):
        try:
            self.wait(lambda: get(f"http://127.0.0.1:{self.http}/ready") is not None, "istiod")
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_):
        self.end()


class Proxy(Process):
    """Istio's agent, as in a gateway's pod: it starts Envoy, stands between it and istiod, fetches modules, and brings certificates."""

    def __init__(self, folder, istiod, namespace):
        folder = folder / f"proxy-{namespace}"
        # Its ports would be open on all addresses.
        bootstrap = folder / "bootstrap.json"
        labels = folder / "etc" / "istio" / "pod" / "labels"
        labels.parent.mkdir(parents=True)
        labels.write_text("".join(f'{name}="{value}"\n' for name, value in LABEL.items()))
        bootstrap.write_text(beside(BOOTSTRAP).read_text().replace("{{ .wildcard }}", "127.0.0.1"))
        # This one too, and no setting changes that. The test holds the port: the agent logs that, and works without it.
        self.held = socket.socket()
        self.held.bind(("127.0.0.1", 0))
        self.admin, health, metrics = free_ports(3)
        config = {"discoveryAddress": f"127.0.0.1:{istiod.xds}", "controlPlaneAuthPolicy": "NONE", "binaryPath": shutil.which(ENVOY),
                  "configPath": str(folder / "config"), "proxyAdminPort": self.admin, "statusPort": self.held.getsockname()[1],
                  "concurrency": 1, "proxyBootstrapTemplatePath": str(bootstrap), "terminationDrainDuration": "1s"}
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "POD_NAME": "llm", "POD_NAMESPACE": namespace, "INSTANCE_IP": "127.0.0.1",
            "SERVICE_ACCOUNT": "default", "ISTIO_META_CLUSTER_ID": "Kubernetes", "PROXY_CONFIG": json.dumps(config),
            # No authority signs for it: the mesh's own certificates are not tested.
            "FILE_MOUNTED_CERTS": "true", "ENVOY_STATUS_PORT": str(health), "ENVOY_PROMETHEUS_PORT": str(metrics)}
        command = [*private(), AGENT, "proxy", "router", "--domain", f"{namespace}.svc.cluster.local", "--profiling=false",
                   "--proxyLogLevel", "warning"]
        super().__init__(folder / "envoy.log", command, cwd=folder, env=environment)

    def listens(self, port):
        """Waits until the gateway's listener has everything and takes connections."""
        def ready():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=2).close()
            except OSError:
                return False
            return True
        self.wait(ready, "the gateway's listener")
        return self

    def stats(self, names):
        """Returns the counters whose names match."""
        text = get(f"http://127.0.0.1:{self.admin}/stats?filter={names}") or ""
        return {name: int(value) for name, _, value in (line.partition(": ") for line in text.splitlines()) if value.isdigit()}

    def dump(self, kind):
        """Returns the resources of a kind that Envoy runs with."""
        text = get(f"http://127.0.0.1:{self.admin}/config_dump?resource={kind}")
        return json.loads(text).get("configs", []) if text else []

    def end(self):
        super().end()
        self.held.close()
