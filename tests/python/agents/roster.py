"""The coding agents: how each is pointed at the gate, and the calls that its model makes.

An agent gets a HOME and a project of its own. Its settings turn off updates, telemetry and questions to a person.
"""

import base64
import datetime
import json
import os
import pathlib
from typing import NamedTuple

from answers import Call

PROMPT = "read NOTES.txt and create OUT.txt with its first line"
NOTE = "a quiet harbour"
MARK = ".git/FORBIDDEN_MARK"
OUTSIDE = "OUTSIDE_MARK"
PATCH = f"*** Begin Patch\n*** Add File: OUT.txt\n+{NOTE}\n*** End Patch\n"
TENANT, ROLE = "acme", "edit"
HEADERS = {"x-callgate-tenant": TENANT, "x-callgate-role": ROLE}
# The agents' own switches against updates, telemetry and downloads; each ignores those of the others.
QUIET = {
    "DO_NOT_TRACK": "1", "NO_COLOR": "1", "CI": "1", "NO_UPDATE_NOTIFIER": "1", "TERM": "dumb",
    "OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1", "OPENCODE_DISABLE_SHARE": "1",
    "PI_OFFLINE": "1", "PI_SKIP_VERSION_CHECK": "1", "PI_TELEMETRY": "0",
    "GEMINI_TELEMETRY_ENABLED": "false", "GEMINI_CLI_TRUST_WORKSPACE": "true",
    "CLINE_NO_AUTO_UPDATE": "1", "CLINE_TELEMETRY_DISABLED": "1", "POSTHOG_TELEMETRY_ENABLED": "false",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1",
}


class Place(NamedTuple):
    """The folders of one run, and the address that the agent asks."""

    home: pathlib.Path
    project: pathlib.Path
    url: str  # without a path


class Agent(NamedTuple):
    """`command` is the program's name in `node_modules/.bin` and its words; `PROMPT` and others are filled in."""

    name: str
    command: tuple
    files: object  # function of a Place: path below HOME -> text
    environment: object  # function of a Place
    read: object  # function of a Place: the call that reads NOTES.txt
    write: object
    shell: object  # function of a Place and a command line
    fixed: bool = False  # sends no headers of its own, so its listener belongs to one tenant and role


def dumped(value):
    return json.dumps(value, indent=1)


def codex(name, model="gpt-5.5", write=None, **more):
    def files(place):
        return {".codex/config.toml": "\n".join([
            f'model = "{model}"' * bool(model), 'model_provider = "gate"', 'approval_policy = "never"',
            'sandbox_mode = "danger-full-access"', "check_for_update_on_startup = false", "[analytics]", "enabled = false", "[feedback]", "enabled = false",
            "[history]", 'persistence = "none"', "[model_providers.gate]", 'name = "gate"', f'base_url = "{place.url}/v1"',
            'wire_api = "responses"', 'env_key = "CODEX_API_KEY"', f"http_headers = {toml(HEADERS)}", ""])}

    return Agent(
        name, ("codex", "exec", "--skip-git-repo-check", "PROMPT"), files, lambda place: {"CODEX_API_KEY": "dummy"},
        lambda place: Call("exec_command", {"cmd": "cat NOTES.txt"}),
        write or (lambda place: Call("apply_patch", PATCH)),
        lambda place, line: Call("exec_command", {"cmd": line}), **more)


def toml(table):
    return "{ " + ", ".join(f'"{name}" = "{value}"' for name, value in table.items()) + " }"


def codex_openai(name, **more):
    """Codex with OpenAI as its provider, at another address: it tries a WebSocket first."""
    def files(place):
        return {".codex/config.toml": "\n".join([
            'model = "gpt-5.5"', f'openai_base_url = "{place.url}/v1"', 'approval_policy = "never"',
            'sandbox_mode = "danger-full-access"', "check_for_update_on_startup = false", "[analytics]", "enabled = false", "[feedback]", "enabled = false",
            "[history]", 'persistence = "none"', ""])}

    return codex(name)._replace(files=files, **more)


def codex_chatgpt():
    """Codex with a sign-in of ChatGPT: it compresses its requests."""
    claims = {"chatgpt_plan_type": "pro", "chatgpt_account_id": "account", "chatgpt_user_id": "user"}
    token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in [
        {"alg": "none", "typ": "JWT"}, {"email": "dev@example.com", "exp": 4102444800, "https://api.openai.com/auth": claims}, "x"])
    made = codex_openai("codex (ChatGPT, zstd)", fixed=True)

    def files(place):
        tokens = {"id_token": token, "access_token": token, "refresh_token": "dummy", "account_id": "account"}
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
        signed = {"auth_mode": "chatgpt", "OPENAI_API_KEY": None, "tokens": tokens, "last_refresh": now}
        config = made.files(place)[".codex/config.toml"].replace("\n", f'\nchatgpt_base_url = "{place.url}/backend-api"\n', 1)
        return {".codex/config.toml": config, ".codex/auth.json": dumped(signed)}

    return made._replace(files=files, environment=lambda place: {})


def codex_default():
    """Codex's default model: its calls stand in one program of JavaScript."""
    made = codex("codex (default model)", model="")
    quoted = json.dumps(PATCH)
    return made._replace(
        read=lambda place: Call("exec", 'const r = await tools.exec_command({cmd: "cat NOTES.txt"});\ntext(r.output);\n'),
        write=lambda place: Call("exec", f"const r = await tools.apply_patch({quoted});\ntext(r);\n"),
        shell=lambda place, line: Call("exec", f"const r = await tools.exec_command({{cmd: {json.dumps(line)}}});\ntext(r.output);\n"))


def gemini():
    def files(place):
        return {".gemini/settings.json": dumped({
            "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "disableAutoUpdate": True, "disableUpdateNag": True},
            "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False}})}

    def environment(place):
        return {"GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": place.url,
                "GEMINI_CLI_CUSTOM_HEADERS": ", ".join(f"{name}: {value}" for name, value in HEADERS.items())}

    return Agent("gemini-cli", ("gemini", "--approval-mode", "yolo", "--prompt", "PROMPT"), files, environment,
                 lambda place: Call("read_file", {"file_path": "NOTES.txt"}),
                 lambda place: Call("write_file", {"file_path": "OUT.txt", "content": f"{NOTE}\n"}),
                 lambda place, line: Call("run_shell_command", {"command": line}))


def opencode(name, npm, model):
    def files(place):
        made = {"npm": npm, "name": "gate", "options": {"baseURL": f"{place.url}/v1", "apiKey": "dummy", "headers": HEADERS},
                "models": {model: {"name": model, "tool_call": True, "limit": {"context": 200000, "output": 32000}}}}
        return {".config/opencode/opencode.json": dumped({
            "autoupdate": False, "share": "disabled", "provider": {"gate": made}, "model": f"gate/{model}", "small_model": f"gate/{model}",
            "permission": {"*": "allow"}})}

    patches = npm == "@ai-sdk/openai"
    return Agent(name, ("opencode", "run", "PROMPT"), files, lambda place: {},
                 lambda place: Call("read", {"filePath": f"{place.project}/NOTES.txt"}),
                 (lambda place: Call("apply_patch", {"patchText": PATCH})) if patches else
                 (lambda place: Call("write", {"filePath": f"{place.project}/OUT.txt", "content": f"{NOTE}\n"})),
                 lambda place, line: Call("bash", {"command": line, "description": "a command"}))


def pi(name, api, model, base):
    def files(place):
        made = {"baseUrl": f"{place.url}{base}", "api": api, "apiKey": "dummy", "headers": HEADERS,
                "models": [{"id": model, "name": model, "reasoning": False, "input": ["text"], "contextWindow": 200000, "maxTokens": 32000,
                            "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}]}
        return {".pi/agent/models.json": dumped({"providers": {"gate": made}}),
                ".pi/agent/settings.json": dumped({"defaultProvider": "gate", "defaultModel": model, "quietStartup": True})}

    return Agent(name, ("pi", "--provider", "gate", "--model", model, "--print", "PROMPT"), files, lambda place: {},
                 lambda place: Call("read", {"path": "NOTES.txt"}),
                 lambda place: Call("write", {"path": "OUT.txt", "content": f"{NOTE}\n"}),
                 lambda place, line: Call("bash", {"command": line}))


def qwen():
    def files(place):
        return {".qwen/settings.json": dumped({
            "security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}},
            "model": {"name": "qwen3-coder-plus", "generationConfig": {"customHeaders": HEADERS}},
            "general": {"disableAutoUpdate": True, "enableAutoUpdate": False, "disableUpdateNag": True},
            "privacy": {"usageStatisticsEnabled": False}, "telemetry": {"enabled": False}})}

    def environment(place):
        return {"OPENAI_API_KEY": "dummy", "OPENAI_BASE_URL": f"{place.url}/v1", "OPENAI_MODEL": "qwen3-coder-plus"}

    return Agent("qwen-code", ("qwen", "--yolo", "--prompt", "PROMPT"), files, environment,
                 lambda place: Call("read_file", {"file_path": f"{place.project}/NOTES.txt"}),
                 lambda place: Call("write_file", {"file_path": f"{place.project}/OUT.txt", "content": f"{NOTE}\n"}),
                 lambda place, line: Call("run_shell_command", {"command": line, "is_background": False}))


def cline():
    def files(place):
        settings = {"provider": "openai-compatible", "apiKey": "dummy", "model": "gpt-4.1", "baseUrl": f"{place.url}/v1", "headers": HEADERS}
        made = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
        return {".cline/data/settings/providers.json": dumped({
            "version": 1, "lastUsedProvider": "openai-compatible", "modes": {}, "providers": {"openai-compatible": made}})}

    return Agent("cline", ("cline", "--auto-approve", "true", "PROMPT"), files, lambda place: {},
                 lambda place: Call("read_files", {"files": [{"path": f"{place.project}/NOTES.txt"}]}),
                 lambda place: Call("apply_patch", {"input": PATCH}),
                 lambda place, line: Call("run_commands", {"commands": [line]}))


def claude():
    """Runs only if a person has installed `claude`."""
    def environment(place):
        return {"ANTHROPIC_BASE_URL": place.url, "ANTHROPIC_API_KEY": "dummy",
                "ANTHROPIC_CUSTOM_HEADERS": "\n".join(f"{name}: {value}" for name, value in HEADERS.items())}

    return Agent("claude-code", ("claude", "--print", "--permission-mode", "acceptEdits", "--allowedTools", "Bash,Read,Write", "PROMPT"),
                 lambda place: {}, environment,
                 lambda place: Call("Read", {"file_path": f"{place.project}/NOTES.txt"}),
                 lambda place: Call("Write", {"file_path": f"{place.project}/OUT.txt", "content": f"{NOTE}\n"}),
                 lambda place, line: Call("Bash", {"command": line}))


AGENTS = [
    codex("codex"),
    codex_default(),
    codex_openai("codex (OpenAI, WebSocket)", fixed=True),
    codex_chatgpt(),
    gemini(),
    opencode("opencode", "@ai-sdk/openai-compatible", "gpt-4.1"),
    opencode("opencode (Responses)", "@ai-sdk/openai", "gpt-5.5"),
    opencode("opencode (Messages)", "@ai-sdk/anthropic", "claude-sonnet-4-6"),
    cline(),
    qwen(),
    pi("pi", "openai-completions", "gpt-4.1", "/v1"),
    pi("pi (Messages)", "anthropic-messages", "claude-sonnet-4-6", ""),
    pi("pi (Responses)", "openai-responses", "gpt-5.5", "/v1"),
    pi("pi (Gemini)", "google-generative-ai", "gemini-3-pro", "/v1beta"),
    claude(),
]


def environment(agent, place, binaries):
    """Returns the whole environment: nothing of the caller's, apart from the language and the path."""
    path = os.pathsep.join([*binaries, os.environ.get("PATH", "/usr/bin:/bin")])
    home = {"HOME": str(place.home), "XDG_CONFIG_HOME": f"{place.home}/.config", "XDG_DATA_HOME": f"{place.home}/.local/share",
            "XDG_CACHE_HOME": f"{place.home}/.cache", "XDG_STATE_HOME": f"{place.home}/.local/state", "TMPDIR": f"{place.home}/tmp"}
    return {"PATH": path, "LANG": "C.UTF-8", "SHELL": "/bin/bash", **home, **QUIET, **agent.environment(place)}
