//! One cell of a random sheet.

use serde_json::json;

use super::{Dice, texts};

/// A value as a person typed it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Nothing.
    Empty,
    /// Text, never empty.
    Text(String),
    /// A finite number.
    Number(f64),
    /// A truth value.
    Bool(bool),
    /// An error such as `#N/A`.
    Error(&'static str),
    /// A day, as a serial number of the 1900 system behind its false leap day.
    Date(u32),
    /// A day and a second of it.
    Moment {
        /// As of [`Value::Date`].
        day: u32,
        /// Below 86,400.
        second: u32,
    },
    /// A second of a day, below 86,400.
    Time(u32),
    /// Elapsed time in minutes.
    Elapsed(u32),
}

const ERRORS: [&str; 7] = ["#N/A", "#DIV/0!", "#REF!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!"];
/// 1900-03-01, the first day that every reader counts the same way, and 9999-12-31.
const DAYS: std::ops::Range<usize> = 61..2_958_466;

impl Value {
    pub(super) fn random(dice: &mut Dice) -> Self {
        let day = |dice: &mut Dice| match dice.below(4) {
            0 => (DAYS.start + dice.below(DAYS.len())) as u32,
            _ => 40_000 + dice.below(10_000) as u32,
        };
        match dice.below(14) {
            0..=3 => Self::Text(texts::text(dice)),
            4..=6 => Self::Number(number(dice)),
            7 => Self::Bool(dice.once_in(2)),
            8 => Self::Error(ERRORS[dice.below(ERRORS.len())]),
            9 => Self::Date(day(dice)),
            10 => Self::Moment { day: day(dice), second: dice.below(86_400) as u32 },
            11 => Self::Time(dice.below(86_400) as u32),
            12 => Self::Elapsed(dice.below(6_000_000) as u32),
            _ => Self::Empty,
        }
    }

    /// A person sees nothing.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// The number in the cell, for what is a number with a format.
    pub fn serial(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Date(day) => Some(f64::from(*day)),
            Self::Moment { day, second } => Some(f64::from(*day) + f64::from(*second) / 86_400.0),
            Self::Time(second) => Some(f64::from(*second) / 86_400.0),
            Self::Elapsed(minutes) => Some(f64::from(*minutes) / 1440.0),
            Self::Empty | Self::Text(_) | Self::Bool(_) | Self::Error(_) => None,
        }
    }

    /// What stands for the value in a record when it is text there: ISO 8601 for dates and times.
    pub fn iso(&self) -> Option<String> {
        let clock = |second: u32| format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
        match self {
            Self::Date(day) => Some(iso_date(*day)),
            Self::Moment { day, second } => Some(format!("{}T{}", iso_date(*day), clock(*second))),
            Self::Time(second) => Some(clock(*second)),
            Self::Elapsed(0) => Some("PT0S".to_owned()),
            Self::Elapsed(minutes) => {
                let part = |amount: u32, unit: char| if amount > 0 { format!("{amount}{unit}") } else { String::new() };
                Some(format!("PT{}{}", part(minutes / 60, 'H'), part(minutes % 60, 'M')))
            }
            _ => None,
        }
    }

    /// `null`, `true`, `{"text":…}`, `{"number":"…"}`, `{"error":…}`, or a number with the name of its format:
    /// `{"date":…}`, `{"moment":…}`, `{"time":…}`, `{"elapsed":…}`. Numbers are texts that read back the same.
    pub(super) fn to_json(&self) -> serde_json::Value {
        let serial = self.serial().map(|number| format!("{number:?}"));
        match self {
            Self::Empty => serde_json::Value::Null,
            Self::Text(text) => json!({ "text": text }),
            Self::Number(_) => json!({ "number": serial }),
            Self::Bool(value) => json!(value),
            Self::Error(code) => json!({ "error": code }),
            Self::Date(_) => json!({ "date": serial }),
            Self::Moment { .. } => json!({ "moment": serial }),
            Self::Time(_) => json!({ "time": serial }),
            Self::Elapsed(_) => json!({ "elapsed": serial }),
        }
    }
}

fn number(dice: &mut Dice) -> f64 {
    let sign = if dice.once_in(3) { -1.0 } else { 1.0 };
    sign * match dice.below(7) {
        0 => dice.below(1 << 40) as f64,
        1 => dice.below(1 << 30) as f64 / 1000.0,
        2 => dice.below(100_000) as f64 / 100.0,
        3 => dice.next() as f64,
        4 => *dice.pick(&[0.0, 0.1 + 0.2, 1e15, 1e21, 1e-7, 1e300, 5e-300, 0.5, 1e-6, 123_456_789_012_345_680.0]),
        // Every exponent from about 1e-260 to 1e260.
        5 => f64::from_bits((0x0A00 + dice.next() % 0x6B00) << 48 | dice.next() >> 16),
        _ => dice.below(100) as f64,
    }
}

/// The date of a serial number of the 1900 system, from 1900-03-01 (61) on. Counted year by year, unlike any reader.
pub fn iso_date(serial: u32) -> String {
    let is_leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // 61 is the 60th day of 1900 for all but the program that believed in its 29 February.
    let (mut year, mut day) = (1900, serial.saturating_sub(2));
    loop {
        let length = 365 + u32::from(is_leap(year));
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u32::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}", day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_iso_text() {
        for (value, text) in [
            (Value::Date(61), Some("1900-03-01")),
            (Value::Date(45_351), Some("2024-02-29")),
            (Value::Date(2_958_465), Some("9999-12-31")),
            (Value::Moment { day: 45_352, second: 45_000 }, Some("2024-03-01T12:30:00")),
            (Value::Time(59), Some("00:00:59")),
            (Value::Elapsed(1590), Some("PT26H30M")),
            (Value::Elapsed(0), Some("PT0S")),
            (Value::Number(1.0), None),
        ] {
            assert_eq!(value.iso().as_deref(), text);
        }
    }

    #[test]
    fn random_numbers_are_finite() {
        let mut dice = Dice::new(1, 1);
        assert!((0..100_000).all(|_| number(&mut dice).is_finite()));
    }
}
