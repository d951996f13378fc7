"""Runs the containers of a pod as plain processes: the files of its volumes as the kubelet would lay them, its arguments, its probes."""

import base64
import os
import pathlib
import ssl
import subprocess
import time
import urllib.error
import urllib.request


class Volumes:
    """Lays the volumes of a pod below a folder. `objects` has the ConfigMaps, `maps` the data of others, `secrets` that of Secrets; `here(root, text)` changes
    the text of a ConfigMap to the paths of this machine."""

    def __init__(self, objects, secrets, here, maps):
        self.here = here
        self.others = maps
        self.maps = {each["metadata"]["name"]: each for each in objects if each["kind"] == "ConfigMap"}
        self.secrets = secrets

    def lay(self, root, pod, container):
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            path = root / mount["mountPath"].lstrip("/")
            path.mkdir(parents=True, exist_ok=True)
            if "emptyDir" in volume or "persistentVolumeClaim" in volume:
                # The mode that the kubelet gives a volume of a pod with fsGroup.
                path.chmod(0o2775)
                continue
            files = {}
            for source in volume.get("projected", {}).get("sources", [volume]):
                files.update(self._files(root, source))
            kind = next(volume[kind] for kind in ("projected", "secret", "configMap") if kind in volume)
            self._write(path, files, kind.get("defaultMode", 0o644))

    def _files(self, root, source):
        if "configMap" in source:
            name = source["configMap"]["name"]
            found = self.maps.get(name, {})
            data = dict(self.others.get(name, {}))
            assert found or data, f"there is no ConfigMap {name}"
            data |= {key: self.here(root, text).encode() for key, text in found.get("data", {}).items()}
            data |= {key: base64.b64decode(text) for key, text in found.get("binaryData", {}).items()}
            items = source["configMap"].get("items")
        else:
            name = source["secret"].get("name") or source["secret"]["secretName"]
            data, items = self.secrets[name], source["secret"].get("items")
        return data if items is None else {item["path"]: data[item["key"]] for item in items}

    def _write(self, path, files, mode):
        """Like the kubelet: the files in a folder with a time in its name, the link `..data` to it, and a link for each name."""
        folder = path / f"..{time.monotonic_ns()}"
        for name, content in files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(mode)
            top = path / pathlib.PurePath(name).parts[0]
            if not top.is_symlink():
                top.symlink_to(pathlib.Path("..data") / pathlib.PurePath(name).parts[0])
        (path / "..new").symlink_to(folder.name)
        os.replace(path / "..new", path / "..data")


class Process:
    """A container's process. Its probes are those of the manifest, at `ports`."""

    def __init__(self, container, command, ports, log, **more):
        self.container, self.ports, self.log = container, ports, log
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=open(log, "wb"),
                                        stderr=subprocess.STDOUT, **more)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def text(self):
        return pathlib.Path(self.log).read_text(errors="replace")

    def probe(self, name):
        """Asks as the kubelet does: by address, without checking the certificate."""
        get = self.container[name]["httpGet"]
        names = {port["name"]: port["containerPort"] for port in self.container["ports"]}
        port = self.ports[names[get["port"]]]
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        scheme = get.get("scheme", "HTTP").lower()
        request = urllib.request.Request(f"{scheme}://127.0.0.1:{port}{get['path']}", headers={"host": "10.9.8.7:1"})
        try:
            with urllib.request.urlopen(request, timeout=5, context=context if scheme == "https" else None) as answer:
                return answer.status
        except urllib.error.HTTPError as answer:
            return answer.code
        except OSError:
            return None

    def wait(self):
        """Waits for the startup probe, for as long as the manifest gives."""
        settings = self.container["startupProbe"]
        deadline = time.monotonic() + settings["periodSeconds"] * settings["failureThreshold"]
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"it ended: {self.text()[-3000:]}"
            if self.probe("startupProbe") == 200:
                return self
            time.sleep(0.1)
        raise AssertionError(f"the startup probe failed: {self.text()[-3000:]}")
