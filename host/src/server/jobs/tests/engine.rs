//! Jobs that are asked for, run, wait, end, and go on in another process.

use crate::repository::BackupType;

use super::super::*;
use super::scene::{Scene, asked, code, submit};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_to_its_end_and_is_told_of() {
    let scene = Scene::new();
    let jobs = scene.start(2);
    let job = submit(&jobs, scene.backup("a.tar")).await;
    let job = jobs.wait(&job.id).await.unwrap();
    assert_eq!((job.state, job.progress.rows_done, &job.error), (State::Succeeded, 3, &None));
    assert!(job.started.is_some() && job.ended.is_some() && scene.path("a.tar").is_file());
    assert_eq!(jobs.report(&job.id).unwrap().unwrap()["rows"], 3);
    assert_eq!(jobs.store().job(&job.id).unwrap().as_ref(), Some(&*job));
    scene.settled(&jobs).await;
    assert!(jobs.watch(&job.id).is_none());
    assert_eq!(code(jobs.get("r-none").await), "job.not_found");
    jobs.stop().await;
    assert_eq!(scene.told_of(&job.id), [(Moment::Started, State::Running), (Moment::Ended, State::Succeeded)]);
    assert_eq!(code(jobs.submit(scene.snapshot(), asked(None)).await), "server.stopping");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_ends_with_its_reason() {
    let scene = Scene::new();
    let jobs = scene.start(2);
    let verify = Task::Verify { repository: "none".to_owned(), backup: "shop".to_owned(), snapshot: None };
    for (task, expected) in [(verify, "request.not_found"), (scene.restore("missing.tar"), "archive.not_found")] {
        let job = submit(&jobs, task).await;
        let job = jobs.wait(&job.id).await.unwrap();
        assert_eq!((job.state, &job.error.as_ref().unwrap()["code"]), (State::Refused, &expected.into()));
        assert_eq!(job.stages.last().unwrap().state, "failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_starts_one_job() {
    let scene = Scene::new();
    let jobs = scene.start(2);
    scene.gate.close();
    let ask = |request: &'static str| {
        let (jobs, task) = (Arc::clone(&jobs), scene.snapshot());
        tokio::spawn(async move { jobs.submit(task, asked(Some(("key", request)))).await })
    };
    let asked: Vec<_> = (0..16).map(|_| ask("one")).collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap().unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.known).count(), 1);
    assert!(answers.iter().all(|answer| answer.job.id == answers[0].job.id));
    assert_eq!(code(ask("another").await.unwrap()), "request.key_reused");
    scene.gate.open();
    assert_eq!(jobs.wait(&answers[0].job.id).await.unwrap().state, State::Succeeded);
    let again = ask("one").await.unwrap().unwrap();
    assert!(again.known && again.job.state == State::Succeeded, "the key stands for it after its end, too");
    let listed = jobs.store().jobs(&Listing { limit: 100, ..Listing::default() }).unwrap();
    assert_eq!(listed.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_hears_of_the_end_and_of_nothing_else() {
    let scene = Scene::new();
    let jobs = scene.start(3);
    let mut waiting = Vec::new();
    for number in 0..40 {
        let job = submit(&jobs, scene.backup(&format!("{number}.tar"))).await;
        let jobs = Arc::clone(&jobs);
        waiting.push(tokio::spawn(async move { jobs.wait(&job.id).await.unwrap().state }));
    }
    for waiter in waiting {
        assert_eq!(waiter.await.unwrap(), State::Succeeded);
    }
    scene.settled(&jobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_say_what_they_wait_for() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    scene.gate.close();
    let first = submit(&jobs, scene.snapshot()).await;
    scene.gate.reached().await;
    let second = submit(&jobs, scene.snapshot_of(BackupType::Incremental)).await;
    let mut changes = jobs.watch(&second.id).unwrap();
    while jobs.find(&second.id).unwrap().waits_for.is_none() {
        changes.changed().await.unwrap();
    }
    let expected = format!("backup box/shop, which job {} has", first.id);
    assert_eq!(jobs.find(&second.id).unwrap().waits_for.as_deref(), Some(&*expected));
    assert_eq!(jobs.load(), (1, 1));
    scene.gate.open();
    let second = jobs.wait(&second.id).await.unwrap();
    assert_eq!((second.state, &second.waits_for), (State::Succeeded, &None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_leaves_its_jobs_to_the_next() {
    let scene = Scene::new();
    let first = scene.start(1);
    scene.packed(&first).await;
    scene.gate.close();
    let runs = submit(&first, scene.restore("shop.tar")).await;
    scene.gate.reached().await;
    let waits = submit(&first, scene.backup("b.tar")).await;
    let stopping = {
        let first = Arc::clone(&first);
        tokio::spawn(async move { first.stop().await })
    };
    while !first.inner().stopping {
        tokio::task::yield_now().await;
    }
    scene.gate.open();
    stopping.await.unwrap();
    for id in [&runs.id, &waits.id] {
        let kept = first.store().job(id).unwrap().unwrap();
        assert_eq!((kept.state, &kept.error), (State::Queued, &None), "{kept:?}");
    }
    drop(first);
    let second = scene.start(1);
    let ended = second.wait(&runs.id).await.unwrap();
    // The program may have been built without its plugins.
    assert!(matches!(ended.state, State::Succeeded | State::Refused), "{ended:?}");
    assert_eq!(second.wait(&waits.id).await.unwrap().state, State::Succeeded);
    let starts = scene.told_of(&runs.id).iter().filter(|(moment, _)| *moment == Moment::Started).count();
    assert_eq!(starts, 1, "a job that goes on does not start again");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_a_process_that_was_killed_go_on() {
    let scene = Scene::new();
    // What it leaves: a job that ran, one that somebody had paused, one that waited.
    let store = scene.store();
    let left = |task: Task, state: State| {
        let started = (state == State::Running).then(|| Timestamp::now().to_string());
        let mut job = Job { state, started, ..new_job(task, &asked(None)).unwrap() };
        if state == State::Running {
            job.stages.push(recorder::stage("work", "running"));
        }
        store.add(&job, None).unwrap();
        job
    };
    let ran = left(scene.snapshot(), State::Running);
    let paused = left(scene.restore("none.tar"), State::Paused);
    let waited = left(scene.backup("a.tar"), State::Queued);
    let jobs = scene.start(1);
    assert_eq!(jobs.wait(&ran.id).await.unwrap().state, State::Succeeded);
    assert_eq!(jobs.wait(&waited.id).await.unwrap().state, State::Succeeded);
    assert_eq!(jobs.get(&paused.id).await.unwrap().state, State::Paused);
    let log = jobs.store().changed(&ran.id, 0, 100).unwrap();
    let says = |change: &Changed| matches!(change, Changed::Log(_, line) if line.text.contains("it goes on"));
    assert!(log.iter().any(says));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_made_once_however_often_the_process_dies() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    let first = submit(&jobs, scene.snapshot()).await;
    let first = jobs.wait(&first.id).await.unwrap();
    let snapshots = || jobs.places.repository("box").unwrap().backup("shop").unwrap().snapshots.len();
    assert_eq!((first.state, snapshots()), (State::Succeeded, 1));
    // The same job, had its process died right after the snapshot was there.
    let mut died = Job { id: "r-died".to_owned(), ended: None, ..Job::clone(&first) };
    died.state = State::Running;
    let work = died.stages.last_mut().unwrap();
    (work.state, work.ended) = ("running".to_owned(), None);
    jobs.stop().await;
    jobs.store().add(&died, None).unwrap();
    let next = scene.start(1);
    let ended = next.wait(&died.id).await.unwrap();
    assert_eq!((ended.state, snapshots()), (State::Succeeded, 1), "{ended:?}");
    let (one, other) = (next.report(&first.id).unwrap().unwrap(), next.report(&died.id).unwrap().unwrap());
    assert_eq!(one, other, "the report is the same as an undisturbed one's");
    // One that had said how it stopped has made nothing.
    let task = scene.snapshot_of(BackupType::Incremental);
    let mut stopped = Job { id: "r-stopped".to_owned(), task, ..died };
    stopped.state = State::Queued;
    let work = stopped.stages.last_mut().unwrap();
    (work.state, work.ended) = ("waiting".to_owned(), Some(Timestamp::now().to_string()));
    next.stop().await;
    next.store().add(&stopped, None).unwrap();
    let last = scene.start(1);
    assert_eq!(last.wait(&stopped.id).await.unwrap().state, State::Succeeded);
    assert_eq!(snapshots(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_snapshot_stays_the_one_that_was_begun_with() {
    let scene = Scene::new();
    let jobs = scene.start(2);
    let made = submit(&jobs, scene.snapshot()).await;
    jobs.wait(&made.id).await.unwrap();
    let newest = ArchiveAt::Snapshot { repository: "box".to_owned(), backup: "shop".to_owned(), snapshot: None };
    let task = RestoreTask { archive: newest, target: "live".to_owned(), options: Box::default(), plan: None };
    scene.gate.close();
    let job = submit(&jobs, Task::Restore(task)).await;
    scene.gate.reached().await;
    let kept = jobs.store().job(&job.id).unwrap().unwrap();
    let Task::Restore(restore) = kept.task else { panic!("it is a restore") };
    assert!(matches!(restore.archive, ArchiveAt::Snapshot { snapshot: Some(1), .. }), "{restore:?}");
    scene.gate.open();
    jobs.wait(&job.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_others_locks_keeps_nobody_from_running() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    // Another process writes to the backup.
    let locks = scene.path("box/shop/locks");
    std::fs::create_dir_all(&locks).unwrap();
    std::fs::write(locks.join("0123456789abcdef01234567"), "Someone is writing to this backup\n").unwrap();
    let waits = submit(&jobs, scene.snapshot()).await;
    let other = submit(&jobs, scene.backup("a.tar")).await;
    assert_eq!(jobs.wait(&other.id).await.unwrap().state, State::Succeeded);
    assert_eq!(jobs.get(&waits.id).await.unwrap().state, State::Running);
    std::fs::remove_dir_all(&locks).unwrap();
    assert_eq!(jobs.wait(&waits.id).await.unwrap().state, State::Succeeded);
    // Who is stopped while it waits has begun nothing.
    std::fs::create_dir_all(&locks).unwrap();
    std::fs::write(locks.join("0123456789abcdef01234567"), "Someone is writing to this backup\n").unwrap();
    let waits = submit(&jobs, scene.snapshot_of(BackupType::Incremental)).await;
    let log = |id: &str| format!("{:?}", jobs.store().changed(id, 0, 100).unwrap());
    while !log(&waits.id).contains("; waiting") {
        tokio::task::yield_now().await;
    }
    jobs.cancel(&waits.id, "ben").await.unwrap();
    assert_eq!(jobs.wait(&waits.id).await.unwrap().state, State::Cancelled);
    scene.settled(&jobs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_for_a_while_loses_no_job() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    scene.gate.close();
    let job = submit(&jobs, scene.backup("a.tar")).await;
    scene.gate.reached().await;
    let other = rusqlite::Connection::open(scene.path("jobs.sqlite")).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("ALTER TABLE jobs RENAME TO away").unwrap();
    scene.gate.open();
    // The end is tried to be written, and shown to nobody.
    let mut changes = jobs.watch(&job.id).unwrap();
    let shown = tokio::time::timeout(Duration::from_millis(500), async {
        while !jobs.live(&job.id).unwrap().job().state.is_ended() {
            changes.changed().await.unwrap();
        }
    });
    assert!(shown.await.is_err(), "an end is shown that is not kept");
    other.execute_batch("ALTER TABLE away RENAME TO jobs").unwrap();
    assert_eq!(jobs.wait(&job.id).await.unwrap().state, State::Succeeded);
    scene.settled(&jobs).await;
}
