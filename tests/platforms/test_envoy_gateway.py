"""The resources of `callgate render --target envoy-gateway` on a real API server with Envoy Gateway's own definitions. No Envoy Gateway runs."""

import pathlib
import shutil
import subprocess

import pytest
import yaml

import chart

PLATFORM = "Envoy Gateway"
INSTEAD = "a real API server checked the resources against Envoy Gateway's definitions; no Envoy Gateway ran"
EXAMPLE = chart.ROOT / "envoy" / "envoy-gateway" / "policies.yaml"
CALLERS = "ci-bot: { tenant: acme, role: clerk }\n"


@pytest.fixture(scope="module")
def server(kubernetes):
    kubectl = shutil.which("kubectl")
    crds = pathlib.Path(kubectl).parent / "envoy-gateway-crds.yaml"
    if not crds.is_file():
        pytest.skip(f"{crds.name} is not there; make setup-meshes makes it if there is Go")
    kubernetes.kubectl("create", "-f", crds)
    kubernetes.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", crds)
    kubernetes.namespace("gateway")
    return kubernetes


def check(server, text):
    """Returns kubectl's outcome; the namespace in a file is of no interest here."""
    objects = [each for each in yaml.safe_load_all(text) if each]
    for each in objects:
        each["metadata"]["namespace"] = "gateway"
    return server.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-",
                          stdin=yaml.safe_dump_all(objects), succeed=False)


def test_the_committed_resources_are_valid(server):
    done = check(server, EXAMPLE.read_text())
    assert done.returncode == 0 and done.stdout.count("serverside-applied") == 5, done.stderr


def test_resources_with_api_keys_and_an_executor_elsewhere_are_valid(server, folder):
    if not chart.CALLGATE.is_file():
        pytest.skip(f"{chart.CALLGATE} is not there; make build makes it")
    (folder / "gateway-callers.yaml").write_text(CALLERS)
    for options in [["--identity", "api-key", "--callers", folder / "gateway-callers.yaml"], ["--executor", "tools.example:7070"]]:
        command = [chart.CALLGATE, "render", chart.ROOT / "contracts" / "order-desk" / "contract.yaml", "--target", "envoy-gateway",
                   "--host", "native", *options]
        text = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=60).stdout
        done = check(server, text)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("right, wrong", [
    ("doNotClose: true", "neverClose: true"), ("filterName: callgate", "filter: callgate"), ("bufferLimit: 8388608", "bufferLimit: lots"),
    ("type: JSONPatch", "type: Patch"),
])
def test_a_wrong_field_would_be_refused(server, right, wrong):
    """Proves that the checks above see anything."""
    text = EXAMPLE.read_text()
    assert right in text
    assert check(server, text.replace(right, wrong)).returncode != 0
