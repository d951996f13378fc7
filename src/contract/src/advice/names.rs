//! The meaning of names of arguments and tools.

/// The use of an argument, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// It names whom something goes to, or which record changes.
    Target,
    /// Only the user may give it: a password, or the address of a request.
    Personal,
    /// Words that a model may coin.
    Title,
}

const TARGETS: [&str; 20] = [
    "to",
    "cc",
    "bcc",
    "recipient",
    "recipients",
    "email",
    "emails",
    "user_email",
    "participant",
    "participants",
    "iban",
    "account",
    "host",
    "path",
    "id",
    "user",
    "user_id",
    "username",
    "channel",
    "payee",
];
const PERSONAL: [&str; 7] = ["password", "secret", "token", "api_key", "url", "uri", "link"];
const TITLES: [&str; 4] = ["title", "name", "subject", "label"];
const DESTRUCTIVE: [&str; 9] =
    ["delete", "remove", "cancel", "drop", "revoke", "destroy", "purge", "wipe", "terminate"];
/// Names of fields that are addresses of people.
const ADDRESSES: [&str; 9] = ["to", "cc", "bcc", "recipient", "email", "user_email", "participant", "address", "mail"];

/// Returns the use of an argument.
pub(super) fn use_of(name: &str) -> Option<Use> {
    let name = snake(name);
    if PERSONAL.contains(&name.as_str()) {
        Some(Use::Personal)
    } else if TARGETS.contains(&name.as_str()) || name.ends_with("_id") || name.ends_with("_ids") {
        Some(Use::Target)
    } else if TITLES.contains(&name.as_str()) {
        Some(Use::Title)
    } else {
        None
    }
}

/// Returns true for an argument that holds the address of a request.
pub(super) fn is_url(name: &str) -> bool {
    matches!(snake(name).as_str(), "url" | "uri" | "link" | "urls" | "links")
}

/// Returns true for the name of a tool that deletes or revokes something.
pub(super) fn is_destructive(tool: &str) -> bool {
    words(tool).iter().any(|word| DESTRUCTIVE.contains(&word.as_str()))
}

/// Returns true for the name of an address of a person.
pub(super) fn is_address(field: &str) -> bool {
    ADDRESSES.contains(&singular(&snake(field)).as_str())
}

/// Returns true for the name of a record.
pub(super) fn is_id(name: &str) -> bool {
    let name = snake(name);
    let name = name.trim_end_matches('_');
    matches!(name, "id" | "ids" | "uuid") || name.ends_with("_id") || name.ends_with("_ids")
}

/// Returns true if an argument and a field of a result may have the same values. `of` is the tool of the field.
pub(super) fn are_alike(argument: &str, field: &str, of: &str) -> bool {
    let (argument, field) = (singular(&snake(argument)), singular(snake(field).trim_end_matches('_')));
    let both_are_addresses = ADDRESSES.contains(&argument.as_str()) && ADDRESSES.contains(&field.as_str());
    // `order_id` is the `id` of a tool about orders.
    let subject = argument.strip_suffix("_id").filter(|_| field == "id");
    argument == field || both_are_addresses || subject.is_some_and(|subject| snake(of).contains(subject))
}

/// Returns the words of a name: `get_user` and `getUser` have two.
pub(super) fn words(name: &str) -> Vec<String> {
    snake(name).split(['_', '-', '.', ':', '/', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Returns true for the name of a tool that changes what is kept about the user. Only the user says that.
pub(super) fn is_own_record(tool: &str) -> bool {
    let words = words(tool);
    let has = |word: &str| words.iter().any(|other| other == word);
    has("profile") || has("settings") || has("preferences") || has("user") && has("info")
}

fn singular(name: &str) -> String {
    name.strip_suffix('s').filter(|rest| rest.len() > 2 && !rest.ends_with('s')).unwrap_or(name).to_owned()
}

/// Returns `user_id` for `userId` and `user-id`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(letter.to_lowercase().map(|letter| if letter == '-' { '_' } else { letter }));
    }
    out
}
