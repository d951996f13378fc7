//! Bad `run` fields and the exact lines they get, as in `lint`.

/// A text of the order desk's contract, its replacement, and the line of the error.
pub(crate) const RUNS: [(&str, &str, &str); 35] = [
    // run
    (
        "run: { client: {} }",
        "run: {}",
        "contract.yaml:19:12: spec.tools[0].run: expected exactly one of `client`, `wasm`, `grpc`, `http` or `mcp`",
    ),
    (
        "run: { client: {} }",
        "run: { client: }",
        "contract.yaml:19:20: spec.tools[0].run.client: expected a mapping, found nothing",
    ),
    (
        "      run:\n",
        "      run:\n        client: {}\n",
        "contract.yaml:35:9: spec.tools[1].run: expected exactly one of `client`, `wasm`, `grpc`, `http` or `mcp`; remove `client` or `wasm`",
    ),
    // backends
    (
        "run: { client: {} }",
        "run: { grpc: { cluster: a, method: b } }",
        "contract.yaml:19:42: spec.tools[0].run.grpc.method: expected `callgate.worker.v1.Worker/Invoke` or `callgate.worker.v1.Worker/InvokeStream`",
    ),
    (
        "run: { client: {} }",
        "run: { grpc: { cluster: a } }",
        "contract.yaml:19:20: spec.tools[0].run.grpc: missing field `method`; expected a method of a worker, `callgate.worker.v1.Worker/Invoke` or `…/InvokeStream`",
    ),
    (
        "run: { client: {} }",
        "run: { grpc: { address: \"10.0.0.1:1\", method: callgate.worker.v1.Worker/Invoke } }",
        "contract.yaml:19:20: spec.tools[0].run.grpc: missing field `cluster`; expected the name of a backend in the executor's configuration\ncontract.yaml:19:22: spec.tools[0].run.grpc.address: unknown field; expected `cluster`, `method`, `timeout` or `outputBytes`",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: \"api.example.com:443\", path: /a } }",
        "contract.yaml:19:31: spec.tools[0].run.http.cluster: expected 1 to 63 of `a-z`, `A-Z`, `0-9`, `.`, `_` and `-`: the name of a backend, not its address",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: a } }",
        "contract.yaml:19:20: spec.tools[0].run.http: missing field `path`; expected the path of the API, such as `/v1/orders`",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: a, path: /a/../b } }",
        "contract.yaml:19:40: spec.tools[0].run.http.path: expected a path such as `/v1/orders`, without query, `%`, `.` and `..`; arguments go into the body or the query",
    ),
    (
        "run: { client: {} }",
        "run: { http: { cluster: a, path: /a, method: HEAD } }",
        "contract.yaml:19:52: spec.tools[0].run.http.method: expected `GET`, `POST`, `PUT`, `PATCH` or `DELETE`",
    ),
    (
        "run: { client: {} }",
        "run: { mcp: { cluster: a } }",
        "contract.yaml:19:19: spec.tools[0].run.mcp: missing field `tool`; expected what the MCP server calls the tool",
    ),
    (
        "run: { client: {} }",
        "run: { mcp: { cluster: a, tool: \"\" } }",
        "contract.yaml:19:39: spec.tools[0].run.mcp.tool: expected a string; it is empty",
    ),
    (
        "run: { client: {} }",
        "run: { mcp: { cluster: a, tool: b, timeout: 5 } }",
        "contract.yaml:19:51: spec.tools[0].run.mcp.timeout: expected a duration: a whole number from 1 up with `ms`, `s`, `m` or `h`, such as `30s`",
    ),
    // wasm
    (
        "module: tools/orders.wasm",
        "module: ../orders.wasm",
        "contract.yaml:36:19: spec.tools[1].run.wasm.module: expected a path inside the contract's folder; `..` leads out of it",
    ),
    (
        "module: tools/orders.wasm",
        "module: /orders.wasm",
        "contract.yaml:36:19: spec.tools[1].run.wasm.module: expected a path relative to the contract's folder, not an absolute one",
    ),
    (
        "sha256: \"0123",
        "sha256: \"123",
        "contract.yaml:37:19: spec.tools[1].run.wasm.sha256: expected 64 hexadecimal digits in quotes; `callgate pin` writes them",
    ),
    (
        "args: [create]",
        "args: [1]",
        "contract.yaml:38:18: spec.tools[1].run.wasm.args[0]: expected a string, found a number; put it in quotes",
    ),
    (
        "args: [create]",
        "args: create",
        "contract.yaml:38:17: spec.tools[1].run.wasm.args: expected a list, found a string",
    ),
    (
        "memory: 64MiB",
        "memory: 1KiB",
        "contract.yaml:39:19: spec.tools[1].run.wasm.memory: expected memory from 64KiB, one page of WebAssembly, to 4GiB",
    ),
    (
        "fuel: 500M",
        "fuel: 500MiB",
        "contract.yaml:40:17: spec.tools[1].run.wasm.fuel: expected fuel: a whole number from 1 up, or one with `K`, `M` or `G`, such as `500M`",
    ),
    (
        "guest: /data",
        "guest: data",
        "contract.yaml:42:51: spec.tools[1].run.wasm.files[0].guest: expected an absolute path without `.` and `..`, such as `/data`",
    ),
    (
        "host: /var/lib/orders",
        "host: \"{tenant}/{tenant}\"",
        "contract.yaml:42:27: spec.tools[1].run.wasm.files[0].host: expected `{tenant}` at most once and as a whole part of the path, such as `data/{tenant}`, and no other `{` or `}`",
    ),
    (
        "host: /var/lib/orders",
        "host: \"data/of-{tenant}\"",
        "contract.yaml:42:27: spec.tools[1].run.wasm.files[0].host: expected `{tenant}` at most once and as a whole part of the path, such as `data/{tenant}`, and no other `{` or `}`",
    ),
    (
        "host: /var/lib/orders",
        "host: \"data/{tenant}/../x\"",
        "contract.yaml:42:27: spec.tools[1].run.wasm.files[0].host: expected a path without `.` and `..` after `{tenant}`",
    ),
    ("mode: rw", "mode: w", "contract.yaml:42:64: spec.tools[1].run.wasm.files[0].mode: expected `ro` or `rw`"),
    (
        "env: [ORDER_REGION]",
        "env: [\"A=B\"]",
        "contract.yaml:43:17: spec.tools[1].run.wasm.env[0]: expected the name of an environment variable: `A-Z`, `a-z`, `0-9` and `_`",
    ),
    (
        "env: [ORDER_REGION]",
        "env: [CALLGATE_TENANT]",
        "contract.yaml:43:17: spec.tools[1].run.wasm.env[0]: names that begin with `CALLGATE_` are the executor's own; choose another",
    ),
    (
        "http: []",
        "secretEnv: { CALLGATE_KEY: file:/a }",
        "contract.yaml:44:24: spec.tools[1].run.wasm.secretEnv.CALLGATE_KEY: names that begin with `CALLGATE_` are the executor's own; choose another",
    ),
    (
        "mode: rw",
        "mode: ro, quota: 1MiB",
        "contract.yaml:42:75: spec.tools[1].run.wasm.files[0].quota: expected a `quota` only with `mode: rw`; nothing is written to what is read only",
    ),
    (
        "http: []",
        "http: [\"api.example.com\"]",
        "contract.yaml:44:18: spec.tools[1].run.wasm.http[0]: expected a host and a port, such as `api.example.com:443` or `[2001:db8::1]:443`; globs are not allowed here",
    ),
    (
        "http: []",
        "http: [{ to: \"a:1\", private: yes }]",
        "contract.yaml:44:40: spec.tools[1].run.wasm.http[0].private: expected `true` or `false`",
    ),
    (
        "http: []",
        "http: [{ host: \"a:1\" }]",
        "contract.yaml:44:18: spec.tools[1].run.wasm.http[0]: missing field `to`; expected a host and a port, such as `api.example.com:443`\ncontract.yaml:44:20: spec.tools[1].run.wasm.http[0].host: unknown field; expected `to`, `private` or `authorization`",
    ),
    (
        "http: []",
        "secretEnv: { API_KEY: hunter2 }",
        "contract.yaml:44:33: spec.tools[1].run.wasm.secretEnv.API_KEY: expected where the secret is, such as `file:/run/secrets/api-key`; never the secret itself",
    ),
    (
        "http: []",
        "secretEnv: { ORDER_REGION: file:/a }",
        "contract.yaml:44:24: spec.tools[1].run.wasm.secretEnv.ORDER_REGION: expected each variable once; `ORDER_REGION` is in `env` too, remove one",
    ),
    (
        "          timeout: 2s",
        "          timeoot: 2s",
        "contract.yaml:41:11: spec.tools[1].run.wasm.timeoot: unknown field; did you mean `timeout`?",
    ),
];
