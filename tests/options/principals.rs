//! What becomes of users and roles: permissions, who runs the restore, and taking access.

use crate::scene::{Scene, codes};

const PERMISSIONS: &str = "SELECT coalesce(privilege || ' ' || name, privilege) FROM reinstate_permissions
    WHERE grantee = 'ann' ORDER BY 1";

#[test]
fn permissions_come_with_what_they_are_about() {
    let scene = Scene::new();
    let everything = "SELECT people,SELECT teams,admin";
    for (number, (select, all, expected)) in [
        (&[][..], "=false", everything),
        (&[], "=true", everything),
        (&["--select", "table:teams", "--select", "user,role"], "=false", "SELECT teams,admin"),
        (&["--select", "table:teams", "--select", "user,role"], "=true", everything),
        (&["--select", "user,role"], "=false", "admin"),
        (&["--select", "user,role"], "=true", everything),
    ]
    .into_iter()
    .enumerate()
    {
        for policy in ["none", "replace", "rename"] {
            let name = format!("{number}{policy}.sqlite");
            let option = format!("--restore-all-permissions{all}");
            let outcome = scene.restore(&name, false, &[&["--restore-policy", policy, &option][..], select].concat());
            assert_eq!(outcome.status, Some(0), "{outcome:#?}");
            assert_eq!(scene.values(&name, PERMISSIONS), expected, "{select:?} {all} {policy}");
            let noted = codes(&outcome).contains(&"plan.permissions_left_out".to_owned());
            assert_eq!(noted, expected != everything, "{outcome:#?}");
        }
    }
}

/// A target with the user ann and the roles readers and staff of the archive, changed by hand.
fn changed() -> Scene {
    let scene = Scene::with("CREATE TABLE bystander(x)");
    scene.restore("changed.sqlite", false, &["--select", "user,role", "--restore-all-permissions"]).expect(0);
    let change = "UPDATE reinstate_objects SET definition = json_set(definition, '$.principal.password_hash', 'mine')
        WHERE kind = 'user' AND state = 'live';
        UPDATE reinstate_objects SET definition = json_set(definition, '$.principal.valid_until', 'never')
        WHERE kind = 'role' AND state = 'live'";
    scene.sandbox.sql("changed.sqlite", change);
    std::fs::copy(scene.sandbox.path("changed.sqlite"), scene.sandbox.path("live.sqlite")).expect("a copy");
    scene
}

/// Whose definition is still the live one.
fn kept(scene: &Scene, name: &str) -> String {
    let query = "SELECT name FROM reinstate_users WHERE password_hash = 'mine' OR valid_until = 'never' ORDER BY 1";
    scene.values(name, query)
}

#[test]
fn who_restores_is_never_locked_out_unless_named() {
    let scene = changed();
    let hash = "SELECT password_hash FROM reinstate_users WHERE name = 'ann'";
    for (number, (options, status, expected)) in [
        (&["--restore-policy", "replace"][..], 0, ""),
        (&["--restore-policy", "replace", "--identity", "ann"], 0, "ann,readers,staff"),
        (&["--restore-policy", "replace", "--identity", "zoe"], 0, ""),
        // Who may be changed may lose rights that come from roles, too.
        (&["--restore-policy", "replace", "--identity", "ann", "--allow", "identity:ann"], 0, ""),
        (&["--restore-policy", "replace", "--identity", "ann", "--allow", "identity:staff"], 0, "ann,readers"),
        (&["--restore-policy", "replace", "--identity", "ann", "--allow", "all"], 0, "ann,readers,staff"),
        (&["--restore-policy", "none", "--identity", "ann"], 0, "ann,readers,staff"),
        (&["--restore-policy", "rename", "--identity", "ann"], 0, "ann,readers,staff"),
        (&["--restore-policy", "none"], 3, "ann,readers,staff"),
        (&["--restore-policy", "rename"], 3, "ann,readers,staff"),
        (&["--restore-policy", "rename", "--restore-policy", "user=replace,role=replace"], 0, ""),
        (&["--restore-policy", "replace", "--restore-policy", "user=none"], 3, "ann,readers,staff"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("guard{number}.sqlite");
        let outcome = scene.restore(&name, true, options);
        assert_eq!(outcome.status, Some(status), "{options:?}: {outcome:#?}");
        assert_eq!(kept(&scene, &name), expected, "{options:?}");
        let mine = expected.contains("ann");
        assert_eq!(scene.values(&name, hash) == "mine", mine, "{options:?}");
    }
    let plan = scene
        .restore("dry.sqlite", true, &["--restore-policy", "replace", "--identity", "ann", "--dry-run"])
        .expect(0)
        .json();
    let steps = plan["steps"].as_array().expect("steps");
    let ann = steps.iter().find(|step| step["object"]["name"] == "ann").expect("a step");
    assert_eq!((&ann["action"], &ann["reason"]), (&"skip".into(), &"It runs this restore and stays as it is".into()));
}

#[test]
fn who_takes_access_shares_it_with_nobody() {
    let scene = changed();
    let members = "SELECT member || '>' || role FROM reinstate_members ORDER BY 1";
    let tokens = "SELECT id FROM reinstate_tokens";
    for (number, (policy, live)) in
        [("none", false), ("replace", true), ("replace", false), ("rename", false)].into_iter().enumerate()
    {
        let name = format!("access{number}.sqlite");
        let options = ["--restore-policy", policy, "--take-access", "--identity", "ann"];
        let report = scene.restore(&name, live, &options).expect(0).json();
        let full = "SELECT name FROM reinstate_permissions WHERE grantee = 'ann' AND privilege = 'ALL' AND grantable ORDER BY 1";
        let access = scene.values(&name, full);
        if live {
            // Its own rights stay, and so do the roles that give them.
            assert_eq!(access, "people,teams", "{report:#}");
            assert_eq!(scene.values(&name, members), "ann>readers,readers>staff");
            assert_eq!(
                (scene.values(&name, tokens), kept(&scene, &name)),
                ("t1".to_owned(), "ann,readers,staff".to_owned())
            );
            assert_eq!(scene.values(&name, PERMISSIONS), "ALL people,ALL teams,SELECT people,SELECT teams,admin");
        } else {
            assert_eq!(access, "people,readers,staff,teams", "{report:#}");
            assert_eq!(scene.values(&name, members), "");
            assert_eq!(scene.values(&name, tokens), "");
            assert_eq!(
                scene.values(&name, "SELECT count(*) FROM reinstate_users WHERE password_hash IS NOT NULL"),
                "0"
            );
        }
        let job = report["job"].as_str().expect("a job");
        scene.sandbox.run(&["undo", job, "--into", &scene.sandbox.target(&name)]).expect(0);
        assert_eq!(scene.values(&name, full), "");
        scene.sandbox.run(&["undo", job, "--into", &scene.sandbox.target(&name)]).expect(0);
        assert_eq!(scene.values(&name, full), access);
        scene.sandbox.run(&["discard", job, "--into", &scene.sandbox.target(&name)]).expect(0);
        assert_eq!(scene.values(&name, full), access);
    }
    let nobody = scene.restore("nobody.sqlite", false, &["--take-access"]).expect(0);
    assert!(codes(&nobody).contains(&"plan.no_access".to_owned()), "{nobody:#?}");
    assert_eq!(scene.values("nobody.sqlite", "SELECT name FROM reinstate_users WHERE kind = 'user'"), "");
}
