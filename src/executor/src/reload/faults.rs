//! Logs each fault once, and its end.

/// The current fault of one subject, if it has one.
#[derive(Debug)]
pub(super) struct Faults {
    said: Option<String>,
    end: &'static str,
}

// === impl Faults ===

impl Faults {
    /// Creates a subject without a fault; `end` is logged when one is over.
    pub(super) fn new(end: &'static str) -> Self {
        Self { said: None, end }
    }

    /// Notes the current fault, one line for each part.
    pub(super) fn fault(&mut self, fault: &str) {
        if self.is_new(fault) {
            for line in fault.lines() {
                tracing::error!("{line}");
            }
        }
    }

    /// Notes the end of a fault.
    pub(super) fn over(&mut self) {
        if self.said.take().is_some() {
            tracing::info!("{}", self.end);
        }
    }

    fn is_new(&mut self, fault: &str) -> bool {
        let new = self.said.as_deref() != Some(fault);
        if new {
            self.said = Some(fault.to_owned());
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_new_once_until_another_or_its_end() {
        let mut faults = Faults::new("over");
        assert!(faults.is_new("a") && !faults.is_new("a") && faults.is_new("b"));
        faults.over();
        assert!(faults.is_new("b"));
    }
}
