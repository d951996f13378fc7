//! Load on a server, and its figures.

mod closed;
mod open;
mod sample;

pub(super) use closed::{Closed, Length};
pub(super) use open::Open;
pub(super) use sample::{Measure, Sample, Spread};
