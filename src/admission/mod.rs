//! May this call begin?
//!
//! A node decides from the rights that it holds ([`Rights`]), without asking anybody as long as
//! it has one left. [`seats()`] says which accounts a call counts for, [`refusal()`] what a refused
//! caller is told.

mod refusal;
mod rights;
mod seats;

pub use refusal::{refusal, refusal_by_rule, told_by_code};
pub use rights::{Look, PoolUsage, Rights, RightsSum};
pub use seats::{SeatSide, SeatSides, seats};
