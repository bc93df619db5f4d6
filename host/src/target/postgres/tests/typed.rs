//! Jobs of the typed capabilities.

use super::*;

/// A step that makes an object under its own name.
pub(super) fn create(id: u32, kind: &str, schema: Option<&str>, name: &str) -> Step {
    step(id, Action::Create, ObjectName::new(kind, schema, name), &[])
}

/// A job with these steps, of an archive in that dialect.
pub(super) struct Begun {
    pub(super) job: String,
    pub(super) stage: Box<dyn Stage>,
    steps: Vec<Step>,
}

pub(super) fn begin(place: &Place, dialect: &str, steps: &[Step]) -> Begun {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let named = format!("r-typed{:07}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut plan = plan(StageKind::Beside, steps, &[]);
    plan.archive.backup.dialect = dialect.to_owned();
    let stage = place.target().begin(&job(&named, &plan)).unwrap();
    Begun { job: named, stage, steps: steps.to_vec() }
}

impl Begun {
    /// A unit of the first step.
    pub(super) fn open(&self, unit: Unit) -> Box<dyn Work> {
        self.step(0, unit)
    }

    /// A unit of the step in that place.
    pub(super) fn step(&self, at: usize, unit: Unit) -> Box<dyn Work> {
        self.stage.open(&self.steps[at], unit).unwrap()
    }

    /// Makes everything live; gives the job's name.
    pub(super) fn switch(self) -> String {
        finish(&*self.stage, &self.steps).unwrap();
        self.job
    }
}
