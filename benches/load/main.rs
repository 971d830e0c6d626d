//! hallporter under load, beside what it is compared with: `scripts/load` runs this.
//!
//! Every goal is a ratio of two figures of one run, taken in turns on one machine, or a plain
//! limit (start, memory). Nothing here is a test: it prints figures, and people judge.

#![allow(clippy::disallowed_methods, reason = "a bench reads the clock, that is what it is for")]
#![allow(clippy::print_stdout, reason = "figures are printed")]

mod accounts;
mod constant;
mod daemon;
mod dataset;
mod deposits;
mod dmq;
#[path = "../../tests/common/field/mod.rs"]
mod field;
mod figures;
mod generator;
mod http;
mod kamailio;
mod newcomer;
mod nodes;
mod phones;
mod place;
mod probe;
mod reload;
mod rig;
mod rows;
#[path = "../../tests/common/site.rs"]
mod site;
mod start;
mod switch;
mod traffic;

use std::time::Duration;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let what = words.next().unwrap_or_default();
    match what.as_str() {
        "http" => http::run(&http::Plan::read(words)?),
        "kamailio" => kamailio::run(&kamailio::Plan::read(words)?),
        "dmq" => dmq::run(&dmq::Plan::read(words)?),
        "rows" => rows::run(&rows::Plan::read(words)?),
        "newcomer" => newcomer::run(&newcomer::Plan::read(words)?),
        "accounts" => accounts::run(&accounts::Plan::read(words)?),
        "deposits" => deposits::run(&deposits::Plan::read(words)?),
        "reload" => reload::run(&reload::Plan::read(words)?),
        "start" => start::starts(read(&mut words, 5)?),
        "memory" => start::memory(),
        // The other side of `http`: this program again, as the server of one constant.
        "constant" => constant::serve(words),
        "" => {
            println!(
                "load: name one of accounts, deposits, dmq, http, kamailio, memory, newcomer, reload, rows, start (see scripts/load)"
            );
            Ok(())
        }
        other => {
            bail!(
                "there is no {other:?}: take accounts, deposits, dmq, http, kamailio, memory, newcomer, reload, rows or start"
            )
        }
    }
}

/// The next word as a number, or the usual one.
fn read(words: &mut impl Iterator<Item = String>, usual: u32) -> anyhow::Result<u32> {
    words.next().map_or(Ok(usual), |word| Ok(word.parse()?))
}

/// Waits until `done`, but not for ever.
fn wait_for(
    what: &str,
    within: Duration,
    mut done: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Duration> {
    let began = std::time::Instant::now();
    while !done()? {
        if began.elapsed() > within {
            bail!("{what} did not happen within {} s", within.as_secs());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(began.elapsed())
}
