//! A plan as text for people.

use std::fmt::Write;

use super::{Action, Finding, Plan, Severity, StageKind, Step};
use crate::text::{bytes, count, counted, escape};

/// Steps that are shown, and findings of each severity; the rest is counted.
const SHOWN: usize = 60;
/// Longer names push the line out instead of every line.
const WIDEST: usize = 44;

/// The plan as a table of its steps, what they add up to, and what was found. Names are escaped.
pub fn render(plan: &Plan) -> String {
    let mut out = String::new();
    heading(plan, &mut out);
    staging(plan, &mut out);
    steps(&plan.steps, &mut out);
    totals(plan, &mut out);
    for (severity, title) in
        [(Severity::Refusal, "Refused"), (Severity::Warning, "Warnings"), (Severity::Note, "Notes")]
    {
        let found: Vec<&Finding> = plan.findings.iter().filter(|finding| finding.severity == severity).collect();
        findings(title, &found, &mut out);
    }
    out
}

fn heading(plan: &Plan, out: &mut String) {
    let backup = &plan.archive.backup;
    let _ = writeln!(
        out,
        "Backup {} ({}, taken {}) from {}\ninto {} ({} {})\n",
        escape(&backup.name),
        escape(&backup.id),
        escape(&backup.created),
        escape(&plan.archive.location),
        escape(&plan.target.location),
        escape(&plan.target.kind),
        escape(&plan.target.version),
    );
}

/// What is usual needs no line.
fn staging(plan: &Plan, out: &mut String) {
    if plan.stage == StageKind::Database {
        let _ = writeln!(out, "Staged in a database of its own, which takes the live one's name in the switch\n");
    }
}

fn steps(steps: &[Step], out: &mut String) {
    let shown = &steps[..steps.len().min(SHOWN)];
    let head = ["ACTION", "OBJECT", "INTO", "ROWS", "BYTES", "REASON"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(shown.iter().map(cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count().min(WIDEST)).max().unwrap_or(0);
    let [w0, w1, w2, w3, w4, _] = std::array::from_fn(width);
    for [action, object, into, row_count, byte_count, reason] in &rows {
        let _ =
            writeln!(out, "  {action:w0$}  {object:w1$}  {into:w2$}  {row_count:>w3$}  {byte_count:>w4$}  {reason}");
    }
    if let Some(more) = steps.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(out, "  … and {}", counted(more as u64, "more step"));
    }
    out.push('\n');
}

fn cells(step: &Step) -> [String; 6] {
    let action = match step.action {
        Action::Create => "create",
        Action::Replace => "replace",
        Action::Rename => "rename",
        Action::Fill => "fill",
        Action::Drop => "drop",
        Action::Grant => "grant",
        Action::Skip => "skip",
    };
    [
        action.to_owned(),
        escape(&step.object.to_string()).into_owned(),
        escape(&step.into.qualified()).into_owned(),
        count(step.rows),
        bytes(step.bytes),
        escape(&step.reason).into_owned(),
    ]
}

fn totals(plan: &Plan, out: &mut String) {
    let totals = &plan.totals;
    let _ = writeln!(
        out,
        "{} of {}: {} in {}; {} to read, about {} in the target",
        counted(totals.objects, "object"),
        counted(plan.steps.len() as u64, "step"),
        counted(totals.rows, "row"),
        counted(totals.parts, "part"),
        bytes(totals.read_bytes),
        bytes(totals.target_bytes),
    );
    if !plan.schemas.is_empty() {
        let schemas: Vec<_> = plan.schemas.iter().map(|schema| escape(schema)).collect();
        let _ = writeln!(out, "Schemas to create: {}", crate::text::list(&schemas));
    }
}

fn findings(title: &str, found: &[&Finding], out: &mut String) {
    if found.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title} ({}):", count(found.len() as u64));
    for finding in found.iter().take(SHOWN) {
        let _ = writeln!(out, "  {}{}: {}", escape(&finding.code), about(finding), escape(&finding.message));
        if !finding.fix.is_empty() {
            let _ = writeln!(out, "    fix: {}", escape(&finding.fix));
        }
    }
    if let Some(more) = found.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        let _ = writeln!(out, "  … and {} more", count(more as u64));
    }
}

/// The object, where the message does not name it.
fn about(finding: &Finding) -> String {
    match &finding.object {
        Some(object) if !finding.message.contains(&object.qualified()) => format!(" ({})", escape(&object.to_string())),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::Sample;
    use crate::plan::{Options, Policy};

    #[test]
    fn a_small_plan_is_a_table() {
        let mut sample = Sample::of(&["table main.actor > table main.city", "user ana", "table main.city"]);
        sample.exists(&["table main.actor", "user ana"]);
        sample.options = Options { restore_policy: Policy::Rename, ..Options::default() };
        let plan = *sample.check().unwrap_err();
        let expected = "\
Backup shop (s1, taken 2026-01-02T03:04:05Z) from /backups/shop.tar
into sqlite:/db/live.db (sqlite 3.51.0)

  ACTION  OBJECT            INTO        ROWS  BYTES  REASON
  rename  user ana          ana           10  100 B  The existing user cannot be moved aside
  create  table main.city   main.city     10  100 B  The name is free
  rename  table main.actor  main.actor    10  100 B  The existing table is moved to before_abababab.actor

3 objects of 3 steps: 30 rows in 4 parts; 200 B to read, about 300 B in the target
Schemas to create: before_abababab

Refused (1):
  plan.cannot_rename: User ana exists and cannot be moved aside: only objects in a schema can
    fix: --restore-policy replace or --exclude user:ana
";
        assert_eq!(render(&plan), expected);
    }

    #[test]
    fn a_large_plan_is_cut_with_a_count() {
        let objects: Vec<String> = (0..1000).map(|at| format!("table main.t{at}")).collect();
        let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
        let mut sample = Sample::of(&objects);
        sample.exists(&objects);
        let text = render(&sample.check().unwrap_err());
        assert!(text.contains("  … and 940 more steps\n"), "{text}");
        assert!(text.contains("Refused (1,000):"));
        assert!(text.ends_with("  … and 940 more\n"));
    }

    #[test]
    fn odd_names_stay_text() {
        let mut sample = Sample::of(&["table main.\u{1b}[2J\nx\u{202e}", &format!("table main.{}", "n".repeat(300))]);
        sample.outlook("table main.\u{1b}[2J\nx\u{202e}").rows = u64::MAX;
        let text = render(&sample.plan());
        assert!(text.contains(r"main.\u{1b}[2J\nx\u{202e}"));
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'));
    }
}
