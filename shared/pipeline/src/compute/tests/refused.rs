//! Expressions that cannot work: refused before there is a row.

use super::{check, scope, told};
use crate::compute::Expression;
use crate::error::PipelineError;

#[test]
fn unknown_names_are_refused() {
    check("prodct.price", "refused: unknown name `prodct`, did you mean `product`?");
    check("quantity * 2", "refused: unknown name `quantity`: the column is `row.quantity`");
    check("zzz", "refused: unknown name `zzz`, known here: row, product, nothing, subtotal, response");
    check("row.quantty", "refused: `validate` names no column `quantty`, did you mean `quantity`?");
    check("row['quantty']", "refused: `validate` names no column `quantty`, did you mean `quantity`?");
    check("has(row.nte)", "refused: `validate` names no column `nte`, did you mean `note`?");
    check("row.zzz", "refused: `validate` names no column `zzz`: add it to `properties`, as in `zzz: {}`");
    check("[1].map(x, y)", "refused: unknown name `y`, known here: row, product, nothing, subtotal, response, x");
    check("[1].map(x, x) == [x]", "refused: unknown name `x`, known here: row, product, nothing, subtotal, response");
}

#[test]
fn wrong_calls_are_refused() {
    check("rond(1.5)", "refused: unknown function `rond`, did you mean `round`?");
    check("frobnicate(1)", "refused: unknown function `frobnicate`");
    check("round()", "refused: `round` takes 1 to 2 argument(s) and is given 0");
    check("round(1, 2, 3)", "refused: `round` takes 1 to 2 argument(s) and is given 3");
    check("'a'.contains()", "refused: `contains` takes 1 argument(s) and is given 0");
    check("contains('a', 'b')", "refused: `contains` is called as text.contains(…)");
    check("1.5.round()", "refused: `round` is called as round(…)");
    check("min()", "refused: `min` takes at least 1 argument(s) and is given 0");
    check("has(row)", "refused: `has` takes one field, as in has(row.note)");
    check("[1].map(x)", "refused: `map` takes a name and an expression, as in list.map(x, …)");
    check("[1].all(1, true)", "refused: `all` wants a name first, as in list.all(x, …)");
    check("'a'.matches('[')", "refused: \"[\" is no pattern: unclosed character class");
    check("'a'.matches(row.sku)", "refused: the pattern of `matches` must be written out in quotes");
}

#[test]
fn types_that_do_not_go_together_are_refused() {
    check("row.sku * 2", "refused: `row.sku` is text, where a number is wanted");
    check(
        "row.sku + 1",
        "refused: `row.sku` is text, and `1` is a number: `+` wants two of a kind, as in string(…) + '…'",
    );
    check("row.quantity == '3'", "refused: `row.quantity` is a number, and `'3'` is text: they are never equal");
    check("row.quantity < 'a'", "refused: `row.quantity` is a number, and `'a'` is text: they have no order");
    check("row.quantity ? 1 : 2", "refused: `row.quantity` is a number, where a boolean is wanted");
    check("row.quantity && true", "refused: `row.quantity` is a number, where a boolean is wanted");
    check("!row.sku", "refused: `row.sku` is text, where a boolean is wanted");
    check("-row.sku", "refused: `row.sku` is text, where a number is wanted");
    check("row.quantity.x", "refused: `row.quantity` is a number, where a map is wanted");
    check("row.sku in ['a', 1]", "false");
    check("row.quantity in ['a', 'b']", "refused: `row.quantity` is a number and never one of ['a', 'b']");
    check("1 in 2", "refused: `2` is a number, where a list or a map is wanted");
    check("row.quantity.startsWith('1')", "refused: `row.quantity` is a number, where text is wanted");
    check("{1: 2}", "refused: `1` is a number, where text is wanted");
    check("row.quantity / 0", "refused: a division by zero");
    check("row.quantity % 0.0", "refused: a division by zero");
    check("null + 1", "refused: `null` is null, where a number or text or a list is wanted");
    // What may be right for some rows is no error before there are rows.
    check("row.note == 'x' || row.discount == 1", "false");
    check("row.anything == 1", "false");
}

#[test]
fn what_is_no_expression_is_refused() {
    check("", "refused: a value is missing, the expression ends here");
    check("1 +", "refused: a value is missing, the expression ends here");
    check("(1", "refused: `)` is missing, the expression ends here");
    check("1 2", "refused: an operator or the end is missing, here is 2");
    check("a b", "refused: an operator or the end is missing, here is `b`");
    check("row.quantity = 3", "refused: `=` has no meaning: to compare is `==`");
    check("row.", "refused: a name behind the point is missing, the expression ends here");
    check("true ? 1", "refused: `:` is missing, the expression ends here");
    check("[1, 2", "refused: `]` is missing, the expression ends here");
    check("{'a' 1}", "refused: `:` is missing, here is 1");
    check("'open", "refused: text without its closing quote");
    check("1 < 2 in [true]", "true");
    check("in", "refused: a value is missing, here is `in`");
}

#[test]
fn the_place_of_a_fault_is_known() {
    let at = |text: &str| match Expression::compile(text, &scope(), "compute.x") {
        Err(PipelineError::Invalid { offset, .. }) => offset,
        other => panic!("{other:?}"),
    };
    assert_eq!(at("row.quantity * prodct.price"), 15);
    assert_eq!(at("row.quantty * 2"), 4);
    assert_eq!(at("'é' + quantity"), 6);
    assert_eq!(at("row.quantity * row.sku"), 15);
    assert_eq!(at("1 + rond(2)"), 4);
    assert_eq!(at("product.price.foo(1)"), 14);
    assert_eq!(at("1 +"), 3);
}

#[test]
fn no_nesting_breaks_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("-", ""), ("!", ""), ("1+(", ")"), ("{'a':", "}"), ("true?", ":1")] {
        for depth in [100, 2_000] {
            let text = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let seen = told(&text);
            assert!(depth < 128 || seen.contains("more than"), "{open}: {seen}");
        }
    }
    let chain = |sign: &str, times: usize| vec!["1"; times].join(sign);
    check(&chain("+", 100), "100");
    assert!(told(&chain("+", 5_000)).contains("more than 128"));
    assert!(told(&format!("row{}", ".a".repeat(5_000))).contains("more than 128"));
    assert!(told(&chain("+", 20_000)).contains("at most 16384 bytes"));
}
