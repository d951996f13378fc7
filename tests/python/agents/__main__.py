"""Runs real coding agents through the real gate: does a task get done, and is a forbidden call never executed?

Usage: python tests/python/agents --installed FOLDER [--out FILE] [--mode MODE]… [NAME]…

Everything runs in a network namespace that has nothing but loopback: the scripted model, Envoy with the gate, the agent. Each run has a
HOME and a project of its own, and is bounded in time. First each agent runs without the gate, which proves that its calls would run.
Behind the gate it has its contract of `contracts/agents`.

Writes a list of `{agent, mode, task_done, forbidden_executed, requests, exit_code, told}`. Exits with 1 if a goal of `report.py` is missed.
"""

import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "python")]
INSIDE = "CALLGATE_AGENTS_INSIDE"
MODES = ("refuse", "error", "feedback")


def enter():
    """Starts this program again in a namespace of its own. Processes that an agent leaves behind end with it."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    space = ["unshare", *user, "--net", "--pid", "--fork", "--kill-child"]
    if not shutil.which("unshare") or not shutil.which("ip") or subprocess.run([*space, "true"], capture_output=True).returncode:
        print("SKIPPED: coding agents: this machine allows no network namespace, and they run in nothing else")
        return 0
    again = 'ip link set lo up && exec "$@"'
    command = [*space, "sh", "-c", again, "sh", sys.executable, *sys.argv]
    return subprocess.run(command, env={**os.environ, INSIDE: "1"}).returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--installed", type=pathlib.Path, required=True, help="the folder with `node_modules`")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "agents.json")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for what agents printed, contracts and logs")
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("names", nargs="*", help="agents; all by default")
    options = parser.parse_args()
    if not os.environ.get(INSIDE):
        return enter()
    if [name for _, name in socket.if_nameindex()] != ["lo"]:
        sys.exit("the namespace has more than loopback; run without CALLGATE_AGENTS_INSIDE")
    from measure import Measure
    from report import finish
    from roster import AGENTS

    known = {agent.name: agent for agent in AGENTS}
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no agent is named {', '.join(unknown)}; known: {', '.join(known)}")
    agents = [known[name] for name in options.names or known]
    folder = options.keep or pathlib.Path(tempfile.mkdtemp(prefix="callgate-agents-"))
    modules = options.installed.resolve() / "node_modules"
    # OpenCode's own entry is made by an install script, and these do not run.
    measure = Measure([str(modules / "opencode-linux-x64" / "bin"), str(modules / ".bin")], folder)
    try:
        for agent in agents:
            measure.agent(agent, options.mode or MODES)
    finally:
        measure.close()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    return finish(measure, options.out)


if __name__ == "__main__":
    sys.exit(main())
