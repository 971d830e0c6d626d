//! Who has a vote: what an operator has said, else as many as the nodes that there are allow.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::desk::Motion;
use crate::domain::{NodeId, RollMotion};
use crate::http::CouncilError;

use super::super::agree::agree;
use super::super::house::House;
use super::Nodes;
use super::accord::Accord;

/// The most nodes that have a vote: more make every change slower and nothing safer.
const VOTERS_MAX: usize = 7;

/// A node of the list, as far as votes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) node: NodeId,
    /// It only has a vote.
    pub(super) witness: bool,
    pub(super) up: bool,
    /// It leaves, and has no vote as soon as others have it.
    pub(super) going: bool,
}

/// What the leader is to do next about the members of the agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A node of the list does not even follow.
    Follow(NodeId),
    /// These have a vote, and no others.
    Voters(BTreeSet<NodeId>),
    /// A node is not in the list any more.
    Remove(NodeId),
}

/// One step at a time, until the agreement has the members that it is to have; `None`: it has.
/// `chosen`: whom an operator has given a vote; `None`: nobody has said anything.
pub(super) fn next(accord: &Accord, seats: &[Seat], chosen: Option<&[NodeId]>) -> Option<Change> {
    let listed = |node: &NodeId| seats.iter().any(|seat| seat.node == *node);
    let known = |node: &NodeId| accord.knows(*node);
    if let Some(seat) = seats.iter().find(|seat| seat.up && !known(&seat.node)) {
        return Some(Change::Follow(seat.node));
    }
    let now: BTreeSet<NodeId> = accord.voters.iter().copied().collect();
    let wanted = wanted(accord, seats, chosen);
    // One that a leader has begun who is gone is not through by itself. None is begun that could
    // not be ended: where those before and those after it are both needed, nothing can be put right.
    if (wanted != now || accord.changing) && can_agree(&wanted, seats) {
        return Some(Change::Voters(wanted));
    }
    let gone = accord.followers.iter().find(|node| !listed(node));
    gone.map(|node| Change::Remove(*node))
}

/// Who is to have a vote. Where all whom an operator has chosen leave, it is as if nobody had said
/// anything.
fn wanted(accord: &Accord, seats: &[Seat], chosen: Option<&[NodeId]>) -> BTreeSet<NodeId> {
    let staying: Vec<Seat> = seats.iter().filter(|seat| !seat.going).copied().collect();
    let stays = |node: &&NodeId| staying.iter().any(|seat| seat.node == **node);
    let goes = |node: &NodeId| seats.iter().any(|seat| seat.node == *node && seat.going);
    let chosen = chosen.filter(|chosen| !chosen.iter().all(goes));
    match chosen {
        Some(chosen) => {
            let can = |node: &&NodeId| stays(node) && accord.knows(**node);
            chosen.iter().filter(can).copied().collect()
        }
        None => {
            let now = accord.voters.iter().copied().collect();
            by_rule(&now, &staying, |node| accord.knows(*node))
        }
    }
}

/// Whether those who stay can go on without those who leave; else why not, and what to do.
pub(super) fn may_go(
    accord: &Accord,
    seats: &[Seat],
    chosen: Option<&[NodeId]>,
) -> Result<(), &'static str> {
    if !accord.quorum {
        return Err(
            "less than half of the nodes that have a vote are reached, and nothing can be agreed on, not even that this one leaves: start them or mend the way first (`hallporter cluster doctor`)",
        );
    }
    if !seats.iter().any(|seat| seat.up && !seat.going && !seat.witness) {
        return Err(
            "no other node that answers calls is up and stays: start one first. To end the cluster, stop the daemon",
        );
    }
    if !can_agree(&wanted(accord, seats, chosen), seats) {
        return Err(
            "of the nodes that would have a vote then, more than half are down, and nothing could be agreed on any more: start them, or give votes to nodes that are up first (`hallporter cluster voters set`)",
        );
    }
    Ok(())
}

/// Whether more than half of these are up and connected; nobody at all can agree on nothing.
fn can_agree(voters: &BTreeSet<NodeId>, seats: &[Seat]) -> bool {
    let up = seats.iter().filter(|seat| seat.up && voters.contains(&seat.node)).count();
    up > voters.len() / 2
}

/// One vote for one or two nodes, three for three or four, five for more. Who has a vote keeps it
/// as long as it is in the list, also while it is down: a vote that moves with every fault would
/// be one fault more.
fn by_rule(
    now: &BTreeSet<NodeId>,
    seats: &[Seat],
    known: impl Fn(&NodeId) -> bool,
) -> BTreeSet<NodeId> {
    let most = match seats.len() {
        0..=2 => 1,
        3..=4 => 3,
        _ => 5,
    };
    let mut wanted: Vec<NodeId> =
        seats.iter().map(|seat| seat.node).filter(|node| now.contains(node)).collect();
    // Those that answer calls before those that only have a vote.
    let mut others: Vec<&Seat> = seats.iter().filter(|seat| !now.contains(&seat.node)).collect();
    others.retain(|seat| seat.up && known(&seat.node));
    others.sort_by_key(|seat| (seat.witness, seat.node));
    for seat in others {
        if wanted.len() < most {
            wanted.push(seat.node);
        }
    }
    // An even number is no safer than the odd one below it.
    if wanted.len() > 1 && wanted.len().is_multiple_of(2) {
        let is_up = |node: &NodeId| seats.iter().any(|seat| seat.node == *node && seat.up);
        let down = wanted.iter().rposition(|node| !is_up(node));
        let newest = wanted.iter().rposition(|node| !now.contains(node));
        wanted.remove(down.or(newest).unwrap_or(wanted.len() - 1));
    }
    wanted.into_iter().collect()
}

impl Nodes {
    /// What the leader is to do next about the members of the agreement.
    pub(super) fn next_change(&self, house: &House) -> Option<Change> {
        let accord = Accord::of(house);
        if accord.leader != Some(self.own.node) {
            return None;
        }
        let (seats, chosen) = self.seats(house)?;
        next(&accord, &seats, chosen.as_deref())
    }

    /// The nodes of the list, and whom of them an operator has given a vote.
    pub(super) fn seats(&self, house: &House) -> Option<(Vec<Seat>, Option<Vec<NodeId>>)> {
        let (members, chosen): (Vec<NodeId>, Option<Vec<NodeId>>) = house.roll.look(|roll| {
            (roll.members().map(|member| member.node).collect(), roll.voters().map(<[_]>::to_vec))
        })?;
        let seat = |node: NodeId| {
            let here = node == self.own.node;
            let other = self.book().get(node).cloned().unwrap_or_default();
            let witness = if here { self.witness } else { other.witness };
            let going = if here { self.is_going() } else { other.going };
            Seat { node, witness, up: here || other.is_reached(), going }
        };
        Some((members.into_iter().map(seat).collect(), chosen))
    }

    /// Says which nodes have a vote.
    pub(crate) async fn set_voters(
        &self,
        house: &Arc<House>,
        names: &[String],
    ) -> Result<(), CouncilError> {
        if !(1..=VOTERS_MAX).contains(&names.len()) {
            return Err(CouncilError::Wrong(format!("name 1 to {VOTERS_MAX} nodes, best 3 or 5")));
        }
        let mut nodes = Vec::new();
        for name in names {
            let node = Self::called(house, name);
            nodes.push(node.ok_or_else(|| CouncilError::NoNode(name.clone()))?);
        }
        nodes.sort_unstable();
        nodes.dedup();
        if nodes.len() != names.len() {
            return Err(CouncilError::Wrong("a name is there twice".to_owned()));
        }
        let (seats, _) = self.seats(house).unwrap_or_default();
        if !can_agree(&nodes.iter().copied().collect(), &seats) {
            return Err(CouncilError::Wrong(
                "more than half of those that get a vote have to be up and connected, else nothing could be agreed on any more: name nodes that are, or start these first (`hallporter cluster nodes`)".to_owned(),
            ));
        }
        let agreed = agree(house, Motion::Roll(RollMotion::Voters { nodes })).await;
        agreed.map_err(|error| CouncilError::NotNow(error.to_string()))?;
        self.spread_roll(house);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(numbers: &[u16]) -> Vec<NodeId> {
        numbers.iter().copied().map(NodeId).collect()
    }

    fn accord(voters: &[u16], followers: &[u16]) -> Accord {
        Accord { voters: ids(voters), followers: ids(followers), ..Accord::default() }
    }

    fn up(numbers: &[u16]) -> Vec<Seat> {
        numbers
            .iter()
            .map(|number| Seat { node: NodeId(*number), witness: false, up: true, going: false })
            .collect()
    }

    fn voters(numbers: &[u16]) -> Option<Change> {
        Some(Change::Voters(ids(numbers).into_iter().collect()))
    }

    #[test]
    fn nodes_follow_first_and_get_votes_in_odd_numbers() {
        assert_eq!(next(&accord(&[1], &[]), &up(&[1]), None), None);
        assert_eq!(next(&accord(&[1], &[]), &up(&[1, 2]), None), Some(Change::Follow(NodeId(2))));
        assert_eq!(next(&accord(&[1], &[2]), &up(&[1, 2]), None), None);
        assert_eq!(next(&accord(&[1], &[2, 3]), &up(&[1, 2, 3]), None), voters(&[1, 2, 3]));
        assert_eq!(next(&accord(&[1, 2, 3], &[4]), &up(&[1, 2, 3, 4]), None), None);
        let five = up(&[1, 2, 3, 4, 5]);
        assert_eq!(next(&accord(&[1, 2, 3], &[4, 5]), &five, None), voters(&[1, 2, 3, 4, 5]));
        assert_eq!(next(&accord(&[1, 2, 3, 4, 5], &[6]), &up(&[1, 2, 3, 4, 5, 6]), None), None);
    }

    #[test]
    fn a_witness_votes_where_two_nodes_answer_calls_and_stands_back_for_a_third() {
        let mut seats = up(&[1, 2, 3]);
        seats[1].witness = true;
        assert_eq!(next(&accord(&[1], &[2, 3]), &seats, None), voters(&[1, 2, 3]));
        seats.extend(up(&[4]));
        assert_eq!(next(&accord(&[1], &[2, 3, 4]), &seats, None), voters(&[1, 3, 4]));
    }

    #[test]
    fn a_change_that_a_leader_has_begun_who_is_gone_is_brought_to_its_end() {
        let half = Accord { changing: true, ..accord(&[1, 2, 3], &[]) };
        assert_eq!(next(&half, &up(&[1, 2, 3]), None), voters(&[1, 2, 3]));
        assert_eq!(next(&half, &up(&[1, 2, 3]), Some(&ids(&[2]))), voters(&[2]));
    }

    #[test]
    fn who_is_down_keeps_its_vote_and_gets_none() {
        let mut seats = up(&[1, 2, 3]);
        seats[2].up = false;
        assert_eq!(next(&accord(&[1, 2, 3], &[]), &seats, None), None);
        // Two of three would be worse than one.
        assert_eq!(next(&accord(&[1], &[2, 3]), &seats, None), None);
    }

    #[test]
    fn who_was_removed_loses_its_vote_and_then_its_place() {
        assert_eq!(next(&accord(&[1, 2, 3], &[]), &up(&[1, 2]), None), voters(&[1]));
        assert_eq!(next(&accord(&[1, 2, 3], &[4]), &up(&[1, 2, 4]), None), voters(&[1, 2, 4]));
        let mut seats = up(&[1, 2]);
        seats[0].up = false;
        assert_eq!(
            next(&accord(&[1, 2, 3], &[]), &seats, None),
            voters(&[2]),
            "not one who is down"
        );
        let left = accord(&[1, 2, 4], &[3]);
        assert_eq!(next(&left, &up(&[1, 2, 4]), None), Some(Change::Remove(NodeId(3))));
    }

    #[test]
    fn no_change_is_begun_that_could_not_be_ended() {
        let mut seats = up(&[1, 2, 3]);
        seats[2].up = false;
        let all = accord(&[1, 2, 3], &[]);
        assert_eq!(next(&all, &seats, Some(&ids(&[3]))), None);
        assert_eq!(next(&all, &seats, Some(&ids(&[2, 3]))), None);
        assert_eq!(next(&all, &seats, Some(&ids(&[2]))), voters(&[2]));
        let half = Accord { changing: true, ..all };
        assert_eq!(next(&half, &seats, Some(&ids(&[3]))), None);
        assert_eq!(next(&half, &seats, None), voters(&[1, 2, 3]));
    }

    #[test]
    fn who_leaves_gives_its_vote_to_those_who_stay() {
        let going = |numbers: &[u16], leaving: &[u16]| {
            let mut seats = up(numbers);
            seats.iter_mut().for_each(|seat| seat.going = leaving.contains(&seat.node.0));
            seats
        };
        let two = accord(&[1], &[2]);
        assert_eq!(next(&two, &going(&[1, 2], &[1]), None), voters(&[2]));
        assert_eq!(next(&two, &going(&[1, 2], &[2]), None), None);
        // Nobody is left to give it to.
        assert_eq!(next(&two, &going(&[1, 2], &[1, 2]), None), None);
        let three = accord(&[1, 2, 3], &[]);
        assert_eq!(next(&three, &going(&[1, 2, 3], &[1, 3]), None), voters(&[2]));
        // One that is down does not count instead.
        let mut seats = going(&[1, 2, 3], &[1]);
        seats[2].up = false;
        assert_eq!(next(&three, &seats, None), voters(&[2]));
        // An operator's choice goes on without those who leave, and is void without any.
        assert_eq!(next(&three, &going(&[1, 2, 3], &[1]), Some(&ids(&[1, 2]))), voters(&[2]));
        assert_eq!(next(&two, &going(&[1, 2], &[1]), Some(&ids(&[1]))), voters(&[2]));
    }

    #[test]
    fn nobody_goes_whom_the_others_need() {
        let may = |accord: &Accord, seats: &[Seat], chosen: Option<&[NodeId]>| {
            let accord = Accord { quorum: true, ..accord.clone() };
            may_go(&accord, seats, chosen).map_err(|why| why.split(':').next().unwrap_or_default())
        };
        let (three, mut seats) = (accord(&[1, 2, 3], &[]), up(&[1, 2, 3]));
        seats[0].going = true;
        assert_eq!(may(&three, &seats, None), Ok(()));
        assert!(may_go(&three, &seats, None).is_err_and(|why| why.contains("less than half")));
        seats[2].up = false;
        assert_eq!(may(&three, &seats, None), Ok(()), "the one that is up gets the vote");
        let down = may(&three, &seats, Some(&ids(&[1, 3])));
        assert!(down.is_err_and(|why| why.contains("more than half are down")), "{down:?}");
        seats[1].witness = true;
        let alone = may(&three, &seats, None);
        assert!(alone.is_err_and(|why| why.contains("no other node that answers calls")));
    }

    #[test]
    fn what_an_operator_says_goes() {
        let (seats, all) = (up(&[1, 2, 3]), accord(&[1, 2, 3], &[]));
        assert_eq!(next(&all, &seats, Some(&ids(&[2]))), voters(&[2]));
        assert_eq!(next(&accord(&[2], &[1, 3]), &seats, Some(&ids(&[2]))), None);
        // Nobody who is not there, and never nobody at all.
        assert_eq!(next(&all, &seats, Some(&ids(&[1, 9]))), voters(&[1]));
        assert_eq!(next(&all, &seats, Some(&ids(&[9]))), None);
    }
}
