//! A node whose disk is full.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use crate::crowd::{Traffic, cap_is_exactly};
use crate::town::{Node, Plan};

const CAP: usize = 80;

/// A file system in memory, small enough to be filled.
struct Disk(PathBuf);

impl Disk {
    fn mount(node: &Node) -> Option<Self> {
        let data = node.site.data();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "hallporter-test"]).arg(&data);
        mount.output().unwrap().status.success().then(|| Self(data))
    }

    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_at_one_node_loses_no_call_and_no_count() {
    let Some(town) = Plan::new("disk").prepare() else { return };
    let Some(disk) = Disk::mount(&town.nodes[1]) else {
        println!("skipped: a small disk can't be mounted here (that needs root)");
        return;
    };
    let town = town.founded();
    town.customer("alice", &format!("--max-calls {CAP} --policy strict"), "+49301");
    let traffic = Traffic::start(&town.nodes, 2, "+49301");
    traffic.goes_on(30);
    disk.fill();
    traffic.goes_on(60);
    disk.make_room();
    traffic.goes_on(30);
    traffic.stop_unrefused(&town, CAP);
    cap_is_exactly(&town, "alice", "+49301", CAP);
    drop(town);
}
