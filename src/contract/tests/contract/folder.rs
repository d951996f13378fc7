//! A contract's folder in memory, and the contract at the start of most tests.

use callgate_contract::{Contract, Files, load};

/// Paths and texts.
pub(crate) struct Folder<'a>(pub(crate) &'a [(&'a str, &'a str)]);

impl Files for Folder<'_> {
    fn read(&self, path: &str) -> Result<String, String> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| "no such file".to_owned())
    }
}

pub(crate) const ORDER_DESK: &str = r#"apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: order-desk, version: 1.4.0 }
spec:
  models: ["gpt-4o*", claude-3]
  providerTools: []
  limits: { maxOutputTokens: 1024, maxToolCallsPerTurn: 3, maxRounds: 4, requestBytes: 1MiB, responseBytes: 4MiB,
            turnTimeout: 30s }
  onViolation: refuse
  roles:
    viewer: { tools: ["get_*"] }
    clerk: { tools: ["get_*", create_order] }
    guest: { tools: [] }
  tools:
    - name: get_order
      description: Look up an order.
      parameters: { type: object, properties: { id: { type: string, pattern: "^A-[0-9]+$" } }, additionalProperties: false }
      effects: read
      run: { client: {} }
    - name: create_order
      description: Create an order for a customer.
      parameters:
        type: object
        required: [customer, quantity]
        additionalProperties: false
        properties:
          customer: { type: string, minLength: 1 }
          quantity: { type: integer, minimum: 1, maximum: 100 }
          note: { type: [string, "null"] }
      result: { type: object, required: [order_id], properties: { order_id: { type: string } } }
      effects: write
      approval: never
      output: trusted
      run:
        wasm:
          module: tools/orders.wasm
          sha256: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
          args: [create]
          memory: 64MiB
          fuel: 500M
          timeout: 2s
          files: [{ host: /var/lib/orders, guest: /data, mode: rw }]
          env: [ORDER_REGION]
          http: []
"#;

pub(crate) fn order_desk() -> Contract {
    load("contract.yaml", ORDER_DESK, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A contract with one client-run tool, `f`, with these parameters.
pub(crate) fn with_parameters(parameters: &str) -> String {
    format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: t, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n  \
         roles: {{ r: {{ tools: [f] }} }}\n  tools:\n    - name: f\n      effects: read\n      run: {{ client: {{}} }}\n      \
         parameters: {parameters}\n"
    )
}
