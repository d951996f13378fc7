"""The messages and the service, made from the `.proto` file, so that no second copy of the interface can differ."""

import pathlib
import sys

import grpc

# The folder in Callgate's repository.
FOLDER = pathlib.Path(__file__).resolve().parents[5] / "src" / "proto" / "proto"
FILE = "callgate/worker/v1/worker.proto"

messages = None
services = None


def load(folder=FOLDER):
    global messages, services
    if not (folder / FILE).is_file():
        raise SystemExit(f"{folder / FILE} is not there: --proto names the folder that it is in")
    sys.path.append(str(folder))
    messages, services = grpc.protos_and_services(FILE)
