"""The Helm chart, rendered with several values."""

import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHART = ROOT / "envoy" / "helm" / "callgate"
EXAMPLES = ROOT / "envoy" / "kubernetes"
VALUES = pathlib.Path(__file__).parent / "values"
DESK = ROOT / "contracts" / "policy-desk"
DIST = pathlib.Path(os.environ.get("CALLGATE_DIST") or ROOT / "dist")
CALLGATE = pathlib.Path(os.environ.get("CALLGATE_COMMAND") or DIST / "callgate")
# Every file of values, and the way its gate is reached.
FILES = {
    "gateway": (EXAMPLES / "gateway.values.yaml", "0.0.0.0"),
    "sidecar": (EXAMPLES / "sidecar.values.yaml", "127.0.0.1"),
    "everything": (VALUES / "everything.yaml", None),
    "trial": (VALUES / "trial.yaml", "0.0.0.0"),
}
TLS = ["--executor-ca", "/etc/callgate/tls/ca.crt", "--executor-certificate", "/etc/callgate/tls/tls.crt",
       "--executor-key", "/etc/callgate/tls/tls.key"]


def render(contract, *options):
    """Returns the output of `callgate render --target envoy`."""
    command = [CALLGATE, "render", "--target", "envoy", contract, *options]
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=60).stdout


def configuration(folder, listen="0.0.0.0", tls=True, contract=DESK / "contract.yaml", more=()):
    """Writes Envoy's configuration for the contract, and returns its path."""
    text = render(contract, "--listen", f"{listen}:10000", "--metrics", "0.0.0.0:9902",
                  "--executor", "callgate-executor.llm.svc:7070", *(TLS if tls else []), *more)
    path = folder / f"{abs(hash(text))}.yaml"
    path.write_text(text)
    return path


def desk_files():
    """Returns the options that give the executor the files of the contract."""
    options = []
    for path in ["contract.yaml", *(f"policies/{name}" for name in ["amounts.rego", "limits.json", "tenants.cedar", "entities.json"])]:
        options += ["--set-file", f"executor.files.{path.replace('.', chr(92) + '.')}={DESK / path}"]
    return options


def helm(*arguments):
    return subprocess.run(["helm", *map(str, arguments)], capture_output=True, text=True, timeout=60)


def options_of(name, folder, tls=None):
    """Returns the options of helm for a file of values."""
    values, listen = FILES[name]
    options = ["--values", values, *desk_files()]
    if listen:
        options += ["--set-file", f"gate.config.inline={configuration(folder, listen, name != 'trial' if tls is None else tls)}"]
    return options


def template(*options, release="callgate", namespace="llm"):
    """Returns the objects of the chart."""
    done = helm("template", release, CHART, "--namespace", namespace, *options)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def refusal(*options):
    """Returns the reason for which the chart refuses values."""
    done = helm("template", "callgate", CHART, "--namespace", "llm", *options)
    assert done.returncode != 0, "the chart took these values"
    return done.stderr


def of_kind(objects, kind, name=None):
    (found,) = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found


def pods(objects):
    """Returns a pod for each template of a Deployment or StatefulSet, as their controllers would make it."""
    made = []
    for each in objects:
        if each["kind"] not in ("Deployment", "StatefulSet"):
            continue
        made.append(pod(each))
    return made


def pod(workload):
    """Returns the pod that a workload's controller would make."""
    inner = workload["spec"]["template"]
    spec = dict(inner["spec"])
    for claim in workload["spec"].get("volumeClaimTemplates", []):
        name = claim["metadata"]["name"]
        spec["volumes"] = [*spec.get("volumes", []), {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-0"}}]
    metadata = {**inner["metadata"], "name": f"{workload['metadata']['name']}-0", "namespace": workload["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
