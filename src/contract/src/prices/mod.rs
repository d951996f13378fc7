//! The prices of models, and the cost of tokens.
//!
//! 1. The price of a model is that of the most specific glob that matches its name: one without `*` first, then the one with the
//!    most other characters. Of two equally specific ones the first in the order of text counts.
//! 2. A turn costs its tokens times their prices, exactly. The input is split into tokens read from a cache, tokens written to one,
//!    and all others. Tokens of reasoning are output.
//! 3. A cost is rounded up once, to a millionth of the currency's unit, when it is read. All arithmetic saturates.
//!
//! Not covered: prices by the request (searches, images), by the time of day, or by the service level.

mod rate;

use crate::glob::Glob;
pub use rate::Rate;

/// The tokens of a turn or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// All tokens of the input, the cached ones included.
    pub input_tokens: u64,
    /// Those read from a cache.
    pub cache_read_tokens: u64,
    /// Those written to a cache.
    pub cache_write_tokens: u64,
    /// Those of the latter that the cache keeps for an hour.
    pub cache_write_1h_tokens: u64,
    /// All tokens of the output, those of reasoning included.
    pub output_tokens: u64,
    /// Those of reasoning.
    pub reasoning_tokens: u64,
}

/// An exact amount of money: 10^-15 of the currency's unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u128);

/// The prices of models in one currency.
#[derive(Debug, Clone)]
pub struct Prices {
    currency: String,
    refuses_unpriced: bool,
    /// The most specific first.
    models: Vec<(Glob, Price)>,
}

/// The prices of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// For every turn, or for those with a short input.
    pub rates: Rates,
    /// For the whole of a turn whose input has more tokens than this.
    pub long_context: Option<(u64, Rates)>,
}

/// The prices of tokens by their kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of the input.
    pub input: Rate,
    /// Of the input, read from a cache.
    pub cached_input: Rate,
    /// Of the input, written to a cache.
    pub cache_write: Rate,
    /// Of the input, written to a cache for an hour.
    pub cache_write_1h: Rate,
    /// Of the output.
    pub output: Rate,
}

// === impl Usage ===

impl Usage {
    /// Adds the tokens of another turn.
    pub fn add(&mut self, other: &Usage) {
        let each = [
            (&mut self.input_tokens, other.input_tokens),
            (&mut self.cache_read_tokens, other.cache_read_tokens),
            (&mut self.cache_write_tokens, other.cache_write_tokens),
            (&mut self.cache_write_1h_tokens, other.cache_write_1h_tokens),
            (&mut self.output_tokens, other.output_tokens),
            (&mut self.reasoning_tokens, other.reasoning_tokens),
        ];
        for (sum, count) in each {
            *sum = sum.saturating_add(count);
        }
    }

    /// Returns the tokens of input and output together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

// === impl Cost ===

impl Cost {
    /// Adds another cost.
    #[must_use]
    pub fn plus(self, other: Cost) -> Cost {
        Cost(self.0.saturating_add(other.0))
    }

    /// Returns the cost in millionths of the currency's unit, rounded up.
    #[must_use]
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }
}

// === impl Prices ===

impl Prices {
    /// Sorts the prices of models, each with its glob.
    pub(crate) fn new(currency: String, refuses_unpriced: bool, mut models: Vec<(&str, Price)>) -> Self {
        models.sort_by_key(|(pattern, _)| {
            let stars = pattern.bytes().filter(|byte| *byte == b'*').count();
            (stars > 0, usize::MAX - (pattern.len() - stars), *pattern)
        });
        let models = models.into_iter().map(|(pattern, price)| (Glob::new(pattern), price)).collect();
        Self { currency, refuses_unpriced, models }
    }

    /// The currency's code of ISO 4217, such as `USD`.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// Returns true if a model without a price is refused.
    #[must_use]
    pub fn refuses_unpriced(&self) -> bool {
        self.refuses_unpriced
    }

    /// Returns the price of a model.
    #[must_use]
    pub fn of(&self, model: &str) -> Option<Price> {
        self.models.iter().find(|(glob, _)| glob.matches(model)).map(|(_, price)| *price)
    }

    /// Returns a price that none of the models exceeds. Each of them may answer. `None` if one of them has no price.
    #[must_use]
    pub fn of_any(&self, models: &[&str]) -> Option<Price> {
        let prices: Option<Vec<Price>> = models.iter().map(|model| self.of(model)).collect();
        prices?.into_iter().reduce(Price::or_dearer)
    }
}

// === impl Price ===

impl Price {
    /// Returns the cost of one turn.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> Cost {
        let rates = match &self.long_context {
            Some((above, rates)) if usage.input_tokens > *above => rates,
            _ => &self.rates,
        };
        let read = usage.cache_read_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens.saturating_sub(read);
        let written = usage.cache_write_tokens.min(fresh);
        let for_an_hour = usage.cache_write_1h_tokens.min(written);
        let parts = [
            (fresh.saturating_sub(written), rates.input),
            (read, rates.cached_input),
            (written.saturating_sub(for_an_hour), rates.cache_write),
            (for_an_hour, rates.cache_write_1h),
            (usage.output_tokens, rates.output),
        ];
        let costs = parts.map(|(tokens, rate)| u128::from(tokens).saturating_mul(rate.billionths().into()));
        Cost(costs.into_iter().fold(0, u128::saturating_add))
    }

    fn or_dearer(self, other: Price) -> Price {
        let rates = self.rates.or_dearer(other.rates);
        let long = [self.long_context, other.long_context].into_iter().flatten();
        let long_context = long.reduce(|(above, rates), (other_above, other_rates)| {
            (above.min(other_above), rates.or_dearer(other_rates))
        });
        Price { rates, long_context: long_context.map(|(above, long)| (above, long.or_dearer(rates))) }
    }
}

// === impl Rates ===

impl Rates {
    /// Returns the higher price of each kind.
    #[must_use]
    pub fn or_dearer(self, other: Rates) -> Rates {
        Rates {
            input: self.input.max(other.input),
            cached_input: self.cached_input.max(other.cached_input),
            cache_write: self.cache_write.max(other.cache_write),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            output: self.output.max(other.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(input: u32, output: u32) -> Rates {
        let rate = |price: u32| Rate::per_million(&price.into()).unwrap();
        let (input, output) = (rate(input), rate(output));
        Rates { input, cached_input: input, cache_write: input, cache_write_1h: input, output }
    }

    fn price(input: u32, output: u32) -> Price {
        Price { rates: rates(input, output), long_context: None }
    }

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage { input_tokens, output_tokens, ..Usage::default() }
    }

    #[test]
    fn the_most_specific_glob_has_the_price() {
        let models = vec![
            ("*", price(1, 1)),
            ("gpt-*", price(2, 2)),
            ("gpt-5*", price(3, 3)),
            ("gpt-5*mini", price(4, 4)),
            ("gpt-5-mini", price(5, 5)),
            ("*-mini*x", price(6, 6)),
        ];
        let prices = Prices::new("USD".to_owned(), false, models);
        for (model, input) in
            [("claude", 1), ("gpt-4o", 2), ("gpt-5", 3), ("gpt-5.1-mini", 4), ("gpt-5-mini", 5), ("o-minix", 6)]
        {
            assert_eq!(prices.of(model), Some(price(input, input)), "{model}");
        }
        assert_eq!(prices.of_any(&["gpt-4o", "claude"]), Some(price(2, 2)));
        assert_eq!(prices.of_any(&[]), None);
        assert_eq!(Prices::new("USD".to_owned(), false, Vec::new()).of("gpt-5"), None);
    }

    #[test]
    fn a_cost_is_exact_and_rounded_up_once() {
        // One token for 1 and one for 10 of the unit a million: a millionth and ten.
        assert_eq!(price(1, 10).cost(&usage(1, 1)).micros(), 11);
        let third = Rate::per_million(&"0.333333333".parse().unwrap()).unwrap();
        let odd = Price { rates: Rates { input: third, ..Rates::default() }, long_context: None };
        assert_eq!(odd.cost(&usage(3, 0)).micros(), 1);
        assert_eq!(odd.cost(&usage(4, 0)).micros(), 2);
        let thrice = (0..3).fold(Cost::default(), |sum, _| sum.plus(odd.cost(&usage(1, 0))));
        assert_eq!(thrice.micros(), 1);
        assert_eq!(odd.cost(&usage(0, 9)).micros(), 0);
    }

    #[test]
    fn cached_tokens_have_their_own_prices() {
        let rate = |price: u32| Rate::per_million(&price.into()).unwrap();
        let rates = Rates {
            input: rate(100),
            cached_input: rate(10),
            cache_write: rate(125),
            cache_write_1h: rate(200),
            output: rate(1),
        };
        let price = Price { rates, long_context: None };
        let all = Usage {
            input_tokens: 10,
            cache_read_tokens: 4,
            cache_write_tokens: 3,
            cache_write_1h_tokens: 1,
            output_tokens: 7,
            reasoning_tokens: 5,
        };
        assert_eq!(price.cost(&all).micros(), 3 * 100 + 4 * 10 + 2 * 125 + 200 + 7);
        // Impossible counts cost no less than the input without a cache would allow, and overflow nothing.
        let odd = Usage { input_tokens: 1, cache_read_tokens: 9, ..Usage::default() };
        assert_eq!(price.cost(&odd).micros(), 10);
    }

    #[test]
    fn a_long_input_makes_the_whole_turn_dearer() {
        let tiered = Price { rates: rates(1, 1), long_context: Some((200, rates(2, 3))) };
        assert_eq!(tiered.cost(&usage(200, 1)).micros(), 201);
        assert_eq!(tiered.cost(&usage(201, 1)).micros(), 405);
        let either = tiered.or_dearer(price(9, 1));
        assert_eq!(either.cost(&usage(201, 1)).micros(), 201 * 9 + 3);
    }

    #[test]
    fn the_greatest_counts_saturate() {
        let most = Usage { input_tokens: u64::MAX, output_tokens: u64::MAX, ..Usage::default() };
        assert_eq!(price(1_000_000, 1_000_000).cost(&most).micros(), u64::MAX);
        let mut sum = most;
        sum.add(&most);
        assert_eq!((sum.total(), sum.output_tokens), (u64::MAX, u64::MAX));
        let cost = Cost(u128::MAX);
        assert_eq!(cost.plus(cost), cost);
    }
}
