//! What people may do with a job, when, and what comes of it when they do it at the wrong moment.

use super::super::*;
use super::scene::{Scene, asked, code, submit};

/// Every way to steer, by its name.
async fn steer(jobs: &Arc<Jobs>, how: &str, id: &str) -> Result<Arc<Job>> {
    match how {
        "cancel" => jobs.cancel(id, "ben").await,
        "pause" => jobs.pause(id, "ben").await,
        "resume" => jobs.resume(id, "ben").await,
        "undo" => jobs.undo(id, "ben").await,
        "discard" => jobs.discard(id, "ben").await,
        _ => jobs.retry(id, asked(None)).await.map(|submitted| submitted.job),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_allows_what_makes_sense() {
    let scene = Scene::new();
    let store = scene.store();
    let known = State::Succeeded;
    for (state, allowed) in [
        (State::Paused, &["cancel", "resume"][..]),
        (State::Interrupted, &["cancel", "resume"]),
        (State::Failed, &["retry"]),
        (State::Refused, &["retry"]),
        (State::Cancelled, &["retry"]),
        (State::Undone, &["retry", "undo", "discard"]),
        (State::Discarded, &[]),
        (known, &["undo", "discard"]),
    ] {
        for how in ["cancel", "pause", "resume", "undo", "discard", "retry"] {
            let job = Job { state, ..new_job(scene.restore("none.tar"), &asked(None)).unwrap() };
            store.add(&job, None).unwrap();
            let jobs = scene.start(1);
            // The target knows nothing of it, which is found out only once it is asked.
            let expected = match (allowed.contains(&how), how) {
                (false, _) => "job.not_possible",
                (true, "undo" | "discard") => "job.not_found",
                (true, _) => "none",
            };
            assert_eq!(code(steer(&jobs, how, &job.id).await), expected, "{how} while {state}");
            assert_eq!(code(steer(&jobs, how, "r-none").await), "job.not_found");
            jobs.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_cancelled_paused_and_resumed_at_once() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    scene.gate.close();
    let first = submit(&jobs, scene.backup("a.tar")).await;
    scene.gate.reached().await;
    let (second, third) = (submit(&jobs, scene.backup("b.tar")).await, submit(&jobs, scene.backup("c.tar")).await);
    let cancelled = jobs.cancel(&second.id, "ben").await.unwrap();
    assert_eq!((cancelled.state, cancelled.started.is_none()), (State::Cancelled, true));
    assert_eq!(jobs.pause(&third.id, "ben").await.unwrap().state, State::Paused);
    assert_eq!(code(jobs.pause(&third.id, "ben").await), "job.not_possible");
    assert_eq!(code(jobs.pause(&first.id, "ben").await), "job.not_possible", "only restores stop in the middle");
    assert_eq!(code(jobs.resume(&first.id, "ben").await), "job.not_possible");
    scene.gate.open();
    assert_eq!(jobs.wait(&first.id).await.unwrap().state, State::Succeeded);
    assert_eq!(jobs.get(&third.id).await.unwrap().state, State::Paused);
    assert_eq!(jobs.resume(&third.id, "ben").await.unwrap().state, State::Queued);
    assert_eq!(jobs.wait(&third.id).await.unwrap().state, State::Succeeded);
    assert_eq!(jobs.wait(&second.id).await.unwrap().state, State::Cancelled);
    assert_eq!(scene.told_of(&second.id), [(Moment::Ended, State::Cancelled)]);
    assert!(!scene.path("b.tar").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_is_stopped_before_its_target_knows_of_it() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    scene.packed(&jobs).await;
    for (wishes, expected) in [
        (&["pause"][..], State::Paused),
        (&["cancel"], State::Cancelled),
        (&["pause", "cancel"], State::Cancelled),
        (&["cancel", "pause"], State::Cancelled),
    ] {
        scene.gate.close();
        let job = submit(&jobs, scene.restore("shop.tar")).await;
        scene.gate.reached().await;
        for wish in wishes {
            assert_eq!(steer(&jobs, wish, &job.id).await.unwrap().state, State::Running);
        }
        let mut changes = jobs.watch(&job.id).unwrap();
        scene.gate.open();
        while jobs.get(&job.id).await.unwrap().state == State::Running {
            let _ = changes.changed().await;
        }
        let stopped = jobs.get(&job.id).await.unwrap();
        assert_eq!((stopped.state, &stopped.error), (expected, &None), "{wishes:?}");
        if expected == State::Paused {
            jobs.resume(&job.id, "ben").await.unwrap();
            let ended = jobs.wait(&job.id).await.unwrap();
            assert!(matches!(ended.state, State::Succeeded | State::Refused), "{ended:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_whose_client_has_gone_is_done_all_the_same() {
    let scene = Scene::new();
    let jobs = scene.start(1);
    scene.gate.close();
    let first = submit(&jobs, scene.backup("a.tar")).await;
    scene.gate.reached().await;
    let second = submit(&jobs, scene.backup("b.tar")).await;
    {
        let cancelling = jobs.cancel(&second.id, "ben");
        // One look, and the connection is gone.
        tokio::select! { biased; _ = cancelling => (), () = std::future::ready(()) => () }
    }
    assert_eq!(jobs.wait(&second.id).await.unwrap().state, State::Cancelled);
    scene.gate.open();
    assert_eq!(jobs.wait(&first.id).await.unwrap().state, State::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_at_the_same_time_every_job_ends_once() {
    let scene = Scene::new();
    let jobs = scene.start(2);
    scene.packed(&jobs).await;
    let mut ids = Vec::new();
    let mut steering = Vec::new();
    for number in 0..60_usize {
        let task = if number % 2 == 0 { scene.restore("none.tar") } else { scene.backup(&format!("{number}.tar")) };
        let job = submit(&jobs, task).await;
        ids.push(job.id.clone());
        for wish in ["pause", "cancel", "resume", "cancel"].into_iter().cycle().skip(number % 4).take(3) {
            let (jobs, id) = (Arc::clone(&jobs), job.id.clone());
            steering.push(tokio::spawn(async move {
                let done = steer(&jobs, wish, &id).await;
                assert!(matches!(&*code(done), "none" | "job.not_possible"));
            }));
        }
    }
    for wish in steering {
        wish.await.unwrap();
    }
    for id in &ids {
        // Who was paused last goes on; who has ended meanwhile cannot.
        let _ = jobs.resume(id, "ben").await;
        let ended = jobs.wait(id).await.unwrap();
        assert!(ended.state.is_ended(), "{ended:?}");
        assert_eq!(jobs.store().job(id).unwrap().as_ref(), Some(&*ended), "what is kept is what was shown");
        let ends = scene.told_of(id).into_iter().filter(|(moment, _)| *moment == Moment::Ended).count();
        assert!(ends <= 1, "{id} ended {ends} times");
    }
    scene.settled(&jobs).await;
}
