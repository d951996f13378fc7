"""The dashboard and the rules in envoy/monitoring: promtool checks them, and a real Prometheus answers them from a running gate and executor."""

import http.server
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest
import yaml
from cryptography import x509
from ports import free_port
from test_identity import Authority
from test_telemetry import CHAT, MESSAGES, said
from wire_gate import DIST, ROOT, Gate, contract, tool
from wire_upstream import Play, Upstream, answer

FOLDER = ROOT / "envoy/monitoring"
TABLE = {row["name"]: row for row in json.loads((ROOT / "src/metrics.json").read_text())}
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
RECORDED = {rule["record"]: rule["expr"] for rule in RULES if "record" in rule}
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
# The labels of targets, and of the buckets of histograms.
COMMON = {"cluster", "job", "instance", "le"}


def program(name):
    """The program of Debian's package, unpacked by set-up; `None` without it."""
    folder = pathlib.Path(os.environ.get("CALLGATE_PROMETHEUS") or ROOT / ".callgate/prometheus")
    return next((path for path in (folder / name, shutil.which(name)) if path and os.access(path, os.X_OK)), None)


needs_prometheus = pytest.mark.skipif(
    not (program("promtool") and program("prometheus")), reason="Debian's package prometheus cannot be had: `make setup-prometheus` says why")


def panels(dashboard):
    """All panels but rows, those of collapsed rows included."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels", []) if panel["type"] == "row" else [panel]


def queries(dashboard):
    """(title, query) of every panel and of the marks."""
    for panel in panels(dashboard):
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])


def everything():
    """(place, query) of dashboard and rules."""
    yield from queries(DASHBOARD)
    yield from ((mark["name"], mark["target"]["expr"]) for mark in DASHBOARD["annotations"]["list"])
    yield from ((rule.get("alert") or rule["record"], rule["expr"]) for rule in RULES)


def metric_of(name):
    """The row of the table for a name in a query."""
    if name in RECORDED:
        name = re.search(r"callgate\w+", RECORDED[name])[0]
    return TABLE.get(name) or TABLE[re.sub("_(bucket|sum|count)$", "", name)]


NAME = re.compile(r"\b(?:callgate[\w:]*|process_\w+)")
SELECTOR = re.compile(r"\b(callgate[\w:]*|process_\w+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
GROUPED = re.compile(r"\b(?:by|without|on) \(([^)]*)\)")


# --- The files -----------------------------------------------------------------------------------------------------------------


@needs_prometheus
def test_promtool_accepts_the_rules():
    done = subprocess.run([program("promtool"), "check", "rules", "--lint=all", "--lint-fatal", FOLDER / "rules.yaml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_each_alert_fires_in_its_case_and_in_no_other():
    done = subprocess.run([program("promtool"), "test", "rules", "rules-test.yaml"], cwd=FOLDER, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


GRAFANA = pathlib.Path(os.environ.get("CALLGATE_GRAFANA") or ROOT / ".callgate/grafana")


def without_types():
    reason = ROOT / ".callgate/grafana-missing"
    if reason.is_file():
        return reason.read_text().strip()
    return "" if (GRAFANA / "node_modules/.bin/tsc").is_file() else "the types of Grafana are not installed: `make setup-grafana`"


@pytest.mark.skipif(bool(without_types()), reason=without_types() or "they are installed")
def test_the_dashboard_has_the_types_of_grafana():
    made = json.loads(json.dumps(DASHBOARD))
    shown = [*panels(made)]
    made["panels"] = []
    for variable in made["templating"]["list"]:
        # Grafana writes it for variables of queries; the type lacks it.
        variable.pop("definition", None)
    for mark in made["annotations"]["list"]:
        # The type of the data source, not of the dashboard, describes these.
        del mark["target"], mark["titleFormat"]
    lines = [(ROOT / "tests/grafana/head.ts").read_text(), f"export const dashboard: Json<Dashboard> = {json.dumps(made)};"]
    for number, panel in enumerate(shown):
        kind, custom = panel["type"], panel["fieldConfig"]["defaults"]["custom"]
        lines.append(f"export const panel{number}: Json<Panel> = {json.dumps(panel)};")
        lines.append(f"export const options{number}: Some<Json<{kind}.Options>> = {json.dumps(panel['options'])};")
        if custom:
            lines.append(f"export const custom{number}: Some<Json<{kind}.FieldConfig>> = {json.dumps(custom)};")
    (GRAFANA / "dashboard.ts").write_text("\n".join(lines))
    command = ["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler", "dashboard.ts"]
    done = subprocess.run(command, cwd=GRAFANA, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[:3000]


def test_every_alert_has_a_case():
    cases = (FOLDER / "rules-test.yaml").read_text()
    assert {name for name in ALERTS if f'alertname="{name}"' not in cases} == set()


def test_every_alert_names_its_urgency_its_time_and_its_section_of_the_runbook():
    page = (ROOT / "docs/operate/alerts.md").read_text()
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert re.fullmatch(r"\d+[mh]", rule["for"]), name
        assert rule["annotations"]["runbook"] == f"docs/operate/alerts.md#{name.lower()}"
        assert f"\n## {name}\n" in page, name
    assert set(re.findall(r"^## (\w+)$", page, re.M)) == set(ALERTS)


@pytest.mark.parametrize(("place", "query"), [*everything()], ids=[f"{number}:{place}" for number, (place, _) in enumerate(everything())])
def test_a_query_names_only_metrics_labels_and_values_of_the_table(place, query):
    labels = set(COMMON)
    for name in NAME.findall(query):
        labels |= set(metric_of(name).get("labels", {}))
    for name, matchers in SELECTOR.findall(query):
        known = metric_of(name).get("labels", {})
        for label, operator, value in MATCHER.findall(matchers):
            assert label in known or label in COMMON, f"{name} has no label {label}"
            if known.get(label):
                values = value.split("|") if "~" in operator else [value]
                assert set(values) <= set(known[label]), f"{name}{{{label}}} is never {value}"
    for group in GROUPED.findall(query):
        assert set(filter(None, group.split(", "))) <= labels, f"{place}: {group}"
    counters = [name for name in NAME.findall(query) if name not in RECORDED and metric_of(name)["type"] == "counter"]
    for name in counters:
        whole = r"\b(?:rate|increase|absent)\(" + name if f"{name}{{" not in query or f"({name}" in query else None
        assert whole is None or re.search(whole, query) or 'outcome="unknown"' in query, f"{name} is a counter: take its rate"


# --- A running system ----------------------------------------------------------------------------------------------------------

ORDER = {"type": "object", "properties": {"sku": {"type": "string"}}, "required": ["sku"]}


def desk():
    """A contract with tools of the client, of a backend, and one that a person approves; the executor counts."""
    run = {"http": {"cluster": "orders", "method": "POST", "path": "/orders"}}
    order = {"name": "create_order", "description": "Orders.", "effects": "write", "parameters": ORDER, "run": run}
    refund = {**order, "name": "refund", "approval": "always"}
    mail = {**tool("send_mail"), "approval": "always"}
    made = contract([tool("get_weather", city="string"), order, refund, mail], limits={"store": "executor"})
    made["spec"]["roles"] = {"dev": {"tools": ["*"], "requestsPerDay": 1000, "callsPerDay": 1000, "tokensPerDay": 1000000}}
    return made


class Backend(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


class Executor:
    """An executor with a backend, a sink that is down, and TLS on its HTTP port."""

    def __init__(self, folder, made, backend):
        Authority(folder).issue("server", x509.DNSName("localhost"))
        (folder / "contract.json").write_text(json.dumps(made))
        (folder / "redis-url").write_text(f"redis://127.0.0.1:{free_port()}/0")
        self.port, self.http = free_port(), free_port()
        settings = {
            "listen": f"127.0.0.1:{self.port}", "contracts": ["contract.json"], "stateDir": "state",
            "backends": {"orders": {"address": f"http://127.0.0.1:{backend}"}},
            "audit": {"redis": {"url": "file:redis-url"}},
            "http": {"listen": f"127.0.0.1:{self.http}", "tls": {"certificate": "server.pem", "key": "server.key"}},
        }
        (folder / "executor.yaml").write_text(json.dumps(settings))
        self.log = folder / "executor.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([DIST / "callgate-executor", "--config", folder / "executor.yaml"], stderr=log)
        eventually(lambda: '"ready"' in self.log.read_text(), self.log)


class Prometheus:
    """A Prometheus with the rules, which scrapes gate and executor every second."""

    def __init__(self, folder, gate, plain, executor):
        self.port = free_port()
        target = {"labels": {"cluster": "test"}}
        relabelled = yaml.safe_load((FOLDER / "scrape.yaml").read_text())["scrape_configs"][0]
        relabelled |= {"job_name": "plain", "static_configs": [{"targets": [f"127.0.0.1:{plain}"], **target}]}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(FOLDER / "rules.yaml")],
            "scrape_configs": [
                {"job_name": "gate", "metrics_path": "/stats/prometheus", "static_configs": [{"targets": [f"127.0.0.1:{gate}"], **target}]},
                {"job_name": "executor", "scheme": "https", "tls_config": {"insecure_skip_verify": True},
                 "static_configs": [{"targets": [f"127.0.0.1:{executor}"], **target}]},
                relabelled,
            ],
        }
        (folder / "prometheus.yaml").write_text(json.dumps(config))
        self.log = folder / "prometheus.log"
        command = [program("prometheus"), f"--config.file={folder / 'prometheus.yaml'}", f"--storage.tsdb.path={folder / 'data'}",
                   f"--web.listen-address=127.0.0.1:{self.port}"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        eventually(self.is_ready, self.log)

    def is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def get(self, path, **parameters):
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=10) as page:
                return json.load(page)["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{parameters}: {error.read().decode()}", pytrace=False)

    def ask(self, query):
        """The samples of a query: (labels, value)."""
        return [(found["metric"], float(found["value"][1])) for found in self.get("query", query=query)["result"]]


def eventually(is_done, log, seconds=60):
    end = time.monotonic() + seconds
    while not (found := is_done()):
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.2)
    return found


def traffic(gate):
    """Exchanges of every verdict, and calls of every kind of tool."""
    declared = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("get_weather", "create_order", "refund", "send_mail")]
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": declared}
    order = json.dumps({"sku": "A"})
    for name, calls in [("pass", []), ("allow", [("get_weather", '{"city":"Rome"}')]), ("refuse", [("get_weather", "{}")]),
                        ("run", [("create_order", order)]), ("approve", [("refund", order)]), ("deny", [("create_order", "{}")]), ("ask", [("send_mail", "{}")])]:
        gate.exchange(name, Play((answer(said(*calls)), answer(said()))), CHAT, body)
    gate.exchange("error", Play((answer(said()),)), MESSAGES, {"model": "other"})


def without_labels(rendered):
    """The bootstrap of another Envoy: its stats have no tags and no buckets of ours."""
    bootstrap = yaml.safe_load(rendered)
    del bootstrap["stats_config"]
    return json.dumps(bootstrap)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    folder, started = tmp_path_factory.mktemp("monitoring"), []
    upstream, backend = Upstream(), http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    threading.Thread(target=backend.serve_forever, daemon=True).start()
    try:
        executor = Executor(folder, desk(), backend.server_address[1])
        started.append(executor.process)
        gate = Gate(folder, "contract", desk(), upstream, options=["--executor", f"127.0.0.1:{executor.port}"])
        started.append(gate.process)
        plain = Gate(folder, "plain", desk(), upstream, options=["--executor", f"127.0.0.1:{executor.port}"], edit=without_labels)
        started.append(plain.process)
        gate.ready()
        plain.ready()
        running = Prometheus(folder, gate.admin, plain.admin, executor.http)
        started.append(running.process)
        traffic(gate)
        traffic(plain)
        eventually(lambda: running.ask('callgate_executor_calls_total{outcome="success"}'), executor.log)
        time.sleep(2)
        traffic(gate)
        # The series that need the most time: Envoy merges histograms every few seconds, and a rule reads what was scraped.
        eventually(lambda: any(value > 0 for _, value in running.ask(
            'sum(callgate:response_held_ms_bucket:rate5m) and sum(callgate:executor_calls:rate5m{outcome="success"}) > 0')), running.log)
        yield running
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(20)
        upstream.close()
        backend.shutdown()
        backend.server_close()


def asked(query):
    """A query with the values that Grafana puts in place of variables."""
    for name, value in [("$cluster", ".*"), ("$gate", ".*"), ("$executor", ".*"), ("$__rate_interval", "1m"), ("$__range", "5m")]:
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


# Rows of the table that need more than this system: a tool in the sandbox, a file that changed, a closed connection.
NOT_HERE = {f"callgate_executor_{name}" for name in ("call_fuel_total", "call_peak_memory_bytes", "modules_total", "connections_closed_total")}


@needs_prometheus
def test_every_metric_of_dashboard_and_rules_exists_in_a_running_system(prometheus):
    running = set(prometheus.get("label/__name__/values"))
    used = {name for _, query in everything() for name in NAME.findall(query)}
    assert {name for name in used if name not in running} == set()
    parts = ("_bucket", "_sum", "_count")
    whole = {name.removesuffix(end) for end in parts for name in running} | running
    assert {name for name in TABLE if name not in whole} - NOT_HERE == set()


@needs_prometheus
def test_every_running_series_has_the_labels_and_values_of_the_table(prometheus):
    series = prometheus.ask('{__name__=~"callgate_.*|process_.*", job=~"gate|plain|executor"}')
    assert len(series) > 400
    for labels, _ in series:
        row = metric_of(labels.pop("__name__"))
        own = {label: value for label, value in labels.items() if label not in COMMON}
        assert set(own) == set(row.get("labels", {})), (row, labels)
        for label, value in own.items():
            assert not row["labels"][label] or value in row["labels"][label], (row, labels)


@needs_prometheus
def test_relabelling_makes_the_labels_of_the_rendered_bootstrap(prometheus):
    def counters(job):
        found = prometheus.ask(f'{{__name__=~"callgate_.*", __name__!~".*_(bucket|sum|count)", job="{job}"}}')
        return {tuple(sorted((label, value) for label, value in labels.items() if label not in ("job", "instance"))) for labels, _ in found}

    assert len(counters("gate")) > 200
    assert counters("plain") == counters("gate")
    assert prometheus.ask('callgate_exchanges_ended{job="plain", dialect="chat_completions", verdict="refuse"} > 0')


@needs_prometheus
@pytest.mark.parametrize("options", [[], ["--without-rules"]], ids=["with the rules", "without the rules"])
def test_every_panel_shows_data(prometheus, options):
    written = subprocess.run([DIST / "callgate", "monitoring", "--target", "grafana", *options], capture_output=True, text=True, check=True)
    empty = {}
    for title, query in queries(json.loads(written.stdout)):
        found = prometheus.ask(asked(query))
        if not found or not all(math.isfinite(value) for _, value in found):
            empty[f"{title}: {query}"] = found
    assert empty == {}


@needs_prometheus
def test_every_variable_offers_the_running_targets(prometheus):
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    for name, job in [("cluster", None), ("gate", {"gate", "plain"}), ("executor", {"executor"})]:
        selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variables[name]["definition"]).groups()
        found = prometheus.ask(asked(selector))
        assert {labels[label] for labels, _ in found} and (job is None or {labels["job"] for labels, _ in found} == job)


@needs_prometheus
def test_prometheus_evaluates_every_rule(prometheus):
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
