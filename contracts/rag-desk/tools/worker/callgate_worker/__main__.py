"""`python -m callgate_worker --port 9000`: serves until SIGTERM or SIGINT, then finishes running calls and ends."""

import argparse
import pathlib
import signal
import threading

from . import stubs


def main():
    parser = argparse.ArgumentParser(prog="callgate-example-worker", description=__doc__)
    parser.add_argument("--port", type=int, default=9000, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state", default=":memory:", help="SQLite file of the jobs; in memory by default")
    parser.add_argument("--proto", type=pathlib.Path, default=stubs.FOLDER, help="folder with callgate/worker/v1")
    asked = parser.parse_args()
    stubs.load(asked.proto)
    # The modules imported here need the stubs.
    from .server import Server

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = Server(asked.port, asked.state)
    print(f"listening on 127.0.0.1:{server.port}", flush=True)
    ended.wait()
    server.stop(grace=5)


if __name__ == "__main__":
    main()
