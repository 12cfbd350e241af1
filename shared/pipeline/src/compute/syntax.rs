//! Text to a syntax tree: the grammar of CEL, by precedence climbing.

use rust_decimal::Decimal;

use super::token::{Fault, Token, TokenKind, tokens};

/// Levels of the tree: brackets inside each other, and operators in a row. Deep enough for any sum, shallow enough for any
/// stack, as trees are walked by recursion.
const DEEPEST: usize = 128;
/// The longest expression, in bytes.
const LONGEST: usize = 16 * 1024;

/// A part of an expression and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Syntax {
    pub(super) kind: Kind,
    /// Bytes before it.
    pub(super) start: usize,
    /// Bytes up to its end.
    pub(super) end: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
    Name(String),
    Select(Box<Syntax>, String),
    Index(Box<Syntax>, Box<Syntax>),
    /// Function or macro: its name, where that stands, what stands before its point, what is in its brackets.
    Call(String, usize, Option<Box<Syntax>>, Vec<Syntax>),
    Unary(&'static str, Box<Syntax>),
    Binary(&'static str, Box<Syntax>, Box<Syntax>),
    Condition(Box<Syntax>, Box<Syntax>, Box<Syntax>),
    List(Vec<Syntax>),
    Map(Vec<(Syntax, Syntax)>),
}

/// Reads one expression.
pub(super) fn parse(text: &str) -> Result<Syntax, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::new(0, format!("an expression has at most {LONGEST} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let syntax = parser.expression()?;
    match &parser.peek().kind {
        TokenKind::End => Ok(syntax),
        _ => Err(parser.unexpected("an operator or the end")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

/// How strongly an operator binds; relations, sums and products from the left.
fn strength(sign: &str) -> Option<u8> {
    Some(match sign {
        "||" => 1,
        "&&" => 2,
        "<" | "<=" | ">" | ">=" | "==" | "!=" | "in" => 3,
        "+" | "-" => 4,
        "*" | "/" | "%" => 5,
        _ => return None,
    })
}

impl Parser {
    fn peek(&self) -> &Token {
        // The last token is the end, and nobody goes beyond it.
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek().kind, TokenKind::Sign(found) if found == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is_sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<usize, Fault> {
        let end = self.peek().end;
        if self.take(sign) { Ok(end) } else { Err(self.unexpected(&format!("`{sign}`"))) }
    }

    fn unexpected(&self, expected: &str) -> Fault {
        let token = self.peek();
        let found = match &token.kind {
            TokenKind::End => "the expression ends here".to_owned(),
            TokenKind::Sign("=") => return Fault::new(token.start, "`=` has no meaning: to compare is `==`"),
            TokenKind::Sign(sign) => format!("here is `{sign}`"),
            TokenKind::Name(name) => format!("here is `{name}`"),
            TokenKind::Number(number) => format!("here is {number}"),
            TokenKind::Text(_) => "here is text".to_owned(),
        };
        Fault::new(token.start, format!("{expected} is missing, {found}"))
    }

    /// A condition or anything that binds more strongly.
    fn expression(&mut self) -> Result<Syntax, Fault> {
        self.deeper()?;
        let condition = self.binary(1)?;
        let syntax = if self.take("?") {
            let then = self.expression()?;
            self.expect(":")?;
            let otherwise = self.expression()?;
            let (start, end) = (condition.start, otherwise.end);
            Syntax { kind: Kind::Condition(Box::new(condition), Box::new(then), Box::new(otherwise)), start, end }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(syntax)
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(
                self.peek().start,
                format!("more than {DEEPEST} brackets and operators inside each other"),
            ));
        }
        Ok(())
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        let sign = match &self.peek().kind {
            TokenKind::Sign(sign) => sign,
            TokenKind::Name(name) if name == "in" => "in",
            _ => return None,
        };
        Some((sign, strength(sign)?))
    }

    fn binary(&mut self, weakest: u8) -> Result<Syntax, Fault> {
        let before = self.depth;
        let mut left = self.unary()?;
        while let Some((sign, strength)) = self.operator().filter(|(_, strength)| *strength >= weakest) {
            self.deeper()?;
            self.at += 1;
            let right = self.binary(strength + 1)?;
            let (start, end) = (left.start, right.end);
            left = Syntax { kind: Kind::Binary(sign, Box::new(left), Box::new(right)), start, end };
        }
        self.depth = before;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Syntax, Fault> {
        let start = self.peek().start;
        for sign in ["!", "-"] {
            if self.take(sign) {
                self.deeper()?;
                let inner = self.unary()?;
                self.depth -= 1;
                let end = inner.end;
                return Ok(Syntax { kind: Kind::Unary(sign, Box::new(inner)), start, end });
            }
        }
        self.member()
    }

    /// A value with what follows it: `.name`, `.name(…)`, `[…]`.
    fn member(&mut self) -> Result<Syntax, Fault> {
        let before = self.depth;
        let mut syntax = self.primary()?;
        loop {
            self.deeper()?;
            let start = syntax.start;
            if self.take(".") {
                let name_at = self.peek().start;
                let end = self.peek().end;
                let name = self.name("a name behind the point")?;
                syntax = if self.take("(") {
                    let (arguments, end) = self.list_until(")")?;
                    Syntax { kind: Kind::Call(name, name_at, Some(Box::new(syntax)), arguments), start, end }
                } else {
                    Syntax { kind: Kind::Select(Box::new(syntax), name), start, end }
                };
            } else if self.take("[") {
                let index = self.expression()?;
                let end = self.expect("]")?;
                syntax = Syntax { kind: Kind::Index(Box::new(syntax), Box::new(index)), start, end };
            } else {
                self.depth = before;
                return Ok(syntax);
            }
        }
    }

    fn name(&mut self, expected: &str) -> Result<String, Fault> {
        match &self.peek().kind {
            TokenKind::Name(name) => {
                let name = name.clone();
                self.at += 1;
                Ok(name)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    fn primary(&mut self) -> Result<Syntax, Fault> {
        let Token { kind, start, end } = self.peek().clone();
        self.at += 1;
        let kind = match kind {
            TokenKind::Number(number) => Kind::Number(number),
            TokenKind::Text(text) => Kind::Text(text),
            TokenKind::Name(name) => return self.named(name, start, end),
            TokenKind::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            TokenKind::Sign("[") => {
                let (items, end) = self.list_until("]")?;
                return Ok(Syntax { kind: Kind::List(items), start, end });
            }
            TokenKind::Sign("{") => {
                let (entries, end) = self.entries()?;
                return Ok(Syntax { kind: Kind::Map(entries), start, end });
            }
            TokenKind::Sign(_) | TokenKind::End => {
                self.at -= 1;
                return Err(self.unexpected("a value"));
            }
        };
        Ok(Syntax { kind, start, end })
    }

    fn named(&mut self, name: String, start: usize, end: usize) -> Result<Syntax, Fault> {
        let kind = match name.as_str() {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "in" => {
                self.at -= 1;
                return Err(self.unexpected("a value"));
            }
            _ if self.take("(") => {
                let (arguments, end) = self.list_until(")")?;
                return Ok(Syntax { kind: Kind::Call(name, start, None, arguments), start, end });
            }
            _ => Kind::Name(name),
        };
        Ok(Syntax { kind, start, end })
    }

    /// Expressions with commas between them, and perhaps one behind them, up to the closing bracket.
    fn list_until(&mut self, close: &'static str) -> Result<(Vec<Syntax>, usize), Fault> {
        let mut items = Vec::new();
        while !self.is_sign(close) {
            items.push(self.expression()?);
            if !self.take(",") {
                break;
            }
        }
        Ok((items, self.expect(close)?))
    }

    fn entries(&mut self) -> Result<(Vec<(Syntax, Syntax)>, usize), Fault> {
        let mut entries = Vec::new();
        while !self.is_sign("}") {
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?));
            if !self.take(",") {
                break;
            }
        }
        Ok((entries, self.expect("}")?))
    }
}
