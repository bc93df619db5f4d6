//! How many tasks run at once: a number that is found while restoring, by trying one more and one less and staying where most gets
//! done. Pure: it is told of time and of work that was done, and says a number.

use std::time::Duration;

use super::urgency::Phase;

/// A measurement takes at least so long,
const SPAN: Duration = Duration::from_millis(1500);
/// and at least so many tasks, and so many for each that runs at once.
const TASKS: usize = 6;
const TASKS_EACH: usize = 2;
/// What a task costs beside its bytes, in bytes, so that many small ones count, too.
const TASK_BYTES: u64 = 256 << 10;
/// Another width must do better by this factor to be kept.
const BETTER: f64 = 1.05;
/// Measurements until a width that was found is tried anew: what is restored then may be of another sort.
const REST: u32 = 20;
/// No machine and no server gains by more.
const MOST: usize = 64;
/// Widths that are tried, in multiples of the processors: those wait for the target most of the time.
const EACH_PROCESSOR: usize = 4;

/// A width, fixed or searched for.
#[derive(Debug)]
pub(super) struct Width {
    now: usize,
    most: usize,
    search: Search,
    window: Window,
    phase: Option<Phase>,
}

/// Where the search stands.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Search {
    /// There is nothing to search for.
    Fixed,
    /// How much the width does is being measured.
    Measuring,
    /// Another width is tried, against what the last one did.
    Trying { from: usize, rate: f64, turned: bool },
    /// The width is the best one for some time.
    Resting { windows: u32 },
}

/// Work that was done since a moment.
#[derive(Debug, Default)]
struct Window {
    /// The end of the last task of an earlier width.
    start: Option<Duration>,
    /// Tasks that began at another width and are still to come.
    stale: usize,
    tasks: usize,
    bytes: u64,
}

impl Width {
    /// As wide as the operator says, as far as there are connections.
    pub(super) fn fixed(width: usize, connections: Option<u64>) -> Self {
        let now = width.clamp(1, limit(connections).min(MOST));
        Self { now, most: now, search: Search::Fixed, window: Window::default(), phase: None }
    }

    /// One that is searched for, from the number of processors on.
    pub(super) fn found(processors: usize, connections: Option<u64>) -> Self {
        let processors = processors.max(2);
        let most = processors.saturating_mul(EACH_PROCESSOR).min(MOST).min(limit(connections));
        let search = if most > 1 { Search::Measuring } else { Search::Fixed };
        Self { now: processors.min(most), most, search, window: Window::default(), phase: None }
    }

    /// How many tasks run at once.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Work of this sort begins. What was measured says nothing of work of another sort.
    pub(super) fn turn_to(&mut self, phase: Phase) {
        if self.phase.replace(phase) != Some(phase) {
            self.give_up_trial();
        }
    }

    /// Fewer tasks run than could: nothing can be measured.
    pub(super) fn idle(&mut self) {
        self.give_up_trial();
    }

    /// A task has ended at this time and has done so much.
    pub(super) fn observe(&mut self, at: Duration, bytes: u64) {
        if self.search == Search::Fixed {
            return;
        }
        let Some(rate) = self.window.add(at, bytes, self.now) else { return };
        self.decide(rate);
        self.window = Window { start: Some(at), stale: self.now, ..Window::default() };
    }

    fn decide(&mut self, rate: f64) {
        match self.search {
            Search::Fixed => {}
            Search::Measuring => self.begin_trial(rate),
            Search::Trying { from, rate: before, .. } if rate > before * BETTER => {
                // What lies behind is worse; only the way on is left.
                match self.next_in_line(from) {
                    Some(next) => self.try_width(next, rate, true),
                    None => self.rest(),
                }
            }
            Search::Trying { from, rate: before, turned } => {
                let was_wider = self.now > from;
                self.now = from;
                match from.checked_sub(1).filter(|less| was_wider && !turned && *less >= 1) {
                    Some(less) => self.try_width(less, before, true),
                    None => self.rest(),
                }
            }
            Search::Resting { windows: 0 } => self.begin_trial(rate),
            Search::Resting { windows } => self.search = Search::Resting { windows: windows - 1 },
        }
    }

    fn begin_trial(&mut self, rate: f64) {
        if self.now < self.most {
            self.try_width(self.now + 1, rate, false);
        } else {
            self.try_width(self.now - 1, rate, true);
        }
    }

    /// The width behind this one, coming from `from`.
    fn next_in_line(&self, from: usize) -> Option<usize> {
        let next = if self.now > from { self.now + 1 } else { self.now - 1 };
        (1..=self.most).contains(&next).then_some(next)
    }

    fn try_width(&mut self, width: usize, rate: f64, turned: bool) {
        self.search = Search::Trying { from: self.now, rate, turned };
        self.now = width;
    }

    fn rest(&mut self) {
        self.search = Search::Resting { windows: REST };
    }

    fn give_up_trial(&mut self) {
        if let Search::Trying { from, .. } = self.search {
            self.now = from;
            self.search = Search::Measuring;
        }
        self.window = Window::default();
    }
}

/// Connections that may work on objects.
fn limit(connections: Option<u64>) -> usize {
    let left = connections.map(|free| free.saturating_sub(crate::check::connections_enough::RESERVED));
    left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX).max(1))
}

impl Window {
    /// Adds a task that ended; the rate once there is enough of them, in bytes a second.
    fn add(&mut self, at: Duration, bytes: u64, width: usize) -> Option<f64> {
        let Some(start) = self.start else {
            *self = Self { start: Some(at), stale: width, ..Self::default() };
            return None;
        };
        if self.stale > 0 {
            self.stale -= 1;
            self.start = Some(at);
            return None;
        }
        self.tasks += 1;
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(TASK_BYTES);
        let span = at.saturating_sub(start);
        let enough = span >= SPAN && self.tasks >= TASKS.max(TASKS_EACH * width);
        enough.then(|| self.bytes as f64 / span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs for so many seconds against a target that does `rate(width)` tasks of 1 MiB a second; returns how long it was how wide.
    fn run(width: &mut Width, seconds: f64, rate: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut time = vec![0.0; MOST + 1];
        let mut at = 0.0;
        width.turn_to(Phase::Rows);
        while at < seconds {
            let pause = 1.0 / rate(width.now());
            time[width.now()] += pause;
            at += pause;
            width.observe(Duration::from_secs_f64(at), 1 << 20);
        }
        time
    }

    #[test]
    fn it_starts_at_the_processors_and_stays_within_what_is_allowed() {
        for (processors, connections, now, most) in [
            (2, None, 2, 8),
            (1, None, 2, 8),
            (8, None, 8, 32),
            (200, None, 64, 64),
            (8, Some(100), 8, 32),
            (8, Some(6), 4, 4),
            (8, Some(3), 1, 1),
            (8, Some(0), 1, 1),
        ] {
            let width = Width::found(processors, connections);
            assert_eq!((width.now, width.most), (now, most), "{processors} {connections:?}");
        }
        for (asked, connections, now) in
            [(1, None, 1), (16, None, 16), (1000, None, 64), (16, Some(10), 8), (4, Some(1), 1)]
        {
            let mut width = Width::fixed(asked, connections);
            run(&mut width, 60.0, |width| width as f64 * 10.0);
            assert_eq!(width.now(), now);
        }
    }

    #[test]
    fn it_comes_within_a_tenth_of_the_best() {
        let rates: [(&str, fn(usize) -> f64, usize); 5] = [
            ("more is more", |width| 10.0 * width as f64, 8),
            ("six are best", |width| 10.0 * width.min(6) as f64 - 4.0 * width.saturating_sub(6) as f64, 6),
            ("all are alike", |_| 20.0, 2),
            ("one is best", |width| 30.0 / width as f64, 1),
            ("two are best", |width| if width == 2 { 30.0 } else { 20.0 }, 2),
        ];
        for (name, rate, best) in rates {
            let mut width = Width::found(2, None);
            let seconds = 600.0;
            let time = run(&mut width, seconds, rate);
            let done: f64 = time.iter().enumerate().skip(1).map(|(width, time)| time * rate(width)).sum();
            assert!(done >= 0.9 * seconds * rate(best), "{name}: {:?}", &time[..10]);
        }
    }

    #[test]
    fn noise_does_not_carry_it_away() {
        let mut width = Width::found(4, None);
        let mut number = 1_u64;
        let mut at = 0.0;
        for _ in 0..20_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            at += 0.02 * (0.5 + (number >> 33) as f64 / f64::from(u32::MAX / 2));
            width.observe(Duration::from_secs_f64(at), 1 << 20);
        }
        assert!((2..=8).contains(&width.now()), "{width:?}");
    }

    #[test]
    fn a_trial_ends_when_it_cannot_be_judged() {
        let mut width = Width::found(2, None);
        width.turn_to(Phase::Rows);
        let mut at = Duration::ZERO;
        while width.now() == 2 {
            at += Duration::from_millis(100);
            width.observe(at, 1 << 20);
        }
        assert_eq!(width.now(), 3);
        width.turn_to(Phase::Rows);
        assert_eq!(width.now(), 3);
        width.turn_to(Phase::Indexes);
        assert_eq!((width.now(), width.search), (2, Search::Measuring));
        width.idle();
        assert_eq!(width.now(), 2);
    }

    #[test]
    fn one_long_task_changes_nothing() {
        let mut width = Width::found(2, None);
        for second in [1, 100, 1000, 1001] {
            width.observe(Duration::from_secs(second), 1 << 40);
        }
        assert_eq!(width.now(), 2);
    }
}
