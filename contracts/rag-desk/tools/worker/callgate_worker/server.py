"""`callgate.worker.v1.Worker`: looks a tool up, runs it, answers with its JSON.

A status carries a code and a sentence of this worker's own, never an argument: errors inside a tool stay in the worker.
"""

import json
import logging
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from . import stubs, tools
from .jobs import Jobs

SERVICE = "callgate.worker.v1.Worker"


class Call:
    """The facts about a call beside its arguments."""

    def __init__(self, request, context):
        metadata = dict(context.invocation_metadata())
        self.tenant = metadata.get("callgate-tenant", "")
        self.idempotency_key = request.idempotency_key
        self.context = context

    def wanted(self):
        """Returns true while somebody waits for the answer."""
        return self.context.is_active()


class Worker(stubs.services.WorkerServicer):
    def __init__(self, desk):
        self.desk = desk

    def Invoke(self, request, context):
        return stubs.messages.InvokeResponse(result="".join(self.parts(request, context)))

    def InvokeStream(self, request, context):
        for part in self.parts(request, context):
            yield stubs.messages.InvokeChunk(result=part)

    def parts(self, request, context):
        """Yields the result's JSON text in parts; whole tools have one."""
        tool = self.desk.get(request.tool)
        if tool is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "there is no such tool")
        try:
            answer = tool(json.loads(request.arguments), Call(request, context))
            if isinstance(answer, dict):
                yield json.dumps(answer, ensure_ascii=False, allow_nan=False)
            else:
                yield from answer
        except tools.Refused as refused:
            context.abort(refused.status, str(refused))
        except Exception:
            logging.exception("%s failed", request.tool)
            context.abort(grpc.StatusCode.INTERNAL, "the tool failed")


class Server:
    """A worker on a loopback port."""

    def __init__(self, port, state):
        self.jobs = Jobs(state)
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
        stubs.services.add_WorkerServicer_to_server(Worker(tools.desk(self.jobs)), self.server)
        self.health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()
        for name in ("", SERVICE):
            self.health.set(name, health_pb2.HealthCheckResponse.SERVING)

    def stop(self, grace):
        """Takes no more calls, and ends when the running ones have ended, or after `grace` seconds."""
        self.health.enter_graceful_shutdown()
        self.server.stop(grace).wait()
        self.jobs.close()
