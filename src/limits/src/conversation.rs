//! The life of one conversation: ACTIVE, PAUSED after a silence of `idle`, EXPIRED at the age of `lifetime`.
//!
//! A request in a paused conversation makes it active again. Nothing makes an expired one active again. Its id is remembered for another
//! `lifetime`; after that it begins a new conversation.

use crate::bytes;

/// The rules of a contract for conversations. Times are in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversationRules {
    /// The silence after which a conversation is paused.
    pub idle: Option<u64>,
    /// The age at which it is expired.
    pub lifetime: Option<u64>,
    /// The maximum number of turns.
    pub max_turns: Option<u64>,
    /// The maximum number of calls.
    pub max_calls: Option<u64>,
}

/// The state in which an accepted request finds its conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// The request begins it.
    Begun,
    /// It is active.
    Active,
    /// It was paused, and is active again.
    Resumed,
}

/// The reason for refusing a request or a call of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It is older than `lifetime`.
    Expired,
    /// It has as many turns as it may have.
    Turns,
    /// It has as many calls as it may have.
    Calls,
}

/// The record of a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Conversation {
    /// The time of its first request, in seconds since the Unix epoch.
    pub began: u64,
    /// The time of its last request or call.
    pub seen: u64,
    /// Its turns so far.
    pub turns: u64,
    /// Its calls so far.
    pub calls: u64,
}

/// The seconds for which a conversation without `lifetime` is remembered after its last request.
const REMEMBERED: u64 = 30 * 86_400;

// === impl Standing ===

impl Standing {
    /// Returns the word for logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Active => "active",
            Self::Resumed => "resumed",
        }
    }
}

// === impl Conversation ===

impl Conversation {
    /// Reads a record. An empty one is a conversation that begins now. Returns `None` for bytes that no [`Self::write`] wrote.
    #[must_use]
    pub fn read(mut record: &[u8], now: u64) -> Option<Self> {
        if record.is_empty() {
            return Some(Self { began: now, seen: now, turns: 0, calls: 0 });
        }
        let record = &mut record;
        let [began, seen, turns, calls] =
            [bytes::take(record)?, bytes::take(record)?, bytes::take(record)?, bytes::take(record)?];
        // A clock that was ahead must not lengthen a life.
        record.is_empty().then(|| Self { began: began.min(now), seen: seen.min(now), turns, calls })
    }

    /// Writes the record.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut record = Vec::new();
        for number in [self.began, self.seen, self.turns, self.calls] {
            bytes::put(&mut record, number);
        }
        record
    }

    /// Begins a turn at a time in seconds since the Unix epoch. `is_new` is true if there was no record.
    ///
    /// # Errors
    /// The conversation has ended. The record stays as it was.
    pub fn begin_turn(&mut self, now: u64, is_new: bool, rules: &ConversationRules) -> Result<Standing, Ended> {
        self.check_age(now, rules)?;
        if rules.max_turns.is_some_and(|most| self.turns >= most) {
            return Err(Ended::Turns);
        }
        let silence = now.saturating_sub(self.seen);
        let standing = if is_new {
            Standing::Begun
        } else if rules.idle.is_some_and(|idle| silence >= idle) {
            Standing::Resumed
        } else {
            Standing::Active
        };
        self.turns = self.turns.saturating_add(1);
        self.seen = now;
        Ok(standing)
    }

    /// Counts a call at a time in seconds since the Unix epoch. A call of a turn that was accepted runs, however long the turn takes.
    ///
    /// # Errors
    /// The conversation has as many calls as it may have. The record stays as it was.
    pub fn count_call(&mut self, now: u64, rules: &ConversationRules) -> Result<(), Ended> {
        if rules.max_calls.is_some_and(|most| self.calls >= most) {
            return Err(Ended::Calls);
        }
        self.calls = self.calls.saturating_add(1);
        self.seen = now;
        Ok(())
    }

    /// Returns the time in seconds at which the record may be forgotten.
    #[must_use]
    pub fn ends(&self, rules: &ConversationRules) -> u64 {
        match rules.lifetime {
            Some(lifetime) => self.began.saturating_add(lifetime.saturating_mul(2)),
            None => self.seen.saturating_add(REMEMBERED),
        }
    }

    fn check_age(&self, now: u64, rules: &ConversationRules) -> Result<(), Ended> {
        let age = now.saturating_sub(self.began);
        if rules.lifetime.is_some_and(|lifetime| age >= lifetime) { Err(Ended::Expired) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: ConversationRules =
        ConversationRules { idle: Some(100), lifetime: Some(1_000), max_turns: Some(4), max_calls: Some(2) };

    fn begun(now: u64) -> Conversation {
        let mut conversation = Conversation::read(&[], now).unwrap();
        assert_eq!(conversation.begin_turn(now, true, &RULES), Ok(Standing::Begun));
        conversation
    }

    #[test]
    fn a_conversation_is_paused_resumed_and_expired() {
        let mut conversation = begun(5_000);
        assert_eq!(conversation.begin_turn(5_099, false, &RULES), Ok(Standing::Active));
        assert_eq!(conversation.begin_turn(5_199, false, &RULES), Ok(Standing::Resumed));
        assert_eq!(conversation.begin_turn(5_999, false, &RULES), Ok(Standing::Resumed));
        assert_eq!(conversation.begin_turn(6_000, false, &RULES), Err(Ended::Expired));
        assert_eq!(conversation.ends(&RULES), 7_000);
    }

    #[test]
    fn turns_and_calls_have_an_end() {
        let mut conversation = begun(5_000);
        for _ in 0..3 {
            assert!(conversation.begin_turn(5_001, false, &RULES).is_ok());
        }
        assert_eq!(conversation.begin_turn(5_002, false, &RULES), Err(Ended::Turns));
        assert_eq!(conversation.count_call(5_002, &RULES), Ok(()));
        assert_eq!(conversation.count_call(5_002, &RULES), Ok(()));
        assert_eq!(conversation.count_call(5_002, &RULES), Err(Ended::Calls));
        assert_eq!((conversation.turns, conversation.calls), (4, 2), "a refused one is not counted");
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_lengthen_a_life() {
        let ahead = begun(1_000_000);
        let mut back = Conversation::read(&ahead.write(), 5_000).unwrap();
        assert_eq!(back.begin_turn(5_000, false, &RULES), Ok(Standing::Active));
        assert_eq!(back.begin_turn(6_000, false, &RULES), Err(Ended::Expired));
    }

    #[test]
    fn a_record_is_read_as_written_and_nothing_else_is_read() {
        let conversation = Conversation { began: 5, seen: 1_700_000_000, turns: 300, calls: u64::MAX };
        let record = conversation.write();
        assert_eq!(Conversation::read(&record, u64::MAX), Some(conversation));
        assert_eq!(Conversation::read(&record[..record.len() - 1], u64::MAX), None);
        assert_eq!(Conversation::read(&[&record[..], &[0]].concat(), u64::MAX), None);
    }
}
