//! A task until it ends.

use std::thread;
use std::time::{Duration, Instant};

use filas_domain::ids::TaskId;
use filas_domain::live::LiveMessage;
use filas_domain::view::TaskView;

use super::Client;
use super::error::{ClientError, Next};
use super::live::{Live, Newest};
use crate::progress::Progress;

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);
/// How long the counters of an ended task may lag behind its state.
const SETTLING: Duration = Duration::from_secs(3);

impl Client {
    /// Follows the task until it ends or `progress` has seen enough, and returns it as seen last. A connection that
    /// fails is tried again for [`Patience::silence`](super::Patience::silence).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn watch(&self, id: TaskId, progress: &mut dyn Progress) -> Result<TaskView, ClientError> {
        let result = self.follow(id, progress);
        progress.done();
        result
    }

    /// As [`watch`](Self::watch), told of changes at once where there is a WebSocket; where there is none, or no more, it
    /// asks again and again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn watch_live(&self, id: TaskId, progress: &mut dyn Progress) -> Result<TaskView, ClientError> {
        let result = match self.live(Some(id)) {
            Ok(live) => match follow_live(live, progress) {
                Some(task) => Ok(task),
                None => self.follow(id, progress),
            },
            Err(_) => self.follow(id, progress),
        };
        progress.done();
        result
    }

    fn follow(&self, id: TaskId, progress: &mut dyn Progress) -> Result<TaskView, ClientError> {
        let mut pace = Pace::new();
        let mut answered = Instant::now();
        let mut ended: Option<Instant> = None;
        loop {
            let pause = match self.get_once::<TaskView>(&format!("/v1/tasks/{id}"), &[]) {
                Ok(task) => {
                    answered = Instant::now();
                    let settled = task.state.is_final()
                        && (adds_up(&task) || ended.get_or_insert_with(Instant::now).elapsed() >= SETTLING);
                    if progress.task(&task).is_break() || settled {
                        return Ok(task);
                    }
                    pace.after(&task)
                }
                Err(error) => {
                    let pause = self.pause_in_silence(&error, answered.elapsed());
                    let Some(pause) = pause else { return Err(error) };
                    progress.retrying(&error, pause);
                    pause
                }
            };
            thread::sleep(pause);
        }
    }

    /// How long to wait after trouble, when the last answer is `silent` ago; `None` when that is too long.
    fn pause_in_silence(&self, error: &ClientError, silent: Duration) -> Option<Duration> {
        if silent >= self.patience.silence {
            return None;
        }
        match error.next() {
            Next::GiveUp => None,
            Next::BackOff => Some(LONGEST.min(self.patience.silence / 10)),
            Next::Wait(wait) => (wait <= self.patience.longest_wait).then_some(wait),
        }
    }
}

/// Follows until the task has ended or `progress` has seen enough; `None` when the connection was of no use any more, or
/// there is no such task, which asking says better.
fn follow_live(mut live: Live, progress: &mut dyn Progress) -> Option<TaskView> {
    let mut newest = Newest::default();
    loop {
        match live.next_message().ok()? {
            Some(LiveMessage::Task(seen)) if newest.is_news(seen.task.id, seen.revision) => {
                let task = seen.task;
                if progress.task(&task).is_break() || (task.state.is_final() && adds_up(&task)) {
                    return Some(task);
                }
            }
            Some(LiveMessage::Missing { .. } | LiveMessage::Deleted { .. } | LiveMessage::Error { .. }) => return None,
            _ => {}
        }
    }
}

/// Whether every row of the task has its outcome.
pub(crate) fn adds_up(task: &TaskView) -> bool {
    task.total.is_none_or(|total| total == task.succeeded + task.failed + task.unprocessed)
}

/// How long to wait between two looks: short while things change and near the end, longer otherwise.
struct Pace {
    pause: Duration,
    seen: Option<TaskView>,
}

impl Pace {
    fn new() -> Self {
        Self { pause: SHORTEST, seen: None }
    }

    fn after(&mut self, task: &TaskView) -> Duration {
        let state_changed = self.seen.as_ref().is_none_or(|seen| seen.state != task.state);
        self.pause = if state_changed { SHORTEST } else { (self.pause * 5 / 4).min(LONGEST) };
        self.seen = Some(task.clone());
        match task.seconds_left {
            // A quarter of the way: the end is seen within a quarter of what is left, and a long task is left in peace.
            Some(left) => Duration::from_secs_f64((left / 4.0).clamp(SHORTEST.as_secs_f64(), LONGEST.as_secs_f64())),
            None => self.pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::task;

    #[test]
    fn looks_are_far_apart_while_nothing_happens_and_close_near_the_end() {
        let mut pace = Pace::new();
        let waiting = task("splitting", None, 0, 0);
        assert_eq!(pace.after(&waiting), SHORTEST);
        let last = (0..20).map(|_| pace.after(&waiting)).last();
        assert_eq!(last, Some(LONGEST));
        let mut processing = task("processing", Some(100), 0, 0);
        assert_eq!(pace.after(&processing), SHORTEST);
        for (left, pause) in
            [(1000.0, LONGEST), (2.0, Duration::from_millis(500)), (0.0, SHORTEST), (-1.0, SHORTEST), (1e300, LONGEST)]
        {
            processing.seconds_left = Some(left);
            assert_eq!(pace.after(&processing), pause, "{left} s left");
        }
    }
}
