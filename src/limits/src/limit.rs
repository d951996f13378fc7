//! Limits, and charges against them.

/// The counted unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Requests to a model's API, and messages to an MCP server.
    Requests,
    /// Calls of tools.
    Calls,
    /// Tokens, in and out.
    Tokens,
    /// Millionths of a currency's unit.
    Cost,
}

/// The time over which a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// Any 60 seconds.
    Minute,
    /// A day of UTC.
    Day,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The counted unit.
    pub unit: Unit,
    /// The time over which it counts.
    pub period: Period,
    /// The maximum.
    pub most: u64,
}

/// A charge against a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// The limit.
    pub limit: Limit,
    /// The amount. Zero asks if there is room for at least one.
    pub amount: u64,
}

// === impl Period ===

impl Period {
    /// The seconds of one part of the period. Counts are kept by part.
    pub(crate) const fn part(self) -> u64 {
        match self {
            Self::Minute => 10,
            Self::Day => 86_400,
        }
    }

    /// The parts that count: as many as the period has, and one more for the part under way if there are several.
    pub(crate) const fn parts(self) -> usize {
        match self {
            Self::Minute => 7,
            Self::Day => 1,
        }
    }
}
