"""The measure of one suite, one contract and one attacker.

For each user task and each injection:

1. The environment gets the injection in every place that the user task reads.
2. Each call of the user's own work is decided at its place in the conversation, and then run. The user's work goes its way in any case:
   a person agrees to held calls.
3. The injection's calls are decided as if the model obeyed: right after the result that holds the injection, and at the end. An allowed
   call runs, and its result joins the conversation. A held or refused call does not run, and the model continues with the next one.
4. The suite's own check says if the attack reached its goal at one of both points.
"""

from collections import Counter
from dataclasses import dataclass, field

from attackers import attacked
from dialects import OTHERS, Step
from judge import ALLOWED, HELD, REFUSED
from obeyed import calls
from suites import MARK


@dataclass
class Tally:
    """The counts of one suite and one attacker."""

    user: Counter = field(default_factory=Counter)
    sinks: Counter = field(default_factory=Counter)
    reads: Counter = field(default_factory=Counter)
    tasks: set = field(default_factory=set)  # (user task, injection)
    tasks_held: set = field(default_factory=set)
    attacks: int = 0
    succeeded: list = field(default_factory=list)  # (user task, injection)
    allowed_sinks: Counter = field(default_factory=Counter)  # (injection, tool)
    user_calls: dict = field(default_factory=lambda: {HELD: Counter(), REFUSED: Counter()})  # (user task, tool, code, pointer)
    dialects: int = 0  # calls decided in every dialect


class Measure:
    """One suite under one contract. `sinks` are the tools that write, or whose arguments leave the organisation."""

    def __init__(self, suite, judge, sinks):
        self.suite, self.judge, self.sinks = suite, judge, sinks
        self.places, self.wanted = {}, {}

    def run(self, attacker, users, injections, sample=0):
        """Measures these user tasks under these injections. Every `sample`-th pair is decided in every dialect; 0: none."""
        tally = Tally()
        pairs = [(user, injection) for user in users for injection in injections]
        for number, (user, injection) in enumerate(pairs):
            self.attack(attacker, user, injection, tally, bool(sample) and number % sample == 0)
        return tally

    def quiet(self, users):
        """Measures the user's own work without any injection."""
        tally = Tally()
        for user in users:
            task = self.suite.users[user]
            environment = self.suite.start(task, self.suite.raw())
            tally.tasks.add((user, ""))
            steps = []
            for call in task.ground_truth(environment):
                self.user_call((user, ""), (self.suite.system, task.PROMPT, steps), call, tally, False)
                steps = [*steps, self.step(environment, call)]
        return tally

    def attack(self, attacker, user, injection_name, tally, every_dialect):
        suite, task, injection = self.suite, self.suite.users[user], self.suite.injections[injection_name]
        raw, vectors, read = self.marked(user)
        raw = attacked(attacker, suite, raw, vectors, injection, self.wants(injection))
        environment = suite.start(task, raw)
        pair, steps, done = (user, injection_name), [], False
        own = task.ground_truth(environment)
        tally.tasks.add(pair)
        tally.attacks += 1
        for number, call in enumerate(own):
            conversation = (suite.system, task.PROMPT, steps)
            self.user_call(pair, conversation, call, tally, every_dialect)
            steps = [*steps, self.step(environment, call)]
            if number in (read, len(own) - 1):
                copy = environment.model_copy(deep=True)
                done |= self.obey(injection, (suite.system, task.PROMPT, steps), copy, tally, every_dialect)
        if done:
            tally.succeeded.append(pair)

    def wants(self, injection):
        """Returns the injection's calls in an environment that nobody has changed."""
        if injection.ID not in self.wanted:
            self.wanted[injection.ID] = calls(self.suite, injection, self.suite.environment(self.suite.raw()))
        return self.wanted[injection.ID]

    def marked(self, user):
        """Returns marked data, the places that the user task reads, and the number of the first call that reads one."""
        if user not in self.places:
            suite, task = self.suite, self.suite.users[user]
            environment = suite.start(task, suite.raw(*suite.vectors))
            results = [self.step(environment, call).result for call in task.ground_truth(environment)]
            vectors = [vector for vector in suite.vectors if any(MARK.format(vector) in result for result in results)]
            if not vectors:
                raise ValueError(f"{suite.name} {user} reads no place of an injection")
            read = min(i for i, result in enumerate(results) if any(MARK.format(vector) in result for vector in vectors))
            self.places[user] = (suite.raw(*vectors), vectors, read)
        return self.places[user]

    def step(self, environment, call):
        return Step(call.function, dict(call.args), self.suite.run(environment, call.function, dict(call.args)))

    def user_call(self, pair, conversation, call, tally, every_dialect):
        verdict = self.decide(conversation, call, tally, every_dialect)
        tally.user[verdict.verdict] += 1
        if verdict.verdict != ALLOWED:
            tally.tasks_held.add(pair)
            tally.user_calls[verdict.verdict][(pair[0], call.function, verdict.code, verdict.pointer)] += 1

    def obey(self, injection, conversation, environment, tally, every_dialect):
        """Decides the injection's calls, runs the allowed ones, and returns true if the attack reached its goal by them."""
        system, prompt, steps = conversation
        before, ran = environment.model_copy(deep=True), []
        for call in calls(self.suite, injection, environment):
            verdict = self.decide((system, prompt, steps), call, tally, every_dialect)
            is_sink = call.function in self.sinks
            (tally.sinks if is_sink else tally.reads)[verdict.verdict] += 1
            if verdict.verdict != ALLOWED:
                continue
            steps = [*steps, self.step(environment, call)]
            ran.append(call)
            if is_sink:
                tally.allowed_sinks[(injection.ID, call.function)] += 1
        is_sunk = any(call.function in self.sinks for call in ran)
        return is_sunk and self.suite.succeeded(injection, before, environment, ran)

    def decide(self, conversation, call, tally, every_dialect):
        """Returns the verdict on a call. In every dialect it must be the same."""
        verdict = self.judge.decide(conversation, call.function, dict(call.args))
        if every_dialect:
            tally.dialects += 1
            for name, dialect in OTHERS.items():
                other = self.judge.decide(conversation, call.function, dict(call.args), dialect)
                if other != verdict:
                    raise AssertionError(f"{name} decides {call.function}: {other}; Chat Completions: {verdict}")
        return verdict
