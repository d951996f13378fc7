//! A rendered Envoy configuration, and the few changes by tests and the bench.

use std::path::Path;

use serde_json::{Value, json};

use super::StackError;

/// An Envoy bootstrap.
#[derive(Debug, Clone)]
pub struct Bootstrap(Value);

const CONNECTIONS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const PROTOCOLS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

impl Bootstrap {
    /// Reads the output of `callgate render --target envoy`.
    pub fn read(yaml: &str) -> Result<Self, StackError> {
        serde_yaml_ng::from_str(yaml).map(Self).map_err(|error| unfit(&error.to_string()))
    }

    /// Returns text for Envoy.
    pub fn text(&self) -> String {
        self.0.to_string()
    }

    /// Uses HTTP/2 to the upstream, whose trailers then reach the filter.
    pub fn http2_upstream(&mut self) -> Result<(), StackError> {
        let options = self
            .cluster("llm-api")
            .and_then(|cluster| cluster.get_mut("typed_extension_protocol_options")?.get_mut(PROTOCOLS));
        let options =
            options.and_then(Value::as_object_mut).ok_or_else(|| unfit("no protocol options of the upstream"))?;
        options.insert("explicit_http_config".into(), json!({"http2_protocol_options": {}}));
        Ok(())
    }

    /// Lets trailers of HTTP/1.1 clients reach the filter too.
    pub fn http1_trailers(&mut self) -> Result<(), StackError> {
        self.connections()?.insert("http_protocol_options".into(), json!({"enable_trailers": true}));
        Ok(())
    }

    /// Removes the access log: the bench measures filters.
    pub fn quiet(&mut self) -> Result<(), StackError> {
        self.connections()?.remove("access_log");
        Ok(())
    }

    /// Removes the wasm filter.
    pub fn without_filter(&mut self) -> Result<(), StackError> {
        self.http_filters()?.retain(|filter| filter.get("name").is_none_or(|name| name != "callgate"));
        Ok(())
    }

    /// Replaces Callgate's filter with another wasm filter, without configuration.
    pub fn other_filter(&mut self, module: &Path) -> Result<(), StackError> {
        let filters = self.http_filters()?;
        let filter = filters.iter_mut().find(|filter| filter.get("name").is_some_and(|name| name == "callgate"));
        let config =
            filter.and_then(|filter| filter.pointer_mut("/typed_config/config")).and_then(Value::as_object_mut);
        let config = config.ok_or_else(|| unfit("no wasm filter"))?;
        config.remove("configuration");
        config.insert("root_id".into(), json!("other"));
        let file = config.get_mut("vm_config").and_then(|vm| vm.pointer_mut("/code/local/filename"));
        *file.ok_or_else(|| unfit("no module of the wasm filter"))? = json!(module.display().to_string());
        Ok(())
    }

    /// Replaces Callgate's wasm filter with a dynamic module, with the same configuration, as `callgate render --host native` writes it.
    pub fn dynamic_module(&mut self, module: &Path) -> Result<(), StackError> {
        let filters = self.http_filters()?;
        let filter = filters.iter_mut().find(|filter| filter.get("name").is_some_and(|name| name == "callgate"));
        let filter = filter.and_then(|filter| filter.get_mut("typed_config")).ok_or_else(|| unfit("no filter"))?;
        let configuration = filter.pointer("/config/configuration").cloned();
        let configuration = configuration.ok_or_else(|| unfit("no configuration of the filter"))?;
        *filter = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
            "dynamic_module_config": {
                "module": { "local": { "filename": module.display().to_string() } },
                "do_not_close": true,
                "metrics_namespace": "wasmcustom",
            },
            "filter_name": "callgate",
            "filter_config": configuration,
        });
        Ok(())
    }

    /// Takes the listeners out, and lets Envoy watch `file` for them. Returns the text for that file.
    pub fn take_listeners(&mut self, file: &Path) -> Result<String, StackError> {
        let listeners = self.0.pointer_mut("/static_resources/listeners").map(Value::take);
        let Some(Value::Array(mut listeners)) = listeners else { return Err(unfit("no listeners")) };
        for listener in &mut listeners {
            let kind = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
            listener.as_object_mut().map(|listener| listener.insert("@type".into(), kind));
        }
        let bootstrap = self.0.as_object_mut().ok_or_else(|| unfit("no object"))?;
        let watched = json!({"path_config_source": {"path": file.display().to_string()}, "resource_api_version": "V3"});
        bootstrap.insert("dynamic_resources".into(), json!({"lds_config": watched}));
        bootstrap.insert("node".into(), json!({"id": "test", "cluster": "test"}));
        Ok(json!({"resources": listeners}).to_string())
    }

    fn cluster(&mut self, name: &str) -> Option<&mut Value> {
        let clusters = self.0.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut);
        clusters.into_iter().flatten().find(|cluster| cluster.get("name").is_some_and(|n| n == name))
    }

    fn connections(&mut self) -> Result<&mut serde_json::Map<String, Value>, StackError> {
        self.0.pointer_mut(CONNECTIONS).and_then(Value::as_object_mut).ok_or_else(|| unfit("no connection manager"))
    }

    fn http_filters(&mut self) -> Result<&mut Vec<Value>, StackError> {
        let filters = self.connections()?.get_mut("http_filters").and_then(Value::as_array_mut);
        filters.ok_or_else(|| unfit("no HTTP filters"))
    }
}

fn unfit(what: &str) -> StackError {
    StackError::Unfit { what: format!("what `callgate render --target envoy` wrote has changed its form: {what}") }
}
