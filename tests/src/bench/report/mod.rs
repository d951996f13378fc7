//! Tables on the terminal, and files in `target/bench/`.

mod executor;
mod headlines;
mod line;
mod lines;
mod tables;

pub(super) use executor::lines as executor;
pub(super) use line::{print, write};
