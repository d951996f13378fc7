"""Tests of what operators install, on the platforms themselves. Each file tests one platform, and names it in `PLATFORM`.

`target/platforms.json` gets one entry for each: `{ platform, real, passed, why }`. `real` is true if the platform's own control plane ran; a
fixture says so with `real(config, PLATFORM)`. `why` says what took its
place (`INSTEAD` of the file), why tests were left out, and which failed.
"""

import json
import pathlib
import signal
import tempfile

import pytest

import cluster

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPORT = ROOT / "target" / "platforms.json"
KEY = pytest.StashKey[dict]()


def real(config, platform):
    """Notes that the platform's own control plane runs."""
    config.stash[KEY].setdefault(platform, {"real": False, "faults": []})["real"] = True


def pytest_configure(config):
    config.stash[KEY] = {}
    # The end of a run that took too long still ends the servers.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("ended by SIGTERM", 143))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    platform = getattr(item.module, "PLATFORM", None)
    if platform is None:
        return
    entry = item.config.stash[KEY].setdefault(platform, {"real": False, "faults": []})
    entry["instead"] = getattr(item.module, "INSTEAD", None)
    if report.failed:
        entry["faults"].append(f"{item.name} failed")
    elif report.skipped and isinstance(report.longrepr, tuple):
        entry["faults"].append(f"left out: {report.longrepr[2].removeprefix('Skipped: ')}")
        entry["skipped"] = True
    if report.failed:
        entry["failed"] = True


def pytest_sessionfinish(session):
    found = session.config.stash[KEY]
    if not found:
        return
    kept = {}
    if REPORT.is_file():
        kept = {entry["platform"]: entry for entry in json.loads(REPORT.read_text())}
    for platform, entry in found.items():
        instead = [entry["instead"]] if entry.get("instead") and not entry["real"] else []
        why = "; ".join(dict.fromkeys(instead + entry["faults"]))
        kept[platform] = {"platform": platform, "real": entry["real"], "passed": not entry.get("failed", False), "why": why}
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(sorted(kept.values(), key=lambda entry: entry["platform"]), indent=2) + "\n")


@pytest.fixture(scope="session")
def folder():
    with tempfile.TemporaryDirectory(prefix="callgate-platforms-") as path:
        yield pathlib.Path(path)


@pytest.fixture(scope="session")
def kubernetes(folder):
    """A real API server for all files, with image volumes."""
    missing = cluster.missing()
    if missing:
        pytest.skip(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not there; make setup-platforms builds them if there is Go")
    with cluster.Cluster(folder, features="ImageVolume=true") as running:
        yield running
