//! Serial numbers of spreadsheets as ISO 8601 text.

use crate::number_format::NumberClass;

const MILLIS_PER_DAY: i64 = 86_400_000;
/// 9999-12-31, the last day of both date systems, as a serial of the 1900 system.
const LAST_DAY_1900: i64 = 2_958_465;
/// Days from the epoch of the 1900 system to that of the 1904 system.
const DAYS_TO_1904: i64 = 1_462;
/// Days from 0000-03-01 to 1899-12-30, the day 0 of the 1900 system past its false leap day.
const DAYS_TO_1900: i64 = 693_899;

/// Which day is number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateSystem {
    /// Day 1 is 1900-01-01, and day 60 is 1900-02-29, which never was.
    From1900,
    /// Day 0 is 1904-01-01.
    From1904,
}

/// Appends the ISO text of a serial number; false, and nothing, when the number is no date of its class.
///
/// A date without time is `2024-03-01`, with one `2024-03-01T12:30:00`, a time `12:30:00`, elapsed time `PT26H30M`.
/// Milliseconds are written when they are not zero. The false 29 February 1900 is written as the person sees it.
pub(crate) fn append_iso(out: &mut Vec<u8>, serial: f64, class: NumberClass, system: DateSystem) -> bool {
    match class {
        NumberClass::Number => false,
        NumberClass::Elapsed { has_fraction } => append_elapsed(out, serial, has_fraction),
        // A time format hides the day; a number with a day in it is written whole, so that nothing is lost.
        NumberClass::Time { has_fraction } if (0.0..1.0).contains(&serial) => {
            let millis = to_millis(serial, has_fraction);
            append_time(out, millis % MILLIS_PER_DAY);
            true
        }
        NumberClass::Time { has_fraction } => append_moment(out, serial, true, has_fraction, system),
        NumberClass::Moment { has_time, has_fraction } => append_moment(out, serial, has_time, has_fraction, system),
    }
}

/// Whole milliseconds. A number one millisecond beside a full second is that second, unless parts are meant.
fn to_millis(serial: f64, has_fraction: bool) -> i64 {
    // Serials here are below 10^8, far from the bounds of i64.
    let millis = (serial * MILLIS_PER_DAY as f64).round() as i64;
    if has_fraction {
        return millis;
    }
    match millis.rem_euclid(1000) {
        999 => millis + 1,
        1 => millis - 1,
        _ => millis,
    }
}

fn append_moment(out: &mut Vec<u8>, serial: f64, has_time: bool, has_fraction: bool, system: DateSystem) -> bool {
    let offset = match system {
        DateSystem::From1900 => 0,
        DateSystem::From1904 => DAYS_TO_1904,
    };
    let last = (LAST_DAY_1900 - offset + 1) as f64;
    if !(0.0..last).contains(&serial) {
        return false;
    }
    let millis = to_millis(serial, has_fraction);
    let day = millis / MILLIS_PER_DAY + offset;
    let time = millis % MILLIS_PER_DAY;
    if day > LAST_DAY_1900 {
        return false;
    }
    append_date(out, day, system);
    if has_time || time != 0 {
        out.push(b'T');
        append_time(out, time);
    }
    true
}

fn append_date(out: &mut Vec<u8>, day: i64, system: DateSystem) {
    let (year, month, day) = match (system, day) {
        (DateSystem::From1900, 60) => (1900, 2, 29),
        (DateSystem::From1900, 0..60) => civil(day + 1),
        _ => civil(day),
    };
    let (century, year) = (two_digits(year / 100), two_digits(year % 100));
    let (month, day) = (two_digits(month), two_digits(day));
    out.extend_from_slice(&[century[0], century[1], year[0], year[1], b'-', month[0], month[1], b'-', day[0], day[1]]);
}

/// Year, month, day of a day counted from 1899-12-30, in the Gregorian calendar.
fn civil(day: i64) -> (i64, i64, i64) {
    // Years begin in March here, so that the leap day is the last one; 146,097 days are 400 years.
    let days = day + DAYS_TO_1900;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

fn append_time(out: &mut Vec<u8>, millis: i64) {
    let hour = two_digits(millis / 3_600_000);
    let minute = two_digits(millis / 60_000 % 60);
    let second = two_digits(millis / 1000 % 60);
    out.extend_from_slice(&[hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1]]);
    append_fraction(out, millis % 1000);
}

fn append_fraction(out: &mut Vec<u8>, millis: i64) {
    if millis != 0 {
        out.push(b'.');
        let tail = two_digits(millis % 100);
        out.extend_from_slice(&[two_digits(millis / 100)[1], tail[0], tail[1]]);
    }
}

fn append_elapsed(out: &mut Vec<u8>, serial: f64, has_fraction: bool) -> bool {
    // Beyond this the number is no time that anybody measured, and would not fit either.
    if !serial.is_finite() || serial.abs() > 1e8 {
        return false;
    }
    let millis = to_millis(serial.abs(), has_fraction);
    if serial < 0.0 && millis != 0 {
        out.push(b'-');
    }
    out.extend_from_slice(b"PT");
    let (hours, minutes, seconds) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1000 % 60);
    let mut number = itoa::Buffer::new();
    for (amount, unit) in [(hours, b'H'), (minutes, b'M')] {
        if amount != 0 {
            out.extend_from_slice(number.format(amount).as_bytes());
            out.push(unit);
        }
    }
    if seconds != 0 || millis % 1000 != 0 || millis < 1000 {
        out.extend_from_slice(number.format(seconds).as_bytes());
        append_fraction(out, millis % 1000);
        out.push(b'S');
    }
    true
}

/// The digits of a number below 100.
#[inline]
fn two_digits(value: i64) -> [u8; 2] {
    [b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number_format::classify_code;

    fn check(serial: f64, code: &str, system: DateSystem, expected: Option<&str>) {
        let mut out = Vec::new();
        let found = append_iso(&mut out, serial, classify_code(code), system);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(found.then_some(text.as_str()), expected, "{serial} {code}");
    }

    #[test]
    fn serials_become_iso_text() {
        use DateSystem::{From1900, From1904};
        for (serial, code, system, expected) in [
            (45_352.0, "yyyy-mm-dd", From1900, Some("2024-03-01")),
            (45_351.0, "yyyy-mm-dd", From1900, Some("2024-02-29")),
            (43_890.0, "yyyy-mm-dd", From1904, Some("2024-03-01")),
            (0.0, "yyyy-mm-dd", From1904, Some("1904-01-01")),
            (1.0, "yyyy-mm-dd", From1900, Some("1900-01-01")),
            (59.0, "yyyy-mm-dd", From1900, Some("1900-02-28")),
            (60.0, "yyyy-mm-dd", From1900, Some("1900-02-29")),
            (61.0, "yyyy-mm-dd", From1900, Some("1900-03-01")),
            (36_525.0, "yyyy-mm-dd", From1900, Some("1999-12-31")),
            (36_585.0, "yyyy-mm-dd", From1900, Some("2000-02-29")),
            (2_958_465.0, "yyyy-mm-dd", From1900, Some("9999-12-31")),
            (2_958_466.0, "yyyy-mm-dd", From1900, None),
            (-1.0, "yyyy-mm-dd", From1900, None),
            (45_352.520_833_333_336, "yyyy-mm-dd hh:mm", From1900, Some("2024-03-01T12:30:00")),
            (45_352.520_833_321_7, "yyyy-mm-dd hh:mm", From1900, Some("2024-03-01T12:30:00")),
            (45_352.0, "yyyy-mm-dd hh:mm", From1900, Some("2024-03-01T00:00:00")),
            (45_352.5, "yyyy-mm-dd", From1900, Some("2024-03-01T12:00:00")),
            (45_352.999_999_999, "yyyy-mm-dd hh:mm", From1900, Some("2024-03-02T00:00:00")),
            (45_352.520_839_120_37, "yyyy-mm-dd hh:mm:ss.000", From1900, Some("2024-03-01T12:30:00.500")),
            (0.520_833_333_333_333_4, "h:mm", From1900, Some("12:30:00")),
            (0.0, "h:mm", From1900, Some("00:00:00")),
            (0.999_999_999_9, "h:mm", From1900, Some("00:00:00")),
            (1.104_166_666_666_666_7, "[h]:mm", From1900, Some("PT26H30M")),
            (0.0, "[h]:mm", From1900, Some("PT0S")),
            (1.0, "[h]:mm:ss", From1900, Some("PT24H")),
            (0.000_017_361_111, "[s].000", From1900, Some("PT1.500S")),
            (-0.5, "[h]:mm", From1904, Some("-PT12H")),
            (f64::NAN, "[h]:mm", From1900, None),
            (f64::NAN, "yyyy", From1900, None),
            (7.0, "0.00", From1900, None),
        ] {
            check(serial, code, system, expected);
        }
    }
}
