//! A compiled expression: names are resolved, functions are known, patterns are compiled.

use regex::Regex;

use super::function::Signature;
use super::types::Types;
use super::value::Val;

/// One step of an expression.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) step: Step,
    /// The types that its value may have.
    pub(super) types: Types,
    /// Bytes of the text before it.
    pub(super) start: usize,
    /// Bytes of the text up to its end.
    pub(super) end: usize,
}

#[derive(Debug)]
pub(super) enum Step {
    Literal(Val<'static>),
    /// The row as a map.
    Row,
    Column(String),
    Lookup(usize),
    Computed(usize),
    Response,
    /// The variable of a macro, counted from the outermost.
    Local(usize),
    Select(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// Whether a map has an entry that is not null; or, without a map, whether a cell is not empty.
    Has(Box<Node>, String),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    In(Box<Node>, Box<Node>),
    Condition(Box<Node>, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Call(&'static Signature, Vec<Node>),
    Matches(Box<Node>, Regex),
    Each(Box<Each>),
}

/// A macro that goes through the items of a list or the keys of a map.
#[derive(Debug)]
pub(super) struct Each {
    pub(super) what: EachKind,
    pub(super) range: Node,
    /// For `map` with three arguments, what selects the items.
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EachKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "/" => Self::Divide,
            "%" => Self::Remainder,
            _ => return None,
        })
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }
}

impl Node {
    /// Calls `see` for this step and every one inside it.
    pub(super) fn visit<'a>(&'a self, see: &mut impl FnMut(&'a Self)) {
        see(self);
        match &self.step {
            Step::Literal(_)
            | Step::Row
            | Step::Column(_)
            | Step::Lookup(_)
            | Step::Computed(_)
            | Step::Response
            | Step::Local(_) => {}
            Step::Select(inner, _)
            | Step::Has(inner, _)
            | Step::Not(inner)
            | Step::Negate(inner)
            | Step::Matches(inner, _) => inner.visit(see),
            Step::Index(left, right)
            | Step::And(left, right)
            | Step::Or(left, right)
            | Step::Arithmetic(_, left, right)
            | Step::Compare(_, left, right)
            | Step::In(left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Step::Condition(condition, then, otherwise) => {
                [condition, then, otherwise].into_iter().for_each(|node| node.visit(see));
            }
            Step::List(items) | Step::Call(_, items) => items.iter().for_each(|item| item.visit(see)),
            Step::Map(entries) => {
                for (key, value) in entries {
                    key.visit(see);
                    value.visit(see);
                }
            }
            Step::Each(each) => {
                each.range.visit(see);
                each.filter.iter().for_each(|filter| filter.visit(see));
                each.body.visit(see);
            }
        }
    }
}
