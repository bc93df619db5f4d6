//! What can be written on the command line.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::error::Result;

use super::environment::shown;
use super::options::PlanArgs;

mod backups;
mod role;

pub(super) use backups::{
    AlterAction, AlterArgs, BackupCommand, CreateArgs, DropArgs, RepositoryArgs, RepositoryCommand, ShowContents,
    ShowType,
};

/// Headings of the options that several commands share.
const PLUGINS: &str = "Plugins";
const READING: &str = "Reading archives";

const AFTER: &str = "\
Exit status: 0 succeeded, 1 failed, 2 usage, 3 refused (nothing written), 4 some objects failed under --keep-going,
130 interrupted (can be resumed).";

/// Restores backups: plans, stages beside the live objects, verifies, switches at once, and can undo.
#[derive(Debug, Parser)]
#[command(name = "reinstate", version, after_help = AFTER, arg_required_else_help = true)]
pub(super) struct Cli {
    /// Print one JSON value on standard output and nothing else there
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Plan and apply in one go
    Restore {
        /// A file, a folder with an unpacked archive, `-` for standard input, or REPOSITORY/NAME[@ID]
        archive: String,
        /// Say what would be done and change nothing: answer and exit status are those of `reinstate plan`
        #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = ArgAction::Set)]
        dry_run: bool,
        #[command(flatten)]
        into: Into,
        #[command(flatten)]
        options: PlanArgs,
        #[command(flatten)]
        reading: ReadArgs,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Say what a restore would do; writes nothing to the target
    Plan {
        /// A file, a folder with an unpacked archive, `-` for standard input, or REPOSITORY/NAME[@ID]
        archive: String,
        /// Save the plan, to be read, edited and applied
        #[arg(short, long, value_name = "PLAN")]
        output: Option<PathBuf>,
        #[command(flatten)]
        into: Into,
        #[command(flatten)]
        options: PlanArgs,
        #[command(flatten)]
        reading: ReadArgs,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Carry out a saved plan, or refuse because something has changed since
    Apply {
        /// A plan that `reinstate plan -o` saved
        plan: PathBuf,
        #[command(flatten)]
        reading: ReadArgs,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Show what an archive holds
    Inspect {
        /// A file, a folder with an unpacked archive, `-` for standard input, or REPOSITORY/NAME[@ID]
        archive: String,
        #[command(flatten)]
        reading: ReadArgs,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Read every byte of an archive and compare it with its manifest, or with the sums that a foreign backup has
    Verify {
        /// A file, a folder with an unpacked archive, `-` for standard input, or REPOSITORY/NAME[@ID]
        archive: String,
        #[command(flatten)]
        reading: ReadArgs,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Make an archive from a plain directory of CSV, Parquet, Arrow and JSON files
    Pack {
        /// The directory
        directory: PathBuf,
        /// The archive to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Schema of its tables, views, functions and graphs
        #[arg(long)]
        schema: Option<String>,
        #[command(flatten)]
        naming: Naming,
    },
    /// Make backups, as files or as snapshots in repositories, and look after these
    Backup {
        #[command(subcommand)]
        command: BackupCommand,
    },
    /// Name places that hold backups
    Repository {
        #[command(subcommand)]
        command: RepositoryCommand,
    },
    /// Serve jobs over HTTP: an API, a console, and the APIs that clients of other systems talk to
    Serve(super::serving::ServeArgs),
    /// Hash a password from standard input, or make a token, for the server's configuration
    HashPassword {
        /// Make a token instead
        #[arg(long)]
        token: bool,
    },
    /// List the jobs that a target knows
    Jobs {
        #[command(flatten)]
        into: Into,
    },
    /// Go on with an interrupted job
    Resume {
        /// The job's name
        job: String,
        #[command(flatten)]
        into: Into,
        #[command(flatten)]
        reading: ReadArgs,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Remove everything an interrupted job left
    Abort {
        /// The job's name
        job: String,
        #[command(flatten)]
        into: Into,
    },
    /// Switch back what a job switched; once more switches it again
    Undo {
        /// The job's name
        job: String,
        #[command(flatten)]
        into: Into,
    },
    /// Drop what a job's switch had put aside; it cannot be undone any more
    Discard {
        /// The job's name
        job: String,
        #[command(flatten)]
        into: Into,
    },
    /// Show plugins
    Plugin {
        #[command(subcommand)]
        command: PluginCommand,
    },
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// `reinstate plugin …`
#[derive(Debug, Subcommand)]
pub(super) enum PluginCommand {
    /// List the plugins that restores would use
    List {
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Show what a component restores and what it may do
    Inspect {
        /// The component
        file: PathBuf,
        #[command(flatten)]
        plugins: PluginArgs,
    },
    /// Compile a component; the host calls itself so for components it does not know
    #[command(hide = true)]
    Compile {
        /// The component
        input: PathBuf,
        /// The compiled file to write
        output: PathBuf,
    },
}

/// The target.
#[derive(Debug, Args)]
pub(super) struct Into {
    /// The target: sqlite:PATH or postgres://…
    #[arg(
        long,
        value_name = "TARGET",
        env = "REINSTATE_INTO",
        // It may hold a password.
        hide_env_values = true,
        default_value = "sqlite:restored.sqlite"
    )]
    into: String,
    /// The role to restore as, once connected: whatever is restored belongs to it where the backup names no owner
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
}

impl Into {
    /// Where the target is, with the role in it. Fails with `usage` for targets that know no roles.
    pub(super) fn location(&self) -> Result<String> {
        match &self.role {
            Some(role) => role::with_role(&self.into, role),
            None => Ok(self.into.clone()),
        }
    }

    /// The target as it may be shown.
    pub(super) fn shown(&self) -> String {
        shown(&self.location().unwrap_or_else(|_| self.into.clone()))
    }
}

/// A new archive's names.
#[derive(Debug, Args)]
pub(super) struct Naming {
    /// The backup's name; that of the directory or file when absent
    #[arg(long)]
    pub(super) name: Option<String>,
    /// The snapshot's id; the time when absent
    #[arg(long)]
    pub(super) id: Option<String>,
    /// Replace an existing file
    #[arg(long)]
    pub(super) overwrite: bool,
}

/// How archives are read.
#[derive(Debug, Args)]
pub(super) struct ReadArgs {
    /// Where a stream that cannot seek is kept while it is used
    #[arg(long, value_name = "DIR", env = "REINSTATE_SPOOL", help_heading = READING)]
    pub(super) spool: Option<PathBuf>,
    /// Bytes that such a stream may take there
    #[arg(long, value_name = "BYTES", help_heading = READING)]
    pub(super) max_spool: Option<u64>,
    #[command(flatten)]
    pub(super) repositories: RepositoryArgs,
}

/// Plugins and what they may do.
#[derive(Debug, Args)]
pub(super) struct PluginArgs {
    /// A folder of components that restore further kinds
    #[arg(long, value_name = "DIR", env = "REINSTATE_PLUGINS", help_heading = PLUGINS)]
    pub(super) plugins: Option<PathBuf>,
    /// Interfaces that these may use: tables, definitions, principals, routines, blobs, sql
    #[arg(long, value_name = "INTERFACE", value_delimiter = ',', help_heading = PLUGINS)]
    pub(super) grant: Vec<String>,
    /// MiB of memory for each plugin
    #[arg(long, value_name = "MIB", default_value_t = 256, help_heading = PLUGINS)]
    pub(super) plugin_memory: u64,
    /// Seconds that a plugin may work without progress
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0, help_heading = PLUGINS)]
    pub(super) plugin_deadline: f64,
}
