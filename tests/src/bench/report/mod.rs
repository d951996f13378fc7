//! Tables on the terminal, and files in `target/bench/`.

mod charts;
mod executor;
mod headlines;
mod line;
mod lines;
mod plot;
mod tables;

pub(super) use executor::{lines as executor, noop as calls};
pub(super) use line::{Better, SummaryLine, print, read, write};
