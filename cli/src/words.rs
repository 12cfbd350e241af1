//! Numbers, durations and foreign text as people can read them.

use std::fmt::{self, Display};

use indicatif::HumanCount;

/// `count` with commas: 100,000.
pub fn count(count: u64) -> impl Display {
    HumanCount(count)
}

/// `rate` in whole units with commas; below 10 with one digit after the point.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates are positive and far below 2^64")]
pub fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { count(rate.round() as u64).to_string() }
}

/// A time span: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "spans are positive and far below 2^64 s")]
pub fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A number of bytes in decimal units, as limits and disks are told: `4.5 MB`.
#[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Text from elsewhere (a file name, a server's message) without what could drive the terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if drives_terminal(letter) { '\u{fffd}' } else { letter }).collect()
}

/// Control characters, and the ones that turn the direction of writing, with which a name can pose as another.
fn drives_terminal(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns of text under headings.
#[derive(Debug, Clone)]
pub struct Table {
    headings: Vec<Heading>,
    rows: Vec<Vec<String>>,
}

/// The head of a column, and on which side its cells lie.
#[derive(Debug, Clone, Copy)]
pub enum Heading {
    /// Text begins at the left.
    Left(&'static str),
    /// Numbers end at the right.
    Right(&'static str),
}

impl Heading {
    const fn text(self) -> &'static str {
        match self {
            Self::Left(text) | Self::Right(text) => text,
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(headings: &[Heading]) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new() }
    }

    /// Adds a row with a cell for each heading. Cells are made [`plain`].
    pub fn row(&mut self, cells: &[String]) {
        self.rows.push(cells.iter().map(|cell| plain(cell)).collect());
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([self.headings[column].text().chars().count()]).max().unwrap_or(0)
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.headings.len()).map(|column| self.width(column)).collect();
        let head: Vec<String> = self.headings.iter().map(|heading| heading.text().to_owned()).collect();
        for (number, row) in std::iter::once(&head).chain(&self.rows).enumerate() {
            let cells = row.iter().zip(&self.headings).zip(&widths).map(|((cell, heading), width)| match heading {
                Heading::Left(_) => format!("{cell:<width$}"),
                Heading::Right(_) => format!("{cell:>width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            let end = if number == 0 { "" } else { "\n" };
            write!(formatter, "{end}{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_units_that_fit() {
        let spans = [(0.04, "0.0 s"), (3.25, "3.2 s"), (12.4, "12 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 05 min")];
        for (span, text) in spans {
            assert_eq!(seconds(span), text);
        }
    }

    #[test]
    fn rates_and_sizes_are_short() {
        assert_eq!(rate(7.14), "7.1");
        assert_eq!(rate(31_415.9), "31,416");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(4_500_000), "4.5 MB");
    }

    #[test]
    fn a_file_name_cannot_drive_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d é"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d é");
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(&[Heading::Left("NAME"), Heading::Right("ROWS")]);
        table.row(&["é".into(), "1".into()]);
        table.row(&["longer".into(), "1,000".into()]);
        assert_eq!(table.to_string(), "NAME     ROWS\né           1\nlonger  1,000");
    }
}
