//! Seats: what one call holds of the accounts in it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AccountKey, MAX_PARENT_DEPTH, PoolId, PoolKind};

/// The most seats of one call: both ends, and six accounts that it is forwarded through, each
/// with all its parents. Beyond it a call is not forwarded any further.
pub const SEATS_MAX: usize = 8 * (MAX_PARENT_DEPTH + 1);

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
    /// Keeps `seats`, at most [`SEATS_MAX`].
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

    /// Keeps what `seats` gives, at most [`SEATS_MAX`]; without an allocation where they are few.
    pub fn of(seats: impl Iterator<Item = Seat> + Clone) -> Self {
        let mut few = [0; FEW];
        let mut count = 0u8;
        for seat in seats.clone() {
            let Some(slot) = few.get_mut(usize::from(count)) else {
                return Self::new(&seats.collect::<Vec<_>>());
            };
            *slot = seat.pack();
            count += 1;
        }
        Self(Kept::Few(count, few))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Seat> {
        let packed = match &self.0 {
            Kept::Few(count, few) => &few[..usize::from(*count)],
            Kept::Many(many) => many,
        };
        packed.iter().map(|packed| Seat::unpack(*packed))
    }

    /// Whether there is one at `account`.
    #[must_use]
    pub fn has(&self, account: AccountKey) -> bool {
        self.iter().any(|seat| seat.account == account)
    }

    /// These, and those of `others` at accounts that have none here. `None` if they are more than
    /// a call may have.
    #[must_use]
    pub fn with(&self, others: &Self) -> Option<Self> {
        let added = others.without(self);
        let seats: Vec<Seat> = self.iter().chain(added.iter()).collect();
        (seats.len() <= SEATS_MAX).then(|| Self::new(&seats))
    }

    /// Those at accounts where `others` has none.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        let seats: Vec<Seat> = self.iter().filter(|seat| !others.has(seat.account)).collect();
        Self::new(&seats)
    }

    /// Those at accounts where `others` has one, too.
    #[must_use]
    pub fn among(&self, others: &Self) -> Self {
        self.without(&self.without(others))
    }

    /// Reads what [`fmt::Display`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let seat = |word: &str| {
            let digits = word.trim_end_matches(['i', 'o']);
            let account = digits.parse().ok().filter(|key| *key < 1 << 30).map(AccountKey)?;
            let directions = &word[digits.len()..];
            let (incoming, outgoing) = (directions.contains('i'), directions.contains('o'));
            Some(Seat { account, incoming, outgoing })
        };
        let seats: Option<Vec<Seat>> = text.split_whitespace().map(seat).collect();
        seats.filter(|seats| seats.len() <= SEATS_MAX).map(|seats| Self::new(&seats))
    }
}

/// Account numbers, each with the directions: `7o 2o 9i`.
impl fmt::Display for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, seat) in self.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            let [incoming, outgoing] = [(seat.incoming, "i"), (seat.outgoing, "o")]
                .map(|(is, letter)| if is { letter } else { "" });
            f.write_str(space)?;
            seat.account.0.fmt(f)?;
            f.write_str(incoming)?;
            f.write_str(outgoing)?;
        }
        Ok(())
    }
}

impl Default for Seats {
    fn default() -> Self {
        Self(Kept::Few(0, [0; FEW]))
    }
}

impl Serialize for Seats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Seats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("no seats of a call"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_come_out_as_they_went_in() {
        let seats: Vec<Seat> = (0..SEATS_MAX)
            .map(|n| Seat {
                account: AccountKey(u32::try_from(n).unwrap() << 24),
                incoming: n % 2 == 0,
                outgoing: n % 3 == 0,
            })
            .collect();
        for count in 0..=SEATS_MAX {
            let kept = Seats::new(&seats[..count]);
            assert_eq!(kept.iter().collect::<Vec<_>>(), seats[..count]);
            assert_eq!(Seats::of(seats[..count].iter().copied()), kept);
            assert_eq!(Seats::parse(&kept.to_string()), Some(kept));
        }
        for bad in ["x", "i", "-1o", "7x", "9999999999o", "1073741824o"] {
            assert_eq!(Seats::parse(bad), None, "{bad}");
        }
        assert!(size_of::<Seats>() <= 24);
    }
}
