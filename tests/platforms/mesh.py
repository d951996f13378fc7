"""Istio: a real istiod on a real kube-apiserver, and an Envoy that gets everything from it as a gateway's proxy."""

import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

from cluster import free_ports, log_of

PROGRAM = "pilot-discovery"
ENVOY = os.environ.get("ENVOY_BIN", "envoy")
LABEL = {"gateway.networking.k8s.io/gateway-name": "llm"}
# istiod and Envoy are ready within this time, also on a busy machine.
PATIENCE = 60
# Istio's own proxy has these two filters, and Envoy's own builds do not.
WITHOUT = {"PILOT_ENABLE_ALPN_FILTER": "false", "PILOT_ENABLE_METADATA_EXCHANGE": "false"}
VERDICT = '{"path":"%PATH(NQ)%","status":"%RESPONSE_CODE%","verdict":"%FILTER_STATE(wasm.callgate.verdict:PLAIN)%"}\n'


def crds():
    """Returns the file with Istio's own definitions of its resources; it is beside the program."""
    found = shutil.which(PROGRAM)
    return pathlib.Path(found).parent / "istio-crds.yaml" if found else pathlib.Path("istio-crds.yaml")


def missing():
    """Returns the files that are not there."""
    return [name for name in [PROGRAM, ENVOY] if shutil.which(name) is None] + ([] if crds().is_file() else [crds().name])


class Process:
    def __init__(self, log, command, **more):
        self.log = log
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=open(log, "wb"),
                                        stderr=subprocess.STDOUT, **more)

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
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
        # Certificates of the mesh come from Istio's agent, and none runs here.
        mesh.write_text(json.dumps({"accessLogFile": "/dev/stdout", "accessLogFormat": VERDICT, "enableAutoMtls": False}))
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "POD_NAMESPACE": "istio-system", "POD_NAME": "istiod-0",
                       "INJECT_ENABLED": "false", **WITHOUT}
        local = {"httpAddr": self.http, "grpcAddr": self.xds, "secureGRPCAddr": secure, "httpsAddr": self.https,
                 "monitoringAddr": self.monitoring}
        super().__init__(folder / "istiod.log", [
            PROGRAM, "discovery", "--kubeconfig", cluster.config, "--meshConfig", mesh, "--clusterID", "Kubernetes",
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
    """Envoy with nothing but a name and istiod's address, as Istio's agent starts it in a gateway's pod."""

    def __init__(self, folder, istiod, namespace):
        self.folder = folder / f"proxy-{namespace}"
        self.folder.mkdir()
        (self.admin,) = free_ports(1)
        address = lambda port: {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        http2 = {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}
        source = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
        bootstrap = {
            "node": {"id": f"router~127.0.0.1~llm.{namespace}~{namespace}.svc.cluster.local", "cluster": f"llm.{namespace}",
                     "metadata": {"NAMESPACE": namespace, "LABELS": LABEL, "CLUSTER_ID": "Kubernetes", "NAME": "llm",
                                  "SERVICE_ACCOUNT": "default", "ISTIO_VERSION": "1.31.0"}},
            "admin": {"address": address(self.admin)},
            "dynamic_resources": {
                "lds_config": source, "cds_config": source,
                "ads_config": {"api_type": "GRPC", "transport_api_version": "V3", "set_node_on_first_message_only": True,
                               "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}]}},
            "static_resources": {"clusters": [{
                "name": "xds-grpc", "type": "STATIC", "connect_timeout": "5s", "typed_extension_protocol_options": http2,
                "load_assignment": {"cluster_name": "xds-grpc", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": address(istiod.xds)}}]}]}}]}}
        path = self.folder / "bootstrap.json"
        path.write_text(json.dumps(bootstrap))
        super().__init__(self.folder / "envoy.log", [ENVOY, "--config-path", path, "--concurrency", "1", "--use-dynamic-base-id"],
                         cwd=self.folder)

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

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
