"""Fine-tuning jobs: kept in SQLite, run one after the other by one thread.

The idempotency key is unique: a repeated call finds the job it started. If the worker ended during a job, the job has
failed: its status says so, and it does not run again.
"""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

from .ngram import Model

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0, epochs INTEGER NOT NULL, perplexity REAL, UNIQUE (tenant, key));
UPDATE jobs SET status = 'failed' WHERE status IN ('queued', 'running');
"""


class Jobs:
    def __init__(self, path):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.executescript(SCHEMA)
        self.trainer = ThreadPoolExecutor(max_workers=1)
        self.ended = threading.Event()

    def start(self, tenant, key, texts, epochs):
        add = "INSERT INTO jobs (tenant, key, status, epochs) VALUES (?, ?, 'queued', ?) ON CONFLICT DO NOTHING RETURNING id"
        with self.lock:
            added = self.database.execute(add, (tenant, key, epochs)).fetchone()
            job = added or self.database.execute("SELECT id FROM jobs WHERE tenant = ? AND key = ?", (tenant, key)).fetchone()
        if added:
            self.trainer.submit(self.train, added[0], texts, epochs)
        return {"job_id": f"job-{job[0]}"}

    def get(self, tenant, job_id):
        ask = "SELECT status, epoch, epochs, perplexity FROM jobs WHERE tenant = ? AND 'job-' || id = ?"
        with self.lock:
            row = self.database.execute(ask, (tenant, job_id)).fetchone()
        if row is None:
            return None
        return {"job_id": job_id, **dict(zip(("status", "epoch", "epochs", "perplexity"), row))}

    def train(self, job, texts, epochs):
        model = Model()
        for epoch in range(1, epochs + 1):
            if self.ended.is_set():
                return
            for text in texts:
                model.learn(text)
            surprise = sum(model.perplexity(text) for text in texts) / len(texts)
            status = "succeeded" if epoch == epochs else "running"
            change = "UPDATE jobs SET status = ?, epoch = ?, perplexity = ? WHERE id = ?"
            with self.lock:
                self.database.execute(change, (status, epoch, round(surprise, 4), job))

    def close(self):
        self.ended.set()
        self.trainer.shutdown(cancel_futures=True)
        self.database.close()
