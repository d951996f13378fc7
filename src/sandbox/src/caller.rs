//! The caller of one call, as its tool sees it.
//!
//! A tool with data of several tenants must know the tenant for certain. So a name is passed on byte for byte or not at
//! all: a call whose tenant or role holds control characters, which no environment carries safely, does not start.

use super::Stop;

/// The prefix of the executor's own variables. A contract cannot grant them.
pub const RESERVED: &str = "CALLGATE_";

/// The caller of one call: `CALLGATE_TENANT`, `CALLGATE_ROLE`, `CALLGATE_EXCHANGE_ID` and `CALLGATE_CALL_ID` of its tool's
/// environment, and the interface `callgate:tool/caller` of the typed world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The tenant, byte for byte.
    pub tenant: String,
    /// The role, byte for byte.
    pub role: String,
    /// The exchange's name, without control characters.
    pub exchange_id: String,
    /// The call's id as the model gave it, without control characters. Two calls may share one.
    pub call_id: String,
}

// === impl Caller ===

impl Caller {
    /// Checks the names and drops control characters from the ids, which serve logs only.
    ///
    /// # Errors
    /// A tenant or role with control characters.
    pub fn new(tenant: &str, role: &str, exchange_id: &str, call_id: &str) -> Result<Self, Stop> {
        for (what, name) in [("tenant", tenant), ("role", role)] {
            if name.chars().any(char::is_control) {
                return Err(Stop::Setup(format!("the {what}'s name holds control characters")));
            }
        }
        let printable = |id: &str| id.chars().filter(|c| !c.is_control()).collect();
        Ok(Self {
            tenant: tenant.to_owned(),
            role: role.to_owned(),
            exchange_id: printable(exchange_id),
            call_id: printable(call_id),
        })
    }

    /// Returns the environment variables.
    pub(super) fn variables(&self) -> [(&'static str, &str); 4] {
        [
            ("CALLGATE_TENANT", &self.tenant),
            ("CALLGATE_ROLE", &self.role),
            ("CALLGATE_EXCHANGE_ID", &self.exchange_id),
            ("CALLGATE_CALL_ID", &self.call_id),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_an_environment_cannot_carry_is_refused_and_never_changed() {
        for (tenant, role) in [("a\0b", "r"), ("a", "r\n"), ("a\u{85}", "r")] {
            assert!(matches!(Caller::new(tenant, role, "x", "c"), Err(Stop::Setup(_))), "{tenant:?} {role:?}");
        }
        let caller = Caller::new("Söhne & Co %20", "clerk", "x\0-1", "c\n1").unwrap();
        assert_eq!((caller.tenant.as_str(), caller.exchange_id.as_str()), ("Söhne & Co %20", "x-1"));
        assert!(caller.variables().iter().all(|(name, _)| name.starts_with(RESERVED)));
    }
}
