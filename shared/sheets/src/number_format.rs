//! What a number format says a number is: a number, a date, a time, a duration.

/// The meaning of a cell's number, by its number format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberClass {
    /// Not a date.
    Number,
    /// A date format, with or without a time of day.
    Moment {
        /// The format shows the time of day.
        has_time: bool,
        /// The format shows parts of a second, so that they are meant.
        has_fraction: bool,
    },
    /// Only a time of day.
    Time {
        /// The format shows parts of a second, so that they are meant.
        has_fraction: bool,
    },
    /// Elapsed time, as `[h]:mm`.
    Elapsed {
        /// The format shows parts of a second, so that they are meant.
        has_fraction: bool,
    },
}

const DATE: NumberClass = NumberClass::Moment { has_time: false, has_fraction: false };
const TIME: NumberClass = NumberClass::Time { has_fraction: false };

/// The class of a format that has no code of its own in the file (ECMA-376 18.8.30, with the East Asian ids).
pub(crate) fn classify_builtin(id: u32) -> NumberClass {
    match id {
        14..=17 | 27..=31 | 34..=36 | 50..=58 => DATE,
        18..=21 | 32 | 33 => TIME,
        22 => NumberClass::Moment { has_time: true, has_fraction: false },
        45 => TIME,
        46 => NumberClass::Elapsed { has_fraction: false },
        47 => NumberClass::Time { has_fraction: true },
        _ => NumberClass::Number,
    }
}

/// The class of a format code, by its first section, the one for positive numbers.
pub(crate) fn classify_code(code: &str) -> NumberClass {
    let mut seen = Seen::default();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let skip = match first {
            ';' => break,
            '"' => quoted_length(rest),
            '\\' | '_' | '*' => first.len_utf8() + rest[1..].chars().next().map_or(0, char::len_utf8),
            '[' => bracket(rest, &mut seen),
            _ => letters(rest, first, &mut seen),
        };
        rest = &rest[skip..];
    }
    seen.class()
}

/// What was met so far in a format code.
#[derive(Default)]
struct Seen {
    date: bool,
    time: bool,
    elapsed: bool,
    fraction: bool,
    /// `m` runs whose meaning hangs on the token that follows.
    open_month: bool,
    after_hour: bool,
    after_second: bool,
}

impl Seen {
    fn day_token(&mut self) {
        self.settle_month();
        self.date = true;
        self.after_hour = false;
        self.after_second = false;
    }

    fn hour_token(&mut self) {
        self.settle_month();
        self.time = true;
        self.after_hour = true;
        self.after_second = false;
    }

    fn second_token(&mut self) {
        // An `m` just before seconds is minutes.
        self.open_month = false;
        self.time = true;
        self.after_hour = false;
        self.after_second = true;
    }

    fn m_token(&mut self, length: usize) {
        if self.after_hour && length <= 2 {
            self.time = true;
        } else if length > 2 {
            self.day_token();
        } else {
            self.settle_month();
            self.time |= self.elapsed;
            self.open_month = !self.elapsed;
        }
        self.after_hour = false;
    }

    fn settle_month(&mut self) {
        self.date |= self.open_month;
        self.open_month = false;
    }

    fn class(mut self) -> NumberClass {
        self.settle_month();
        let has_fraction = self.fraction;
        match (self.elapsed, self.date, self.time) {
            (true, false, _) => NumberClass::Elapsed { has_fraction },
            (_, true, has_time) => NumberClass::Moment { has_time: has_time || self.elapsed, has_fraction },
            (false, false, true) => NumberClass::Time { has_fraction },
            (false, false, false) => NumberClass::Number,
        }
    }
}

fn quoted_length(rest: &str) -> usize {
    rest[1..].find('"').map_or(rest.len(), |end| end + 2)
}

/// `[h]`, `[mm]`, `[ss]` are elapsed time; colours, conditions and locales mean nothing here.
fn bracket(rest: &str, seen: &mut Seen) -> usize {
    let Some(end) = rest.find(']') else { return rest.len() };
    let inner = rest[1..end].to_ascii_lowercase();
    let is_elapsed = ['h', 'm', 's'].iter().any(|unit| !inner.is_empty() && inner.chars().all(|c| c == *unit));
    if is_elapsed {
        seen.elapsed = true;
        seen.time = true;
        seen.after_hour = inner.starts_with('h');
        seen.after_second = inner.starts_with('s');
    }
    end + 1
}

fn letters(rest: &str, first: char, seen: &mut Seen) -> usize {
    for (word, is_time) in [("general", false), ("am/pm", true), ("a/p", true)] {
        if rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
            seen.time |= is_time;
            return word.len();
        }
    }
    let letter = first.to_ascii_lowercase();
    let length: usize = rest.chars().take_while(|next| next.to_ascii_lowercase() == letter).map(char::len_utf8).sum();
    match letter {
        // `E+00` is scientific; `e` and `g` alone are years and eras in East Asian formats.
        'e' if rest[length..].starts_with(['+', '-']) => return length + 1,
        'y' | 'd' | 'e' | 'g' | 'b' => seen.day_token(),
        'h' => seen.hour_token(),
        's' => seen.second_token(),
        'm' => seen.m_token(length),
        '.' | ',' if seen.after_second && rest[length..].starts_with('0') => seen.fraction = true,
        _ => {}
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: &str) {
        let found = match classify_code(code) {
            NumberClass::Number => "number",
            NumberClass::Moment { has_time: false, .. } => "date",
            NumberClass::Moment { has_fraction: true, .. } => "datetime.f",
            NumberClass::Moment { .. } => "datetime",
            NumberClass::Time { has_fraction: true } => "time.f",
            NumberClass::Time { .. } => "time",
            NumberClass::Elapsed { .. } => "elapsed",
        };
        assert_eq!(found, expected, "{code}");
    }

    #[test]
    fn format_codes_have_their_class() {
        for (code, expected) in [
            ("General", "number"),
            ("GENERAL", "number"),
            ("0.00", "number"),
            ("#,##0.00\\ \"days\"", "number"),
            ("0.00E+00", "number"),
            ("##0.0E-0", "number"),
            ("[Red]-0.00", "number"),
            ("[$€-407]\\ #,##0.00", "number"),
            ("_-* #,##0_d_-;_-* #,##0-", "number"),
            ("@", "number"),
            ("0\\m", "number"),
            ("\"year\" 0", "number"),
            ("0;yyyy", "number"),
            ("yyyy-mm-dd", "date"),
            ("d/m/yyyy;@", "date"),
            ("[$-409]mmmm\\ d\\,\\ yyyy;@", "date"),
            ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "date"),
            ("mmm", "date"),
            ("m", "date"),
            ("mm", "date"),
            ("ggge\"年\"m\"月\"d\"日\"", "date"),
            ("yyyy-mm-dd hh:mm", "datetime"),
            ("yyyy-mm-dd\\Thh:mm:ss", "datetime"),
            ("m/d/yy h:mm AM/PM", "datetime"),
            ("dd.mm.yyyy hh:mm:ss.000", "datetime.f"),
            ("h:mm", "time"),
            ("hh:mm:ss", "time"),
            ("mm:ss", "time"),
            ("mm:ss.0", "time.f"),
            ("[$-409]h:mm:ss AM/PM;@", "time"),
            ("h \"h\" mm \"min\"", "time"),
            ("[h]:mm", "elapsed"),
            ("[hh]:mm:ss", "elapsed"),
            ("[mm]:ss", "elapsed"),
            ("[s]", "elapsed"),
            ("[Blue][h]:mm", "elapsed"),
        ] {
            check(code, expected);
        }
    }
}
