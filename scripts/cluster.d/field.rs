//! The regions of `scripts/cluster`: `field up TAG NAME...` makes them and stays; `field ask TAG
//! WORD...` tells it something (`delay 40`, `cut NAME`, `heal`, `show`, `down`).

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program of a script")]

#[path = "../../tests/common/field/mod.rs"]
mod field;

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use field::Field;

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["up", tag, names @ ..] if !names.is_empty() => up(tag, names),
        ["ask", tag, order @ ..] if !order.is_empty() => ask(tag, &order.join(" ")),
        _ => bail!("usage: field up TAG NAME... | field ask TAG WORD..."),
    }
}

fn door(tag: &str) -> PathBuf {
    std::env::temp_dir().join(tag).join("control")
}

/// Everything goes away when this returns. A signal would leave the namespaces behind.
fn up(tag: &str, names: &[&str]) -> anyhow::Result<()> {
    if let Some(hindrance) = field::hindrance() {
        bail!("{hindrance}");
    }
    let field = Field::new(tag, names)?;
    let listener = UnixListener::bind(door(tag))?;
    println!("up");
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut line = String::new();
        BufReader::new(&stream).read_line(&mut line)?;
        if line.trim() == "down" {
            return Ok(());
        }
        let answer = match field.relay.obey(&line) {
            Ok(shown) => format!("ok\n{shown}"),
            Err(mistake) => format!("no\n{mistake}\n"),
        };
        // Whoever asked may be gone.
        let _ = stream.write_all(answer.as_bytes());
    }
    Ok(())
}

fn ask(tag: &str, order: &str) -> anyhow::Result<()> {
    let mut stream = UnixStream::connect(door(tag)).context("the regions are not up")?;
    writeln!(stream, "{order}")?;
    let answer = std::io::read_to_string(&stream)?;
    match answer.split_once('\n') {
        Some(("ok", shown)) => {
            print!("{shown}");
            Ok(())
        }
        Some((_, mistake)) => bail!("{}", mistake.trim()),
        None => Ok(()),
    }
}
