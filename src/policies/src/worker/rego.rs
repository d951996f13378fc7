//! Rego, by `regorus`: one rule that must be `true`.
//!
//! The engine is built without its functions for HTTP, time and the environment. Patterns run in linear time.

use std::num::NonZeroU32;
use std::time::Duration;

use regorus::Engine;
use regorus::utils::limits::{ExecutionTimerConfig, LimitError};

use super::rules::Flaw;
use crate::message::{PolicyAnswer, PolicyFile};
use crate::place::find_outside_comments;

/// The units of work between two looks at the clock.
const LOOK: NonZeroU32 = NonZeroU32::MIN.saturating_add(63);
/// The name of the module in the engine's errors.
const MODULE: &str = "module";

/// The only function of the build whose answers differ from call to call.
const RANDOM: &str = "rand.intn";

/// One policy.
pub(super) struct Rego {
    engine: Engine,
    /// The rule, such as `data.amounts.allow`.
    allow: String,
}

// === impl Rego ===

impl Rego {
    pub(super) fn load(
        module: PolicyFile,
        allow: String,
        data: Option<PolicyFile>,
        timeout: Duration,
    ) -> Result<Self, Flaw> {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(true);
        engine.set_execution_timer_config(ExecutionTimerConfig { limit: timeout, check_interval: LOOK });
        if let Some(offset) = find_outside_comments(&module.text, "#", &[RANDOM.to_owned()]) {
            return Err(Flaw::at(
                &module,
                offset,
                format!("`{RANDOM}` is not available: a policy has the same answer each time"),
            ));
        }
        engine.add_policy(MODULE.to_owned(), module.text.clone()).map_err(|error| flaw(&module, &error.to_string()))?;
        if let Some(data) = data {
            Flaw::unless_json(&data)?;
            engine.add_data_json(&data.text).map_err(|error| Flaw::of(&data, error))?;
        }
        // This prepares the engine, and refuses a rule that does not exist.
        engine
            .compile_with_entrypoint(&allow.as_str().into())
            .map_err(|error| flaw(&module, &format!("{allow}: {error}")))?;
        Ok(Self { engine, allow })
    }

    /// Evaluates the rule. Each evaluation has an engine of its own, and an undefined rule denies.
    pub(super) fn evaluate(&self, document: &str) -> PolicyAnswer {
        let mut engine = self.engine.clone();
        if engine.set_input_json(document).is_err() {
            return PolicyAnswer::Error;
        }
        match engine.eval_rule(self.allow.clone()) {
            Ok(regorus::Value::Bool(true)) => PolicyAnswer::Allow,
            Ok(_) => PolicyAnswer::Deny,
            Err(error) => match error.downcast_ref::<LimitError>() {
                Some(LimitError::TimeLimitExceeded { .. }) => PolicyAnswer::Timeout,
                Some(LimitError::MemoryLimitExceeded { .. }) | None => PolicyAnswer::Error,
            },
        }
    }
}

/// Reads the place and the reason out of the engine's error.
///
/// `--> module:2:9`, then the line and a mark below it, then `error: the reason`.
fn flaw(module: &PolicyFile, error: &str) -> Flaw {
    let place = error.split_once(&format!("--> {MODULE}:")).and_then(|(_, rest)| {
        let (place, rest) = rest.split_once('\n')?;
        let (line, column) = place.split_once(':')?;
        let (_, reason) = rest.rsplit_once("error: ")?;
        Some((line.parse().ok()?, column.parse().ok()?, reason))
    });
    match place {
        Some((line, column, reason)) => Flaw::in_line(module, line, column, reason),
        None => Flaw::of(module, error),
    }
}
