//! The command line: what an operator types, and what is shown to people and to programs.

mod account;
mod call;
mod care;
mod check;
mod cluster;
mod deposit;
mod device;
mod failure;
mod find;
mod init;
mod mailbox;
mod manual;
mod message;
mod notice;
mod number;
mod route;
mod rule;
mod screen;
mod serve;
mod typed;

use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::Failure;
use screen::Screen;

const AFTER_HELP: &str = "\
First steps:
  hallporter init --dir DIR
  hallporter serve -c DIR/hallporter.toml
  hallporter account add alice --max-calls 2
  hallporter number add +493012345 --account alice
  hallporter device add alice desk --uri sip:desk@10.0.0.7 --stage 1 --ring 15s
  hallporter route --from +15550100 --to +493012345

The daemon is found by --url and --token-file, else by the config file: -c, HALLPORTER_CONFIG,
./hallporter.toml, /etc/hallporter/hallporter.toml.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 4 the daemon can't be reached,
5 it was reached and did not answer: what was asked may have been done.";

/// Decides beside Kamailio and FreeSWITCH who may call and who rings.
#[derive(Debug, Parser)]
#[command(name = "hallporter", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    /// Print JSON, as the API has it, instead of tables
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(serve::Args),
    /// Make a directory with a first config file, fresh tokens and settings for Kamailio
    Init(init::Args),
    /// Tell every mistake in a config file, each with its line
    Check(check::Args),
    /// Accounts: the customers, their caps and what they use of them
    Account(account::Args),
    /// Numbers and SIP addresses, and the account that each leads to
    Number(number::Args),
    /// Devices: what rings for an account, in what order, how long
    Device(device::Args),
    /// Self care: what an account's devices may change themselves, and what they have changed
    Care(care::Args),
    /// Rules: who rings for an account, when, for whom
    Rule(rule::Args),
    /// Live calls
    Call(call::Args),
    /// Mailboxes: where an account's callers leave messages
    Mailbox(mailbox::Args),
    /// Messages that were left
    Message(message::Args),
    /// Messages that are being left
    Deposit(deposit::Args),
    /// What is told to the world outside, and how far it has come
    Notice(notice::Args),
    /// The cluster: several nodes that count calls together
    Cluster(cluster::Args),
    /// Ask what a call would come to, without anything being changed
    Route(route::RouteArgs),
    /// Tell afterwards what was decided about a call, and from which figures
    Why(route::WhyArgs),
    /// Print the manual page
    Man(manual::ManArgs),
    /// Print completions for a shell
    Complete(manual::CompleteArgs),
}

/// Reads the command line of this process and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => {
            // Help and version come this way too; a reader that has gone away is none of our business.
            let _ = told.print();
            return ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2));
        }
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    // Standard error is not locked: the daemon's log goes there too, from other threads.
    let mut err = std::io::stderr();
    let mut screen = Screen::new(&mut out, &mut err, cli.json);
    let done = run(cli.command, &mut screen).and_then(|()| screen.flush());
    ExitCode::from(match done {
        Ok(()) | Err(Failure::Closed) => 0,
        Err(failure) => {
            let _ =
                writeln!(std::io::stderr(), "hallporter: {}", screen::clean(&failure.to_string()));
            failure.exit_code()
        }
    })
}

fn run(command: Command, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(args, screen),
        Command::Init(args) => init::run(&args, screen),
        Command::Check(args) => check::run(args, screen),
        Command::Account(args) => wait(account::run(args, screen)),
        Command::Number(args) => wait(number::run(args, screen)),
        Command::Device(args) => wait(device::run(args, screen)),
        Command::Care(args) => wait(care::run(args, screen)),
        Command::Rule(args) => wait(rule::run(args, screen)),
        Command::Call(args) => wait(call::run(args, screen)),
        Command::Mailbox(args) => wait(mailbox::run(args, screen)),
        Command::Message(args) => wait(message::run(args, screen)),
        Command::Deposit(args) => wait(deposit::run(args, screen)),
        Command::Notice(args) => wait(notice::run(args, screen)),
        Command::Cluster(args) => wait(cluster::run(args, screen)),
        Command::Route(args) => wait(route::rehearse(args, screen)),
        Command::Why(args) => wait(route::why(args, screen)),
        Command::Man(args) => manual::man(Cli::command(), &args, screen),
        Command::Complete(args) => manual::complete(Cli::command(), &args, screen),
    }
}

/// Runs one conversation with the daemon to its end.
fn wait(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime
        .map_err(|error| Failure::refused(format!("the system gives no resources: {error}")))?;
    runtime.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }
}
