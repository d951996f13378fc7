//! The description of a tool for a model.

use std::sync::Arc;

use callgate_json::Value;

/// Name, description and parameters of a tool, each written as JSON text once and used for every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    name: String,
    /// `"name":…`, and `"description":…` if there is one.
    head: String,
    /// The JSON text of the description.
    description: Option<String>,
    parameters: Arc<str>,
}

/// A tool declared by a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its name, never empty.
    pub name: String,
    /// The list of the dialect that holds it.
    pub form: crate::Form,
    /// The form of its calls.
    pub called: crate::Form,
    /// Its namespace; empty if its name in a contract is its own.
    pub namespace: String,
}

// === impl Declaration ===

impl Declaration {
    /// Writes the declaration of a tool whose arguments have this JSON Schema.
    #[must_use]
    pub fn new(name: &str, description: Option<&str>, parameters: &Value) -> Declaration {
        let mut head = format!(r#""name":{}"#, Value::from(name));
        let description = description.map(|description| Value::from(description).to_string());
        if let Some(description) = &description {
            head.push_str(&format!(r#","description":{description}"#));
        }
        Declaration { name: name.to_owned(), head, description, parameters: parameters.to_string().into() }
    }

    /// Returns the declaration of a tool with another name. Both share the text of the schema.
    #[must_use]
    pub fn named(&self, name: &str) -> Declaration {
        let mut head = format!(r#""name":{}"#, Value::from(name));
        let before = r#""name":"#.len() + Value::from(self.name.as_str()).to_string().len();
        head.push_str(self.head.get(before..).unwrap_or_default());
        let (description, parameters) = (self.description.clone(), Arc::clone(&self.parameters));
        Declaration { name: name.to_owned(), head, description, parameters }
    }

    /// Returns the tool's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the JSON text of the description.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns the JSON text of the parameters' schema.
    #[must_use]
    pub fn parameters(&self) -> &str {
        &self.parameters
    }

    /// Returns the JSON text of an object with `name`, `description` and, under the member `key`, the parameters' schema.
    #[must_use]
    pub fn object(&self, key: &str) -> String {
        let mut out = String::with_capacity(self.size());
        self.write(&mut out, key, "");
        out
    }

    /// Appends such an object. Its further members are a text that begins with a comma, or empty.
    pub(crate) fn write(&self, out: &mut String, key: &str, members: &str) {
        out.push('{');
        self.write_members(out, key, [&self.parameters, members]);
    }

    /// Appends such an object without its opening brace, and with any texts for the schema and the further members.
    pub(crate) fn write_members(&self, out: &mut String, key: &str, schema_and_members: [&str; 2]) {
        let [schema, members] = schema_and_members;
        for part in [&self.head, ",\"", key, "\":", schema, members, "}"] {
            out.push_str(part);
        }
    }

    /// Returns about the number of bytes of such an object.
    #[must_use]
    pub fn size(&self) -> usize {
        self.head.len() + self.parameters.len() + 64
    }
}
