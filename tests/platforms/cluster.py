"""A real kube-apiserver over a real etcd, on free ports of loopback. Without a kubelet and controllers, objects are admitted, and
nothing runs."""

import json
import pathlib
import secrets
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request

PROGRAMS = ["etcd", "kube-apiserver", "kubectl"]
# Both programs are up within this time, also on a busy machine.
PATIENCE = 90


def missing():
    """Returns the programs that are not there."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in held]
    for server in held:
        server.close()
    return ports


class Cluster:
    def __init__(self, folder, features=""):
        self.folder = folder / f"cluster-{secrets.token_hex(4)}"
        self.folder.mkdir(parents=True)
        self.programs = []
        self.features = features
        self.token = secrets.token_hex(16)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for program in reversed(self.programs):
            program.terminate()
        for program in reversed(self.programs):
            try:
                program.wait(10)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait(10)

    def _start(self):
        etcd, peer, self.port = free_ports(3)
        self._run("etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync",
                  "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
                  "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                  "--initial-cluster", f"default=http://127.0.0.1:{peer}")
        key = self.folder / "accounts.key"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True, timeout=60)
        (self.folder / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        self._run("kube-apiserver", "--etcd-servers", f"http://127.0.0.1:{etcd}",
                  "--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", str(self.port),
                  "--endpoint-reconciler-type", "none", "--cert-dir", self.folder / "certificates",
                  "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", key,
                  "--service-account-signing-key-file", key, "--service-cluster-ip-range", "10.96.0.0/24",
                  "--authorization-mode", "RBAC", "--token-auth-file", self.folder / "tokens.csv",
                  *(["--feature-gates", self.features] if self.features else []))
        self._wait()
        self.config = self.folder / "kubeconfig"
        self.config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {
                "server": f"https://127.0.0.1:{self.port}",
                "certificate-authority": str(self.folder / "certificates" / "apiserver.crt")}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}))

    def _run(self, program, *arguments):
        log = open(self.folder / f"{program}.log", "wb")
        self.programs.append(subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _wait(self):
        # The server makes its certificate when it starts.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            ended = [program.args[0] for program in self.programs if program.poll() is not None]
            if ended:
                raise RuntimeError(f"{ended[0]} ended: {self.log(ended[0])}")
            try:
                request = urllib.request.Request(f"https://127.0.0.1:{self.port}/readyz",
                                                 headers={"authorization": f"Bearer {self.token}"})
                with urllib.request.urlopen(request, timeout=5, context=context):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        raise RuntimeError(f"kube-apiserver was not ready after {PATIENCE} s: {self.log('kube-apiserver')}")

    def log(self, program):
        return (self.folder / f"{program}.log").read_text(errors="replace")[-2000:]

    def kubectl(self, *arguments, stdin=None, succeed=True):
        """Runs kubectl, and returns what it printed. With `succeed=False` it returns the whole outcome."""
        command = ["kubectl", "--kubeconfig", str(self.config), "--cache-dir", str(self.folder / "cache"), *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)
        if not succeed:
            return done
        assert done.returncode == 0, f"{' '.join(map(str, arguments))}: {done.stderr}"
        return done.stdout

    def namespace(self, name):
        """Makes a namespace that admits only pods of the standard `restricted`."""
        labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ["enforce", "warn"]}
        self.kubectl("create", "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}))
        # Without a controller nobody makes it.
        self.kubectl("-n", name, "create", "serviceaccount", "default")
        return name


def log_of(path):
    return pathlib.Path(path).read_text(errors="replace")[-2000:]
