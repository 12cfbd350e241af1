//! Running a program over a row.

use std::borrow::Cow;

use rust_decimal::Decimal;
use serde_json::Value;

use super::function::{self, Signature};
use super::program::{Arithmetic, Comparison, Each, EachKind, Node, Step};
use super::types::Types;
use super::value::Val;
use crate::row::cell_error;
use crate::stage::RowValues;

/// The longest text that an expression may make, in bytes.
pub(super) const LONGEST_TEXT: usize = 1024 * 1024;
/// How many items all macros of one evaluation may go through.
const MOST_ITEMS: u32 = 100_000;

/// Why an expression has no value for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble(pub(crate) String);

impl Trouble {
    pub(super) fn too_long() -> Self {
        Self(format!("the text has more than {LONGEST_TEXT} bytes"))
    }
}

/// The value of a program for one row.
pub(super) fn evaluate<'a>(node: &'a Node, text: &'a str, values: &'a RowValues) -> Result<Val<'a>, Trouble> {
    Evaluation { text, values, locals: Vec::new(), items: 0 }.value(node)
}

struct Evaluation<'a> {
    text: &'a str,
    values: &'a RowValues,
    /// Variables of the macros around, from the outermost.
    locals: Vec<Val<'a>>,
    /// Items that macros have gone through.
    items: u32,
}

impl<'a> Evaluation<'a> {
    fn value(&mut self, node: &'a Node) -> Result<Val<'a>, Trouble> {
        match &node.step {
            Step::Literal(value) => Ok(value.borrowed()),
            Step::Column(column) => Ok(self.values.row.get(column).map_or(Val::Null, Val::from_json)),
            Step::Lookup(position) => self.known(self.values.lookups.get(*position).map(Val::from_json)),
            Step::Computed(position) => self.known(self.values.computed.get(*position).map(Val::borrowed)),
            Step::Response => self.known(self.values.response.as_ref().map(Val::from_json)),
            Step::Local(position) => self.known(self.locals.get(*position).cloned()),
            Step::Row => Ok(Val::Json(&self.values.row)),
            Step::Arithmetic(what, left, right) => self.arithmetic(*what, left, right),
            Step::Compare(what, left, right) => self.comparison(*what, left, right),
            Step::Condition(condition, then, otherwise) => {
                let chosen = if self.truth(condition)? { then } else { otherwise };
                self.value(chosen)
            }
            Step::And(left, right) => self.either(left, right, false),
            Step::Or(left, right) => self.either(left, right, true),
            Step::Not(inner) => Ok(Val::Bool(!self.truth(inner)?)),
            Step::Negate(inner) => Ok(Val::Number(-self.number(inner)?)),
            Step::Select(inner, name) => self.select(inner, name),
            Step::Index(inner, index) => self.index(inner, index),
            Step::Has(inner, name) => {
                let entry = self.wanted(inner, Types::MAP)?.into_entry(name).flatten();
                Ok(Val::Bool(entry.is_some_and(|value| value != Val::Null)))
            }
            Step::In(item, range) => self.is_in(item, range),
            Step::List(items) => Ok(Val::List(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)),
            Step::Map(entries) => self.map(entries),
            Step::Call(signature, arguments) => self.call(signature, arguments, node),
            Step::Matches(text, pattern) => match self.wanted(text, Types::TEXT)? {
                Val::Text(text) => Ok(Val::Bool(pattern.is_match(&text))),
                _ => Ok(Val::Bool(false)),
            },
            Step::Each(each) => self.each(each),
        }
    }

    /// A value that an earlier stage has put there.
    fn known(&self, value: Option<Val<'a>>) -> Result<Val<'a>, Trouble> {
        value.ok_or_else(|| Trouble("a value is asked for before its stage".to_owned()))
    }

    fn shown(&self, node: &Node) -> &'a str {
        &self.text[node.start..node.end]
    }

    /// The value, which must be of one of these types.
    fn wanted(&mut self, node: &'a Node, wanted: Types) -> Result<Val<'a>, Trouble> {
        let value = self.value(node)?;
        if value.types().meets(wanted) { Ok(value) } else { Err(self.unwanted(node, &value, wanted)) }
    }

    fn unwanted(&self, node: &Node, value: &Val<'_>, wanted: Types) -> Trouble {
        let shown = self.shown(node);
        Trouble(match (&node.step, value) {
            (Step::Column(_), Val::Null) => format!("`{shown}` is empty, where {wanted} is wanted"),
            (_, Val::Json(json)) if cell_error(json).is_some() => {
                format!("`{shown}` holds the error {}", cell_error(json).unwrap_or_default())
            }
            _ => format!("`{shown}` is {}, where {wanted} is wanted", value.types()),
        })
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Trouble> {
        match self.value(node)? {
            Val::Bool(truth) => Ok(truth),
            other => Err(self.unwanted(node, &other, Types::BOOL)),
        }
    }

    fn number(&mut self, node: &'a Node) -> Result<Decimal, Trouble> {
        match self.value(node)? {
            Val::Number(number) => Ok(number),
            other => Err(self.no_number(node, &other)),
        }
    }

    fn no_number(&self, node: &Node, value: &Val<'_>) -> Trouble {
        match value {
            Val::Json(Value::Number(number)) => {
                Trouble(format!("`{}` is {number}, which has no place in the 28 digits of a decimal", self.shown(node)))
            }
            _ => self.unwanted(node, value, Types::NUMBER),
        }
    }

    /// `&&` and `||`: one side that decides is enough, even when the other has no value.
    fn either(&mut self, left: &'a Node, right: &'a Node, decisive: bool) -> Result<Val<'a>, Trouble> {
        let first = self.truth(left);
        if first == Ok(decisive) {
            return Ok(Val::Bool(decisive));
        }
        match (first, self.truth(right)) {
            (_, Ok(second)) if second == decisive => Ok(Val::Bool(decisive)),
            (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
            _ => Ok(Val::Bool(!decisive)),
        }
    }

    fn arithmetic(&mut self, what: Arithmetic, left: &'a Node, right: &'a Node) -> Result<Val<'a>, Trouble> {
        let (first, second) = (self.value(left)?, self.value(right)?);
        let (Val::Number(first), Val::Number(second)) = (&first, &second) else {
            return self.other_sum(what, (left, first), (right, second));
        };
        let result = match what {
            Arithmetic::Add => first.checked_add(*second),
            Arithmetic::Subtract => first.checked_sub(*second),
            Arithmetic::Multiply => first.checked_mul(*second),
            Arithmetic::Divide | Arithmetic::Remainder if second.is_zero() => {
                return Err(Trouble(format!("`{}` is 0, and nothing is divided by it", self.shown(right))));
            }
            Arithmetic::Divide => first.checked_div(*second),
            Arithmetic::Remainder => first.checked_rem(*second),
        };
        result.map(Val::Number).ok_or_else(|| {
            let (left, right) = (self.shown(left), self.shown(right));
            Trouble(format!("`{left} {} {right}` is beyond the 28 digits of a decimal", what.sign()))
        })
    }

    /// What is not arithmetic with two numbers: texts and lists are put together.
    fn other_sum(
        &mut self,
        what: Arithmetic,
        (left, first): (&'a Node, Val<'a>),
        (right, second): (&'a Node, Val<'a>),
    ) -> Result<Val<'a>, Trouble> {
        if what == Arithmetic::Add {
            if let (Val::Text(first), Val::Text(second)) = (&first, &second) {
                if first.len() + second.len() > LONGEST_TEXT {
                    return Err(Trouble::too_long());
                }
                return Ok(Val::Text(Cow::Owned(format!("{first}{second}"))));
            }
            if first.types() == Types::LIST && second.types() == Types::LIST {
                let items = [first, second].into_iter().filter_map(Val::into_range).flatten();
                return self.counted(items.collect()).map(Val::List);
            }
            let kinds = first.types().and(Types::NUMBER_TEXT_LIST);
            if kinds != Types::NONE && second.types().meets(Types::NUMBER_TEXT_LIST) && kinds != second.types() {
                return Err(self.unwanted(right, &second, kinds));
            }
        }
        let wanted = if what == Arithmetic::Add { Types::NUMBER_TEXT_LIST } else { Types::NUMBER };
        for (node, value) in [(left, &first), (right, &second)] {
            if !value.types().meets(wanted) {
                return Err(self.unwanted(node, value, wanted));
            }
            if let Val::Json(Value::Number(_)) = value {
                return Err(self.no_number(node, value));
            }
        }
        Err(Trouble(format!("`{}` and `{}` cannot be added", self.shown(left), self.shown(right))))
    }

    fn comparison(&mut self, what: Comparison, left: &'a Node, right: &'a Node) -> Result<Val<'a>, Trouble> {
        let (first, second) = (self.value(left)?, self.value(right)?);
        let equal = match what {
            Comparison::Equal => Some(true),
            Comparison::Unequal => Some(false),
            _ => None,
        };
        if let Some(equal) = equal {
            return Ok(Val::Bool(first.equals(&second) == equal));
        }
        let Some(order) = first.order(&second) else {
            let ordered = Types::NUMBER_TEXT_BOOL;
            let (node, value) = if first.types().meets(ordered) { (right, second) } else { (left, first.clone()) };
            let wanted = if first.types().meets(ordered) { first.types() } else { ordered };
            return Err(self.unwanted(node, &value, wanted));
        };
        Ok(Val::Bool(match what {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            _ => order.is_ge(),
        }))
    }

    fn select(&mut self, inner: &'a Node, name: &str) -> Result<Val<'a>, Trouble> {
        let map = self.wanted(inner, Types::MAP)?;
        let entry = map.into_entry(name).flatten();
        entry.ok_or_else(|| Trouble(format!("`{}` has no `{name}`", self.shown(inner))))
    }

    fn index(&mut self, inner: &'a Node, index: &'a Node) -> Result<Val<'a>, Trouble> {
        let (container, key) = (self.wanted(inner, Types::LIST_MAP)?, self.value(index)?);
        let is_row = matches!(inner.step, Step::Row);
        let found = match &key {
            Val::Text(key) if container.types() == Types::MAP => container.into_entry(key).flatten(),
            Val::Number(position) if container.types() == Types::LIST && position.is_integer() => {
                let position = usize::try_from(*position).ok();
                position.and_then(|position| container.into_range()?.into_iter().nth(position))
            }
            Val::Number(_) if container.types() == Types::LIST => {
                return Err(Trouble(format!("`{}` is no whole number, and positions are", self.shown(index))));
            }
            _ => {
                let wanted = if container.types() == Types::MAP { Types::TEXT } else { Types::NUMBER };
                return Err(self.unwanted(index, &key, wanted));
            }
        };
        match found {
            None if is_row => Ok(Val::Null),
            None => Err(Trouble(format!("`{}` has nothing at `{}`", self.shown(inner), self.shown(index)))),
            Some(value) => Ok(value),
        }
    }

    fn is_in(&mut self, item: &'a Node, range: &'a Node) -> Result<Val<'a>, Trouble> {
        let item = self.value(item)?;
        if let Step::List(candidates) = &range.step {
            // Usually the list is written out, and then it need not be made.
            for candidate in candidates {
                if item.equals(&self.value(candidate)?) {
                    return Ok(Val::Bool(true));
                }
            }
            return Ok(Val::Bool(false));
        }
        let range = self.wanted(range, Types::LIST_MAP)?;
        let found = match (range.items(), &item) {
            (Some(items), _) => items.iter().any(|candidate| candidate.equals(&item)),
            (None, Val::Text(key)) => range.into_entry(key).flatten().is_some(),
            (None, _) => false,
        };
        Ok(Val::Bool(found))
    }

    fn map(&mut self, written: &'a [(Node, Node)]) -> Result<Val<'a>, Trouble> {
        let mut entries: Vec<(Cow<'a, str>, Val<'a>)> = Vec::with_capacity(written.len());
        for (key, value) in written {
            let Val::Text(name) = self.wanted(key, Types::TEXT)? else { continue };
            if entries.iter().any(|(known, _)| *known == name) {
                return Err(Trouble(format!("the key `{}` stands twice in a map", self.shown(key))));
            }
            entries.push((name, self.value(value)?));
        }
        Ok(Val::Map(entries))
    }

    fn call(&mut self, signature: &Signature, nodes: &'a [Node], whole: &'a Node) -> Result<Val<'a>, Trouble> {
        let mut arguments = Vec::with_capacity(nodes.len());
        for (position, node) in nodes.iter().enumerate() {
            arguments.push(self.wanted(node, signature.parameter(position))?);
        }
        function::call(signature.function, arguments)
            .map_err(|Trouble(reason)| Trouble(format!("`{}`: {reason}", self.shown(whole))))
    }

    /// A list that a macro or a sum has made, if it is not too long.
    fn counted(&mut self, items: Vec<Val<'a>>) -> Result<Vec<Val<'a>>, Trouble> {
        self.items = self.items.saturating_add(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if self.items > MOST_ITEMS {
            return Err(Trouble(format!("the expression goes through more than {MOST_ITEMS} items")));
        }
        Ok(items)
    }

    fn each(&mut self, each: &'a Each) -> Result<Val<'a>, Trouble> {
        let range = self.wanted(&each.range, Types::LIST_MAP)?.into_range().unwrap_or_default();
        let range = self.counted(range)?;
        let depth = self.locals.len();
        let mut kept = Vec::new();
        let mut holds = 0_usize;
        let mut trouble = None;
        for item in range {
            self.locals.truncate(depth);
            self.locals.push(item.clone());
            match each.what {
                EachKind::Map => {
                    let is_chosen = each.filter.as_ref().map_or(Ok(true), |filter| self.truth(filter))?;
                    if is_chosen {
                        kept.push(self.value(&each.body)?);
                    }
                }
                EachKind::Filter => {
                    if self.truth(&each.body)? {
                        kept.push(item);
                    }
                }
                EachKind::ExistsOne => holds += usize::from(self.truth(&each.body)?),
                EachKind::All | EachKind::Exists => {
                    let decisive = each.what == EachKind::Exists;
                    match self.truth(&each.body) {
                        Ok(truth) if truth == decisive => {
                            self.locals.truncate(depth);
                            return Ok(Val::Bool(decisive));
                        }
                        Ok(_) => {}
                        // As with `&&` and `||`, one item that decides is enough.
                        Err(found) => trouble = Some(found),
                    }
                }
            }
        }
        self.locals.truncate(depth);
        match (each.what, trouble) {
            (_, Some(trouble)) => Err(trouble),
            (EachKind::Map | EachKind::Filter, None) => Ok(Val::List(kept)),
            (EachKind::ExistsOne, None) => Ok(Val::Bool(holds == 1)),
            (EachKind::All, None) => Ok(Val::Bool(true)),
            (EachKind::Exists, None) => Ok(Val::Bool(false)),
        }
    }
}
