//! The words of an expression, as the CEL language definition has them.

use rust_decimal::Decimal;

use super::decimal;

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Bytes before it.
    pub(super) start: usize,
    /// Bytes up to its end.
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Number(Decimal),
    Text(String),
    Name(String),
    /// An operator or a bracket.
    Sign(&'static str),
    End,
}

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// Bytes before it.
    pub(super) at: usize,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Operators and brackets, the longer ones first.
const SIGNS: [&str; 25] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ",", ".", "(", ")", "[", "]",
    "{", "}", "=",
];

/// Takes an expression apart. The last token is always [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(text, at);
        let Some(first) = text[at..].chars().next() else {
            tokens.push(Token { kind: TokenKind::End, start: at, end: at });
            return Ok(tokens);
        };
        let (kind, end) = match first {
            '0'..='9' => number(text, at)?,
            '.' if text[at + 1..].starts_with(|next: char| next.is_ascii_digit()) => number(text, at)?,
            '"' | '\'' => quoted(text, at, at, false)?,
            'r' | 'R' if text[at + 1..].starts_with(['"', '\'']) => quoted(text, at, at + 1, true)?,
            'b' | 'B' if text[at + 1..].starts_with(['"', '\'']) => {
                return Err(Fault::new(at, "bytes are no value of a row: leave the `b` out"));
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let fits = |character: char| character.is_ascii_alphanumeric() || character == '_';
                let end = text[at..].find(|character| !fits(character)).map_or(text.len(), |length| at + length);
                (TokenKind::Name(text[at..end].to_owned()), end)
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| text[at..].starts_with(**sign));
                let sign = sign.ok_or_else(|| Fault::new(at, format!("`{first}` has no meaning in an expression")))?;
                (TokenKind::Sign(sign), at + sign.len())
            }
        };
        tokens.push(Token { kind, start: at, end });
        at = end;
    }
}

/// Behind white space and comments.
fn skip_blank(text: &str, mut at: usize) -> usize {
    loop {
        let rest = text[at..].trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
        at = text.len() - rest.len();
        if !rest.starts_with("//") {
            return at;
        }
        at += rest.find('\n').unwrap_or(rest.len());
    }
}

fn number(text: &str, start: usize) -> Result<(TokenKind, usize), Fault> {
    let rest = &text[start..];
    if let Some(digits) = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X")) {
        let length = digits.find(|character: char| !character.is_ascii_hexdigit()).unwrap_or(digits.len());
        let value = i64::from_str_radix(&digits[..length], 16)
            .map_err(|_| Fault::new(start, format!("`0x{}` is no whole number of 64 bits", &digits[..length])))?;
        return finish_number(text, start, start + 2 + length, Decimal::from(value));
    }
    let mut end = start + digits_at(rest);
    if text[end..].starts_with('.') && digits_at(&text[end + 1..]) > 0 {
        end += 1 + digits_at(&text[end + 1..]);
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits_at(unsigned) > 0 {
            end += 1 + (exponent.len() - unsigned.len()) + digits_at(unsigned);
        }
    }
    let written = &text[start..end];
    let leading = if written.starts_with('.') { "0" } else { "" };
    let value = decimal::parse(&format!("{leading}{written}").replace("e+", "e").replace("E+", "e"))
        .ok_or_else(|| Fault::new(start, format!("{written} has more than the 28 digits of a decimal")))?;
    finish_number(text, start, end, value)
}

/// The `u` of CEL's unsigned numbers may stand: all numbers are of one kind here.
fn finish_number(text: &str, start: usize, end: usize, value: Decimal) -> Result<(TokenKind, usize), Fault> {
    let end = if text[end..].starts_with(['u', 'U']) { end + 1 } else { end };
    if text[end..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_') {
        return Err(Fault::new(start, "a number runs into a name"));
    }
    Ok((TokenKind::Number(value), end))
}

fn digits_at(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Text in quotes, which begin at `open`; three of a kind may span lines.
fn quoted(text: &str, start: usize, open: usize, raw: bool) -> Result<(TokenKind, usize), Fault> {
    let one = &text[open..=open];
    let three = one.repeat(3);
    let quote = if text[open..].starts_with(&three) { three.as_str() } else { one };
    let mut value = String::new();
    let mut at = open + quote.len();
    loop {
        let rest = &text[at..];
        if rest.starts_with(quote) {
            return Ok((TokenKind::Text(value), at + quote.len()));
        }
        let character = rest.chars().next().ok_or_else(|| Fault::new(start, "text without its closing quote"))?;
        if matches!(character, '\n' | '\r') && quote.len() == 1 {
            return Err(Fault::new(start, "text without its closing quote on this line"));
        }
        if character == '\\' && !raw {
            let (escaped, length) = escape(&rest[1..]).map_err(|message| Fault::new(at, message))?;
            value.push(escaped);
            at += 1 + length;
        } else {
            value.push(character);
            at += character.len_utf8();
        }
    }
}

/// The character that an escape stands for, and the escape's length without the backslash.
fn escape(rest: &str) -> Result<(char, usize), String> {
    let first = rest.chars().next().ok_or("a backslash at the end")?;
    let simple = match first {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' | '\'' | '"' | '`' | '?' => first,
        'x' | 'X' => return coded(rest, 1, 2, 16),
        'u' => return coded(rest, 1, 4, 16),
        'U' => return coded(rest, 1, 8, 16),
        '0'..='3' => return coded(rest, 0, 3, 8),
        other => return Err(format!("`\\{other}` is no escape")),
    };
    Ok((simple, first.len_utf8()))
}

fn coded(rest: &str, skipped: usize, digits: usize, radix: u32) -> Result<(char, usize), String> {
    let end = skipped + digits;
    let code = rest.get(skipped..end).and_then(|code| u32::from_str_radix(code, radix).ok());
    let character = code.and_then(char::from_u32);
    character.map(|character| (character, end)).ok_or_else(|| format!("an escape of {digits} digits is no character"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        match tokens(text) {
            Err(fault) => format!("{}: {}", fault.at, fault.message),
            Ok(tokens) => {
                let shown = tokens.into_iter().map(|token| match token.kind {
                    TokenKind::Number(number) => format!("n{number}"),
                    TokenKind::Text(text) => format!("{text:?}"),
                    TokenKind::Name(name) => name,
                    TokenKind::Sign(sign) => sign.to_owned(),
                    TokenKind::End => "end".to_owned(),
                });
                shown.collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn expressions_are_taken_apart() {
        let check = |text: &str, expected: &str| assert_eq!(told(text), expected, "{text}");
        check("", "end");
        check("a.b+1.50 // rest\n-.5", "a . b + n1.50 - n0.5 end");
        check("1e3 2E-2 0x1F 7u 3.foo", "n1000 n0.02 n31 n7 n3 . foo end");
        check("0.1234567890123456789012345678", "n0.1234567890123456789012345678 end");
        check(r#"'a\'b' "c\n" r'\d' '''x'y'''"#, r#""a'b" "c\n" "\\d" "x'y" end"#);
        check(r"'\u00e9\x41\101\U0001F600'", "\"éAA😀\" end");
        check("a<=b&&!c||d in [1]", "a <= b && ! c || d in [ n1 ] end");
        check("ä", "0: `ä` has no meaning in an expression");
        check("1 + 'a", "4: text without its closing quote");
        check("'a\nb'", "0: text without its closing quote on this line");
        check(r"'a\q'", "2: `\\q` is no escape");
        check(r"'\ud800'", "1: an escape of 4 digits is no character");
        check("1abc", "0: a number runs into a name");
        check(
            "99999999999999999999999999999",
            "0: 99999999999999999999999999999 has more than the 28 digits of a decimal",
        );
        check("b'x'", "0: bytes are no value of a row: leave the `b` out");
        check("a & b", "2: `&` has no meaning in an expression");
    }
}
