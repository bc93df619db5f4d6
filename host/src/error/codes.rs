//! Every code the host can give, how bad it is, and what it means: the one table behind exit statuses.

use super::Error;

/// How bad an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command was not understood. Exit status 2.
    Usage,
    /// Nothing was started and nothing was written. Exit status 3.
    Refused,
    /// The job ended and its stage was removed; the target is as it was. Exit status 1.
    Failed,
    /// The job stopped and its stage was kept; `resume` goes on from there. Exit status 1.
    Stopped,
    /// The operator stopped it; `resume` goes on. Exit status 130.
    Interrupted,
}

impl Kind {
    /// The process's exit status.
    pub fn exit_status(self) -> u8 {
        match self {
            Kind::Usage => 2,
            Kind::Refused => 3,
            Kind::Failed | Kind::Stopped => 1,
            Kind::Interrupted => 130,
        }
    }
}

use Kind::{Failed, Interrupted, Refused, Stopped, Usage};

/// `(code, kind, meaning)`, sorted by code. Codes of plugins are not here; they count as [`Kind::Failed`].
pub const ALL: &[(&str, Kind, &str)] = &[
    ("archive.bad_counts", Refused, "The manifest's figures of an object cannot be true"),
    ("archive.bad_entry", Refused, "An entry breaks a rule of the reader: its name, its type or its header"),
    ("archive.checksum_mismatch", Failed, "An entry's bytes are not those that the manifest describes"),
    ("archive.corrupt", Refused, "The container's compressed stream is damaged"),
    ("archive.dump_mismatch", Refused, "The archive is a whole server's dump, or is none, unlike what was said"),
    ("archive.empty", Refused, "The archive holds no objects"),
    ("archive.entry_missing", Refused, "The manifest names an entry that the archive does not hold"),
    ("archive.entry_shared", Refused, "Two objects claim the same entry"),
    ("archive.io", Stopped, "The archive could not be read"),
    ("archive.limit", Refused, "The archive is larger than a limit allows"),
    ("archive.not_found", Refused, "There is no archive at that place"),
    ("archive.trailing_data", Refused, "Bytes follow the archive's end"),
    ("archive.truncated", Refused, "The archive ends early"),
    ("archive.unrecognised", Refused, "The file is no container that the reader knows"),
    ("backup.exists", Refused, "Something is at the place where an archive is to be written"),
    ("backup.unsupported", Refused, "The source holds something that an archive cannot carry"),
    ("catalog.bad_manifest", Refused, "The manifest cannot be understood"),
    ("catalog.checksum_mismatch", Refused, "The manifest's bytes are not those that its digest describes"),
    ("catalog.not_mergeable", Refused, "Two archives cannot be restored as one"),
    ("catalog.unrecognised", Refused, "No layout knows this archive"),
    ("definition.plain_secret", Failed, "A definition holds a secret that is not sealed"),
    ("host.internal", Failed, "A fault of the host itself"),
    ("host.io", Failed, "A file of the host's own could not be read or written"),
    ("job.not_found", Refused, "The target knows no such job"),
    ("job.not_possible", Refused, "The job's status does not allow that"),
    ("job.superseded", Refused, "A later job has changed the same objects"),
    ("pack.bad_input", Refused, "A file of the packed directory breaks the conventions"),
    ("plan.archive_changed", Refused, "The archive is not the one that was planned"),
    ("plan.bad_name", Refused, "An object's name is none that can be restored"),
    ("plan.bad_step", Refused, "A step of the plan is not one that planning gives"),
    ("plan.cannot_rename", Refused, "The existing object cannot be moved aside"),
    ("plan.cannot_replace", Refused, "The existing object cannot be replaced"),
    ("plan.dependency_missing", Refused, "An object needs another that is neither restored nor in the target"),
    ("plan.dependents", Refused, "Existing objects are built on one that gives way, and are not restored"),
    ("plan.empty", Refused, "The plan has no steps"),
    ("plan.invalid", Refused, "The plan file cannot be understood"),
    ("plan.left_out", Refused, "What belongs to a selected object is not selected"),
    ("plan.made_in_switch", Refused, "Objects cannot be staged and are made in the switch"),
    ("plan.map_unmatched", Refused, "A schema is mapped that the archive does not have"),
    ("plan.name_clash", Refused, "Two objects would take the same name in the target"),
    ("plan.no_access", Refused, "Nobody can be given access to what is restored"),
    ("plan.no_match", Usage, "A selector fits no object of the archive"),
    ("plan.no_stage_database", Refused, "The restore cannot be staged in a database of its own"),
    ("plan.not_undone", Refused, "A part of what is done is not taken back by undo"),
    ("plan.nothing_to_fill", Refused, "Rows are to be added to an object that is not there"),
    ("plan.option_unused", Refused, "An option has nothing to act on"),
    ("plan.order", Refused, "The plan's steps break their dependencies"),
    ("plan.other_snapshot", Refused, "The archive holds another snapshot than was asked for"),
    ("plan.own_role", Refused, "The role that restores would be changed"),
    ("plan.permissions_left_out", Refused, "Permissions are about what is not restored"),
    ("plan.plugins_changed", Refused, "The plugins are not those that planned"),
    ("plan.referrers", Refused, "Tables that are not in the backup refer to one that gives way"),
    ("plan.role_missing", Refused, "Objects need a role that is neither there nor restored"),
    ("plan.schema_missing", Refused, "The target lacks a schema and may not be given it"),
    ("plan.stage", Refused, "Where the work is done until the switch"),
    ("plan.target_changed", Refused, "The target has changed since the plan was made"),
    ("plugin.bad_answer", Failed, "A plugin's answer breaks the interface"),
    ("plugin.bad_batch", Failed, "A plugin appended bytes that are not rows"),
    ("plugin.count_mismatch", Failed, "A plugin's counts are not what it wrote, or not what the archive says"),
    ("plugin.deadline", Failed, "A plugin made no progress within its time limit"),
    ("plugin.handle_limit", Failed, "A plugin holds too many things at once"),
    ("plugin.hostcall_limit", Failed, "A plugin passed more bytes to the host than the limit allows"),
    ("plugin.invalid", Refused, "The file is not a plugin that can run here"),
    ("plugin.memory_limit", Failed, "A plugin asked for more memory than the limit allows"),
    ("plugin.missing_kind", Refused, "No plugin restores that kind"),
    ("plugin.not_granted", Refused, "A plugin imports an interface that it was not granted"),
    ("plugin.out_of_scope", Failed, "A plugin asked for something outside the object that is restored"),
    ("plugin.trap", Failed, "A plugin stopped with a fault"),
    ("plugin.verify_failed", Failed, "What was staged is not what the archive says"),
    ("plugin.write_refused", Failed, "A plugin tried to write while it was planning or verifying"),
    ("repository.backup_exists", Refused, "The repository has a backup of that name already"),
    ("repository.bad_name", Usage, "That is no name of a backup or of a repository"),
    ("repository.bad_url", Usage, "That is no place for a repository"),
    ("repository.busy", Refused, "Someone else is changing the same backup"),
    ("repository.damaged", Refused, "A file of the repository cannot be understood"),
    ("repository.denied", Refused, "The repository's store refused the credentials"),
    ("repository.io", Stopped, "The repository could not be read or written"),
    ("repository.lock_lost", Stopped, "The repository's lock could not be held"),
    ("repository.no_base", Refused, "There is no snapshot to build on"),
    ("repository.not_allowed", Refused, "The rules of backups do not allow that change"),
    ("repository.not_found", Refused, "The repository holds no such backup or snapshot"),
    ("repository.read_only", Refused, "The repository can only be read"),
    ("request.bad_media_type", Usage, "The request's body is of a type that is not understood here"),
    ("request.bad_method", Usage, "The path knows no such method"),
    ("request.forbidden", Refused, "Who asks may not do that"),
    ("request.key_reused", Refused, "An idempotency key was used for another request"),
    ("request.not_found", Refused, "There is nothing of that name"),
    ("request.throttled", Refused, "Too many requests, or too many failed sign-ins"),
    ("request.timeout", Refused, "The request came too slowly"),
    ("request.too_large", Usage, "The request is larger than a limit allows"),
    ("request.unauthorized", Refused, "Who asks was not recognised"),
    ("restore.cancelled", Interrupted, "The operator stopped the restore"),
    ("restore.dependency_failed", Failed, "An object that this one needs could not be restored"),
    ("restore.object_failed", Failed, "An object could not be restored"),
    ("restore.part_failed", Stopped, "An earlier part of the same object did not commit"),
    ("restore.refused", Refused, "Preconditions are not met"),
    ("server.bad_config", Usage, "The server's configuration cannot be used"),
    ("server.in_use", Refused, "Another server uses the same folder"),
    ("server.no_port", Refused, "The server's port cannot be listened on"),
    ("server.notify", Failed, "Nobody could be told of a job"),
    ("server.stopping", Refused, "The server is being stopped"),
    ("server.store", Stopped, "The server's store of jobs could not be read or written"),
    ("sql.not_allowed", Failed, "A statement would reach outside the stage, and was not allowed to"),
    ("target.bad_definition", Failed, "The target does not take the definition"),
    ("target.bad_value", Failed, "The target cannot keep a value as it is"),
    ("target.busy", Refused, "Another job is restoring into the target"),
    ("target.changes_not_stored", Refused, "Committed changes are not stored on every node yet"),
    ("target.connection_lost", Stopped, "The connection to the target was lost"),
    ("target.connections_short", Refused, "The target has too few connections left"),
    ("target.connections_used_up", Stopped, "The server has no connection left"),
    ("target.constraint", Failed, "A row breaks a constraint"),
    ("target.damaged", Failed, "The target's own data cannot be understood"),
    ("target.database_missing", Refused, "The target's database does not exist yet, and is made"),
    ("target.deadlock", Stopped, "Others held what the restore needed, and waited for what it held"),
    ("target.extension_missing", Refused, "The target's server has no such extension or language"),
    ("target.foreign_key", Failed, "Rows would refer to rows that are not there"),
    ("target.full", Stopped, "The target has no space left"),
    ("target.io", Stopped, "The target could not be read or written"),
    ("target.job_waits", Refused, "An interrupted job waits for `resume` or `abort`"),
    ("target.locked", Stopped, "Someone else holds the target's lock"),
    ("target.no_fill", Refused, "Rows cannot be added to objects that the target has"),
    ("target.no_right", Refused, "The right to restore into the target is missing"),
    ("target.nodes_not_ready", Refused, "Nodes of the target are not ready"),
    ("target.not_found", Refused, "There is no such target"),
    ("target.not_reached", Refused, "The target could not be connected to"),
    ("target.object_exists", Refused, "An object of that name exists, and the policy does not let it give way"),
    ("target.permission_denied", Failed, "The target refused a right that the restore needs"),
    ("target.read_only", Refused, "The target cannot be written"),
    ("target.server_error", Failed, "The target's server reported a fault"),
    ("target.space_short", Refused, "The target has too little space for what the plan predicts"),
    ("target.timeout", Stopped, "The target stopped a statement that took too long"),
    ("target.unsupported", Failed, "The target cannot do that"),
    ("target.unsupported_version", Refused, "The target's version cannot be restored into"),
    ("usage", Usage, "The command was not understood"),
];

/// How bad `code` is; what is not in the table is a plugin's own and counts as [`Kind::Failed`].
pub fn kind(code: &str) -> Kind {
    match ALL.binary_search_by(|(known, ..)| (*known).cmp(code)) {
        Ok(at) => ALL[at].1,
        Err(_) => Kind::Failed,
    }
}

/// What `code` means, in a sentence; for a plugin's own code that it is one.
pub fn meaning(code: &str) -> &'static str {
    match ALL.binary_search_by(|(known, ..)| (*known).cmp(code)) {
        Ok(at) => ALL[at].2,
        Err(_) => "A plugin's own error",
    }
}

impl Error {
    /// Whether the stage is kept, so that `resume` can go on once the cause is gone.
    pub fn is_resumable(&self) -> bool {
        matches!(self.kind(), Kind::Stopped | Kind::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
