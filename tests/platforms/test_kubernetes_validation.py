"""Kubernetes' own validation and admission of pods, without the server: `kube-check` is built from the same modules in a few minutes."""

import copy
import json
import shutil
import subprocess

import pytest
import yaml

import chart
from chart import FILES, of_kind, options_of, template

PLATFORM = "Kubernetes"


@pytest.fixture(scope="module", autouse=True)
def program():
    if shutil.which("kube-check") is None:
        pytest.skip("kube-check is not there; make setup-platforms builds it if there is Go")


def faults(*objects):
    """Returns the faults that kube-apiserver would find in new objects."""
    lines = "".join(json.dumps(each) + "\n" for each in objects)
    done = subprocess.run(["kube-check"], input=lines, capture_output=True, text=True, timeout=60)
    assert done.returncode == (1 if done.stdout else 0), done.stderr
    return done.stdout


@pytest.mark.parametrize("name", FILES)
def test_every_object_and_every_pod_is_taken(name, folder):
    objects = template(*options_of(name, folder))
    assert faults(*objects, *chart.pods(objects)) == ""


@pytest.mark.parametrize("mode", ["gateway", "sidecar"])
def test_the_committed_manifests_are_taken(mode):
    objects = [each for each in yaml.safe_load_all((chart.EXAMPLES / f"{mode}.yaml").read_text()) if each]
    assert faults(*objects, *chart.pods(objects)) == ""


def changed(deployment, path, value):
    made = copy.deepcopy(deployment)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return made


CONTAINER = ["spec", "template", "spec", "containers", 0]
# Changes of a good Deployment, and words of the fault.
FAULTS = [
    ([*CONTAINER, "readyProbe"], {}, 'unknown field "spec.template.spec.containers[0].readyProbe"'),
    ([*CONTAINER, "ports", 0, "containerPort"], 70000, "spec.template.spec.containers[0].ports[0].containerPort"),
    ([*CONTAINER, "volumeMounts", 0, "name"], "other", "spec.template.spec.containers[0].volumeMounts[0].name: Not found"),
    (["spec", "selector", "matchLabels", "a"], "b", "`selector` does not match template `labels`"),
    ([*CONTAINER, "securityContext", "capabilities"], None, "violates restricted: unrestricted capabilities"),
    ([*CONTAINER, "securityContext", "allowPrivilegeEscalation"], True, "violates restricted: allowPrivilegeEscalation != false"),
    (["spec", "template", "spec", "volumes", 0], {"name": "callgate-config", "hostPath": {"path": "/"}}, "hostPath"),
]


@pytest.mark.parametrize("path, value, fault", FAULTS, ids=[fault for _, _, fault in FAULTS])
def test_a_fault_is_found(path, value, fault, folder):
    """The other tests prove something only if faults are found."""
    deployment = of_kind(template(*options_of("gateway", folder)), "Deployment")
    assert faults(deployment) == ""
    found = faults(changed(deployment, path, value))
    assert fault in found, found


def test_a_patched_application_is_taken_and_keeps_its_own(folder):
    """The two lines of NOTES.txt, with kubectl as it merges locally."""
    objects = template(*options_of("sidecar", folder))
    strict = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {"name": "app", "image": "registry.example/app:1", "securityContext": strict}
    app = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": "llm"}, "spec": {
        "selector": {"matchLabels": {"app": "app"}},
        "template": {"metadata": {"labels": {"app": "app"}}, "spec": {
            "containers": [container], "initContainers": [{**container, "name": "own"}], "volumes": [{"name": "cache", "emptyDir": {}}]}}}}
    patch = folder / "patch.yaml"
    patch.write_text(of_kind(objects, "ConfigMap", "callgate-sidecar")["data"]["patch.yaml"])
    for _ in range(2):
        done = subprocess.run(["kubectl", "patch", "--local", "-f", "-", "--patch-file", patch, "-o", "json"], input=json.dumps(app),
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        app = json.loads(done.stdout)
    spec = app["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["containers"]] == ["app"]
    assert sorted(each["name"] for each in spec["initContainers"]) == ["callgate", "own"], "each stands once"
    assert {"cache", "callgate-config"} <= {each["name"] for each in spec["volumes"]}
    assert faults(app, chart.pod(app)) == ""
    # The executor's policy lets this pod in.
    peer = of_kind(objects, "NetworkPolicy", "callgate-executor")["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert peer.items() <= app["spec"]["template"]["metadata"]["labels"].items()
