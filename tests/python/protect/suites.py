"""The suites of AgentDojo that this measure uses: their tools, user tasks, injections and environments.

Only `workspace` and `banking` are loaded, in version 1.2.2. The package's other suites are not imported, and none of its clients of
models: a package whose `__init__` would import them is registered without running it.
"""

import copy
import importlib
import importlib.util
import pathlib
import sys
import types
from functools import cache, cached_property, partial

import yaml

VERSION = (1, 2, 2)
PACKAGES = (
    "task_suite", "agent_pipeline", "agent_pipeline.llms", "default_suites",
    *(f"default_suites.{version}" for version in ("v1", "v1_1_1", "v1_1_2", "v1_2", "v1_2_1", "v1_2_2")),
)
# The modules that register the tasks of later versions.
LATER = (
    "v1_1_1.banking.user_tasks", "v1_1_1.workspace.user_tasks",
    "v1_1_2.workspace.injection_tasks", "v1_1_2.workspace.user_tasks",
    "v1_2.banking.injection_tasks", "v1_2.workspace.injection_tasks", "v1_2.workspace.user_tasks",
    "v1_2_1.workspace.injection_tasks",
    "v1_2_2.banking.user_tasks", "v1_2_2.workspace.user_tasks",
)
# Marks the place of an injection. It has no character that a formatter would escape or fold.
MARK = "MarkedPlace{}End"


def register_packages():
    """Registers the packages of `PACKAGES`, without running their `__init__`."""
    folder = pathlib.Path(importlib.util.find_spec("agentdojo").origin).parent
    for name in PACKAGES:
        package = types.ModuleType(f"agentdojo.{name}")
        package.__path__ = [str(folder.joinpath(*name.split(".")))]
        sys.modules[package.__name__] = package
    # The formatter of results reads one constant of this client of a model.
    client = types.ModuleType("agentdojo.agent_pipeline.llms.google_llm")
    client.EMPTY_FUNCTION_NAME = "<empty-function-name>"
    sys.modules[client.__name__] = client


register_packages()
from agentdojo.agent_pipeline.tool_execution import tool_result_to_str  # noqa: E402
from agentdojo.functions_runtime import FunctionsRuntime  # noqa: E402
from agentdojo.task_suite.task_suite import read_suite_file  # noqa: E402



class Dumper(yaml.CSafeDumper):
    """The C emitter of PyYAML, which writes the same text ten times as fast."""


# The package's enumerated values are strings. The C emitter takes exact strings only.
Dumper.add_multi_representer(str, lambda dumper, value: dumper.represent_str(str(value)))
dump = partial(yaml.dump, Dumper=Dumper)


class Suite:
    """One suite."""

    def __init__(self, name):
        module = importlib.import_module(f"agentdojo.default_suites.v1.{name}")
        for later in LATER:
            if f".{name}." in later:
                importlib.import_module(f"agentdojo.default_suites.{later}")
        self.name = name
        self.suite = getattr(module, f"{name}_task_suite").get_new_version(VERSION)
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.users = self.suite.user_tasks
        self.injections = self.suite.injection_tasks

    @cached_property
    def system(self):
        """Returns the package's own system message."""
        messages = pathlib.Path(importlib.util.find_spec("agentdojo").origin).parent / "data/system_messages.yaml"
        return yaml.safe_load(messages.read_text(encoding="utf-8"))["default"]

    @cached_property
    def vectors(self):
        """Returns the default text of every place of an injection."""
        return self.suite.get_injection_vector_defaults()

    @cache
    def raw(self, *marked):
        """Returns the data of the environment, with a mark in each of these places and the default text in the others."""
        texts = {**self.vectors, **{vector: MARK.format(vector) for vector in marked}}
        return yaml.load(read_suite_file(self.name, "environment.yaml", None).format(**texts), yaml.CSafeLoader)

    def environment(self, raw):
        return self.suite.environment_type.model_validate(copy.deepcopy(raw))

    def start(self, task, raw):
        """Returns the environment in which a user task begins."""
        return task.init_environment(self.environment(raw))

    def run(self, environment, name, arguments):
        """Runs a call in an environment, and returns its result as the package's agents see it."""
        result, error = self.runtime.run_function(environment, name, copy.deepcopy(arguments))
        return error or tool_result_to_str(result, dump)

    def succeeded(self, injection, before, after, calls):
        """Returns the suite's own answer to the question if an injection reached its goal."""
        output = injection.GROUND_TRUTH_OUTPUT
        by_calls = injection.security_from_traces(output, before, after, calls)
        return bool(injection.security(output, before, after) if by_calls is None else by_calls)


def replaced(value, texts):
    """Returns data with every mark replaced by its text."""
    if isinstance(value, dict):
        return {replaced(key, texts): replaced(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, texts) for item in value]
    if isinstance(value, str):
        for vector, text in texts.items():
            value = value.replace(MARK.format(vector), text)
    return value
