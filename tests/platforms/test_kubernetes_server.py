"""A real API server takes every object of the chart, and its admission takes the pods."""

import copy
import json

import pytest
import yaml

import chart
from chart import FILES, of_kind, options_of, template
from conftest import real

PLATFORM = "Kubernetes"
STRICT = ["--validate=strict", "--server-side", "--field-manager=test", "-f", "-"]


# The first test starts the server.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def server(kubernetes, request):
    real(request.config, PLATFORM)
    return kubernetes


def stream(objects):
    return "---\n".join(json.dumps(each) + "\n" for each in objects)


@pytest.mark.parametrize("name", FILES)
def test_every_object_is_valid_and_every_pod_is_restricted(name, server, folder):
    namespace = server.namespace(f"{name}-test")
    objects = template(*options_of(name, folder), namespace=namespace)
    said = server.kubectl("apply", *STRICT, stdin=stream(objects))
    assert len(said.splitlines()) == len(objects)
    pods = chart.pods(objects)
    assert pods
    for pod in pods:
        made = server.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(pod), succeed=False)
        assert (made.returncode, made.stderr) == (0, ""), made.stderr


def test_the_server_refuses_an_unknown_field_and_a_pod_that_is_not_restricted(server, folder):
    """The other tests prove something only if the server would refuse."""
    namespace = server.namespace("refusals")
    objects = template(*options_of("gateway", folder), namespace=namespace)
    deployment = copy.deepcopy(of_kind(objects, "Deployment"))
    deployment["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    said = server.kubectl("apply", "--dry-run=server", *STRICT, stdin=json.dumps(deployment), succeed=False)
    assert said.returncode != 0 and "readyProbe" in said.stderr
    server.kubectl("apply", *STRICT, stdin=stream(each for each in objects if each["kind"] == "ServiceAccount"))
    for part, field in [("pod", "seccompProfile"), ("container", "capabilities"), ("container", "allowPrivilegeEscalation")]:
        pod = chart.pod(of_kind(objects, "Deployment"))
        settings = pod["spec"]["containers"][0]["securityContext"]
        settings.pop(field)
        if part == "pod":
            pod["spec"]["securityContext"].pop(field)
        said = server.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod), succeed=False)
        assert said.returncode != 0 and 'violates PodSecurity "restricted' in said.stderr, said.stderr


@pytest.mark.parametrize("mode", ["gateway", "sidecar"])
def test_the_committed_manifests_are_taken_as_they_stand(mode, server):
    if server.kubectl("get", "namespace", "llm", "--ignore-not-found") == "":
        server.namespace("llm")
    text = (chart.EXAMPLES / f"{mode}.yaml").read_text()
    server.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_a_patched_application_is_valid_and_restricted(server, folder):
    namespace = server.namespace("apps")
    objects = template(*options_of("sidecar", folder), namespace=namespace)
    server.kubectl("apply", *STRICT, stdin=stream(objects))
    strict = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    container = {"name": "app", "image": "registry.example/app:1", "securityContext": strict,
                 "env": [{"name": "OPENAI_BASE_URL", "value": "http://127.0.0.1:10000/v1"}]}
    app = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app", "namespace": namespace}, "spec": {
        "selector": {"matchLabels": {"app": "app"}},
        "template": {"metadata": {"labels": {"app": "app"}}, "spec": {
            "containers": [container], "initContainers": [{**container, "name": "own", "env": []}],
            "volumes": [{"name": "cache", "emptyDir": {}}]}}}}
    server.kubectl("create", "-f", "-", stdin=json.dumps(app))
    # The lines of NOTES.txt.
    patch = folder / "patch.yaml"
    patch.write_text(server.kubectl("-n", namespace, "get", "configmap", "callgate-sidecar", "-o", r"jsonpath={.data.patch\.yaml}"))
    for _ in range(2):
        server.kubectl("-n", namespace, "patch", "deployment", "app", "--patch-file", patch)
    patched = json.loads(server.kubectl("-n", namespace, "get", "deployment", "app", "-o", "json"))
    spec = patched["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["containers"]] == ["app"]
    names = {each["name"] for each in spec["initContainers"]}
    assert names == {"own", "callgate"}, "the application keeps its own"
    (sidecar,) = [each for each in spec["initContainers"] if each["name"] == "callgate"]
    assert sidecar["restartPolicy"] == "Always"
    made = server.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(chart.pod(patched)), succeed=False)
    assert (made.returncode, made.stderr) == (0, ""), made.stderr
    # The executor's policy lets this pod in.
    policy = of_kind(objects, "NetworkPolicy", "callgate-executor")["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    assert policy.items() <= patched["spec"]["template"]["metadata"]["labels"].items()


def test_the_accounts_may_do_nothing(server, folder):
    namespace = server.namespace("accounts")
    objects = template(*options_of("gateway", folder), namespace=namespace)
    server.kubectl("apply", *STRICT, stdin=stream(objects))
    for account in [each for each in objects if each["kind"] == "ServiceAccount"]:
        user = f"--as=system:serviceaccount:{namespace}:{account['metadata']['name']}"
        group = ["--as-group=system:serviceaccounts", f"--as-group=system:serviceaccounts:{namespace}", "--as-group=system:authenticated"]
        for verb, kind in [("get", "secrets"), ("list", "configmaps"), ("create", "pods"), ("get", "pods")]:
            said = server.kubectl("-n", namespace, "auth", "can-i", verb, kind, user, *group, succeed=False)
            assert said.stdout.strip() == "no", (verb, kind, said)


def test_an_upgrade_changes_no_field_that_cannot_change(server, folder):
    """A selector or a claim template that changes would make the second `helm upgrade` fail."""
    namespace = server.namespace("upgrade")
    before = template(*options_of("gateway", folder), namespace=namespace)
    server.kubectl("apply", *STRICT, stdin=stream(before))
    after = template(*options_of("gateway", folder), "--set", "commonLabels.team=new,gate.replicas=5,executor.gracePeriodSeconds=40", namespace=namespace)
    server.kubectl("apply", *STRICT, stdin=stream(after))


def test_the_executor_is_valid_without_an_api_server_that_knows_image_volumes():
    """Only values that ask for image volumes need the feature."""
    for mode in ["gateway", "sidecar"]:
        for each in yaml.safe_load_all((chart.EXAMPLES / f"{mode}.yaml").read_text()):
            assert "'image': {'reference'" not in str(each)
