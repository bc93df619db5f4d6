//! What can be written about repositories and their backups.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use crate::selector::Selector;

use super::Naming;

/// Heading of the options that all commands with repositories share.
const REPOSITORIES: &str = "Repositories";

/// Where repositories are known from, and what opens them.
#[derive(Debug, Args)]
pub(crate) struct RepositoryArgs {
    /// The file that names repositories; $XDG_CONFIG_HOME/reinstate/repositories.json when absent
    #[arg(long, value_name = "FILE", env = "REINSTATE_CONFIG", help_heading = REPOSITORIES)]
    pub(crate) config: Option<PathBuf>,
    /// A file of lines KEY=VALUE (AWS_ACCESS_KEY_ID=…) that only you can read; else the environment has them
    #[arg(long, value_name = "FILE", env = "REINSTATE_CREDENTIALS", help_heading = REPOSITORIES)]
    pub(crate) credentials: Option<PathBuf>,
}

/// `reinstate repository …`
#[derive(Debug, Subcommand)]
pub(crate) enum RepositoryCommand {
    /// Give a place a name
    Add {
        /// What it is called
        name: String,
        /// A folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or, for reading, http(s)://HOST/PATH
        url: String,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// List the names and their places
    List {
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// Forget a name; what is at the place stays there
    Remove {
        /// What it is called
        name: String,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
}

/// `reinstate backup …`
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Make a backup of a live database
    Create(Box<CreateArgs>),
    /// List the backups of a repository
    List {
        /// The repository, or REPOSITORY/TEXT* for names that begin so
        repository: String,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// Show a backup and its snapshots, or what one of them holds
    Show {
        /// REPOSITORY/NAME[@ID]
        backup: String,
        /// Only snapshots of this type; has no effect with @ID
        #[arg(long, value_enum, default_value = "all")]
        backup_type: ShowType,
        /// What else to show of the snapshot (the newest without @ID)
        #[arg(long, value_enum, default_value = "none")]
        show_contents: ShowContents,
        /// Say nothing when there is no such backup
        #[arg(long)]
        no_error_if_not_exists: bool,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// Read all chunks of a backup's snapshots and compare them with their digests
    Verify {
        /// REPOSITORY/NAME for all snapshots, REPOSITORY/NAME@ID for one, REPOSITORY/NAME@ for the newest
        backup: String,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// Turn a backup into one full snapshot of its newest state; all others are removed
    Merge {
        /// REPOSITORY/NAME
        backup: String,
        /// A comment on the new snapshot; that of the newest one when absent
        #[arg(long, default_value = "")]
        comment: String,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// Remove one snapshot; what others need of it stays
    Purge {
        /// REPOSITORY/NAME@ID
        snapshot: String,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        repositories: RepositoryArgs,
    },
    /// Remove backups with all their snapshots
    Drop(DropArgs),
    /// Change a backup's settings
    Alter(AlterArgs),
}

/// `reinstate backup create`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("destination").required(true).args(["output", "to"]))]
pub(crate) struct CreateArgs {
    /// The database: sqlite:PATH or postgres://[USER@]HOST[:PORT]/DATABASE
    #[arg(long, value_name = "TARGET")]
    pub(crate) from: String,
    /// The archive to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) naming: Naming,
    /// The backup in a repository to add a snapshot to
    #[arg(long, value_name = "REPOSITORY/NAME", conflicts_with_all = ["name", "id", "overwrite"])]
    pub(crate) to: Option<String>,
    /// Store only what has changed since the last snapshot
    #[arg(long, conflicts_with_all = ["output", "differential", "recreate"])]
    pub(crate) incremental: bool,
    /// Store only what has changed since the last full snapshot
    #[arg(long, conflicts_with_all = ["output", "recreate"])]
    pub(crate) differential: bool,
    /// Back up only these: kinds, or kinds:pattern with * and ?; a full snapshot says it for those built on it
    #[arg(long, value_name = "KIND[,KIND…][:PATTERN]", value_parser = selector)]
    pub(crate) select: Vec<Selector>,
    /// Back up definitions and leave rows out
    #[arg(long)]
    pub(crate) ddl_only: bool,
    /// A comment on the snapshot, for whoever looks at the list
    #[arg(long, default_value = "", conflicts_with = "output")]
    pub(crate) comment: String,
    /// Put a new full snapshot in the place of all that the backup holds
    #[arg(long, conflicts_with = "output")]
    pub(crate) recreate: bool,
    /// How many incremental snapshots to keep; the oldest go. -1 keeps all
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "output")]
    pub(crate) max_incremental_backups_to_keep: Option<i64>,
    /// Remove the incremental snapshots since the last full one, which a differential one makes superfluous
    #[arg(long, conflicts_with = "output")]
    pub(crate) delete_intermediate_backups: bool,
    /// Read back what was stored before the snapshot counts
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", conflicts_with = "output")]
    pub(crate) checksum: Option<bool>,
    /// Read everything and write nothing: only say what would be stored
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) repositories: RepositoryArgs,
}

/// `reinstate backup drop`
#[derive(Debug, Args)]
pub(crate) struct DropArgs {
    /// REPOSITORY/NAME; with --delete-all-backups also REPOSITORY/TEXT* for names that begin so
    pub(crate) backup: String,
    /// Drop every backup whose name fits; for REPOSITORY/TEXT*, or REPOSITORY alone for all
    #[arg(long)]
    pub(crate) delete_all_backups: bool,
    /// Say nothing when there is no such backup
    #[arg(long)]
    pub(crate) no_error_if_not_exists: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) repositories: RepositoryArgs,
}

/// `reinstate backup alter`
#[derive(Debug, Args)]
pub(crate) struct AlterArgs {
    /// REPOSITORY/NAME
    pub(crate) backup: String,
    /// The setting
    #[arg(value_enum)]
    pub(crate) action: AlterAction,
    /// Its new value
    #[arg(allow_hyphen_values = true)]
    pub(crate) value: String,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) repositories: RepositoryArgs,
}

/// Settings of a backup, in Kinetica's words.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum AlterAction {
    /// true or false: read back what is stored before a snapshot counts
    Checksum,
    /// true or false: later snapshots are definitions only
    DdlOnly,
    /// A number, or -1 for all; older ones beyond it are removed at once
    MaxIncrementalBackupsToKeep,
    /// A comment on the backup
    Comment,
}

/// Which snapshots are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowType {
    /// All
    All,
    /// Full ones
    Full,
    /// Incremental ones
    Incremental,
    /// Differential ones
    Differential,
}

/// What is shown of a snapshot's contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum ShowContents {
    /// Nothing
    None,
    /// The objects
    ObjectNames,
    /// The objects and their files
    ObjectFiles,
}

fn selector(text: &str) -> Result<Selector, String> {
    Selector::try_from(text.to_owned())
}
