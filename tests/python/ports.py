"""Ports for servers that the tests start."""

import random
import socket


def free_port():
    """Returns a free loopback port. It is below those that the system gives to outgoing connections, so none of them takes it before
    the server does.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 2_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no port from 20000 to 31999 is free on 127.0.0.1")
