//! A disk that is full, for real: a small one in memory. That needs root; without it this is said.

use std::io::Write as _;
use std::process::Command;

use crate::domain::{NoRoom, NodeId};

use super::*;

/// A spool on a disk of its own with so many kilobytes.
struct Small {
    house: House,
}

impl Small {
    #[expect(clippy::print_stderr, reason = "what was skipped")]
    fn mount(kilobytes: u32) -> Option<Self> {
        let house = House::new(Tools::default());
        let size = format!("size={kilobytes}k,mode=0770");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "hallporter-test"]).arg(&house.root);
        if !mount.output().is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: a small disk can't be mounted here (that needs root)");
            return None;
        }
        let mut small = Self { house };
        small.house.again();
        Some(small)
    }

    /// Takes all the room but so many bytes.
    fn fill_but(&self, left: u64) {
        let mut file = fs::File::create(self.house.root.join("ballast")).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length - left).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.house.root.join("ballast")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.house.root).status();
    }
}

#[test]
fn a_full_disk_is_said_before_and_loses_nothing_after() {
    let Some(small) = Small::mount(1024) else { return };
    let house = &small.house;
    let mut deposit = house.open(&[audio(1)]);
    house.record(&deposit, audio(1), &wav(4_000, 700));
    small.fill_but(16 << 10);
    // Said before recording starts.
    let other = DepositCard { message: MessageId::new(NodeId(1), 7, 9), ..deposit.clone() };
    assert_eq!(house.spool.open_deposit(&other, 64 << 10), Err(NoRoom::DiskFull));
    small.make_room();
    small.fill_but(0);
    assert_eq!(house.spool.open_deposit(&other, 0), Err(NoRoom::DiskFull));
    // What is there stays: card and recording.
    let before = deposit.clone();
    deposit.urgent = true;
    assert!(matches!(house.spool.note(&deposit), Err(Error::Full { .. })));
    assert!(matches!(house.spool.keep(&deposit), Err(Error::Full { .. })));
    assert_eq!(house.spool.orphans().unwrap(), [(MESSAGE, Ok(before))]);
    assert_eq!(house.spool.check(MESSAGE, audio(1)).unwrap().length_ms, 4_000);
    assert_eq!(
        house.listing(),
        ["ballast", "deposits/m7-12c/1.wav", "deposits/m7-12c/card.json"],
        "no half of anything"
    );
    small.make_room();
    house.spool.note(&deposit).unwrap();
    assert_eq!(house.spool.keep(&deposit).unwrap().length_ms, 4_000);
}

#[test]
fn an_upload_that_fills_the_disk_goes_on_when_there_is_room() {
    let Some(small) = Small::mount(1024) else { return };
    let house = &small.house;
    house.open(&[audio(1)]);
    let film = upload::small_film();
    let size = film.len() as u64 + 200_000;
    let limits = UploadLimits { bytes_max: size, disk_free_min: 0 };
    let mut upload =
        Upload::begin(&house.spool, (MESSAGE, 2), (size, "video/mp4"), limits).unwrap();
    upload.write(&film).unwrap();
    small.fill_but(40 << 10);
    // A box that nobody knows, to the end of the file.
    let free = [&200_000u32.to_be_bytes()[..], b"free", &[7; 200_000 - 8]].concat();
    assert!(matches!(upload.write(&free), Err(UploadError::Full)));
    assert_eq!(upload.offset(), film.len() as u64, "nothing is said to have come that has not");
    assert_eq!(house.spool.progress(MESSAGE).unwrap().bytes, film.len() as u64);
    drop(upload);
    small.make_room();
    let mut upload = Upload::resume(&house.spool, (MESSAGE, 2), size, limits).unwrap();
    upload.write(&free).unwrap();
    assert_eq!(upload.finish().unwrap().1.bytes, size);
}
