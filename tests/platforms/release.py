"""The pods of an installed chart as processes of this machine, with free ports in place of the usual ones."""

import json
import os
import pathlib
import shutil
import urllib.error
import urllib.request

import chart
from chart import of_kind
from cluster import free_ports
from programs import Process, Volumes

ENVOY = os.environ.get("ENVOY_BIN", "envoy")
PROGRAMS = {"Deployment": ENVOY, "StatefulSet": chart.DIST / "callgate-executor"}
WASM = chart.DIST / "callgate.wasm"


def missing():
    """Returns the files that are not there."""
    return [str(path) for path in [*PROGRAMS.values(), WASM] if shutil.which(path) is None and not os.path.isfile(path)]


class Release:
    """`objects` are those of the chart. `maps` and `secrets` have the data of further ConfigMaps and of Secrets, as bytes."""

    def __init__(self, folder, objects, secrets, maps=None):
        self.folder = folder
        self.gate, self.metrics, admin, self.grpc, self.http = free_ports(5)
        self.ports = {10000: self.gate, 9902: self.metrics, 9901: admin, 7070: self.grpc, 7071: self.http}
        self.objects = objects
        self.volumes = Volumes(objects, secrets, self.here, maps or {})
        self.pods = {kind: chart.pod(of_kind(objects, kind)) for kind in PROGRAMS}
        self.roots = {kind: folder / kind for kind in self.pods}
        for kind in self.pods:
            self.lay(kind)
        shutil.copy(WASM, self.roots["Deployment"] / "etc" / "callgate" / "callgate.wasm")

    def lay(self, kind):
        self.volumes.lay(self.roots[kind], self.pods[kind], self.pods[kind]["spec"]["containers"][0])

    def here(self, root, text):
        """Puts the paths and ports of this machine in place of the container's."""
        for path in ["/etc/callgate", "/etc/envoy", "/var/lib/callgate", "/run/secrets"]:
            text = text.replace(path, f"{root}{path}")
        text = text.replace("0.0.0.0", "127.0.0.1").replace("address: callgate-executor.llm.svc,", 'address: "127.0.0.1",')
        for usual, port in self.ports.items():
            text = text.replace(f"port_value: {usual} ", f"port_value: {port} ").replace(f"127.0.0.1:{usual}", f"127.0.0.1:{port}")
        return text

    def start(self, kind):
        (container,) = self.pods[kind]["spec"]["containers"]
        root = self.roots[kind]
        arguments = [self.here(root, argument) for argument in container["args"]]
        return Process(container, [PROGRAMS[kind], *arguments], self.ports, self.folder / f"{kind}.log", cwd=root)


def ask(port, path, body=None, method=None, **headers):
    """Returns the status and the text of the answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def refund(port, cents, **caller):
    """Asks the model of `model.py` for a refund. Returns the status and the released calls."""
    status, text = ask(port, "/v1/chat/completions", {"model": "gpt-5", "messages": [{"role": "user", "content": str(cents)}]}, **caller)
    message = json.loads(text).get("choices", [{}])[0].get("message", {}) if text.startswith("{") else {}
    return status, message.get("tool_calls") or []


def folder_below(folder, name):
    path = pathlib.Path(folder) / name
    path.mkdir()
    return path
