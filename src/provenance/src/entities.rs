//! Entities: tokens that name something outside of a text and that a value of a call could carry to an outsider.
//!
//! | kind | examples |
//! |---|---|
//! | URL | `https://example.org/a?b=c`, and its host |
//! | host | `example.org`, `www.example`, `192.0.2.1`; no file names such as `report.pdf` |
//! | e-mail | `ann@example.org` |
//! | IBAN | `DE89370400440532013000`, also in groups of four |
//! | number | six digits and more with separators: telephone, account and card numbers; no dates and times |
//! | key | at least 12 letters and digits mixed |
//!
//! All of them are in normal form. A token can be several entities, and each must have an honest source.

use std::collections::HashSet;

use crate::normal;

/// An entity in a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entity {
    /// Its kind.
    pub kind: EntityKind,
    /// Its text in normal form.
    pub text: String,
}

/// The kind of an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntityKind {
    /// A URL with its scheme.
    Url,
    /// A host name or address.
    Host,
    /// An e-mail address.
    Email,
    /// An account number by ISO 13616.
    Iban,
    /// A run of at least six digits.
    Number,
    /// A token of at least 12 letters and digits.
    Key,
}

/// Last labels that end the name of a file rather than a host.
const FILE_ENDINGS: [&str; 60] = [
    "7z", "avi", "bak", "bat", "bin", "bmp", "c", "cfg", "conf", "cpp", "css", "csv", "doc", "docx", "eml", "exe",
    "gif", "go", "gz", "h", "htm", "html", "ico", "ics", "ini", "ipynb", "java", "jpeg", "jpg", "js", "json", "jsonl",
    "lock", "log", "md", "mp3", "mp4", "odt", "pdf", "php", "png", "ppt", "pptx", "py", "rb", "rs", "rtf", "sh", "sql",
    "svg", "tar", "toml", "ts", "tsx", "txt", "wav", "xls", "xlsx", "xml", "yaml",
];
/// Signs around a token that are no part of it.
const AROUND: [char; 20] = [
    '"', '\'', '`', '(', ')', '[', ']', '{', '}', '<', '>', ',', ';', '!', '?', '|', '*', '\u{ab}', '\u{bb}',
    '\u{2026}',
];

/// Returns the entities of a text, each once, in the order in which they begin. A text has at most as many as it has words, times three.
#[must_use]
pub fn entities(text: &str) -> Vec<Entity> {
    let text = normal(text);
    let mut found = EntityList::default();
    for word in text.split(' ') {
        // A list without spaces is several words.
        let has_address = word.contains("://[");
        let separates = |letter: char| match letter {
            '[' | ']' => !has_address,
            letter => matches!(letter, ',' | ';' | '|' | '<' | '>' | '"' | '(' | ')' | '{' | '}'),
        };
        for token in word.split(separates) {
            found.token(token.trim_matches(AROUND).trim_end_matches(['.', ':', '?', '!']));
        }
    }
    found.numbers(&text);
    found.ibans(&text);
    found.list
}

#[derive(Default)]
struct EntityList {
    list: Vec<Entity>,
    known: HashSet<Entity>,
}

// === impl EntityList ===

impl EntityList {
    fn add(&mut self, kind: EntityKind, text: &str) {
        let entity = Entity { kind, text: text.to_owned() };
        if !text.is_empty() && self.known.insert(entity.clone()) {
            self.list.push(entity);
        }
    }

    /// Reads a token without spaces.
    fn token(&mut self, token: &str) {
        if let Some((scheme, rest)) = token.split_once("://") {
            if scheme.chars().any(char::is_alphanumeric) {
                self.add(EntityKind::Url, token);
                self.add(EntityKind::Host, authority(rest));
            }
            return;
        }
        let token = token.strip_prefix("mailto:").unwrap_or(token);
        if let Some((local, domain)) = token.rsplit_once('@')
            && !local.is_empty()
            && domain.contains('.')
        {
            self.add(EntityKind::Email, token);
            return;
        }
        // A path or query behind a host belongs to a URL without a scheme.
        let host = token.split(['/', '?', '#', ':']).next().unwrap_or_default();
        if is_host(host) {
            self.add(EntityKind::Host, host);
            if host.len() < token.len() {
                self.add(EntityKind::Url, token);
            }
            return;
        }
        for part in token.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-') {
            if is_key(part) {
                self.add(EntityKind::Key, part);
            }
        }
    }

    /// Reads runs of digits, which may have spaces in them.
    fn numbers(&mut self, text: &str) {
        let is_part =
            |letter: char| letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.' | '/' | '(' | ')' | ' ' | ':');
        let mut rest = text;
        let mut after_word = false;
        while !rest.is_empty() {
            let (run, after) =
                rest.split_at_checked(rest.find(|letter| !is_part(letter)).unwrap_or(rest.len())).unwrap_or_default();
            // Digits that touch a letter are a part of another token.
            let before_word = after.starts_with(char::is_alphanumeric);
            let mut words: Vec<&str> = run.split(' ').collect();
            if after_word && !words.is_empty() {
                words.remove(0);
            }
            if before_word {
                words.pop();
            }
            words.retain(|word| !is_date_or_time(word) && !is_host(word));
            let number = words.join(" ");
            let number = number.trim_matches(|letter: char| !letter.is_ascii_digit() && letter != '+');
            if number.bytes().filter(u8::is_ascii_digit).count() >= 6 {
                self.add(EntityKind::Number, number);
            }
            let word_end = after.find(is_part).unwrap_or(after.len());
            let (word, next) = after.split_at_checked(word_end).unwrap_or_default();
            after_word = word.ends_with(char::is_alphanumeric);
            rest = next;
        }
    }

    /// Reads account numbers, whole or in groups of four.
    fn ibans(&mut self, text: &str) {
        let mut words = text.split(' ').map(|word| word.trim_matches(AROUND).trim_end_matches(['.', ':'])).peekable();
        while let Some(word) = words.next() {
            if !begins_iban(word) {
                continue;
            }
            let (mut spaced, mut joined) = (word.to_owned(), word.to_owned());
            while joined.len() < 34 && joined.len() % 4 == 0 {
                let next = words.peek().filter(|next| is_group(next));
                let Some(next) = next else { break };
                joined.push_str(next);
                spaced = format!("{spaced} {next}");
                words.next();
            }
            if (15..=34).contains(&joined.len()) {
                self.add(EntityKind::Iban, &spaced);
            }
        }
    }
}

/// The host of what follows `://`.
fn authority(rest: &str) -> &str {
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Returns true for a dotted name whose last label is not a file ending, and for an IPv4 address.
fn is_host(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty() && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-' || letter == '_')
    };
    if labels.len() < 2 || !labels.iter().all(is_label) {
        return false;
    }
    let Some(last) = labels.last() else { return false };
    if labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok()) {
        return true;
    }
    let is_name = last.len() >= 2 && last.chars().all(|letter| letter.is_alphabetic() || letter == '-')
        || last.starts_with("xn--");
    text.starts_with("www.") || is_name && !FILE_ENDINGS.contains(last)
}

fn is_key(part: &str) -> bool {
    let has = |is: fn(&u8) -> bool| part.bytes().any(|byte| is(&byte));
    part.len() >= 12 && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

fn begins_iban(word: &str) -> bool {
    let bytes = word.as_bytes();
    let [first, second, third, fourth, rest @ ..] = bytes else { return false };
    first.is_ascii_alphabetic()
        && second.is_ascii_alphabetic()
        && third.is_ascii_digit()
        && fourth.is_ascii_digit()
        && bytes.len() <= 34
        && rest.iter().all(u8::is_ascii_alphanumeric)
}

fn is_group(word: &str) -> bool {
    (1..=4).contains(&word.len())
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && word.bytes().any(|byte| byte.is_ascii_digit())
}

/// Returns true for `2026-01-31`, `31.01.2026`, `1/31/26`, `12:30:00` and such.
fn is_date_or_time(word: &str) -> bool {
    let numbers = |separator: char| -> Option<Vec<u32>> {
        let parts: Vec<&str> = word.split(separator).collect();
        let digits = |part: &&str| (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.iter().all(digits).then(|| parts.iter().filter_map(|part| part.parse().ok()).collect())
    };
    let year = |number: u32| (1900..=2100).contains(&number);
    let (month, day) = (|number: u32| (1..=12).contains(&number), |number: u32| (1..=31).contains(&number));
    let is_date = ['-', '.', '/'].into_iter().filter_map(numbers).any(|parts| match parts.as_slice() {
        [first, second, third] => {
            year(*first) && month(*second) && day(*third)
                || (year(*third) || *third < 100) && (month(*first) && day(*second) || day(*first) && month(*second))
        }
        _ => false,
    });
    let is_time = numbers(':').is_some_and(|parts| match parts.as_slice() {
        [hour, minute] => *hour < 24 && *minute < 60,
        [hour, minute, second] => *hour < 24 && *minute < 60 && *second < 60,
        _ => false,
    });
    is_date || is_time
}
