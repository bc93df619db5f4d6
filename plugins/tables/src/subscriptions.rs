//! Subscriptions of a table to data sources: kept as a document of the table's, as the operator wants them.

use reinstate_plugin::portable::{DataSource, Subscription, TableAttributes};
use reinstate_plugin::{Failure, Finding, Object, ObjectName, Subscriptions, Target};
use serde::Deserialize;
use serde_json::{Map, json};

use crate::secrets;

/// The state of a subscription that waits.
const PAUSED: &str = "paused";

/// The data sources that must be there: none where nothing is to be subscribed to.
pub(crate) fn sources(attributes: &TableAttributes, object: &Object) -> Vec<ObjectName> {
    restored(attributes, object).iter().map(|subscription| source(&subscription.datasource, object)).collect()
}

/// The subscriptions as the target gets them.
pub(crate) fn staged(attributes: &TableAttributes, object: &Object, target: &Target) -> Vec<Subscription> {
    let mut subscriptions = restored(attributes, object).to_vec();
    for subscription in &mut subscriptions {
        if let DataSource::Far { schema, .. } = &mut subscription.datasource {
            *schema = target.schema(schema).to_owned();
        }
        if object.subscriptions == Subscriptions::Pause {
            PAUSED.clone_into(&mut subscription.state);
        }
    }
    subscriptions
}

/// A refusal where options of subscriptions hold a secret that is not sealed, which is never handed on, not even in the document of a table whose
/// subscriptions do not come back.
pub(crate) fn plain_secret(attributes: &TableAttributes, object: &Object) -> Option<Finding> {
    if object.rows_only {
        return None;
    }
    let secret = |subscription: &Subscription| {
        secrets::plain(&Map::from_iter([("options".to_owned(), json!(subscription.options))]))
    };
    let found = attributes.subscriptions.iter().enumerate();
    let (at, pointer) = found.into_iter().find_map(|(at, subscription)| Some((at, secret(subscription)?)))?;
    Some(Finding::refusal(
        "definition.plain_secret",
        format!("`/subscriptions/{at}{pointer}` of {} is a secret that is not sealed", object.source),
        "Exclude the object, or take a backup that keeps secrets sealed",
    ))
}

/// What becomes of them, in words.
pub(crate) fn finding(attributes: &TableAttributes, object: &Object) -> Option<Finding> {
    let all = &attributes.subscriptions;
    if all.is_empty() || object.rows_only {
        return None;
    }
    let named =
        |subscription: &Subscription| format!("{} ({})", source(&subscription.datasource, object), subscription.state);
    let named: Vec<String> = all.iter().map(named).collect();
    let (code, becomes, fix) = match object.subscriptions {
        Subscriptions::Resume => (
            "table.subscriptions_resume",
            "go on as they were",
            "--restore-subscriptions pause or --restore-subscriptions cancel, if rows must not arrive at once",
        ),
        Subscriptions::Pause => (
            "table.subscriptions_pause",
            "come back paused",
            "Nothing to do; resume them when rows are to arrive again",
        ),
        Subscriptions::Cancel => (
            "table.subscriptions_cancel",
            "do not come back",
            "Nothing to do, unless they are to come back: leave out --restore-subscriptions cancel",
        ),
    };
    let message = format!("The subscriptions of {} {becomes}: {}", object.source, named.join(", "));
    Some(Finding::note(code, message, fix))
}

/// Compares the subscriptions with those of the staged document.
pub(crate) fn difference(expected: &[Subscription], staged: Option<&str>) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Staged {
        #[serde(default)]
        subscriptions: Vec<Subscription>,
    }
    let staged = staged.and_then(|staged| serde_json::from_str::<Staged>(staged).ok());
    if staged.is_some_and(|staged| staged.subscriptions == expected) {
        return None;
    }
    let message = "The table's subscriptions are not staged as they should be";
    Some(Finding::refusal("table.subscriptions_differ", message, "Restore it again; if it stays, report it"))
}

/// The failure where a target keeps tables, but no documents.
pub(crate) fn not_kept(object: &Object) -> Failure {
    let message = format!(
        "The target has no place for the subscriptions of {}; restore it with --restore-subscriptions cancel",
        object.source
    );
    Failure::new("table.subscriptions_not_kept", message)
}

/// Those that come back. Rows alone bring none: the table is the target's own.
fn restored<'a>(attributes: &'a TableAttributes, object: &Object) -> &'a [Subscription] {
    if object.rows_only || object.subscriptions == Subscriptions::Cancel { &[] } else { &attributes.subscriptions }
}

/// The data source as the archive names it.
fn source(datasource: &DataSource, object: &Object) -> ObjectName {
    match datasource {
        DataSource::Near(name) => object.sibling("datasource", name),
        DataSource::Far { schema, name } => {
            ObjectName { kind: "datasource".to_owned(), schema: Some(schema.clone()), name: name.clone() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTES: &str = r#"{"columns": [], "subscriptions": [
        {"datasource": "kafka", "state": "running", "options": {"topic": "a"}},
        {"datasource": {"schema": "old", "name": "s3"}, "state": "failed"}]}"#;

    fn table(subscriptions: Subscriptions) -> (TableAttributes, Object) {
        let name = ObjectName { kind: "table".into(), schema: Some("old".into()), name: "t".into() };
        let object = Object { subscriptions, ..Object::new(name, ATTRIBUTES) };
        (object.parse_attributes().unwrap(), object)
    }

    #[test]
    fn every_word_of_the_operator_counts() {
        let mapped = vec![("old".into(), "new".into())];
        let target = Target { schema_map: mapped, ..Target::named("sqlite", "sqlite") };
        for (word, states, needs, said) in [
            (
                Subscriptions::Resume,
                &["running", "failed"][..],
                2,
                "go on as they were: datasource old.kafka (running), datasource old.s3 (failed)",
            ),
            (Subscriptions::Pause, &["paused", "paused"], 2, "come back paused: datasource old.kafka (running)"),
            (Subscriptions::Cancel, &[], 0, "do not come back: datasource old.kafka (running)"),
        ] {
            let (attributes, object) = table(word);
            let staged = staged(&attributes, &object, &target);
            assert_eq!(staged.iter().map(|one| one.state.as_str()).collect::<Vec<_>>(), states);
            assert!(
                staged.iter().all(|one| one.datasource != DataSource::Far { schema: "old".into(), name: "s3".into() })
            );
            assert_eq!(sources(&attributes, &object).len(), needs);
            let finding = finding(&attributes, &object).unwrap();
            assert!(finding.message.contains(said), "{finding:?}");
        }
    }

    #[test]
    fn a_plain_secret_is_refused_and_never_shows() {
        let target = Target::named("sqlite", "sqlite");
        for (options, expected) in [
            (r#"{"sasl.password": "hunter2"}"#, Some("`/subscriptions/1/options/sasl.password` of table old.t")),
            (r#"{"a/b_token": "hunter2"}"#, Some("`/subscriptions/1/options/a~1b_token`")),
            (r#"{"topic": "a", "sasl.password": "kifs://secrets/kafka"}"#, None),
        ] {
            let attributes = format!(
                r#"{{"columns": [], "subscriptions": [{{"datasource": "a", "state": "running"}},
                    {{"datasource": "b", "state": "running", "options": {options}}}]}}"#
            );
            for subscriptions in [Subscriptions::Resume, Subscriptions::Cancel] {
                let mut object = Object { attributes: attributes.clone(), ..table(subscriptions).1 };
                let findings = crate::table::plan(&object, &target).unwrap().findings;
                let found = findings.iter().find(|finding| finding.code == "definition.plain_secret");
                assert_eq!(found.is_some(), expected.is_some(), "{options}");
                assert!(found.is_none_or(|found| found.message.contains(expected.unwrap())), "{found:?}");
                assert!(!format!("{findings:?}").contains("hunter2"));
                if expected.is_some() {
                    assert_eq!(crate::table::begin(&object, &target).unwrap_err().code, "definition.plain_secret");
                }
                object.rows_only = true;
                assert!(plain_secret(&object.parse_attributes().unwrap(), &object).is_none());
            }
        }
    }

    #[test]
    fn rows_alone_bring_no_subscriptions() {
        let (attributes, mut object) = table(Subscriptions::Resume);
        object.rows_only = true;
        assert!(finding(&attributes, &object).is_none() && sources(&attributes, &object).is_empty());
        assert!(finding(&TableAttributes::default(), &table(Subscriptions::Resume).1).is_none());
    }

    #[test]
    fn what_is_staged_is_compared() {
        let (attributes, object) = table(Subscriptions::Resume);
        let document = crate::document::of_table(&object, true, &attributes.subscriptions).unwrap();
        assert!(document.starts_with(r#"{"kind":"table","dialect":"","attributes":{"#), "{document}");
        assert!(difference(&attributes.subscriptions, Some(&document)).is_none());
        let alone = crate::document::of_table(&object, false, &attributes.subscriptions[..1]).unwrap();
        assert_eq!(alone, r#"{"subscriptions":[{"datasource":"kafka","state":"running","options":{"topic":"a"}}]}"#);
        assert!(difference(&attributes.subscriptions, Some(&alone)).is_some());
        assert!(difference(&attributes.subscriptions, None).is_some());
    }
}
