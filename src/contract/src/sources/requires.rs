//! The rule `requires`: what the conversation must be like.

use callgate_provenance::History;

use super::Check;
use crate::violation::{Code, Violation};

pub(super) fn check(check: &mut Check<'_>, history: Option<&History>) -> Result<(), Violation> {
    let Some(requires) = &check.tool.sources.requires else { return Ok(()) };
    if requires.untainted && history.is_none_or(History::is_tainted) {
        let message = "expected a conversation without text of outsiders".to_owned();
        check.broken(requires.otherwise, Code::Tainted, "", message)?;
    }
    if let Some(pattern) = &requires.user
        && !history.is_some_and(|history| pattern.is_match(&history.last_user_text()))
    {
        let message = "expected the user's last message to ask for this".to_owned();
        check.broken(requires.otherwise, Code::NotRequested, "", message)?;
    }
    Ok(())
}
