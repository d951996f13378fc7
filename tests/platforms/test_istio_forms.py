"""Istio: what each form of the resources can set, found by trying it in a real istiod and agent."""

import copy
import functools
import hashlib
import http.server
import threading

import pytest

import mesh
from test_istio import Gate, PLATFORM, WASM, executor, istiod, model, render  # noqa: F401 (fixtures)


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def module_url():
    """The address of the module on a server of files."""
    if not mesh.private():
        pytest.skip("this machine allows no mount namespaces, and Istio's agent keeps modules in a fixed folder")
    handler = functools.partial(Files, directory=WASM.parent)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/{WASM.name}"
    server.shutdown()
    server.server_close()


def digest():
    return hashlib.sha256(WASM.read_bytes()).hexdigest()


def as_traffic_extension(plugin):
    """Returns the newer resource with the same settings."""
    spec = copy.deepcopy(plugin["spec"])
    wasm = {name: spec.pop(name) for name in list(spec) if name not in ("selector", "phase")}
    return {**plugin, "kind": "TrafficExtension", "spec": {**spec, "wasm": wasm}}


@pytest.fixture(scope="module", params=["wasmplugin", "trafficextension"])
def plugin(request, kubernetes, istiod, executor, model, folder, module_url):
    name = request.param
    objects = render(model, executor, name, "--form", "wasmplugin", "--wasm", module_url)
    for at, each in enumerate(objects):
        if each["kind"] == "WasmPlugin":
            each["spec"] |= {"sha256": digest(), "failStrategy": "FAIL_RELOAD"}
            objects[at] = as_traffic_extension(each) if name == "trafficextension" else each
    with Gate(kubernetes, istiod, folder, name, objects, model) as running:
        yield running


def test_a_plugin_has_no_field_for_one_setting_and_so_every_request_with_a_body_hangs(plugin):
    """Nothing reaches the model. The filter itself works: it answers a request without a body."""
    (entry,) = plugin.envoy.dump("ecds_filters")
    config = entry["ecds_filter"]["typed_config"]["config"]
    assert config["failure_policy"] == "FAIL_RELOAD" and "allow_on_headers_stop_iteration" not in config
    assert "local" in config["vm_config"]["code"], "the agent fetched the module"
    assert plugin.post(b"", method="GET")[0] == 405
    before = len(plugin.model.seen)
    with pytest.raises(TimeoutError):
        plugin.ask(timeout=5)
    assert len(plugin.model.seen) == before
