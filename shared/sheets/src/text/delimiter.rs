//! Which character stands between the fields of a text file.

const CANDIDATES: [u8; 4] = *b",;\t|";
/// Lines that are looked at: enough to see what is regular.
const SAMPLE_LINES: usize = 20;

/// What the first bytes of a file say about its delimiter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Delimiter {
    pub(super) byte: u8,
    /// Length of a `sep=;` line as Excel writes it, with its line end.
    pub(super) preamble: usize,
}

/// Finds the delimiter in a sample of the text. `fallback` is used when there is none at all.
pub(super) fn detect(sample: &[u8], is_whole_file: bool, fallback: u8) -> Delimiter {
    if let Some(stated) = stated(sample) {
        return stated;
    }
    let best = CANDIDATES
        .iter()
        .map(|byte| (score(sample, is_whole_file, *byte), *byte))
        .filter(|((in_header, _), _)| *in_header > 0)
        // With the same score the earlier candidate wins, and the fallback over all.
        .max_by_key(|((in_header, alike), byte)| (*alike, *in_header, *byte == fallback));
    Delimiter { byte: best.map_or(fallback, |(_, byte)| byte), preamble: 0 }
}

fn stated(sample: &[u8]) -> Option<Delimiter> {
    let line_end = sample.iter().position(|byte| *byte == b'\n')?;
    let line = sample[..line_end].trim_ascii_end();
    match line {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', byte] => Some(Delimiter { byte: *byte, preamble: line_end + 1 }),
        // A tab is trimmed away with the line end.
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'='] if sample[..line_end].contains(&b'\t') => {
            Some(Delimiter { byte: b'\t', preamble: line_end + 1 })
        }
        _ => None,
    }
}

/// How often the delimiter stands in the first line, and how many lines have it as often.
fn score(sample: &[u8], is_whole_file: bool, delimiter: u8) -> (usize, usize) {
    let mut counts = Vec::new();
    let (mut in_quotes, mut count, mut line_is_empty) = (false, 0, true);
    for byte in sample {
        match *byte {
            b'"' => in_quotes = !in_quotes,
            b'\n' | b'\r' if !in_quotes => {
                if !line_is_empty {
                    counts.push(count);
                }
                (count, line_is_empty) = (0, true);
                if counts.len() == SAMPLE_LINES {
                    break;
                }
                continue;
            }
            found if found == delimiter && !in_quotes => count += 1,
            _ => {}
        }
        line_is_empty = false;
    }
    // The last line of a sample is cut off somewhere, unless the file ends there.
    if !line_is_empty && (is_whole_file || counts.is_empty()) && counts.len() < SAMPLE_LINES {
        counts.push(count);
    }
    let in_header = counts.first().copied().unwrap_or(0);
    (in_header, counts.iter().filter(|count| **count == in_header).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_found() {
        for (sample, byte, preamble) in [
            ("a,b,c\n1,2,3\n", b',', 0),
            ("a;b;c\n1,5;2;3\n", b';', 0),
            ("a\tb\n1,2\t3\n", b'\t', 0),
            ("a|b\n1|2\n", b'|', 0),
            ("\"a,b\";c\n1;2\n", b';', 0),
            ("only\n1\n", b',', 0),
            ("name, first;age\nA;3\nB;4\n", b';', 0),
            ("sep=;\r\na;b\n", b';', 7),
            ("sep=\t\na\tb\n", b'\t', 6),
            ("a;b", b';', 0),
            ("", b',', 0),
        ] {
            assert_eq!(detect(sample.as_bytes(), true, b','), Delimiter { byte, preamble }, "{sample:?}");
        }
        assert_eq!(detect(b"a,b\n1,2\n", true, b'\t').byte, b',');
    }
}
