//! Readers of the small languages that programs take as an operand. Each accepts what has no effect but its output.

mod awk;
mod jq;
mod printf;
mod sed;
mod test;

pub(super) use awk::check as check_awk;
pub(super) use jq::check as check_jq;
pub(super) use printf::check as check_printf;
pub(super) use sed::{check as check_sed, may_write};
pub(super) use test::{check as check_test, is_number};
