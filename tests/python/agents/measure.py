"""Runs one agent in each mode, and says what became of the task and of the forbidden calls."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
from typing import NamedTuple

import desk
from answers import Turn
from model import Model, api_of
from roster import MARK, NOTE, OUTSIDE, PROMPT, ROLE, TENANT, Place, environment
from wire_gate import Gate

# Seconds of one run. Agents start slowly, and retry with pauses.
RUN_SECONDS = int(os.environ.get("CALLGATE_AGENT_SECONDS") or 150)
DONE = "All done."
MODEL_TOLD = "the model is told"


class Row(NamedTuple):
    """One line of `agents.json`."""

    agent: str
    mode: str
    task_done: bool
    forbidden_executed: bool
    requests: int  # to the gate, at the paths of models
    exit_code: int  # None if the run was ended
    told: str  # what the person, or the model, is told of the refusal


class Run(NamedTuple):
    """What one run left."""

    exit_code: int  # None if it was ended
    output: str
    wrote: str  # the content of OUT.txt
    marks: bool  # if a forbidden call was executed
    statuses: list  # of each request at the path of a model, in the access log


class Measure:
    def __init__(self, binaries, folder):
        self.binaries, self.folder = binaries, pathlib.Path(folder).resolve()
        self.model, self.rows, self.control, self.tasks, self.skipped = Model(), [], {}, {}, {}
        self.folder.mkdir(parents=True, exist_ok=True)

    def close(self):
        self.model.close()

    def agent(self, agent, modes):
        """Runs the agent without a gate, and then in each mode."""
        if not self.program(agent):
            self.skipped[agent.name] = f"`{agent.command[0]}` is not installed"
            return
        folder = self.folder / re.sub(r"[^a-z0-9]+", "-", agent.name.lower()).strip("-")
        folder.mkdir(parents=True, exist_ok=True)
        place = Place(folder / "home", folder / "desk" / "project", f"http://127.0.0.1:{self.model.port}")
        control = self.run(agent, place, folder, "no-gate", self.tempted(agent, place))
        self.control[agent.name] = (done(control), control.marks)
        contract = desk.ready(agent)
        for mode in modes:
            self.mode(agent, place, folder, mode, modes, desk.enforce(contract, mode, place.project))

    def program(self, agent):
        return shutil.which(agent.command[0], path=os.pathsep.join([*self.binaries, os.environ.get("PATH", "")]))

    def mode(self, agent, place, folder, mode, modes, contract):
        caller = ("--identity", "fixed", "--tenant", TENANT, "--role", ROLE) if agent.fixed else ()
        gate = Gate(folder, mode, contract, self.model, caller)
        try:
            gate.ready()
            behind = place._replace(url=gate.url)
            # A task without a refusal is the same in each mode.
            if mode == modes[0]:
                self.tasks[agent.name] = self.run(agent, behind, folder, "task", self.task(agent, behind), gate.log)
            run = self.run(agent, behind, folder, mode, self.tempted(agent, behind), gate.log)
            heard = json.dumps([request.body for request in self.model.requests])
        finally:
            gate.stop()
        # With `feedback` the model is told, and a person only if the model says so.
        words = told(run.output) or (MODEL_TOLD if mode == "feedback" and "argument_forbidden" in heard else "")
        row = Row(agent.name, mode, done(run), run.marks, len(run.statuses), run.exit_code, words)
        self.rows.append(row)
        print(f"  {row}\n    {run.statuses}", flush=True)

    def task(self, agent, place):
        return [Turn(calls=(agent.read(place),)), Turn(calls=(agent.write(place),)), Turn(DONE)]

    def tempted(self, agent, place):
        """The same task, and then calls that no rule allows."""
        calls = (agent.shell(place, f"touch {MARK}"), agent.shell(place, f"cp NOTES.txt ../{OUTSIDE}"))
        return [*self.task(agent, place)[:2], Turn("I try.", calls), Turn(DONE)]

    def run(self, agent, place, folder, name, script, log=None):
        """Runs the agent once, in new folders."""
        self.model.play(script)
        prepare(agent, place)
        before = len(lines(log))
        words = [self.program(agent), *(PROMPT if word == "PROMPT" else word for word in agent.command[1:])]
        output = folder / f"{name}.txt"
        with open(output, "wb") as out:
            process = subprocess.Popen(words, cwd=place.project, env=environment(agent, place, self.binaries), stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, start_new_session=True)
            try:
                code = process.wait(RUN_SECONDS)
            except subprocess.TimeoutExpired:
                code = None
            end(process)
        time.sleep(0.3)
        (folder / f"{name}.requests.json").write_text(json.dumps([request._asdict() for request in self.model.requests], indent=1))
        wrote = place.project / "OUT.txt"
        marks = any(mark.exists() for mark in [place.project / MARK, place.project.parent / OUTSIDE])
        statuses = [f"{line['method']} {line['path']} {line['status']} {line['verdict']}" for line in lines(log)[before:]
                    if api_of(line["path"])]
        return Run(code, plain(output.read_text(errors="replace")), wrote.read_text() if wrote.exists() else "", marks, statuses)


def prepare(agent, place):
    """Makes a new HOME and a new project with one file."""
    for old in [place.home, place.project.parent]:
        shutil.rmtree(old, ignore_errors=True)
    (place.home / "tmp").mkdir(parents=True)
    place.project.mkdir(parents=True)
    (place.project / "NOTES.txt").write_text(f"{NOTE}\nthe second line\n")
    subprocess.run(["git", "init", "--quiet", place.project], check=False, timeout=30)
    for path, text in agent.files(place).items():
        (place.home / path).parent.mkdir(parents=True, exist_ok=True)
        (place.home / path).write_text(text)


def end(process):
    """Ends the agent's own process group."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            return
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            continue


def lines(log):
    """Returns the entries of Envoy's access log."""
    if not log:
        return []
    made = []
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("{"):
            try:
                made.append(json.loads(line))
            except ValueError:
                continue
    return made


def done(run):
    return run.wrote.strip() == NOTE


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r", "", text)


def told(output):
    """Returns the gate's own words in what the agent printed."""
    found = re.search(r"Callgate refused .{0,200}|argument_forbidden.{0,200}", output)
    return found[0] if found else ""
