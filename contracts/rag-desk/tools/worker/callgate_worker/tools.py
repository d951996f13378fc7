"""The tools: a name, and a function of the arguments and the call.

A function returns a dictionary, or yields the parts of its JSON text. The contract has already checked the arguments'
shape.
"""

import json
import pathlib
from functools import partial

import grpc

from .bm25 import Index
from .ngram import Model

DOCUMENTS = json.loads(pathlib.Path(__file__).with_name("documents.json").read_text("utf-8"))


class Refused(Exception):
    """An answer other than OK, with a sentence that repeats no argument."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def complete_text(model, arguments, call):
    """Inference. The text is yielded word by word, as it is made."""
    words = 0
    yield '{"text": "'
    for word in model.continue_from(arguments["prompt"], arguments.get("max_words", 24), arguments.get("seed", 0)):
        if not call.wanted():
            return
        # A part of a JSON string: the output of `dumps` without the quotes.
        yield json.dumps(word if words == 0 else " " + word)[1:-1]
        words += 1
    yield f'", "words": {words}}}'


def search_documents(index, arguments, _call):
    """Retrieval."""
    hits = index.search(arguments["query"], arguments.get("top_k", 3))
    found = ((DOCUMENTS[place], score) for place, score in hits)
    return {"hits": [{**document, "score": round(score, 4)} for document, score in found]}


def start_fine_tune(jobs, arguments, call):
    """Starts a job named by the call's idempotency key: the same call again is the same job."""
    if not call.idempotency_key:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "a job needs an idempotency key")
    texts = [document["text"] for document in DOCUMENTS if document["topic"] == arguments["topic"]]
    if not texts:
        raise Refused(grpc.StatusCode.NOT_FOUND, "there are no documents on that topic")
    return jobs.start(call.tenant, call.idempotency_key, texts, arguments.get("epochs", 2))


def get_fine_tune(jobs, arguments, call):
    job = jobs.get(call.tenant, arguments["job_id"])
    if job is None:
        raise Refused(grpc.StatusCode.NOT_FOUND, "this tenant has no such job")
    return job


def desk(jobs):
    """The table of tools."""
    texts = [document["text"] for document in DOCUMENTS]
    model = Model()
    for text in texts:
        model.learn(text)
    return {
        "complete_text": partial(complete_text, model),
        "search_documents": partial(search_documents, Index(texts)),
        "start_fine_tune": partial(start_fine_tune, jobs),
        "get_fine_tune": partial(get_fine_tune, jobs),
    }
