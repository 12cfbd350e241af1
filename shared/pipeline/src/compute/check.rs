//! A syntax tree to a program: every name, function and type is checked before there is a row.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::function::{Function, Signature};
use super::program::{Arithmetic, Comparison, Each, EachKind, Node, Step};
use super::scope::{Known, Scope};
use super::syntax::{Kind, Syntax};
use super::token::Fault;
use super::types::Types;
use super::value::Val;

/// What looks like a function and is none.
pub(super) const MACROS: [&str; 6] = ["has", "all", "exists", "exists_one", "map", "filter"];
/// The memory that one compiled pattern may take, in bytes.
const LARGEST_PATTERN: usize = 256 * 1024;

/// Checks a tree against the names that it may use.
pub(super) fn check(syntax: &Syntax, text: &str, scope: &Scope) -> Result<Node, Fault> {
    Checker { scope, text, locals: Vec::new() }.node(syntax)
}

struct Checker<'s> {
    scope: &'s Scope,
    text: &'s str,
    /// Variables of the macros around, from the outermost.
    locals: Vec<(String, Types)>,
}

/// What a part of an expression becomes: a step and the types of its value.
type Checked = (Step, Types);

impl Checker<'_> {
    fn node(&mut self, syntax: &Syntax) -> Result<Node, Fault> {
        let (step, types) = match &syntax.kind {
            Kind::Null => (Step::Literal(Val::Null), Types::NULL),
            Kind::Bool(truth) => (Step::Literal(Val::Bool(*truth)), Types::BOOL),
            Kind::Number(number) => (Step::Literal(Val::Number(*number)), Types::NUMBER),
            Kind::Text(text) => (Step::Literal(Val::Text(text.clone().into())), Types::TEXT),
            Kind::Name(name) => self.name(name, syntax.start)?,
            Kind::Select(inner, name) => self.select(inner, name, syntax.end - name.len())?,
            Kind::Index(inner, index) => self.index(inner, index)?,
            Kind::Call(name, at, receiver, arguments) => self.call(name, *at, receiver.as_deref(), arguments)?,
            Kind::Unary(sign, inner) => self.unary(sign, inner)?,
            Kind::Binary(sign, left, right) => self.binary(sign, left, right)?,
            Kind::Condition(condition, then, otherwise) => {
                let condition = self.wanted(condition, Types::BOOL)?;
                let (then, otherwise) = (self.node(then)?, self.node(otherwise)?);
                let types = then.types | otherwise.types;
                (Step::Condition(Box::new(condition), Box::new(then), Box::new(otherwise)), types)
            }
            Kind::List(items) => {
                let items = items.iter().map(|item| self.node(item)).collect::<Result<_, _>>()?;
                (Step::List(items), Types::LIST)
            }
            Kind::Map(entries) => {
                let entry = |(key, value)| Ok((self.wanted(key, Types::TEXT)?, self.node(value)?));
                let entries = entries.iter().map(|(key, value)| (key, value)).map(entry).collect::<Result<_, _>>()?;
                (Step::Map(entries), Types::MAP)
            }
        };
        Ok(Node { step, types, start: syntax.start, end: syntax.end })
    }

    /// A part that must be able to have one of these types.
    fn wanted(&mut self, syntax: &Syntax, wanted: Types) -> Result<Node, Fault> {
        let node = self.node(syntax)?;
        self.must_meet(&node, wanted)?;
        Ok(node)
    }

    fn must_meet(&self, node: &Node, wanted: Types) -> Result<(), Fault> {
        if node.types.meets(wanted) {
            return Ok(());
        }
        Err(Fault::new(node.start, format!("`{}` is {}, where {wanted} is wanted", self.shown(node), node.types)))
    }

    fn shown(&self, node: &Node) -> &str {
        &self.text[node.start..node.end]
    }

    fn name(&self, name: &str, at: usize) -> Result<Checked, Fault> {
        if let Some(position) = self.locals.iter().rposition(|(local, _)| local == name) {
            return Ok((Step::Local(position), self.locals[position].1));
        }
        if name == "row" {
            return Ok((Step::Row, Types::MAP));
        }
        let locals = self.locals.iter().map(|(local, _)| local.clone());
        let (known, types) = self.scope.find(name).ok_or_else(|| Fault::new(at, self.scope.unknown(name, locals)))?;
        let step = match known {
            Known::Lookup(position) => Step::Lookup(position),
            Known::Computed(position) => Step::Computed(position),
            Known::Response => Step::Response,
        };
        Ok((step, types))
    }

    fn select(&mut self, inner: &Syntax, name: &str, at: usize) -> Result<Checked, Fault> {
        let inner = self.wanted(inner, Types::MAP)?;
        if matches!(inner.step, Step::Row) {
            return self.column(name, at);
        }
        Ok((Step::Select(Box::new(inner), name.to_owned()), Types::ANY))
    }

    fn column(&self, name: &str, at: usize) -> Result<Checked, Fault> {
        let types = self.scope.column(name).map_err(|message| Fault::new(at, message))?;
        Ok((Step::Column(name.to_owned()), types))
    }

    fn index(&mut self, inner: &Syntax, index: &Syntax) -> Result<Checked, Fault> {
        let inner = self.wanted(inner, Types::LIST_MAP)?;
        let key = match (inner.types.meets(Types::LIST), inner.types.meets(Types::MAP)) {
            (true, false) => Types::NUMBER,
            (false, _) => Types::TEXT,
            (true, true) => Types::NUMBER_TEXT,
        };
        let index = self.wanted(index, key)?;
        match (&inner.step, &index.step) {
            (Step::Row, Step::Literal(Val::Text(name))) => self.column(name, index.start),
            _ => Ok((Step::Index(Box::new(inner), Box::new(index)), Types::ANY)),
        }
    }

    fn unary(&mut self, sign: &str, inner: &Syntax) -> Result<Checked, Fault> {
        if sign == "!" {
            return Ok((Step::Not(Box::new(self.wanted(inner, Types::BOOL)?)), Types::BOOL));
        }
        let inner = self.wanted(inner, Types::NUMBER)?;
        Ok(match inner.step {
            Step::Literal(Val::Number(number)) => (Step::Literal(Val::Number(-number)), Types::NUMBER),
            _ => (Step::Negate(Box::new(inner)), Types::NUMBER),
        })
    }

    fn binary(&mut self, sign: &str, left: &Syntax, right: &Syntax) -> Result<Checked, Fault> {
        if let "&&" | "||" = sign {
            let (left, right) = (self.wanted(left, Types::BOOL)?, self.wanted(right, Types::BOOL)?);
            let step = if sign == "&&" { Step::And } else { Step::Or };
            return Ok((step(Box::new(left), Box::new(right)), Types::BOOL));
        }
        if let Some(arithmetic) = Arithmetic::of(sign) {
            return self.arithmetic(arithmetic, left, right);
        }
        if let Some(comparison) = Comparison::of(sign) {
            return self.comparison(comparison, left, right);
        }
        let (item, range) = (self.node(left)?, self.wanted(right, Types::LIST_MAP)?);
        if !range.types.meets(Types::LIST) {
            self.must_meet(&item, Types::TEXT)?;
        }
        if let Step::List(items) = &range.step
            && !items.is_empty()
            && !items.iter().any(|other| may_be_equal(item.types, other.types))
        {
            let message = format!("`{}` is {} and never one of {}", self.shown(&item), item.types, self.shown(&range));
            return Err(Fault::new(item.start, message));
        }
        Ok((Step::In(Box::new(item), Box::new(range)), Types::BOOL))
    }

    fn arithmetic(&mut self, arithmetic: Arithmetic, left: &Syntax, right: &Syntax) -> Result<Checked, Fault> {
        let wanted = match arithmetic {
            Arithmetic::Add => Types::NUMBER_TEXT_LIST,
            _ => Types::NUMBER,
        };
        let (left, right) = (self.wanted(left, wanted)?, self.wanted(right, wanted)?);
        let types = left.types.and(right.types).and(wanted);
        if types == Types::NONE {
            let message =
                format!("`{}` is {}, and `{}` is {}", self.shown(&left), left.types, self.shown(&right), right.types);
            return Err(Fault::new(left.start, format!("{message}: `+` wants two of a kind, as in string(…) + '…'")));
        }
        if let (Arithmetic::Divide | Arithmetic::Remainder, Step::Literal(Val::Number(number))) =
            (arithmetic, &right.step)
            && number.is_zero()
        {
            return Err(Fault::new(right.start, "a division by zero"));
        }
        Ok((Step::Arithmetic(arithmetic, Box::new(left), Box::new(right)), types))
    }

    fn comparison(&mut self, comparison: Comparison, left: &Syntax, right: &Syntax) -> Result<Checked, Fault> {
        let (left, right) = (self.node(left)?, self.node(right)?);
        let told = |what: &str| {
            let (first, second) = (self.shown(&left), self.shown(&right));
            Fault::new(left.start, format!("`{first}` is {}, and `{second}` is {}: {what}", left.types, right.types))
        };
        if let Comparison::Equal | Comparison::Unequal = comparison {
            if !may_be_equal(left.types, right.types) {
                return Err(told("they are never equal"));
            }
        } else if !left.types.and(right.types).meets(Types::NUMBER_TEXT_BOOL) {
            return Err(told("they have no order"));
        }
        Ok((Step::Compare(comparison, Box::new(left), Box::new(right)), Types::BOOL))
    }

    fn call(
        &mut self,
        name: &str,
        at: usize,
        receiver: Option<&Syntax>,
        arguments: &[Syntax],
    ) -> Result<Checked, Fault> {
        if let (None, "has") = (receiver, name) {
            return self.has(at, arguments);
        }
        if let Some(receiver) = receiver
            && let Some(what) = macro_of(name)
        {
            return self.each(what, name, at, receiver, arguments);
        }
        let all: Vec<&Syntax> = receiver.into_iter().chain(arguments).collect();
        let signature =
            Signature::find(name, receiver.is_some(), all.len()).map_err(|message| Fault::new(at, message))?;
        let mut checked = Vec::with_capacity(all.len());
        for (position, argument) in all.into_iter().enumerate() {
            checked.push(self.wanted(argument, signature.parameter(position))?);
        }
        if signature.function == Function::Matches {
            return matches_step(checked);
        }
        Ok((Step::Call(signature, checked), signature.result))
    }

    fn has(&mut self, at: usize, arguments: &[Syntax]) -> Result<Checked, Fault> {
        let [Syntax { kind: Kind::Select(inner, name), end, .. }] = arguments else {
            return Err(Fault::new(at, "`has` takes one field, as in has(row.note)"));
        };
        let inner = self.wanted(inner, Types::MAP)?;
        if matches!(inner.step, Step::Row) {
            self.column(name, end - name.len())?;
        }
        Ok((Step::Has(Box::new(inner), name.clone()), Types::BOOL))
    }

    fn each(
        &mut self,
        what: EachKind,
        name: &str,
        at: usize,
        range: &Syntax,
        arguments: &[Syntax],
    ) -> Result<Checked, Fault> {
        let (variable, filter, body) = match arguments {
            [variable, body] => (variable, None, body),
            [variable, filter, body] if what == EachKind::Map => (variable, Some(filter), body),
            _ => {
                return Err(Fault::new(
                    at,
                    format!("`{name}` takes a name and an expression, as in list.{name}(x, …)"),
                ));
            }
        };
        let Kind::Name(variable) = &variable.kind else {
            return Err(Fault::new(variable.start, format!("`{name}` wants a name first, as in list.{name}(x, …)")));
        };
        let range = self.wanted(range, Types::LIST_MAP)?;
        let item = if range.types.meets(Types::LIST) { Types::ANY } else { Types::TEXT };
        self.locals.push((variable.clone(), item));
        let filter = filter.map(|filter| self.wanted(filter, Types::BOOL)).transpose()?;
        let body = self.wanted(body, if what == EachKind::Map { Types::ANY } else { Types::BOOL })?;
        self.locals.pop();
        let types = if let EachKind::Map | EachKind::Filter = what { Types::LIST } else { Types::BOOL };
        Ok((Step::Each(Box::new(Each { what, range, filter, body })), types))
    }
}

/// Whether values of these types may be equal. To ask for null is never wrong.
fn may_be_equal(left: Types, right: Types) -> bool {
    left.meets(right) || left == Types::NULL || right == Types::NULL
}

fn macro_of(name: &str) -> Option<EachKind> {
    Some(match name {
        "all" => EachKind::All,
        "exists" => EachKind::Exists,
        "exists_one" => EachKind::ExistsOne,
        "map" => EachKind::Map,
        "filter" => EachKind::Filter,
        _ => return None,
    })
}

/// `text.matches(pattern)`. The pattern must be there before the rows are: it is compiled once, and a wrong one is found.
fn matches_step(arguments: Vec<Node>) -> Result<Checked, Fault> {
    let Ok([text, pattern]) = <[Node; 2]>::try_from(arguments) else {
        return Err(Fault::new(0, "`matches` takes a pattern"));
    };
    let Step::Literal(Val::Text(written)) = &pattern.step else {
        return Err(Fault::new(pattern.start, "the pattern of `matches` must be written out in quotes"));
    };
    let regex = compile_pattern(written).map_err(|message| Fault::new(pattern.start, message))?;
    Ok((Step::Matches(Box::new(text), regex), Types::BOOL))
}

fn compile_pattern(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(LARGEST_PATTERN).build().map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!("{} is no pattern: {reason}", Value::from(pattern))
    })
}
