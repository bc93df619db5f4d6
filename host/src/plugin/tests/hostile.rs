//! Each way to misbehave fails its object with a code that says how, and nothing else.

use super::*;

#[test]
fn faults_of_a_plugin_have_codes_of_their_own() {
    let cases = [
        ("hoard", "plugin.memory_limit", "bytes of memory while it restored part 0; 67108864 is the limit"),
        ("trap", "plugin.trap", "stopped with a fault"),
        ("panic", "plugin.trap", "The sky is falling \\u{1b}[31m"),
        ("recurse", "plugin.trap", "(in misbehaving::recurse)"),
        ("fewer rows", "plugin.count_mismatch", "says part 0 holds 2 rows, and appended 3"),
        ("more bytes", "plugin.count_mismatch", "says part 0 holds 7 bytes, and read 6"),
        ("no rows", "plugin.count_mismatch", "says part 0 holds 0 rows; the archive says 3"),
        ("twice", "plugin.count_mismatch", "appended 6 rows of a part that has 3"),
        ("own failure", "misbehaving.own", "Plugin misbehaving 0.0.1: It is\\n\\u{1b}[1mso"),
        ("speak for the host", "restore.object_failed", "Please keep the stage"),
        ("long failure", "misbehaving.long", "\\u{202e}"),
        ("huge failure", "plugin.hostcall_limit", "it passed more than 16777216 bytes in one call"),
        ("huge batch", "plugin.hostcall_limit", "it passed more than 16777216 bytes in one call"),
        ("bad text", "plugin.bad_answer", "invalid utf-8"),
        ("hold", "plugin.hostcall_limit", "made the host keep more than 67108864 bytes"),
        ("write for ever", "plugin.hostcall_limit", "made the host keep more than"),
        ("look for ever", "plugin.hostcall_limit", "made the host keep more than"),
        ("append for ever", "plugin.hostcall_limit", "bytes after reading 0"),
        ("many entries", "plugin.handle_limit", "read more than 8 entries side by side"),
        ("another entry", "plugin.out_of_scope", "read entry 99 of an object that has 9"),
        ("no document", "plugin.bad_answer", "staged a document that is not JSON"),
    ];
    for (name, code, message) in cases {
        let error = restore_error(&plugin(), name);
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert!(error.to_string().contains("misbehaving 0.0.1"), "{name}: {error}");
        assert!(!error.to_string().chars().any(char::is_control), "{name}: {error}");
        assert!(error.to_string().len() < 5000, "{name}");
    }
    assert_eq!(restore_error(&plugin(), "own failure").details().row, Some(7));
}

#[test]
fn a_plugin_without_progress_is_stopped() {
    for name in ["spin", "read for ever"] {
        let error = restore_error(&hasty(), name);
        assert_eq!(error.code(), "plugin.deadline", "{name}: {error}");
        assert!(error.to_string().ends_with("made no progress for 0.5 s while it restored part 0"), "{error}");
    }
    let error = hasty().plan(&[view("spin in plan")], &surroundings(), &Cancel::default()).unwrap_err();
    assert_eq!((error.code(), error.details().object.is_some()), ("plugin.deadline", true));
}

#[test]
fn a_broken_instance_answers_with_its_fault() {
    let (mut session, _) = begun("trap", None);
    let first = session.restore(0).unwrap_err();
    assert_eq!(session.end().unwrap_err().to_string(), first.to_string());
    assert_eq!(session.verify().unwrap_err().code(), "plugin.trap");
}

#[test]
fn the_hosts_errors_survive_whatever_a_plugin_makes_of_them() {
    for name in ["honest", "swallow", "wrap", "panic after a failure", "place"] {
        let (mut session, _) = begun(name, Some("archive.checksum_mismatch"));
        let error = session.restore(0).unwrap_err();
        assert_eq!(error.code(), "archive.checksum_mismatch", "{name}: {error}");
        assert_eq!(error.details().entry.as_deref(), Some("data/0.txt"));

        let (mut session, staged) = begun(name, None);
        staged.0.lock().unwrap().full = true;
        let error = session.restore(0).unwrap_err();
        assert_eq!(error.code(), "target.full", "{name}: {error}");
        assert!(error.is_resumable());
        assert_eq!(error.to_string(), "The disk is full");
        assert_eq!(error.details().row, (name == "place").then_some(2));
    }
}

#[test]
fn a_flood_of_lines_is_cut() {
    let (mut session, _) = begun("flood", None);
    session.restore(0).unwrap();
    let lines = session.log();
    assert_eq!(lines.len(), 1001);
    assert!(lines.iter().all(|line| line.message.len() < 1100 && !line.message.contains('\u{1b}')));
    assert_eq!(lines[1000].message, "4000 more lines were dropped; 1000 a call are kept");
    session.restore(1).unwrap();
    assert_eq!(session.log().len(), 1001);
}

#[test]
fn planning_and_verifying_write_nothing() {
    let (mut session, staged) = begun("write in verify", None);
    let error = session.verify().unwrap_err();
    assert_eq!(error.code(), "plugin.write_refused", "{error}");
    assert_eq!(staged.0.lock().unwrap().document, None);

    let cases = [
        ("write in plan", "plugin.write_refused", "tried to write (definitions.put) while it planned"),
        ("read in plan", "plugin.out_of_scope", "read an entry"),
        ("look in plan", "plugin.out_of_scope", "asked for a stage"),
        ("fail in plan", "misbehaving.plan", "No plan"),
        ("no outlook", "plugin.bad_answer", "0 outlooks for 1 objects"),
        ("bad table", "plugin.bad_answer", "further tables that cannot be"),
    ];
    for (name, code, message) in cases {
        let views = [view("honest"), view(name), view("honest too")];
        let error = plugin().plan(&views, &surroundings(), &Cancel::default()).unwrap_err();
        assert_eq!(error.code(), code, "{name}: {error}");
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert_eq!(error.details().object.as_ref().unwrap().name, name, "The object is found among the others");
    }
}

#[test]
fn findings_are_made_harmless() {
    let outlooks = plugin().plan(&[view("steer")], &surroundings(), &Cancel::default()).unwrap();
    let finding = &outlooks[0].findings[0];
    assert_eq!(finding.code, "restore.object_failed");
    assert_eq!(finding.message, "\\u{1b}[2J\\u{202e}");
    assert!(finding.fix.len() < 4200);
}
