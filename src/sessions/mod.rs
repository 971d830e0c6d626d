//! Who is talking: the table of calls.

mod row;

pub use row::{RowChange, SessionRow};
