//! What happens in a run when nothing goes wrong: files, workers, commands.

use std::time::Duration;

use crate::dice::Dice;

/// A run without its weather.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The files, each uploaded by a person of its own.
    pub uploads: Vec<Upload>,
    /// Processors at once.
    pub processors: usize,
    /// Splitters at once.
    pub splitters: usize,
    /// Deliveries before a message is a dead letter.
    pub deliveries: u32,
    /// Invocations of a thousand that go on for a while after their time limit: the machine stood still.
    pub zombies: u32,
    /// Whether the clocks of the machines differ.
    pub clocks_differ: bool,
}

/// A file, and what its owner does with it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// How its rows are processed.
    pub work: Work,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Rows in a batch.
    pub batch_size: u32,
    /// How the file comes.
    pub way: Way,
    /// How many rows may fail before the pipeline gives up, where the work is not simulated.
    pub stop: Option<u32>,
    /// What its owner asks for, each so long after the one before it, or after the upload.
    pub commands: Vec<(Duration, Command)>,
}

/// How rows are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// By a pipeline that never waits: the batches of an invocation are processed together.
    Pure,
    /// By the shipped pipeline `simulate`, by way of the API: rows take time, and a batch is processed alone.
    Simulated,
    /// By a pipeline that takes time and then stores a record.
    Stored,
}

/// How a file comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the call that registers it.
    Direct,
    /// After the call that registers it, so much later.
    Presigned(Duration),
    /// Not at all.
    Never,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Whether it ends as failed.
    pub is_bad: bool,
    /// Milliseconds that it takes, where the work is not pure.
    pub cost: u64,
}

/// What the pipelines that are not shipped have in common.
const VALIDATE: &str = "name: own
rows: { header: 1, key: id }
validate:
  type: object
  required: [id]
  properties: { id: { type: string }, cost: { type: number }, quantity: { type: integer, minimum: 1 } }
";

/// What an owner asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// End it.
    Cancel,
    /// Hold it back.
    Pause,
    /// Go on.
    Resume,
    /// Put dead batches through again.
    RedriveDead,
    /// Put failed rows through again.
    RedriveFailed,
    /// Erase everything of it.
    Delete,
}

impl Command {
    /// Those that a task survives.
    const ALL: [Self; 5] = [Self::Cancel, Self::Pause, Self::Resume, Self::RedriveDead, Self::RedriveFailed];

    /// The call's method, its path below the task's, and its body.
    pub const fn call(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Cancel => ("POST", "/cancel", ""),
            Self::Pause => ("POST", "/pause", ""),
            Self::Resume => ("POST", "/resume", ""),
            Self::RedriveDead => ("POST", "/redrive", r#"{"dead":true}"#),
            Self::RedriveFailed => ("POST", "/redrive", r#"{"failed":{}}"#),
            Self::Delete => ("DELETE", "", ""),
        }
    }
}

impl Scenario {
    /// A scenario by chance.
    pub fn roll(dice: &mut Dice) -> Self {
        let uploads = (0..dice.between(1, 2)).map(|_| Upload::roll(dice)).collect();
        Self {
            uploads,
            processors: dice.index(3) + 1,
            splitters: dice.index(2) + 1,
            // The template's bounds: with one delivery, a message that comes twice is dead before it is read.
            deliveries: u32::try_from(dice.between(2, 5)).unwrap_or(5),
            zombies: if dice.chance(300) { 300 } else { 0 },
            clocks_differ: dice.chance(500),
        }
    }

    /// One file and one of everything.
    pub fn of(upload: Upload) -> Self {
        Self { uploads: vec![upload], processors: 1, splitters: 1, deliveries: 5, zombies: 0, clocks_differ: false }
    }
}

impl Upload {
    /// Rows without commands, `true` for each bad one.
    pub fn of(work: Work, batch_size: u32, bad: &[bool]) -> Self {
        let rows = bad.iter().map(|is_bad| Row { is_bad: *is_bad, cost: 0 }).collect();
        Self { work, rows, batch_size, way: Way::Direct, stop: None, commands: Vec::new() }
    }

    /// The same with a command, so long after the one before it.
    #[must_use]
    pub fn then(mut self, after: Duration, command: Command) -> Self {
        self.commands.push((after, command));
        self
    }

    fn roll(dice: &mut Dice) -> Self {
        let work = [Work::Pure, Work::Simulated, Work::Stored][dice.index(3)];
        let is_slow = dice.chance(500);
        let rows = (0..dice.between(0, 14)).map(|_| Row::roll(dice, is_slow)).collect();
        let way = match dice.below(40) {
            0 => Way::Never,
            // Some come when the task has expired.
            1..3 => Way::Presigned(Duration::from_secs(dice.between(0, 5000))),
            3..10 => Way::Presigned(Duration::from_secs(dice.between(0, 60))),
            _ => Way::Direct,
        };
        let commands = match dice.chance(600) {
            true => (0..dice.between(1, 4)).map(|_| roll_command(dice)).collect(),
            false => Vec::new(),
        };
        let stop = dice.chance(150).then_some(2).filter(|_| work != Work::Simulated);
        Self { work, rows, batch_size: u32::try_from(dice.between(1, 5)).unwrap_or(1), way, stop, commands }
    }

    /// The file. The keys of its rows begin with `name`.
    pub fn csv(&self, name: &str) -> String {
        let mut csv = "id,cost,fail,quantity\n".to_owned();
        for (number, row) in self.rows.iter().enumerate() {
            let (fail, quantity) = if row.is_bad { ("yes", 0) } else { ("", 1) };
            csv.push_str(&format!("{name}-{number},{},{fail},{quantity}\n", row.cost));
        }
        csv
    }

    /// The pipeline, where it is not a shipped one.
    pub fn pipeline(&self) -> Option<String> {
        let stages = match self.work {
            Work::Simulated => return None,
            Work::Pure => "deliver: none\n",
            Work::Stored => "simulate: { cost: row.cost }\ndeliver: { store: {} }\n",
        };
        let stop = self.stop.map(|rows| format!("stop: {{ failed: {rows} }}\n")).unwrap_or_default();
        Some(format!("{VALIDATE}{stages}{stop}"))
    }

    /// Whether rows may end without having been tried.
    pub fn may_be_cancelled(&self) -> bool {
        self.stop.is_some() || self.commands.iter().any(|(_, command)| *command == Command::Cancel)
    }

    /// Whether its owner erases it.
    pub fn is_deleted(&self) -> bool {
        self.commands.iter().any(|(_, command)| *command == Command::Delete)
    }

    /// The number of a row as the person sees it: the line of the csv file.
    pub fn row_number(position: usize) -> u32 {
        u32::try_from(position).unwrap_or(u32::MAX).saturating_add(2)
    }

    /// The code with which a bad row ends.
    pub const fn code(&self) -> &'static str {
        match self.work {
            Work::Pure | Work::Stored => "INVALID_ROW",
            Work::Simulated => "SIMULATED_FAILURE",
        }
    }
}

impl Row {
    fn roll(dice: &mut Dice, is_slow: bool) -> Self {
        let cost = if is_slow { dice.between(0, 20_000) } else { dice.below(3) };
        Self { is_bad: dice.chance(250), cost }
    }
}

fn roll_command(dice: &mut Dice) -> (Duration, Command) {
    // Most within the time in which something happens, some long after it.
    let most = if dice.chance(700) { 3_000 } else { 900_000 };
    (Duration::from_millis(dice.below(most)), Command::ALL[dice.index(Command::ALL.len())])
}
