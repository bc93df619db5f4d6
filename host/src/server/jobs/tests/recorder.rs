//! What is shown of a run: figures that never go back, over runs that break off and go on.

use crate::plan::fixture::{Sample, name};
use crate::restore::Event;
use crate::target::Counts;

use super::super::*;
use super::scene::{Scene, asked};

fn counts(rows: u64) -> Counts {
    Counts { rows, bytes: rows * 10 }
}

struct Runs {
    scene: Scene,
    live: Arc<Live>,
    store: Arc<Store>,
    /// What was shown last.
    last: Progress,
}

impl Runs {
    fn new() -> Self {
        let scene = Scene::new();
        let store = scene.store();
        let job = new_job(scene.restore("shop.tar"), &asked(None)).unwrap();
        store.add(&job, None).unwrap();
        Self { scene, live: Arc::new(Live::new(job, 0)), store, last: Progress::default() }
    }

    async fn begin(&self) -> (Arc<Recorder>, bool) {
        let recorder = Recorder::new(Arc::clone(&self.store), Arc::clone(&self.live));
        let first = recorder.begin().await;
        (recorder, first)
    }

    /// Another process: what it knows is what was kept.
    async fn begin_anew(&mut self) -> Arc<Recorder> {
        self.store = self.scene.store();
        let id = self.live.job().id.clone();
        let mut job = self.store.open_jobs().unwrap().into_iter().find(|job| job.id == id).unwrap();
        again(&self.store, &mut job).unwrap();
        assert!(job.stages.iter().all(|stage| stage.state != "running"), "{:?}", job.stages);
        self.live = Arc::new(Live::new(job, 0));
        let (recorder, first) = self.begin().await;
        assert!(!first);
        recorder
    }

    /// Tells the recorder, writes, and looks that nothing went back.
    async fn tell(&mut self, recorder: &Arc<Recorder>, events: &[Event]) {
        for event in events {
            recorder.event(event);
            let shown = self.live.job().progress;
            let grown = |before: u64, after: u64| assert!(after >= before, "{event:?}: {:?} then {shown:?}", self.last);
            grown(self.last.objects_done, shown.objects_done);
            grown(self.last.objects_failed, shown.objects_failed);
            grown(self.last.rows_done, shown.rows_done);
            grown(self.last.bytes_done, shown.bytes_done);
            assert!(shown.fraction >= self.last.fraction && shown.fraction < 1.0, "{event:?}: {shown:?}");
            self.last = shown;
        }
        recorder.save().await.unwrap();
    }

    fn objects(&self) -> Vec<(String, u64)> {
        let objects = self.store.objects(&self.live.job().id, 0, 100).unwrap();
        objects.into_iter().map(|object| (object.state, object.rows_done)).collect()
    }
}

fn started(done: u64) -> Event {
    Event::Started { job: "r-1".to_owned(), objects: 2, rows: 10, bytes: 100, done: counts(done) }
}

fn committed(object: &str, rows: u64) -> Event {
    Event::Committed { object: name(object), counts: counts(rows) }
}

fn staged(object: &str, rows: u64) -> Event {
    Event::ObjectStaged { source: name(object), object: name(object), counts: counts(rows), files: 1 }
}

#[tokio::test]
async fn figures_never_go_back() {
    let plan = Sample::of(&["table main.a", "table main.b"]).plan();
    let mut runs = Runs::new();
    let (recorder, first) = runs.begin().await;
    assert!(first);
    recorder.plan(&plan);
    let (a, b) = ("table main.a", "table main.b");
    let begin = |object| Event::ObjectStarted { object: name(object) };
    let events = [started(0), begin(a), committed(a, 4), staged(a, 4), begin(b), committed(b, 3)];
    runs.tell(&recorder, &events).await;
    assert_eq!(runs.objects(), [("staged".to_owned(), 4), ("running".to_owned(), 3)]);
    drop(recorder);
    // Its process is killed; the target had committed one part more than was written down.
    let recorder = runs.begin_anew().await;
    assert_eq!(runs.objects(), [("staged".to_owned(), 4), ("stopped".to_owned(), 3)]);
    recorder.plan_again(&plan);
    recorder.save().await.unwrap();
    assert_eq!(runs.objects(), [("staged".to_owned(), 4), ("waiting".to_owned(), 3)], "objects stand where they stood");
    runs.tell(&recorder, &[started(8), staged(a, 4), begin(b), committed(b, 2), staged(b, 6)]).await;
    assert_eq!(runs.objects(), [("staged".to_owned(), 4), ("staged".to_owned(), 6)]);
    runs.tell(&recorder, &[Event::Rehearsing, Event::Switching]).await;
    let end = runner::End { state: State::Succeeded, report: Some("{}".to_owned()), error: None };
    recorder.end(&end).await.unwrap();
    let job = runs.store.job(&runs.live.job().id).unwrap().unwrap();
    assert_eq!(*runs.live.job(), job, "what is shown is kept");
    assert!((job.progress.fraction - 1.0).abs() < f64::EPSILON && job.ended.is_some());
    assert_eq!((job.progress.rows_done, job.progress.objects_done), (10, 2));
    let stages: Vec<(&str, &str)> = job.stages.iter().map(|stage| (&*stage.name, &*stage.state)).collect();
    let passed = ["queue", "stage", "rehearse", "switch"].map(|name| (name, "succeeded"));
    assert_eq!(stages, passed);
}

#[tokio::test]
async fn a_plan_that_is_made_anew_has_objects_of_its_own() {
    let mut runs = Runs::new();
    let (recorder, _) = runs.begin().await;
    recorder.plan(&Sample::of(&["table main.a", "table main.b", "table main.c"]).plan());
    runs.tell(&recorder, &[started(0), committed("table main.a", 5)]).await;
    let recorder = runs.begin_anew().await;
    recorder.plan(&Sample::of(&["table main.a"]).plan());
    runs.tell(&recorder, &[started(0), committed("table main.a", 1)]).await;
    assert_eq!(runs.objects(), [("waiting".to_owned(), 1)]);
    assert_eq!(runs.last.rows_done, 5, "what was shown as done is not taken back");
}

#[tokio::test]
async fn failures_are_counted_and_told() {
    let mut runs = Runs::new();
    let (recorder, _) = runs.begin().await;
    recorder.plan(&Sample::of(&["table main.a", "table main.b"]).plan());
    let error = Error::new("archive.checksum_mismatch", "Entry 1 is damaged");
    let failed = Event::ObjectFailed { object: name("table main.a"), error: error.clone() };
    let begun = Event::ObjectStarted { object: name("table main.b") };
    runs.tell(&recorder, &[started(0), failed, begun]).await;
    let end = runner::End { state: State::Interrupted, report: None, error: Some(error) };
    recorder.end(&end).await.unwrap();
    let job = runs.live.job();
    assert_eq!((job.progress.objects_failed, job.state), (1, State::Interrupted));
    assert_eq!(job.error.as_ref().unwrap()["code"], "archive.checksum_mismatch");
    assert!(job.ended.is_none() && job.progress.fraction < 1.0);
    assert_eq!(job.stages.last().unwrap().state, "failed");
    let object = &runs.store.objects(&job.id, 0, 1).unwrap()[0];
    assert_eq!(
        (&*object.state, &object.error.as_ref().unwrap()["code"]),
        ("failed", &"archive.checksum_mismatch".into())
    );
    assert_eq!(runs.objects()[1].0, "stopped", "nothing runs without its job");
}

#[tokio::test]
async fn a_plugin_that_never_stops_talking_is_cut_short() {
    let runs = Runs::new();
    let (recorder, _) = runs.begin().await;
    for _ in 0..25_000 {
        recorder.log("info", "tables", None, "again".to_owned());
    }
    recorder.save().await.unwrap();
    let log = runs.store.changed(&runs.live.job().id, 0, 100_000).unwrap();
    assert_eq!(log.len(), 20_000);
}
