//! One line a figure: what was measured, the figure, its goal, and how far it is from it.

/// What a figure should be.
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// The goal in words, and whether the figure meets it.
    pub(crate) fn of(&self, figure: f64, unit: &str) -> String {
        let (words, goal, met) = match *self {
            Self::AtLeast(goal) => ("at least", goal, figure >= goal),
            Self::AtMost(goal) => ("at most", goal, figure <= goal),
        };
        let verdict = if met { "met" } else { "MISSED" };
        format!("goal {words} {goal}{unit}: {verdict} ({:.2} of it)", figure / goal)
    }
}

pub(crate) fn line(case: &str, what: &str, figure: String, goal: String) {
    println!("{case:<8} {figure:>16}  {goal}\n{:26}{what}", "");
}

pub(crate) fn note(case: &str, what: &str) {
    println!("{case:<8} {what}");
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub(crate) fn seconds(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

pub(crate) fn ratio(ratio: f64) -> String {
    format!("{ratio:.2} × as fast")
}
