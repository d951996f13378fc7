"""The approvals page in a real browser, served by the real executor, for gRPC calls to a tool at a real backend."""

import http.server
import importlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import grpc
import pytest
from grpc_tools import protoc

import browser as chromium
from conftest import ROOT, TARGET

DIST = pathlib.Path(os.environ.get("CALLGATE_DIST") or ROOT / "dist")
PROTO = ROOT / "src" / "proto" / "proto"
PICTURES = os.environ.get("CALLGATE_PICTURES")
CONTRACT = """
apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: desk, version: 1.0.0 }
spec:
  models: ["*"]
  roles: { clerk: { tools: ["*"] } }
  tools:
    - name: create_order
      description: Orders goods from the supplier. It cannot be taken back.
      effects: write
      approval: always
      parameters: { type: object }
      run: { http: { cluster: orders, method: POST, path: /orders } }
"""

pytestmark = pytest.mark.skipif(bool(chromium.missing()), reason=chromium.missing() or "there is a browser")


class Backend(http.server.BaseHTTPRequestHandler):
    """Takes orders, and remembers them."""

    orders: list = []

    def do_POST(self):
        self.orders.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        body = json.dumps({"order_id": f"o-{len(self.orders)}"}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Executor:
    """The program and its caller."""

    def __init__(self, folder, port):
        sys.path.insert(0, str(folder))
        file = PROTO / "callgate" / "executor" / "v1" / "executor.proto"
        assert protoc.main(["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}", str(file)]) == 0
        self.messages = importlib.import_module("callgate.executor.v1.executor_pb2")
        services = importlib.import_module("callgate.executor.v1.executor_pb2_grpc")
        (folder / "contract.yaml").write_text(CONTRACT)
        (folder / "executor.yaml").write_text(
            "listen: 127.0.0.1:0\ncontracts: [contract.yaml]\nstateDir: state\nhttp: { listen: 127.0.0.1:0 }\n"
            f"backends: {{ orders: {{ address: 'http://127.0.0.1:{port}' }} }}\n")
        self.log = folder / "log"
        binary = next((path for path in (DIST / "callgate-executor", TARGET / "release" / "callgate-executor") if path.is_file()), None)
        if binary is None:
            pytest.fail("callgate-executor is not there: run `make build` first", pytrace=False)
        with self.log.open("w") as log:
            self.process = subprocess.Popen([binary, "--config", folder / "executor.yaml"], stderr=subprocess.PIPE, text=True)
            for line in self.process.stderr:
                log.write(line)
                told = json.loads(line)
                if told["message"] == "ready":
                    break
            else:
                pytest.fail(f"the executor did not start: {self.log.read_text()}", pytrace=False)
        # Nobody else empties the pipe.
        threading.Thread(target=self._write_down, daemon=True).start()
        self.page = f"http://{told['http']}/"
        self.token = (folder / "state" / "http-token").read_text().strip()
        cli = next((path for path in (DIST / "callgate", TARGET / "release" / "callgate") if path.is_file()), "callgate")
        digest = subprocess.run([cli, "digest", folder / "contract.yaml"], capture_output=True, text=True, check=True)
        self.digest = digest.stdout.strip()
        self.stub = services.ExecutorStub(grpc.insecure_channel(told["address"]))
        self.exchanges = 0

    def _write_down(self):
        with self.log.open("a") as log:
            for line in self.process.stderr:
                log.write(line)

    def call(self, arguments, tenant="acme"):
        """Calls once, in an exchange of its own; returns the outcome."""
        self.exchanges += 1
        text = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        call = self.messages.Call(id="call_1", tool="create_order", arguments=text)
        caller = self.messages.Caller(tenant=tenant, role="clerk")
        request = self.messages.ExecuteRequest(
            contract_digest=self.digest, caller=caller, exchange_id=f"exchange-{self.exchanges}", calls=[call])
        return self.stub.Execute(request, timeout=60).outcomes[0]

    def asks(self, arguments, tenant="acme"):
        """Calls, and gets the answer that a person must approve."""
        outcome = self.call(arguments, tenant)
        assert outcome.failure.violation_code == "approval_required", outcome
        return outcome.failure.approval_id

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module")
def executor(tmp_path_factory):
    backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    running = Executor(tmp_path_factory.mktemp("executor"), backend.server_address[1])
    try:
        yield running
    finally:
        running.stop()
        backend.shutdown()
        backend.server_close()


@pytest.fixture
def page(executor):
    with chromium.Browser() as browser:
        browser.open(executor.page)
        yield browser


def sign_in(page, executor):
    page.find("#token").type(executor.token)
    page.find("form button").click()
    page.find("h1")
    page.until(lambda: page.count("nav a") == 3, "nobody is signed in")


def card(page, approval):
    return page.find(f'.card[data-id="{approval}"]')


def press(page, waiting, button):
    """Presses a button once it is enabled: a new card takes no answer at first."""
    page.until(lambda: not disabled(page, waiting, button), f"{button} cannot be pressed")
    waiting.find(button).click()


def disabled(page, waiting, button):
    return page.run("return arguments[0].querySelector(arguments[1]).disabled", {chromium.ELEMENT: waiting.id}, button)


def picture(page, name):
    if PICTURES:
        page.picture(pathlib.Path(PICTURES) / f"{name}.png")


def test_a_wrong_token_opens_nothing(page, executor):
    page.find("#token").type("a-wrong-token-0123456789")
    page.find("form button").click()
    page.until(lambda: "Not signed in" in page.find(".wrong").text(), "the token was not refused")
    picture(page, "refused")
    assert page.count(".card") == 0 and page.count("nav a") == 0
    page.open(f"{executor.page}?token={executor.token}")
    page.find("#token")
    assert page.count("nav a") == 0


def test_an_approved_call_runs_once_when_it_is_repeated(page, executor):
    arguments = {"sku": "A-100", "quantity": 2, "note": "for acme"}
    before = len(Backend.orders)
    approval = executor.asks(arguments)
    sign_in(page, executor)
    waiting = card(page, approval)
    assert "create_order" in waiting.text() and '"sku": "A-100"' in waiting.text()
    assert "Orders goods" in waiting.find(".about").text() and "desk 1.0.0" in waiting.text() and waiting.find(".effects").text() == "writes"
    picture(page, "pending")
    press(page, waiting, "button.primary")
    page.until(lambda: page.count(f'.card[data-id="{approval}"]') == 0, "the call still waits")
    assert len(Backend.orders) == before, "approving runs nothing by itself"

    assert json.loads(executor.call(arguments).success.result) == {"order_id": f"o-{before + 1}"}
    assert Backend.orders[before:] == [arguments]
    again = executor.asks(arguments)
    assert again != approval and len(Backend.orders) == before + 1
    assert executor.call(arguments, tenant="globex").failure.violation_code == "approval_required"

    page.run("location.hash = '#ended'")
    assert "Approved and used" in page.find(f'.row[data-id="{approval}"]').text()
    picture(page, "decided")


def test_a_denied_call_does_not_run_and_its_caller_gets_the_reason(page, executor):
    arguments = {"sku": "B-200", "quantity": 5000}
    before = len(Backend.orders)
    approval = executor.asks(arguments)
    sign_in(page, executor)
    waiting = card(page, approval)
    waiting.find("input").type("far too many")
    press(page, waiting, "button.danger")
    page.until(lambda: page.count(f'.card[data-id="{approval}"]') == 0, "the call still waits")
    # Asking again does not restore it.
    for _ in range(3):
        refused = executor.call(arguments)
        assert "far too many" in refused.failure.message and refused.failure.approval_id == approval
    assert len(Backend.orders) == before
    page.run("location.hash = '#pending'")
    page.find("h1")
    assert page.count(f'.card[data-id="{approval}"]') == 0
    page.run("location.hash = '#audit'")
    found = page.find(".row")
    page.until(lambda: "create_order" in found.text(), "the audit log tells nothing")
    picture(page, "audit")


def test_no_argument_is_out_of_sight_when_a_call_is_approved(page, executor):
    arguments = {"a": "first", **{f"line{n:03}": "x" * 40 for n in range(200)}, "z": "pay it to somebody else"}
    approval = executor.asks(arguments)
    sign_in(page, executor)
    waiting = card(page, approval)
    page.until(lambda: not disabled(page, waiting, "button.danger"), "it cannot be denied either")
    assert disabled(page, waiting, "button.primary")
    # No part of it is in a scrolling box.
    assert page.run("""
        let node = arguments[0].querySelector(".json");
        for (; node !== document.documentElement; node = node.parentElement) {
          if (node.scrollHeight > node.clientHeight + 1 && getComputedStyle(node).overflowY !== "visible" && node !== document.body) return false;
          if (node.scrollWidth > node.clientWidth + 1) return false;
        }
        return true;""", {chromium.ELEMENT: waiting.id})
    # A jump to the end has not shown the middle.
    page.run("scrollTo(0, document.body.scrollHeight)")
    page.run("return new Promise((done) => setTimeout(done, 1500))")
    assert disabled(page, waiting, "button.primary")
    picture(page, "unread")
    # A script, or a person with the keyboard, cannot press it either.
    page.run("arguments[0].querySelector('button.primary').click()", {chromium.ELEMENT: waiting.id})
    for top in range(0, 60_000, 400):
        if not disabled(page, waiting, "button.primary"):
            break
        page.run("scrollTo(0, arguments[0]); return new Promise((done) => setTimeout(done, 60))", top)
    assert executor.call(arguments).failure.violation_code == "approval_required"
    press(page, waiting, "button.primary")
    page.until(lambda: page.count(f'.card[data-id="{approval}"]') == 0, "the call still waits")
    executor.call(arguments)


def test_a_models_words_are_shown_as_text(page, executor):
    evil = "</code><script>alert(1)</script><img src=x onerror=alert(2)>"
    arguments = {evil: evil, "hidden": "pay \u202eecila\u200b", "n": 9007199254740991, "z": ["javascript:alert(3)", {}]}
    approval = executor.asks(arguments)
    sign_in(page, executor)
    shown = card(page, approval).text()
    assert shown.count(evil) == 2 and "9007199254740991" in shown
    assert "U+202E" in shown and "U+200B" in shown and "\u202e" not in shown
    assert page.count("main script") == 0 and page.count("main img") == 0 and page.dialog() is None
    picture(page, "hostile")
    # The page also tried nothing its own policy forbids.
    assert page.complaints() == []


def test_an_injected_script_cannot_run(page, executor):
    sign_in(page, executor)
    for attempt in [
        "document.body.innerHTML = '<img src=x onerror=\"window.ran = 1\">'",
        "const s = document.createElement('b'); s.setAttribute('onclick', 'window.ran = 1'); document.body.append(s); s.click()",
        "const s = document.createElement('script'); s.append('window.ran = 1'); document.body.append(s)",
    ]:
        refused = page.run(f"try {{ {attempt} }} catch (error) {{ return error.name }}")
        # The script is inserted but does not run; the console reports it.
        assert refused == "TypeError" or page.complaints(), attempt
        assert page.run("return window.ran ?? null") is None, attempt
    assert page.run("return document.cookie") == ""


def test_signing_out_ends_the_session(page, executor):
    sign_in(page, executor)
    kept = page.run("return sessionStorage.getItem('callgate-session')")
    page.find("#who button").click()
    page.find("#token")
    page.run("sessionStorage.setItem('callgate-session', arguments[0])", kept)
    page.open(executor.page)
    assert "ended" in page.find(".wrong").text()


def test_waiting_requests_are_found_and_paged(page, executor):
    ids = [executor.asks({"sku": "P-1", "n": n}, tenant="initech" if n == 7 else "umbrella") for n in range(24)]
    sign_in(page, executor)
    page.find("#find-tenant").type("umbrella")
    page.find(".find button").click()
    page.until(lambda: page.count(".card") == 20, "there is no full page")
    assert page.count(f'.card[data-id="{ids[7]}"]') == 0
    picture(page, "page")
    page.find("button.next").click()
    page.until(lambda: page.count(".card") == 3 and page.count(f'.card[data-id="{ids[-1]}"]') == 1, "there is no second page")
    page.find("button.first").click()
    page.until(lambda: page.count(".card") == 20, "there is no way back")
    page.open(executor.page)
    page.find("#find-text").type(ids[7][-12:])
    page.find(".find button").click()
    page.until(lambda: page.count(".card") == 1 and page.count(f'.card[data-id="{ids[7]}"]') == 1, "the ID finds nothing")


def test_the_log_holds_neither_tokens_nor_arguments(executor):
    text = executor.log.read_text()
    assert executor.token not in text and "A-100" not in text and "alert(1)" not in text


def test_the_api_needs_a_token(executor):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{executor.page}api/v1/approvals?token={executor.token}", timeout=30)
    assert refused.value.code == 401
