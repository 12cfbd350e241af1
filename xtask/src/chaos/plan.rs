//! What a seed makes of one run: the files that go in, and everything that goes wrong meanwhile. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use filas_testkit::partner::PartnerSettings;
use filas_testkit::workbooks::random::Dice;

/// The time that an attempt at the partner takes: long enough that a worker is in the middle of a batch most of the time.
const PARTNER_LATENCY_MS: u64 = 40;
/// When the last fault begins, in milliseconds from the first upload.
const FAULTS_END_MS: usize = 2_600;

/// One run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names the run among those of its seed.
    pub number: u32,
    /// The workbooks that are uploaded at its beginning, all at once.
    pub workbooks: Vec<Workbook>,
    /// In the order in which they happen.
    pub faults: Vec<Fault>,
}

/// One workbook and what is true of it.
#[derive(Debug, Clone)]
pub struct Workbook {
    /// Tells its products from those of every other workbook.
    pub name: String,
    /// Rows below the header.
    pub rows: u32,
    /// Rows in a batch.
    pub batch_size: u32,
    /// The numbers of the rows, as the spreadsheet shows them, that break the pipeline's schema.
    pub bad_rows: BTreeSet<u32>,
}

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// When, counted from the first upload.
    pub at: Duration,
    /// What.
    pub kind: FaultKind,
}

/// What can go wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum FaultKind {
    /// The function's next process is killed so long after it appeared; those that are warm end before the upload.
    KillNew(Function, Duration),
    /// Each process of the function that runs now is killed, with a chance of `share` in 100, but one at least.
    Kill {
        /// Whose processes.
        function: Function,
        /// The chance of each, in 100.
        share: u32,
    },
    /// The emulator is stopped in order, with every process of every function, and started again.
    Restart,
    /// Every processor is killed as soon as the partner hears of one: in the middle of a batch.
    KillAtWork,
    /// The partner behaves like this from now on.
    Partner(PartnerSettings),
    /// So many batches of each task have their message sent once more.
    RepeatBatches(u32),
    /// The event of each upload is sent once more.
    RepeatUploads,
    /// Each task is paused for so long.
    Pause(Duration),
    /// The first task is cancelled.
    Cancel,
}

/// A function whose processes are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Function {
    /// Takes files.
    Upload,
    /// Reads them.
    Split,
    /// Processes their rows.
    Processor,
    /// Buries batches.
    DeadLetter,
}

impl Function {
    /// The part of its name behind the stack's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Split => "split",
            Self::Processor => "processor",
            Self::DeadLetter => "dead-letter",
        }
    }
}

impl Plan {
    /// The run `number` of `seed`, with about so many rows in all. Whatever the dice say, a split is killed in every
    /// third run, the emulator is restarted in every fifth, and processors are killed in all.
    pub fn new(seed: u64, number: u32, rows: u32) -> Self {
        let mut dice = Dice::new(seed, u64::from(number));
        let workbooks = workbooks(&mut dice, number, rows);
        let mut faults = vec![kill(&mut dice, Function::Processor)];
        if number % 3 == 1 {
            faults.push(kill_split(&mut dice));
        }
        if number % 5 == 2 {
            faults.push(Fault { at: moment(&mut dice), kind: FaultKind::Restart });
        }
        if number % 7 == 3 {
            // When the batches of those that were killed have come again: they die of it, and are redriven in the end.
            let at = Duration::from_millis(6_500 + dice.below(1_500) as u64);
            faults.push(Fault { at, kind: FaultKind::Kill { function: Function::Processor, share: 100 } });
        }
        for _ in 0..2 + dice.below(4) {
            let more = fault(&mut dice);
            faults.extend(more);
        }
        Self::in_order(number, workbooks, faults)
    }

    /// One run in which everything goes wrong once.
    pub fn everything(seed: u64, rows: u32) -> Self {
        let mut dice = Dice::new(seed, 0);
        let workbooks = workbooks(&mut dice, 0, rows);
        let at = |at_ms| move |kind| Fault { at: Duration::from_millis(at_ms), kind };
        let mut faults = vec![
            kill_split(&mut dice),
            at(500)(FaultKind::RepeatUploads),
            at(700)(FaultKind::KillAtWork),
            at(1_000)(FaultKind::RepeatBatches(5)),
            at(1_300)(FaultKind::Restart),
        ];
        faults.extend(partner_trouble(&mut dice));
        Self::in_order(0, workbooks, faults)
    }

    fn in_order(number: u32, workbooks: Vec<Workbook>, mut faults: Vec<Fault>) -> Self {
        faults.sort_by_key(|fault| fault.at);
        // Whatever was asked of the partner, in the end it is well again: recovery is measured from here.
        let last = faults.last().map_or(Duration::ZERO, |fault| fault.at);
        faults.push(Fault { at: last, kind: FaultKind::Partner(well(number.into())) });
        Self { number, workbooks, faults }
    }
}

impl Workbook {
    /// The numbers of its rows, as the spreadsheet shows them: the header is row 1.
    pub fn row_numbers(&self) -> impl Iterator<Item = u32> + use<> {
        2..self.rows + 2
    }

    /// The product code in a row, which no other row of any workbook has.
    pub fn sku(&self, row: u32) -> String {
        format!("{}-{row:07}", self.name)
    }
}

/// A partner without faults.
pub fn well(seed: u64) -> PartnerSettings {
    PartnerSettings { latency_ms: PARTNER_LATENCY_MS, jitter: 0.5, seed, ..PartnerSettings::default() }
}

fn workbooks(dice: &mut Dice, run: u32, rows: u32) -> Vec<Workbook> {
    let count = 1 + dice.below(3) as u32;
    (0..count)
        .map(|index| {
            let most = (rows / count).max(2);
            let rows = most / 2 + dice.below(most as usize / 2 + 1) as u32;
            let bad_rows = (2..rows + 2).filter(|_| dice.once_in(60)).collect();
            let batch_size = *dice.pick(&[25, 50, 100]);
            Workbook { name: format!("r{run}w{index}"), rows, batch_size, bad_rows }
        })
        .collect()
}

fn moment(dice: &mut Dice) -> Duration {
    Duration::from_millis(100 + dice.below(FAULTS_END_MS - 100) as u64)
}

/// One more fault, or two that belong together.
fn fault(dice: &mut Dice) -> Vec<Fault> {
    let at = moment(dice);
    match dice.below(11) {
        0 | 1 => vec![kill(dice, Function::Processor)],
        2 => {
            let function = *dice.pick(&[Function::Upload, Function::DeadLetter, Function::Split]);
            vec![kill(dice, function)]
        }
        3 => vec![Fault { at, kind: FaultKind::RepeatBatches(1 + dice.below(8) as u32) }],
        4 => vec![Fault { at, kind: FaultKind::RepeatUploads }],
        5 | 7 => {
            let pause = Duration::from_millis(100 + dice.below(700) as u64);
            vec![Fault { at, kind: FaultKind::Pause(pause) }]
        }
        6 if dice.once_in(2) => vec![Fault { at, kind: FaultKind::Cancel }],
        _ => partner_trouble(dice),
    }
}

fn kill(dice: &mut Dice, function: Function) -> Fault {
    Fault { at: moment(dice), kind: FaultKind::Kill { function, share: 20 + dice.below(81) as u32 } }
}

/// A cold process takes some tens of milliseconds to begin, and a small file as long to be read.
fn kill_split(dice: &mut Dice) -> Fault {
    let after = Duration::from_millis(10 + dice.below(140) as u64);
    Fault { at: Duration::ZERO, kind: FaultKind::KillNew(Function::Split, after) }
}

/// The partner in trouble for a while, and well again.
fn partner_trouble(dice: &mut Dice) -> Vec<Fault> {
    let at = moment(dice);
    let length = Duration::from_millis(200 + dice.below(900) as u64);
    let settings = well(dice.next());
    let after_effect = dice.once_in(2);
    let trouble = match dice.below(6) {
        0 => PartnerSettings { error_rate: 0.3, error_status: *dice.pick(&[500, 502, 503]), ..settings },
        1 => PartnerSettings { error_rate: 1.0, error_status: 503, ..settings },
        // Permanent: the row fails at once, and is put through again in the end.
        2 => PartnerSettings { error_rate: 0.1, error_status: *dice.pick(&[409, 422]), ..settings },
        3 => PartnerSettings { hang_rate: 0.02, hang_after_effect: after_effect, ..settings },
        4 => PartnerSettings { reset_rate: 0.2, reset_after_effect: after_effect, ..settings },
        _ => PartnerSettings { rate_limit_per_second: 100, ..settings },
    };
    vec![
        Fault { at, kind: FaultKind::Partner(trouble) },
        Fault { at: at + length, kind: FaultKind::Partner(well(dice.next())) },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(plan: &Plan, wanted: impl Fn(&FaultKind) -> bool) -> bool {
        plan.faults.iter().any(|fault| wanted(&fault.kind))
    }

    #[test]
    fn a_seed_and_a_number_are_one_plan() {
        let shown = |seed, number| format!("{:?}", Plan::new(seed, number, 3_000));
        assert_eq!(shown(7, 3), shown(7, 3));
        assert_ne!(shown(7, 3), shown(7, 4));
        assert_ne!(shown(7, 3), shown(8, 3));
    }

    #[test]
    fn every_kind_of_fault_comes_up_and_the_partner_is_well_in_the_end() {
        let plans: Vec<Plan> = (0..200).map(|number| Plan::new(1, number, 3_000)).collect();
        let count = |wanted: fn(&FaultKind) -> bool| plans.iter().filter(|plan| has(plan, wanted)).count();
        assert_eq!(count(|kind| matches!(kind, FaultKind::Kill { function: Function::Processor, .. })), 200);
        assert_eq!(count(|kind| matches!(kind, FaultKind::Restart)), 40);
        assert_eq!(count(|kind| matches!(kind, FaultKind::KillNew(Function::Split, _))), 67);
        for (name, wanted) in [
            ("repeated batches", (|kind| matches!(kind, FaultKind::RepeatBatches(_))) as fn(&FaultKind) -> bool),
            ("repeated uploads", |kind| matches!(kind, FaultKind::RepeatUploads)),
            ("pauses", |kind| matches!(kind, FaultKind::Pause(_))),
            ("cancellations", |kind| matches!(kind, FaultKind::Cancel)),
            ("dead letters", |kind| matches!(kind, FaultKind::Kill { function: Function::DeadLetter, .. })),
            ("errors", |kind| matches!(kind, FaultKind::Partner(settings) if settings.error_rate > 0.0)),
            ("hangs", |kind| matches!(kind, FaultKind::Partner(settings) if settings.hang_rate > 0.0)),
            ("resets", |kind| matches!(kind, FaultKind::Partner(settings) if settings.reset_after_effect)),
            ("limits", |kind| matches!(kind, FaultKind::Partner(settings) if settings.rate_limit_per_second > 0)),
        ] {
            assert!(count(wanted) >= 10, "{name}: {}", count(wanted));
        }
        for plan in &plans {
            assert!(plan.faults.is_sorted_by_key(|fault| fault.at), "{plan:?}");
            let last = plan.faults.last().map(|fault| &fault.kind);
            assert!(matches!(last, Some(FaultKind::Partner(settings)) if *settings == well(plan.number.into())));
        }
    }

    #[test]
    fn workbooks_have_bad_rows_and_codes_of_their_own() {
        let plans: Vec<Plan> = (0..50).map(|number| Plan::new(1, number, 3_000)).collect();
        let books: Vec<&Workbook> = plans.iter().flat_map(|plan| &plan.workbooks).collect();
        let skus: BTreeSet<String> = books.iter().map(|book| book.sku(2)).collect();
        assert_eq!(skus.len(), books.len());
        for book in books {
            assert!((500..=3_000).contains(&book.rows), "{book:?}");
            assert!(book.bad_rows.iter().all(|row| book.row_numbers().any(|number| number == *row)));
        }
        assert!(plans.iter().all(|plan| plan.workbooks.iter().any(|book| !book.bad_rows.is_empty())));
    }

    #[test]
    fn the_short_version_has_a_kill_of_each_and_a_restart() {
        let plan = Plan::everything(1, 3_000);
        assert!(has(&plan, |kind| matches!(kind, FaultKind::Restart)));
        assert!(has(&plan, |kind| matches!(kind, FaultKind::KillNew(Function::Split, _))));
        assert!(has(&plan, |kind| matches!(kind, FaultKind::KillAtWork)));
    }
}
