//! For whom a call counts.

use crate::domain::{AccountKey, Seat, Side};

/// A seat, and the end of the call that it stands for when it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatSide {
    /// The seat.
    pub seat: Seat,
    /// At which end. An account at both ends stands at the caller's.
    pub side: Side,
    /// Whether it is the end's own account and not one above it.
    pub own: bool,
}

/// The seats of a call: each distinct account of both ends, with those above it, once. `from` and
/// `to` are the two ends' accounts, each with those above it, upwards.
pub fn seats(
    from: impl Iterator<Item = AccountKey>,
    to: impl Iterator<Item = AccountKey>,
) -> Vec<SeatSide> {
    let mut seats: Vec<SeatSide> = Vec::with_capacity(4);
    for (position, account) in from.enumerate() {
        let seat = Seat { account, incoming: false, outgoing: true };
        seats.push(SeatSide { seat, side: Side::From, own: position == 0 });
    }
    for (position, account) in to.enumerate() {
        match seats.iter_mut().find(|known| known.seat.account == account) {
            Some(known) => known.seat.incoming = true,
            None => {
                let seat = Seat { account, incoming: true, outgoing: false };
                seats.push(SeatSide { seat, side: Side::To, own: position == 0 });
            }
        }
    }
    seats
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &[u32], to: &[u32], expected: &str) {
        let keys = |line: &[u32]| line.iter().copied().map(AccountKey).collect::<Vec<_>>();
        let seats = seats(keys(from).into_iter(), keys(to).into_iter());
        let shown: Vec<String> = seats
            .iter()
            .map(|SeatSide { seat, side, own }| {
                let directions = [(seat.outgoing, "o"), (seat.incoming, "i")];
                let directions: String =
                    directions.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect();
                let end = if *side == Side::From { "<" } else { ">" };
                let above = if *own { "" } else { "^" };
                format!("{end}{}{directions}{above}", seat.account.0)
            })
            .collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn each_account_counts_once() {
        check(&[1], &[], "<1o");
        check(&[], &[2], ">2i");
        check(&[1], &[2], "<1o >2i");
        check(&[1], &[1], "<1oi");
        check(&[1, 9], &[2, 9], "<1o <9oi^ >2i");
        check(&[1, 9], &[9], "<1o <9oi^");
        check(&[9], &[1, 9], "<9oi >1i");
        check(&[], &[], "");
    }
}
