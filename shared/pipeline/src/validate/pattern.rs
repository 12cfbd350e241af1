//! The patterns that mean the same in JSON Schema (ECMA-262) and to the `regex` crate.

use regex::{Regex, RegexBuilder};

/// The memory that one compiled pattern may take, in bytes.
const LARGEST: usize = 256 * 1024;

/// Compiles a pattern of plain characters, classes, groups and repetitions; `None` when there may be a difference, such as
/// the letters of other alphabets in `\w`, or what `.` leaves out.
pub(super) fn compile(pattern: &str) -> Option<Regex> {
    let mut characters = pattern.chars().peekable();
    let mut translated = String::new();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next()? {
                'd' => translated.push_str(if in_class { "0-9" } else { "[0-9]" }),
                escaped @ ('.' | '-' | '/' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$') => {
                    translated.extend(['\\', escaped]);
                }
                _ => return None,
            },
            '[' if in_class => return None,
            '[' => {
                in_class = true;
                translated.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    translated.push('^');
                }
                // An empty class, which the two read differently.
                if characters.peek() == Some(&']') {
                    return None;
                }
            }
            ']' if !in_class => return None,
            ']' => {
                in_class = false;
                translated.push(']');
            }
            // `&&`, `--` and `~~` are operators in classes of the regex crate.
            '&' | '~' | '#' if in_class => translated.extend(['\\', character]),
            '-' if in_class && characters.peek() == Some(&'-') => return None,
            '.' if !in_class => return None,
            '(' if !in_class && characters.peek() == Some(&'?') => return None,
            '{' | '}' if !in_class && !pattern_has_counts_only(pattern) => return None,
            other => translated.push(other),
        }
    }
    RegexBuilder::new(&translated).size_limit(LARGEST).build().ok()
}

/// Whether every brace outside of classes is part of a repetition such as `{8}` or `{1,3}`.
fn pattern_has_counts_only(pattern: &str) -> bool {
    let is_count = |inside: &str| {
        let mut bounds = inside.split(',');
        let first = bounds.next().is_some_and(|bound| !bound.is_empty() && is_digits(bound));
        first && bounds.next().is_none_or(is_digits) && bounds.next().is_none()
    };
    pattern.split('{').skip(1).all(|rest| rest.split_once('}').is_some_and(|(inside, _)| is_count(inside)))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_mean_the_same_are_compiled() {
        let check = |pattern: &str, fits: &[&str], others: &[&str]| {
            let regex = compile(pattern).unwrap();
            fits.iter().for_each(|text| assert!(regex.is_match(text), "{pattern} should fit {text:?}"));
            others.iter().for_each(|text| assert!(!regex.is_match(text), "{pattern} should not fit {text:?}"));
        };
        check("^[0-9]{8}$", &["12345678"], &["1234567", "12345678\n", "١٢٣٤٥٦٧٨"]);
        check(r"^\d+$", &["7"], &["٧", ""]);
        check(r"^[\d-]{2,}$", &["1-2"], &["1"]);
        check("^(A|B)-[^0-9]+$", &["A-x", "B-é"], &["C-x", "A-1"]);
        check(r"^a\.b$", &["a.b"], &["axb"]);
        check("^[a&&b]+$", &["a&b"], &["[", "c"]);
        check("^[~#]$", &["~", "#"], &["a"]);
    }

    #[test]
    fn patterns_that_may_differ_are_left_to_others() {
        for pattern in
            [r"\w", r"\s", r"\b", "a.b", "(?=a)", "(?i)a", r"\1", r"\p{L}", "[]", "[^]", "a{", "{x}", r"\u0041", "["]
        {
            assert!(compile(pattern).is_none(), "{pattern}");
        }
    }
}
