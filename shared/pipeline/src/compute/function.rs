//! The functions of expressions.

use std::borrow::Cow;

use rust_decimal::Decimal;

use super::decimal;
use super::eval::{LONGEST_TEXT, Trouble};
use super::types::Types;
use super::value::Val;
use crate::error::nearest;
use crate::text::{LONGEST_VALUE, shortened};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    /// Compiled to a step of its own.
    Matches,
    Trim,
    LowerAscii,
    UpperAscii,
    Replace,
    Substring,
    Int,
    Decimal,
    String,
    Bool,
    Round,
    Fixed,
    Floor,
    Ceil,
    Abs,
    Min,
    Max,
}

/// How a function is called.
#[derive(Debug)]
pub(super) struct Signature {
    name: &'static str,
    pub(super) function: Function,
    /// Whether `x.name(…)` is right.
    method: bool,
    /// Whether `name(x, …)` is right.
    plain: bool,
    /// What each argument may be, what stands before the point included.
    parameters: &'static [Types],
    /// How many of them must be there.
    required: usize,
    pub(super) result: Types,
}

const SIZED: Types = Types::TEXT_LIST_MAP;
const ORDERED: Types = Types::NUMBER_TEXT_LIST;
const T: Types = Types::TEXT;
const N: Types = Types::NUMBER;
const B: Types = Types::BOOL;

const fn method(name: &'static str, function: Function, parameters: &'static [Types], result: Types) -> Signature {
    Signature { name, function, method: true, plain: false, parameters, required: parameters.len(), result }
}

const fn plain(name: &'static str, function: Function, parameters: &'static [Types], result: Types) -> Signature {
    Signature { name, function, method: false, plain: true, parameters, required: parameters.len(), result }
}

static FUNCTIONS: [Signature; 22] = [
    Signature { plain: true, ..method("size", Function::Size, &[SIZED], N) },
    method("contains", Function::Contains, &[T, T], B),
    method("startsWith", Function::StartsWith, &[T, T], B),
    method("endsWith", Function::EndsWith, &[T, T], B),
    Signature { plain: true, ..method("matches", Function::Matches, &[T, T], B) },
    method("trim", Function::Trim, &[T], T),
    method("lowerAscii", Function::LowerAscii, &[T], T),
    method("upperAscii", Function::UpperAscii, &[T], T),
    method("replace", Function::Replace, &[T, T, T], T),
    Signature { required: 2, ..method("substring", Function::Substring, &[T, N, N], T) },
    plain("int", Function::Int, &[Types::NUMBER_TEXT], N),
    plain("double", Function::Decimal, &[Types::NUMBER_TEXT], N),
    plain("decimal", Function::Decimal, &[Types::NUMBER_TEXT], N),
    plain("string", Function::String, &[Types::NUMBER_TEXT_BOOL], T),
    plain("bool", Function::Bool, &[Types::TEXT_BOOL], B),
    Signature { required: 1, ..plain("round", Function::Round, &[N, N], N) },
    plain("fixed", Function::Fixed, &[N, N], T),
    plain("floor", Function::Floor, &[N], N),
    plain("ceil", Function::Ceil, &[N], N),
    plain("abs", Function::Abs, &[N], N),
    // These take any number of arguments.
    Signature { required: 1, ..plain("min", Function::Min, &[ORDERED], Types::NUMBER_TEXT) },
    Signature { required: 1, ..plain("max", Function::Max, &[ORDERED], Types::NUMBER_TEXT) },
];

impl Signature {
    /// The function that `name(…)` or `x.name(…)` with so many arguments calls, or what is wrong with the call.
    pub(super) fn find(name: &str, as_method: bool, arguments: usize) -> Result<&'static Self, String> {
        let Some(signature) = FUNCTIONS.iter().find(|signature| signature.name == name) else {
            let names = FUNCTIONS.iter().map(|signature| signature.name).chain(super::check::MACROS);
            return Err(match nearest(name, names) {
                Some(nearest) => format!("unknown function `{name}`, did you mean `{nearest}`?"),
                None => format!("unknown function `{name}`"),
            });
        };
        match (as_method, signature.method, signature.plain) {
            (true, false, _) => return Err(format!("`{name}` is called as {name}(…)")),
            (false, _, false) => return Err(format!("`{name}` is called as text.{name}(…)")),
            _ => {}
        }
        let most = if signature.is_variadic() { usize::MAX } else { signature.parameters.len() };
        if (signature.required..=most).contains(&arguments) {
            return Ok(signature);
        }
        let own = usize::from(as_method);
        let wanted = match (signature.required - own.min(signature.required), most.saturating_sub(own)) {
            (least, usize::MAX..) => format!("at least {least}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        Err(format!("`{name}` takes {wanted} argument(s) and is given {}", arguments - own))
    }

    /// What the argument at this position may be.
    pub(super) fn parameter(&self, position: usize) -> Types {
        let position = if self.is_variadic() { 0 } else { position };
        self.parameters.get(position).copied().unwrap_or(Types::ANY)
    }

    /// Whether it takes any number of arguments.
    fn is_variadic(&self) -> bool {
        matches!(self.function, Function::Min | Function::Max)
    }
}

/// Calls a function. The arguments have the types that its signature wants.
pub(super) fn call<'a>(function: Function, mut arguments: Vec<Val<'a>>) -> Result<Val<'a>, Trouble> {
    use Val::{Bool, Number, Text};
    Ok(match (function, arguments.as_mut_slice()) {
        (Function::Min | Function::Max, _) => return extreme(function, arguments),
        (Function::Size, [value]) => Number(value.size().unwrap_or_default().into()),
        (Function::Contains, [Text(text), Text(part)]) => Bool(text.contains(&**part)),
        (Function::StartsWith, [Text(text), Text(part)]) => Bool(text.starts_with(&**part)),
        (Function::EndsWith, [Text(text), Text(part)]) => Bool(text.ends_with(&**part)),
        (Function::Trim, [Text(text)]) => Text(Cow::Owned(text.trim().to_owned())),
        (Function::LowerAscii, [Text(text)]) => Text(Cow::Owned(text.to_ascii_lowercase())),
        (Function::UpperAscii, [Text(text)]) => Text(Cow::Owned(text.to_ascii_uppercase())),
        (Function::Replace, [Text(text), Text(from), Text(to)]) => Text(Cow::Owned(replace(text, from, to)?)),
        (Function::Substring, [Text(text), Number(from)]) => Text(Cow::Owned(substring(text, *from, None)?)),
        (Function::Substring, [Text(text), Number(from), Number(to)]) => {
            Text(Cow::Owned(substring(text, *from, Some(*to))?))
        }
        (Function::Int, [Number(number)]) => Number(number.trunc()),
        (Function::Int, [Text(text)]) => {
            Number(read(text).filter(Decimal::is_integer).ok_or_else(|| unread(text, "whole number"))?)
        }
        (Function::Decimal, [Number(number)]) => Number(*number),
        (Function::Decimal, [Text(text)]) => {
            Number(read(text).ok_or_else(|| unread(text, "number of up to 28 digits"))?)
        }
        (Function::String, [value]) => Text(match value {
            Text(text) => std::mem::take(text),
            Number(number) => Cow::Owned(decimal::text(*number)),
            other => Cow::Owned(other.to_json().to_string()),
        }),
        (Function::Bool, [Bool(truth)]) => Bool(*truth),
        (Function::Bool, [Text(text)]) => match text.trim() {
            word if word.eq_ignore_ascii_case("true") => Bool(true),
            word if word.eq_ignore_ascii_case("false") => Bool(false),
            _ => return Err(unread(text, "boolean")),
        },
        (Function::Round, [Number(number)]) => Number(decimal::round(*number, 0)),
        (Function::Round, [Number(number), Number(decimals)]) => Number(decimal::round(*number, digits(*decimals)?)),
        (Function::Fixed, [Number(number), Number(decimals)]) => {
            let decimals = digits(*decimals)?;
            Text(Cow::Owned(format!("{:.*}", decimals as usize, decimal::round(*number, decimals))))
        }
        (Function::Floor, [Number(number)]) => Number(number.floor()),
        (Function::Ceil, [Number(number)]) => Number(number.ceil()),
        (Function::Abs, [Number(number)]) => Number(number.abs()),
        // The signature lets nothing else through but a number beyond the decimals.
        _ => return Err(Trouble("a number is beyond the 28 digits of a decimal".to_owned())),
    })
}

fn read(text: &str) -> Option<Decimal> {
    decimal::parse(text.trim())
}

fn unread(text: &str, wanted: &str) -> Trouble {
    Trouble(format!("{:?} is no {wanted}", shortened(text, LONGEST_VALUE)))
}

fn digits(value: Decimal) -> Result<u32, Trouble> {
    decimal::as_decimals(value)
        .ok_or_else(|| Trouble(format!("{} is no number of decimals from 0 to 28", decimal::text(value))))
}

fn replace(text: &str, from: &str, to: &str) -> Result<String, Trouble> {
    // What is found is counted first: the result of a few nested calls could fill the memory otherwise.
    let found = text.matches(from).count();
    if text.len().saturating_add(found.saturating_mul(to.len())) > LONGEST_TEXT {
        return Err(Trouble::too_long());
    }
    Ok(text.replace(from, to))
}

/// The characters from position `from` (from 0) up to before `to`.
fn substring(text: &str, from: Decimal, to: Option<Decimal>) -> Result<String, Trouble> {
    let length = text.chars().count();
    let position = |value: Decimal| usize::try_from(value).ok().filter(|at| value.is_integer() && *at <= length);
    let wrong = || Trouble(format!("a text of {length} characters has no such part"));
    let from = position(from).ok_or_else(wrong)?;
    let to = to.map_or(Some(length), position).filter(|to| from <= *to).ok_or_else(wrong)?;
    Ok(text.chars().skip(from).take(to - from).collect())
}

/// The least or greatest of the arguments, or of the items of the only one.
fn extreme(function: Function, arguments: Vec<Val<'_>>) -> Result<Val<'_>, Trouble> {
    let mut candidates = match <[Val<'_>; 1]>::try_from(arguments) {
        Ok([only]) if only.types() == Types::LIST => only.into_range().unwrap_or_default(),
        Ok([only]) => vec![only],
        Err(several) => several,
    }
    .into_iter();
    let mut found =
        candidates.next().ok_or_else(|| Trouble("an empty list has no least or greatest item".to_owned()))?;
    if !found.types().meets(Types::NUMBER_TEXT) {
        return Err(Trouble(format!("{} has no place in an order", found.types())));
    }
    for candidate in candidates {
        let order = candidate.order(&found);
        let order =
            order.ok_or_else(|| Trouble(format!("{} and {} have no order", found.types(), candidate.types())))?;
        let is_better = if function == Function::Min { order.is_lt() } else { order.is_gt() };
        if is_better {
            found = candidate;
        }
    }
    Ok(found)
}
