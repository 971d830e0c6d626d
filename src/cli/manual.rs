//! `hallporter man` and `hallporter complete`

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use super::failure::Failure;
use super::screen::Screen;

/// What follows the commands in the manual page.
const LAST_SECTIONS: &str = r#".SH EXIT STATUS
.TP
0
Done.
.TP
1
Refused or failed; one sentence on standard error says what to do.
.TP
2
Wrong usage.
.TP
4
The daemon can't be reached.
.TP
5
The daemon was reached and did not answer: what was asked may have been done.
.SH ENVIRONMENT
.TP
HALLPORTER_URL, HALLPORTER_TOKEN_FILE
The daemon and the file with the operators' token, as \-\-url and \-\-token\-file.
.TP
HALLPORTER_CONFIG
The config file, as \-\-config.
.SH FILES
.TP
\&./hallporter.toml, /etc/hallporter/hallporter.toml
The config file where none is named.
.SH EXAMPLES
.nf
hallporter init \-\-dir DIR
hallporter serve \-c DIR/hallporter.toml
hallporter account add alice \-\-max\-calls 2
hallporter number add +493012345 \-\-account alice
hallporter device add alice desk \-\-uri sip:desk@10.0.0.7 \-\-stage 1 \-\-ring 15s
hallporter route \-\-from +15550100 \-\-to +493012345
hallporter call list \-\-account alice \-\-json
hallporter mailbox add alice \-\-account alice
hallporter message list \-\-mailbox alice \-\-state new
hallporter cluster init \-c DIR/hallporter.toml
hallporter cluster token > FILE
hallporter serve \-c DIR2/hallporter.toml \-\-join IP:PORT \-\-token\-file FILE
hallporter cluster doctor
.fi
"#;

/// `man …`
#[derive(Debug, clap::Args)]
pub(super) struct ManArgs {
    /// Write one page for each command into this directory instead
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// `complete …`
#[derive(Debug, clap::Args)]
pub(super) struct CompleteArgs {
    /// Which shell
    shell: ShellWord,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShellWord {
    Bash,
    Zsh,
    Fish,
}

/// Prints the manual.
pub(super) fn man(
    command: Command,
    args: &ManArgs,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let command = without_help(command);
    let Some(dir) = &args.dir else {
        let mut page = Vec::new();
        return match render(command, &mut page) {
            Ok(()) => screen.raw(&page),
            Err(error) => Err(error.into()),
        };
    };
    clap_mangen::generate_to(command, dir).map_err(|error| {
        let dir = dir.display();
        Failure::refused(format!("the pages can't be written to {dir} ({error}): make the directory first, or name another one"))
    })?;
    screen.line(format_args!("manual pages written to {}", dir.display()))
}

/// Prints completions.
pub(super) fn complete(
    mut command: Command,
    args: &CompleteArgs,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    let shell = match args.shell {
        ShellWord::Bash => Shell::Bash,
        ShellWord::Zsh => Shell::Zsh,
        ShellWord::Fish => Shell::Fish,
    };
    // Into memory first: the generator does not expect that a reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "hallporter", &mut script);
    screen.raw(&script)
}

/// All commands on one page: the program's own parts, then one subsection for each command.
fn render(mut command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    command.build();
    let man = Man::new(command.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    writeln!(page, ".SH COMMANDS")?;
    render_commands(&command, page)?;
    page.write_all(LAST_SECTIONS.as_bytes())
}

fn render_commands(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    for inner in command.get_subcommands() {
        if inner.has_subcommands() {
            render_commands(inner, page)?;
            continue;
        }
        let name = inner.get_bin_name().unwrap_or_else(|| inner.get_name());
        writeln!(page, ".SS {}", name.replace('-', "\\-"))?;
        let man = Man::new(inner.clone());
        let mut parts = Vec::new();
        man.render_description_section(&mut parts)?;
        man.render_synopsis_section(&mut parts)?;
        man.render_options_section(&mut parts)?;
        // The parts bring headings and definitions of their own, as if each were a page.
        for line in String::from_utf8_lossy(&parts).lines() {
            if line.starts_with(".SH") {
                writeln!(page, ".PP")?;
            } else if !line.starts_with(".ie ") && !line.starts_with(".el ") {
                writeln!(page, "{line}")?;
            }
        }
    }
    Ok(())
}

/// Without the `help` commands that clap adds below every noun: they'd double the page.
fn without_help(command: Command) -> Command {
    let names: Vec<String> =
        command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
    let command = command.disable_help_subcommand(true);
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, without_help))
}
