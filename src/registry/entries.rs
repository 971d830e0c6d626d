//! The accounts themselves, by key: in blocks, so that the way to one is short and no growth
//! moves the rest.

use std::sync::Arc;

use crate::domain::{Account, AccountKey, Care, Device, Identifier, Mailbox, Rules};

/// Accounts in one block; the pointers to all blocks of a large installation stay in a cache.
const BLOCK: usize = 256;

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) account: Account,
    pub(super) identifiers: Vec<Identifier>,
    /// By stage, within a stage in the order in which they were added.
    pub(super) devices: Vec<Device>,
    /// Most accounts have none, and carry no more than a pointer for it.
    pub(super) mailbox: Option<Box<Mailbox>>,
    /// What was written is on the disk alone; this is what it says.
    pub(super) rules: Option<Arc<Rules>>,
    /// What is usual takes no more than the place for it.
    pub(super) care: Option<Box<Care>>,
}

/// Keys are never given twice, so a gap stays a gap.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    blocks: Vec<Box<[Option<Entry>]>>,
}

impl Entries {
    pub(super) fn get(&self, key: AccountKey) -> Option<&Entry> {
        let (block, place) = place(key);
        self.blocks.get(block)?.get(place)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: AccountKey) -> Option<&mut Entry> {
        let (block, place) = place(key);
        self.blocks.get_mut(block)?.get_mut(place)?.as_mut()
    }

    /// Sets an account; it keeps what else there is of it.
    pub(super) fn set(&mut self, key: AccountKey, account: Account) {
        let (block, place) = place(key);
        while self.blocks.len() <= block {
            self.blocks.push((0..BLOCK).map(|_| None).collect());
        }
        match &mut self.blocks[block][place] {
            Some(entry) => entry.account = account,
            empty => {
                let (identifiers, devices) = (Vec::new(), Vec::new());
                let (mailbox, rules, care) = (None, None, None);
                *empty = Some(Entry { account, identifiers, devices, mailbox, rules, care });
            }
        }
    }

    pub(super) fn take(&mut self, key: AccountKey) -> Option<Entry> {
        let (block, place) = place(key);
        self.blocks.get_mut(block)?.get_mut(place)?.take()
    }
}

fn place(key: AccountKey) -> (usize, usize) {
    (key.0 as usize / BLOCK, key.0 as usize % BLOCK)
}
