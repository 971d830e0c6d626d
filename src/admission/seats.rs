//! For whom a call counts.

use crate::domain::{AccountKey, MAX_PARENT_DEPTH, Seat, Seats, Side};

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

/// The most seats that two ends have: each with all accounts above it.
const SIDES_MAX: usize = 2 * (MAX_PARENT_DEPTH + 1);

/// The seats of both ends of a call. In place, without an allocation: every call makes one.
#[derive(Clone, Copy, Debug)]
pub struct SeatSides {
    count: usize,
    sides: [SeatSide; SIDES_MAX],
}

impl SeatSides {
    /// All of them, the caller's first.
    #[must_use]
    pub fn as_slice(&self) -> &[SeatSide] {
        &self.sides[..self.count]
    }

    /// What the call holds.
    #[must_use]
    pub fn seats(&self) -> Seats {
        Seats::of(self.as_slice().iter().map(|side| side.seat))
    }

    fn push(&mut self, side: SeatSide) {
        debug_assert!(self.count < SIDES_MAX, "the registry refuses deeper trees");
        if let Some(place) = self.sides.get_mut(self.count) {
            *place = side;
            self.count += 1;
        }
    }
}

/// The seats of a call: each distinct account of both ends, with those above it, once. `from` and
/// `to` are the two ends' accounts, each with those above it, upwards.
pub fn seats(
    from: impl Iterator<Item = AccountKey>,
    to: impl Iterator<Item = AccountKey>,
) -> SeatSides {
    let nobody = Seat { account: AccountKey(0), incoming: false, outgoing: false };
    let empty = SeatSide { seat: nobody, side: Side::From, own: false };
    let mut seats = SeatSides { count: 0, sides: [empty; SIDES_MAX] };
    for (position, account) in from.enumerate() {
        let seat = Seat { account, incoming: false, outgoing: true };
        seats.push(SeatSide { seat, side: Side::From, own: position == 0 });
    }
    for (position, account) in to.enumerate() {
        let known = &mut seats.sides[..seats.count];
        match known.iter_mut().find(|known| known.seat.account == account) {
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
            .as_slice()
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
