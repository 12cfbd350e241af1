//! When a task gives up early, because a destination or the file is broken.

use crate::task::Tally;

/// The failed rows that are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopRule {
    /// More than so many rows.
    Rows(u64),
    /// More than this share of all rows of the task, in hundredths of a percent.
    Share(u32),
}

/// Whether a task of `total` rows has failed too often and should end now.
pub fn should_stop(rule: StopRule, tally: &Tally, total: u64) -> bool {
    let failed = tally.counts.failed;
    match rule {
        StopRule::Rows(most) => failed > most,
        StopRule::Share(hundredths) => u128::from(failed) * 10_000 > u128::from(total) * u128::from(hundredths),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Counts;

    #[test]
    fn more_than_the_limit_stops_and_the_limit_itself_does_not() {
        for (rule, failed, total, expected) in [
            (StopRule::Rows(1000), 1000, 5000, false),
            (StopRule::Rows(1000), 1001, 5000, true),
            (StopRule::Rows(0), 0, 5000, false),
            (StopRule::Rows(0), 1, 5000, true),
            (StopRule::Share(500), 5000, 100_000, false),
            (StopRule::Share(500), 5001, 100_000, true),
            (StopRule::Share(500), 1, 10, true),
            (StopRule::Share(10_000), 10, 10, false),
            (StopRule::Share(25), 2, 1000, false),
            (StopRule::Share(25), 3, 1000, true),
            (StopRule::Share(1), u64::MAX, u64::MAX, true),
        ] {
            let counts = Counts { failed, ..Counts::default() };
            let tally = Tally { counts, ..Tally::default() };
            assert_eq!(should_stop(rule, &tally, total), expected, "{rule:?}: {failed} of {total}");
        }
    }
}
