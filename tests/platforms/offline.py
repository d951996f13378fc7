"""Stands in for a cluster on machines without an API server: `kubectl` and `helm` on the path of a script keep each object as a file.

The real programs still read every command: `kubectl create` makes its objects itself, and `helm upgrade` becomes `helm template`."""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys

import yaml

from certificates import Issuer


def keep(folder, document):
    path = folder / f"{document['kind']}-{document['metadata'].get('namespace', '')}-{document['metadata']['name']}.json"
    path.write_text(json.dumps(document))


def command(name, arguments, folder, real):
    """Runs one command of the page."""
    namespace = []
    if arguments[:1] == ["-n"]:
        namespace, arguments = arguments[:2], arguments[2:]
    if name == "helm" and arguments[:2] == ["upgrade", "--install"]:
        made = subprocess.run([real, "template", *arguments[2:]], check=True, capture_output=True, text=True, timeout=60).stdout
    elif name == "kubectl" and arguments[0] == "create":
        made = subprocess.run([real, *namespace, *arguments, "--dry-run=client", "-o", "json"], check=True, capture_output=True, text=True,
                              timeout=60).stdout
    elif name == "kubectl" and arguments[:2] == ["apply", "-f"]:
        made = sys.stdin.read() if arguments[2] == "-" else pathlib.Path(arguments[2]).read_text()
    elif name == "kubectl" and arguments[:2] == ["get", "--raw"]:
        print((folder / arguments[2].replace("/", "_")).read_text())
        return
    elif name == "kubectl" and arguments[0] == "label":
        return
    else:
        sys.exit(f"{name} {' '.join(arguments)}: not known without a server")
    for document in yaml.safe_load_all(made):
        if document:
            if namespace and "namespace" not in document["metadata"]:
                document["metadata"]["namespace"] = namespace[1]
            keep(folder, document)


class Offline:
    """The part of a cluster that the test of the page needs."""

    def __init__(self, folder):
        self.folder = folder / "objects"
        self.folder.mkdir()
        self.issuer = Issuer()
        (self.folder / "_openid_v1_jwks").write_text(self.issuer.jwks().decode())
        # Compact, as kube-apiserver writes it.
        discovery = json.dumps({"issuer": self.issuer.name, "jwks_uri": "https://10.0.0.1:6443/openid/v1/jwks"}, separators=(",", ":"))
        (self.folder / "_.well-known_openid-configuration").write_text(discovery)

    def programs(self, into):
        """Puts both commands into the folder `into`."""
        for name in ["kubectl", "helm"]:
            path = into / name
            path.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{__file__}' '{name}' '{self.folder}' '{shutil.which(name)}' \"$@\"\n")
            path.chmod(0o755)
        return {}

    def objects(self, namespace):
        found = [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]
        return [each for each in found if each["metadata"].get("namespace") == namespace]

    def token(self, account, audience="callgate"):
        return self.issuer.token("shop", account, audience)


class Online:
    """The same of a real cluster."""

    def __init__(self, cluster):
        self.cluster = cluster

    def programs(self, into):
        return {"KUBECONFIG": str(self.cluster.config)}

    def objects(self, namespace):
        text = self.cluster.kubectl("-n", namespace, "get", "deployments,statefulsets,configmaps,secrets,pods", "-o", "json")
        return json.loads(text)["items"]

    def token(self, account, audience="callgate"):
        self.cluster.kubectl("-n", "shop", "create", "serviceaccount", account, succeed=False)
        return self.cluster.kubectl("-n", "shop", "create", "token", account, "--audience", audience).strip()


def secrets(objects):
    """Returns the data of all Secrets."""
    return {each["metadata"]["name"]: {key: base64.b64decode(text) for key, text in each.get("data", {}).items()}
            for each in objects if each["kind"] == "Secret"}


if __name__ == "__main__":
    command(sys.argv[1], sys.argv[4:], pathlib.Path(sys.argv[2]), os.fspath(sys.argv[3]))
