//! Entities with an honest source: written by the user or the system, or a whole value that is trusted or attributed.

use std::collections::HashSet;

use super::{History, PartData, Speaker};
use crate::needle::Needle;
use crate::{Entity, EntityKind, entities};

/// The text of an entity without the signs that people put between groups of digits. An account number is also a key-like token, so
/// the kind does not count.
pub(super) type EntityKey = String;

// === impl History ===

impl History {
    /// Returns the first entity of a text without an honest source. `budget` is the number of entities that may still be searched;
    /// an entity beyond it counts as one without a source.
    #[must_use]
    pub fn foreign_entity(&self, text: &str, budget: &mut usize) -> Option<Entity> {
        let mut known = HashSet::new();
        let mut found = entities(text);
        // Digits of an account number in groups look like a number of their own.
        found.sort_by_key(|entity| entity.kind != EntityKind::Iban);
        let mut accounts: Vec<EntityKey> = Vec::new();
        for entity in found {
            let key = key(&entity);
            let is_account = entity.kind == EntityKind::Iban;
            let is_digits =
                || entity.kind == EntityKind::Number && accounts.iter().any(|account| account.contains(&key));
            if known.contains(&key) || self.honest_entities().contains(&key) || is_digits() {
                accounts.extend(Some(key).filter(|_| is_account));
                continue;
            }
            let Some(left) = budget.checked_sub(1) else { return Some(entity) };
            *budget = left;
            if !self.is_recorded_entity(&entity, &key) {
                return Some(entity);
            }
            accounts.extend(Some(key).filter(|_| is_account));
            // The host of an honest URL is honest.
            known.extend(entities(&entity.text).iter().map(self::key));
        }
        None
    }

    fn is_recorded_entity(&self, entity: &Entity, key: &str) -> bool {
        let is_recorded = |text: &str| Needle::text(text).is_some_and(|needle| self.is_recorded(&self.find(&needle)));
        is_recorded(&entity.text) || key != entity.text && is_recorded(key)
    }

    fn honest_entities(&self) -> &HashSet<EntityKey> {
        self.honest.get_or_init(|| {
            let mut honest = HashSet::new();
            for part in &self.parts {
                let PartData::Text { speaker, text } = &part.data else { continue };
                match speaker {
                    Speaker::System => {}
                    Speaker::User if self.trusts_users => {}
                    Speaker::User | Speaker::Model | Speaker::Unknown => continue,
                }
                honest.extend(entities(text).iter().map(key));
            }
            let bytes: usize = honest.iter().map(|text| text.len() + 64).sum();
            self.bytes.set(self.bytes.get().saturating_add(bytes));
            honest
        })
    }
}

/// Returns the entity without the separators in numbers.
pub(super) fn key(entity: &Entity) -> EntityKey {
    let is_part = |letter: &char| match entity.kind {
        EntityKind::Number => letter.is_ascii_digit() || *letter == '+',
        EntityKind::Iban => letter.is_ascii_alphanumeric(),
        EntityKind::Url | EntityKind::Host | EntityKind::Email | EntityKind::Key => true,
    };
    entity.text.chars().filter(is_part).collect()
}
