//! What is kept, in which order, and what is left of it after a crash.

use super::super::*;
use super::scene::{Scene, asked};

fn job(task: Task, state: State) -> Job {
    Job { state, ..new_job(task, &asked(None)).unwrap() }
}

fn object(step: u32) -> JobObject {
    JobObject {
        step,
        kind: "table".to_owned(),
        name: format!("t{step}"),
        action: "create".to_owned(),
        state: "waiting".to_owned(),
        after: Vec::new(),
        rows: 0,
        rows_done: 0,
        bytes_done: 0,
        started: None,
        ended: None,
        error: None,
    }
}

fn lines(texts: &[&str]) -> Vec<LogEntry> {
    texts.iter().map(|text| log("info", text)).collect()
}

/// `o1` for the object of step 1, the text of a line.
fn names(changed: &[Changed]) -> Vec<String> {
    let name = |changed: &Changed| match changed {
        Changed::Object(_, object) => format!("o{}", object.step),
        Changed::Log(_, line) => line.text.clone(),
    };
    changed.iter().map(name).collect()
}

#[test]
fn a_key_stands_for_one_job_of_one_operator() {
    let scene = Scene::new();
    let store = scene.store();
    let key = StartKey { key: "k".to_owned(), request: "digest".to_owned() };
    let (first, second) = (job(scene.snapshot(), State::Queued), job(scene.snapshot(), State::Queued));
    assert_eq!(store.add(&first, Some(&key)).unwrap(), None);
    let known = Known { request: "digest".to_owned(), job: first.id.clone(), answered: false };
    assert_eq!(store.add(&second, Some(&key)).unwrap(), Some(known.clone()));
    assert_eq!(store.job(&second.id).unwrap(), None, "nothing is left of the second");
    let other = Job { operator: "ben".to_owned(), ..second.clone() };
    assert_eq!(store.add(&other, Some(&key)).unwrap(), None, "others' keys are their own");
    store.answered("ana", "k").unwrap();
    assert_eq!(store.known("ana", "k").unwrap(), Some(Known { answered: true, ..known }));
    store.forget_key("ana", "k", &first.id).unwrap();
    assert_eq!(store.known("ana", "k").unwrap(), None);
    assert!(store.add(&first, None).is_err(), "a name is given once");
}

#[test]
fn old_jobs_are_forgotten_whole() {
    let scene = Scene::new();
    let store = scene.store();
    let ended = |year: u32, state: State| {
        let ended = (state == State::Succeeded).then(|| format!("{year}-01-01T00:00:00.5Z"));
        let job = Job { ended, ..job(scene.snapshot(), state) };
        let key = StartKey { key: format!("k{year}"), request: "digest".to_owned() };
        store.add(&job, Some(&key)).unwrap();
        let changes = Changes { objects: vec![object(1)], log: lines(&["a"]), anew: false };
        store.write(&job, &changes, None).unwrap();
        job.id
    };
    let (old, new, open) = (ended(2020, State::Succeeded), ended(2022, State::Succeeded), ended(2019, State::Paused));
    assert_eq!(store.forget_jobs("2021-01-01T00:00:00Z").unwrap(), 1);
    assert_eq!((store.job(&old).unwrap(), store.known("ana", "k2020").unwrap()), (None, None));
    for kept in [&new, &open] {
        assert!(store.job(kept).unwrap().is_some());
        assert_eq!(store.changed(kept, 0, 10).unwrap().len(), 2);
    }
    let other = rusqlite::Connection::open(scene.path("jobs.sqlite")).unwrap();
    let left = |table: &str| other.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
    assert_eq!(["jobs", "keys", "objects", "log"].map(|table| left(table).unwrap()), [2, 2, 2, 2]);
}

#[test]
fn changes_come_in_order_and_none_is_overtaken() {
    let scene = Scene::new();
    let store = scene.store();
    let job = job(scene.snapshot(), State::Running);
    store.add(&job, None).unwrap();
    let changes = |objects: &[u32], log: &[&str]| Changes {
        anew: false,
        objects: objects.iter().map(|step| object(*step)).collect(),
        log: lines(log),
    };
    store.write(&job, &changes(&[1, 2, 3], &["a"]), None).unwrap();
    store.write(&job, &changes(&[2], &["b", "c"]), None).unwrap();
    let seq = store.log(&job.id, &lines(&["d"])).unwrap();
    assert_eq!(seq, store.seq(&job.id).unwrap());
    let all = store.changed(&job.id, 0, 100).unwrap();
    assert_eq!(names(&all), ["o1", "o3", "a", "o2", "b", "c", "d"]);
    assert_eq!(all.last().unwrap().seq(), seq);
    // However small the pieces are, together they are everything.
    for limit in 1..5 {
        let (mut seen, mut pieces) = (0, Vec::new());
        loop {
            let piece = store.changed(&job.id, seen, limit).unwrap();
            let Some(last) = piece.last() else { break };
            assert!(last.seq() > seen);
            seen = last.seq();
            pieces.extend(piece);
        }
        assert_eq!(names(&pieces), names(&all), "pieces of {limit}");
    }
    store.write(&job, &Changes { anew: true, ..changes(&[9], &[]) }, None).unwrap();
    let steps: Vec<u32> = store.objects(&job.id, 0, 100).unwrap().iter().map(|object| object.step).collect();
    assert_eq!(steps, [9]);
    assert_eq!(store.changed("r-none", 0, 100).unwrap(), []);
}

#[test]
fn readers_see_whole_moments() {
    let scene = Scene::new();
    let store = scene.store();
    let job = job(scene.snapshot(), State::Running);
    store.add(&job, None).unwrap();
    let writing = {
        let (store, job) = (Arc::clone(&store), job.clone());
        std::thread::spawn(move || {
            for step in 0..300 {
                let changes = Changes { anew: false, objects: vec![object(step)], log: lines(&["line"]) };
                store.write(&job, &changes, None).unwrap();
            }
        })
    };
    let (mut seen, mut objects, mut log) = (0, 0, 0);
    while objects < 300 || log < 300 {
        let done = writing.is_finished();
        for change in store.changed(&job.id, seen, 7).unwrap() {
            seen = change.seq();
            match change {
                Changed::Object(..) => objects += 1,
                Changed::Log(..) => log += 1,
            }
        }
        assert!(!done || store.seq(&job.id).unwrap() >= seen);
        assert!(!done || objects + log > 0);
        if done && store.changed(&job.id, seen, 7).unwrap().is_empty() {
            break;
        }
    }
    writing.join().unwrap();
    assert_eq!((objects, log), (300, 300), "something was overtaken");
}

#[test]
fn everything_is_there_when_it_is_opened_again() {
    let scene = Scene::new();
    let store = scene.store();
    let ended = job(scene.snapshot(), State::Succeeded);
    let waits = job(scene.backup("a.tar"), State::Queued);
    store.add(&ended, None).unwrap();
    store.add(&waits, None).unwrap();
    let changes = Changes { anew: false, objects: vec![object(1)], log: lines(&["done"]) };
    store.write(&ended, &changes, Some(r#"{"rows":3}"#)).unwrap();
    store.write(&ended, &Changes::default(), None).unwrap();
    store.keep("schedule 1", &7).unwrap();
    store.keep("schedule 2", &8).unwrap();
    store.keep("other", &9).unwrap();
    drop(store);
    let store = scene.store();
    assert_eq!(store.job(&ended.id).unwrap(), Some(ended.clone()));
    assert_eq!(store.open_jobs().unwrap(), std::slice::from_ref(&waits));
    assert_eq!(store.report(&ended.id).unwrap().as_deref(), Some(r#"{"rows":3}"#), "a later write keeps the report");
    assert_eq!((store.report(&waits.id).unwrap(), store.report("r-none").unwrap()), (None, None));
    let listed =
        |listing: Listing| -> Vec<String> { store.jobs(&listing).unwrap().into_iter().map(|job| job.id).collect() };
    let all = Listing { limit: 10, ..Listing::default() };
    assert_eq!(listed(all.clone()), [waits.id.clone(), ended.id.clone()]);
    assert_eq!(listed(Listing { limit: 1, ..all.clone() }), std::slice::from_ref(&waits.id));
    assert_eq!(listed(Listing { before: Some(waits.id.clone()), ..all.clone() }), std::slice::from_ref(&ended.id));
    assert_eq!(listed(Listing { state: Some(State::Succeeded), ..all.clone() }), std::slice::from_ref(&ended.id));
    assert_eq!(listed(Listing { operator: Some("ben".to_owned()), ..all }), [""; 0]);
    let kept = store.all_kept::<u32>("schedule ").unwrap();
    assert_eq!(kept, [("schedule 1".to_owned(), 7), ("schedule 2".to_owned(), 8)]);
    assert_eq!(store.kept::<u32>("other").unwrap(), Some(9));
    assert!(store.forget("other").unwrap() && !store.forget("other").unwrap());
    assert_eq!(store.kept::<String>("schedule 1").unwrap_err().code(), "server.store");
}

#[test]
fn a_plan_is_kept_beside_its_job() {
    let scene = Scene::new();
    let store = scene.store();
    let plan = Arc::new(serde_json::json!({"steps": ["much"]}));
    let mut planned = job(scene.restore("shop.tar"), State::Queued);
    let Task::Restore(task) = &mut planned.task else { panic!("a restore") };
    task.plan = Some(Arc::clone(&plan));
    store.add(&planned, None).unwrap();
    assert!(!serde_json::to_string(&planned).unwrap().contains("much"), "nobody is told all of it again and again");
    let mut found = store.job(&planned.id).unwrap().unwrap();
    assert_ne!(found, planned);
    store.attach_plan(&mut found).unwrap();
    assert_eq!((&found, &store.open_jobs().unwrap()[0]), (&planned, &planned));
}
