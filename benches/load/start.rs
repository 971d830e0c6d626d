//! Starting with a full table, and the memory of one.

use std::process::Command;

use crate::daemon::{Hallporter, settle};
use crate::dataset::Dataset;
use crate::figures::{list, median};
use crate::place::{HOST, Place};

const SESSIONS: u32 = 1_000_000;

fn dataset(accounts: u32) -> Dataset {
    Dataset { accounts, devices_each: 4, sessions: SESSIONS, phones: format!("{HOST}:5070") }
}

/// Starts on a million calls, with a small registry and with a large one.
pub(crate) fn starts(rounds: u32) -> anyhow::Result<()> {
    for accounts in [10_000, 200_000] {
        let place = Place::new("start")?;
        let dir = place.path().join("hallporter");
        let set = dataset(accounts);
        set.write(&Hallporter::init(&dir)?)?;
        let mut times_s = Vec::new();
        for _ in 0..rounds {
            let hallporter = Hallporter::start(&dir, None)?;
            anyhow::ensure!(hallporter.metric("hallporter_calls")? == f64::from(SESSIONS));
            times_s.push(hallporter.ready_after.as_secs_f64());
        }
        println!(
            "{SESSIONS} calls, {accounts} accounts, {} devices: ready after {:.2} s   ({})   goal: under 3 s",
            accounts * set.devices_each,
            median(&times_s),
            list(&times_s, 2)
        );
    }
    Ok(())
}

/// Memory of a daemon with a million calls, 200,000 accounts, 800,000 devices.
pub(crate) fn memory() -> anyhow::Result<()> {
    let place = Place::new("memory")?;
    let dir = place.path().join("hallporter");
    let set = dataset(200_000);
    let data_dir = Hallporter::init(&dir)?;
    let empty = Hallporter::start(&dir, None)?;
    let base = empty.process.memory_mib("VmRSS")?;
    drop(empty);
    set.write(&data_dir)?;
    let full = Hallporter::start(&dir, None)?;
    settle(&full.process)?;
    println!(
        "resident with {SESSIONS} calls, {} accounts, {} devices: {:.0} MiB (highest so far {:.0} MiB, empty {base:.0} MiB)",
        set.accounts,
        set.accounts * set.devices_each,
        full.process.memory_mib("VmRSS")?,
        full.process.memory_mib("VmHWM")?,
    );
    let size = Command::new("du").args(["-cm"]).arg(data_dir).output()?.stdout;
    let size = String::from_utf8_lossy(&size);
    println!("on the disk: {} MiB", size.lines().last().unwrap_or_default().replace("\ttotal", ""));
    Ok(())
}
