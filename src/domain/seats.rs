//! Seats: what one call holds of the accounts in it.

use super::{AccountKey, MAX_PARENT_DEPTH, PoolId, PoolKind};

/// The most seats of one call: both ends, each with all its parents.
pub const SEATS_MAX: usize = 2 * (MAX_PARENT_DEPTH + 1);

/// What a call holds of one account: a right of its total, and of the direction(s) in which the
/// account takes part. A call inside one account takes both directions and one of the total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Whose.
    pub account: AccountKey,
    /// The account is called.
    pub incoming: bool,
    /// The account calls.
    pub outgoing: bool,
}

impl Seat {
    /// The pools that it takes a right from.
    pub fn pools(self) -> impl Iterator<Item = PoolId> {
        let pool = move |kind| PoolId::new(self.account, kind);
        [
            Some(PoolKind::Total),
            self.incoming.then_some(PoolKind::In),
            self.outgoing.then_some(PoolKind::Out),
        ]
        .into_iter()
        .flatten()
        .map(pool)
    }

    fn pack(self) -> u32 {
        self.account.0 << 2 | u32::from(self.incoming) | u32::from(self.outgoing) << 1
    }

    fn unpack(packed: u32) -> Self {
        Self {
            account: AccountKey(packed >> 2),
            incoming: packed & 1 != 0,
            outgoing: packed & 2 != 0,
        }
    }
}

/// The seats of one call, small: a million calls hold them. Up to four (two accounts with a
/// reseller each) lie inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seats(Kept);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kept {
    Few(u8, [u32; FEW]),
    Many(Box<[u32]>),
}

const FEW: usize = 4;

impl Seats {
    /// Keeps `seats`; those beyond [`SEATS_MAX`] can't exist, since the registry refuses deeper
    /// trees.
    #[must_use]
    pub fn new(seats: &[Seat]) -> Self {
        debug_assert!(seats.len() <= SEATS_MAX, "{} seats", seats.len());
        if seats.len() > FEW {
            return Self(Kept::Many(seats.iter().map(|seat| seat.pack()).collect()));
        }
        let mut few = [0; FEW];
        for (slot, seat) in few.iter_mut().zip(seats) {
            *slot = seat.pack();
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most FEW")]
        Self(Kept::Few(seats.len() as u8, few))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Seat> {
        let packed = match &self.0 {
            Kept::Few(count, few) => &few[..usize::from(*count)],
            Kept::Many(many) => many,
        };
        packed.iter().map(|packed| Seat::unpack(*packed))
    }
}

impl Default for Seats {
    fn default() -> Self {
        Self(Kept::Few(0, [0; FEW]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_come_out_as_they_went_in() {
        let seats: Vec<Seat> = (0..SEATS_MAX)
            .map(|n| Seat {
                account: AccountKey(u32::try_from(n).unwrap() << 26),
                incoming: n % 2 == 0,
                outgoing: n % 3 == 0,
            })
            .collect();
        for count in 0..=SEATS_MAX {
            assert_eq!(Seats::new(&seats[..count]).iter().collect::<Vec<_>>(), seats[..count]);
        }
        assert!(size_of::<Seats>() <= 24);
    }
}
