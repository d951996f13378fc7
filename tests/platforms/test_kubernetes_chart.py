"""The chart itself: what helm checks, what the chart refuses, and what a change of the contract changes. No server is needed."""

import json
import os
import pathlib
import re
import subprocess
import tomllib

import jsonschema
import pytest
import referencing
import referencing.jsonschema
import yaml

import chart
from chart import FILES, ROOT, configuration, helm, of_kind, options_of, refusal, template

PLATFORM = "Kubernetes"


@pytest.mark.parametrize("name", FILES)
def test_helm_finds_no_fault(name, folder):
    done = helm("lint", "--strict", chart.CHART, "--namespace", "llm", *options_of(name, folder))
    assert done.returncode == 0, done.stdout


def test_the_chart_has_the_version_of_the_workspace():
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    own = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())
    assert (own["version"], own["appVersion"]) == (workspace, workspace)


def test_the_schema_knows_every_field_and_takes_every_default():
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text())
    schema = json.loads((chart.CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(values, schema)

    def fields(schema_here, value, path):
        schema_here = schema["$defs"][schema_here["$ref"].rsplit("/", 1)[1]] if "$ref" in schema_here else schema_here
        for name, inner in schema_here.get("properties", {}).items():
            assert name in value or path + name == ".global", f"values.yaml lacks {path}{name}"
            if isinstance(value.get(name), dict):
                fields(inner, value[name], f"{path}{name}.")

    fields(schema, values, ".")


@pytest.mark.parametrize("name", FILES)
def test_every_object_fits_the_published_schema(name, folder):
    """Weaker than a server, but there on every machine."""
    schemas = pathlib.Path(os.environ.get("CALLGATE_SCHEMAS", ""))
    if not (schemas / "_definitions.json").is_file():
        pytest.skip("the schemas of Kubernetes are not there; make setup-platforms installs them")
    document = json.loads((schemas / "_definitions.json").read_text())
    registry = referencing.Registry().with_resource(
        "_definitions.json", referencing.Resource.from_contents(document, referencing.jsonschema.DRAFT7))
    objects = template(*options_of(name, folder))
    for each in [*objects, *chart.pods(objects)]:
        group, _, version = each["apiVersion"].rpartition("/")
        group = f"{group.split('.')[0]}-" if group else ""
        schema = json.loads((schemas / f"{each['kind'].lower()}-{group}{version}.json").read_text())
        jsonschema.Draft7Validator(schema, registry=registry).validate(each)


@pytest.mark.parametrize("name", FILES)
def test_every_container_is_restricted(name, folder):
    """The standard's fields, and a root file system that nobody writes to."""
    wanted = {"runAsNonRoot": True, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
              "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    for pod in chart.pods(template(*options_of(name, folder))):
        for container in pod["spec"]["containers"]:
            assert wanted.items() <= container["securityContext"].items()
            assert not any("hostPort" in port for port in container["ports"])
        kinds = {kind for volume in pod["spec"]["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim", "image"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod["spec"].keys()


@pytest.mark.parametrize("name", FILES)
def test_no_secret_is_written(name, folder):
    assert "Secret" not in {each["kind"] for each in template(*options_of(name, folder))}


@pytest.mark.parametrize("name", FILES)
def test_no_pod_has_a_token_of_the_kubernetes_api(name, folder):
    objects = template(*options_of(name, folder))
    assert [pod["spec"]["automountServiceAccountToken"] for pod in chart.pods(objects)].count(True) == 0
    assert not {"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"} & {each["kind"] for each in objects}


# Values that would only fail in a running pod, and words of the reason. `{config}` is a configuration for these values.
REFUSED = [
    (["--set", "gate.config.existingSecret=x"], "or several (gate.config)"),
    (["--set", "executor.tls.secretName="], "the executor has no certificate (executor.tls.secretName)"),
    (["--set", "executor.tls.allowedClients=null"], "no client may run tools (executor.tls.allowedClients)"),
    (["--set", "executor.exposed=yes"], "executor/exposed"),
    (["--set", "executor.exposed=anyone who reaches this port may run tools"], "exclude each other"),
    (["--set", "executor.replicas=2"], "set executor.config.once.postgres"),
    (["--set", "executor.config.listen=0.0.0.0:1"], "the chart sets this field itself (executor.config.listen)"),
    (["--set", "executor.config.http.listen=0.0.0.0:1"], "the chart sets this field itself (executor.config.http.listen)"),
    (["--set", "executor.contracts={other.yaml}"], "no file has this name (executor.contracts: other.yaml)"),
    (["--set-string", r"executor.files.\.\./x=y"], "invalid propertyName '../x'"),
    (["--set-string", r"executor.files.executor\.yaml=y"], "invalid propertyName 'executor.yaml'"),
    (["--set-string", r"executor.binaryFiles.contract\.yaml=eA=="], "two files have this path"),
    (["--set", "gate.port=10001"], "does not listen on gate.port 10001"),
    (["--set", "gate.metricsPort=9903"], "no metrics listener on port 9903; render with --metrics 0.0.0.0:9903"),
    (["--set", "mode=sidecar"], "other pods would reach this sidecar"),
    (["--set", "gate.tls.secretName="], "name their Secret in gate.tls.secretName"),
    (["--set", "gate.replica=3"], "'replica' not allowed"),
    (["--set", "gate.image.digest=sha256:1"], "digest"),
    (["--set", "executor.persistence.accessModes={ReadWriteMany}"], "accessModes"),
    (["--set", "gate.autoscaling.enabled=true,gate.autoscaling.maxReplicas=1"], "minReplicas is above maxReplicas"),
]


@pytest.mark.parametrize("options, reason", REFUSED, ids=[reason for _, reason in REFUSED])
def test_a_mistake_ends_the_rendering_with_the_line_to_change(options, reason, folder):
    said = refusal(*options_of("gateway", folder), *options)
    assert reason in said, said


def with_text(folder, text):
    path = folder / "changed.yaml"
    path.write_text(text)
    return ["--set-file", f"gate.config.inline={path}"]


# Configurations that the chart does not take, by a change of a good one.
CONFIGURATIONS = [
    (lambda text: "listeners: []", "no configuration of Envoy"),
    (lambda text: "{", "no configuration of Envoy"),
    (lambda text: text.replace('"0.0.0.0", port_value: 10000', '"127.0.0.1", port_value: 10000'), "no other pod reaches the gate"),
    (lambda text: text.replace('"127.0.0.1", port_value: 9901', '"0.0.0.0", port_value: 9901', 1), "admin port is open to other pods"),
    (lambda text: text.replace("# Written by", "# THIS CONTRACT IS NOT PINNED.\n# Written by"), "is not pinned"),
    (lambda text: text.replace("envoy.filters.http.router", "envoy.filters.http.api_key_auth", 1), "holds the keys of callers"),
    (lambda text: text.replace("/etc/callgate/tls/ca.crt", "/elsewhere/ca.crt"), "reaches the executor without TLS"),
]


@pytest.mark.parametrize("change, reason", CONFIGURATIONS, ids=[reason for _, reason in CONFIGURATIONS])
def test_a_configuration_that_cannot_work_is_refused(change, reason, folder):
    text = configuration(folder).read_text()
    assert change(text) != text
    said = refusal(*options_of("gateway", folder), *with_text(folder, change(text)))
    assert reason in said, said


def test_a_contract_is_changed_at_the_executor_first_and_then_at_the_gate(folder):
    old = template(*options_of("gateway", folder))
    changed = folder / "new.yaml"
    changed.write_text((chart.DESK / "contract.yaml").read_text().replace("maxRounds: 2", "maxRounds: 3"))

    # First the executor gets the new contract beside the old one. It reloads by itself, so no pod of it or of the gate changes.
    both = ["--set-file", rf"executor.files.new\.yaml={changed}", "--set", "executor.contracts={contract.yaml,new.yaml}"]
    first = template(*options_of("gateway", folder), *both)
    for kind, name in [("Deployment", "callgate-gate"), ("ConfigMap", "callgate-gate"), ("StatefulSet", "callgate-executor")]:
        assert of_kind(first, kind, name) == of_kind(old, kind, name)
    assert "new.yaml" in of_kind(first, "ConfigMap", "callgate-executor")["data"]

    # Then the gates change, and the executor does not.
    second = template(*options_of("gateway", folder), *both, "--set-file",
                      f"gate.config.inline={configuration(folder, contract=changed)}")
    assert of_kind(second, "StatefulSet") == of_kind(first, "StatefulSet")
    digests = [of_kind(objects, "Deployment")["spec"]["template"]["metadata"]["annotations"]["callgate.dev/contracts"]
               for objects in (old, second)]
    assert digests[0] != digests[1] and all(re.fullmatch("sha256:[0-9a-f]{64}", digest) for digest in digests)


def test_a_setting_that_needs_a_restart_replaces_the_executors_pods(folder):
    before, after = (template(*options_of("gateway", folder), "--set", f"executor.config.concurrency={number}") for number in (8, 9))
    annotation = [of_kind(objects, "StatefulSet")["spec"]["template"]["metadata"]["annotations"] for objects in (before, after)]
    assert annotation[0] != annotation[1]


def test_an_executor_is_reached_only_by_gates_and_reaches_nothing(folder):
    objects = template(*options_of("gateway", folder))
    deny = of_kind(objects, "NetworkPolicy", "callgate-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"] and "ingress" not in deny and "egress" not in deny
    for pod in chart.pods(objects):
        assert deny["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    executor = of_kind(objects, "NetworkPolicy", "callgate-executor")["spec"]
    assert executor["egress"] == []
    (rule,) = executor["ingress"]
    assert rule["ports"] == [{"port": "grpc", "protocol": "TCP"}]
    (peer,) = rule["from"]
    labels = peer["podSelector"]["matchLabels"].items()
    gate, worker = (chart.pod(of_kind(objects, kind))["metadata"]["labels"].items() for kind in ("Deployment", "StatefulSet"))
    assert labels <= gate and not labels <= worker


def test_the_committed_manifests_are_current():
    done = subprocess.run([ROOT / ".setup" / "kubernetes.sh", "--check"], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HELM": "helm", "CALLGATE_COMMAND": str(chart.CALLGATE)})
    assert done.returncode == 0, done.stderr


def test_the_notes_name_the_next_steps_and_the_dangers(folder):
    def notes(name, *more):
        done = helm("install", "callgate", chart.CHART, "--namespace", "llm", "--dry-run=client", *options_of(name, folder), *more)
        assert done.returncode == 0, done.stderr
        return done.stdout.split("NOTES:", 1)[1]

    gateway = notes("gateway")
    assert "http://callgate-gate.llm/v1" in gateway
    assert "every pod that reaches the gate may claim any role" in gateway.lower()
    sidecar = notes("sidecar")
    assert "http://127.0.0.1:10000/v1" in sidecar and "get configmap callgate-sidecar" in sidecar
    trial = notes("trial")
    assert "without TLS" in trial and "end with the pod" in trial


@pytest.mark.parametrize("name", FILES)
def test_the_executors_configuration_fits_its_schema(name, folder):
    config = of_kind(template(*options_of(name, folder)), "ConfigMap", "callgate-executor")["data"]["executor.yaml"]
    jsonschema.validate(yaml.safe_load(config), json.loads((ROOT / "contracts" / "executor.schema.json").read_text()))


def test_the_sidecars_patch_holds_the_gates_container_and_volumes(folder):
    objects = template(*options_of("sidecar", folder))
    assert "Deployment" not in {each["kind"] for each in objects}
    patch = yaml.safe_load(of_kind(objects, "ConfigMap", "callgate-sidecar")["data"]["patch.yaml"])["spec"]["template"]["spec"]
    (container,) = patch["initContainers"]
    assert container["restartPolicy"] == "Always" and container["securityContext"]["readOnlyRootFilesystem"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in patch["volumes"]}
    assert not any(port["name"] == "http" for port in container["ports"])


def test_a_digest_replaces_the_tag(folder):
    for name, image in [("gateway", "localhost/callgate-gate:0.1.0"),
                        ("everything", "registry.example/envoy@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]:
        assert chart.pod(of_kind(template(*options_of(name, folder)), "Deployment"))["spec"]["containers"][0]["image"] == image


def test_monitors_scrape_ports_that_the_pods_have(folder):
    objects = template(*options_of("gateway", folder), "--set", "serviceMonitor.enabled=true")
    ports = {kind: {port["name"] for port in chart.pod(of_kind(objects, kind))["spec"]["containers"][0]["ports"]}
             for kind in ("Deployment", "StatefulSet")}
    assert of_kind(objects, "PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"] in ports["Deployment"]
    assert of_kind(objects, "ServiceMonitor")["spec"]["endpoints"][0]["port"] in ports["StatefulSet"]
    config = yaml.safe_load(of_kind(objects, "ConfigMap", "callgate-executor")["data"]["executor.yaml"])
    assert config["telemetry"] == {"openMetrics": True}


def test_a_gate_without_an_executor_needs_no_certificate(folder):
    objects = template("--set", "executor.enabled=false", "--set-file", f"gate.config.inline={configuration(folder, tls=False)}")
    assert not {"StatefulSet", "PersistentVolumeClaim"} & {each["kind"] for each in objects}
    assert not any("grpc" in str(rule) for rule in of_kind(objects, "NetworkPolicy", "callgate-gate")["spec"]["egress"])


def test_names_leave_room_for_the_hashes_of_kubernetes(folder):
    objects = template(*options_of("gateway", folder), "--set", f"fullnameOverride={'a' * 80}")
    assert max(len(each["metadata"]["name"]) for each in objects if each["kind"] == "StatefulSet") <= 52
