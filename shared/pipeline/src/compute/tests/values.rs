//! What expressions give for a row.

use super::{check, told};

#[test]
fn money_is_decimal() {
    check("0.1 + 0.2", "0.3");
    check("row.price + 0.2", "0.3");
    check("0.1 + 0.2 == 0.3", "true");
    check("row.quantity * product.price", "29.85");
    check("1.10 * 1.10", "1.21");
    check("100 * 1.1", "110");
    check("4.35 * 100", "435");
    check("1.005 * 1000", "1005");
    check("10.00 - 0.50", "9.5");
    check("round(2.345, 2)", "2.35");
    check("round(-2.345, 2)", "-2.35");
    check("round(1.005, 2)", "1.01");
    check("round(2.5)", "3");
    check("fixed(28.4, 2)", "\"28.40\"");
    check("fixed(2.345, 2)", "\"2.35\"");
    check("row['unit cost'] * 3", "29.97");
    check("12345678901234567890.12 + 0.01", "12345678901234567890.13");
    // Beyond 28 decimals, halves are rounded to even.
    check("0.0000000000000000000000000005 * 0.5", "0.0000000000000000000000000002");
    check("0.0000000000000000000000000007 * 0.5", "0.0000000000000000000000000004");
    check("0.0000000000000000000000000005 / 2", "0.0000000000000000000000000002");
    check("0.0000000000000000000000000007 / 2", "0.0000000000000000000000000004");
}

#[test]
fn arithmetic_is_of_one_kind_of_number() {
    check("7 / 2", "3.5");
    check("1 / 3", "0.3333333333333333333333333333");
    check("2 / 3", "0.6666666666666666666666666667");
    check("7 % 3", "1");
    check("-7 % 3", "-1");
    check("1 + 0.5", "1.5");
    check("-row.quantity", "-3");
    check("- -3", "3");
    check("1 + 2 * 3 - 4 / 2", "5");
    check("(1 + 2) * 3", "9");
    check("10 - 4 - 3", "3");
    check("2e2 + 0x10 + 1u", "217");
    check("int(7.9)", "7");
    check("int(-7.9)", "-7");
    check("int('42')", "42");
    check("double('0.10') + decimal(' 1.5 ')", "1.6");
    check("floor(-1.5) + ceil(1.2)", "0");
    check("abs(-3.5)", "3.5");
    check("min(3, 1.5, 2)", "1.5");
    check("max([1, 7, 3])", "7");
    check("max('b', 'a')", "\"b\"");
}

#[test]
fn text_has_its_functions() {
    check("'a' + \"b\"", "\"ab\"");
    check("'n: ' + string(row.price)", "\"n: 0.1\"");
    check("string(3.00)", "\"3\"");
    check("size('café')", "4");
    check("'café'.size()", "4");
    check("row.sku.startsWith('000') && row.sku.endsWith('45')", "true");
    check("row.sku.contains('123')", "true");
    check("row.sku.matches('^[0-9]{8}$')", "true");
    check("matches(row.sku, '^[a-z]')", "false");
    check("' a '.trim().upperAscii()", "\"A\"");
    check("'Ab'.lowerAscii()", "\"ab\"");
    check("'a-b-c'.replace('-', '')", "\"abc\"");
    check("'tête'.substring(1, 3)", "\"êt\"");
    check("'tête'.substring(4)", "\"\"");
    check("bool(' TRUE ')", "true");
    check("'a' < 'b'", "true");
    check("row.sku[0]", "refused: `row.sku` is text, where a list or a map is wanted");
}

#[test]
fn conditions_and_logic() {
    check("row.quantity >= 10 ? subtotal * 0.1 : 0.0", "0");
    check("row.express ? 'fast' : 'slow'", "\"fast\"");
    check("true ? false ? 1 : 2 : 3", "2");
    check("!row.express || row.quantity > 2 && true", "true");
    // One side that decides is enough, even when the other has no value.
    check("false && 1 / (row.quantity - 3) > 0", "false");
    check("1 / (row.quantity - 3) > 0 && false", "false");
    check("1 / (row.quantity - 3) > 0 || true", "true");
    check("1 / (row.quantity - 3) > 0 || false", "fails: `row.quantity - 3` is 0, and nothing is divided by it");
    check("row.quantity in [1, 2, 3.0]", "true");
    check("'x' in ['a', 'b']", "false");
    check("'price' in product", "true");
    check("'a' in row.tags", "true");
    check("2.5 in product.sizes", "true");
}

#[test]
fn empty_cells_are_null() {
    check("row.note", "null");
    check("row.note == null", "true");
    check("row.sku == null", "false");
    check("has(row.note)", "false");
    check("has(row.sku) && has(product.price) && !has(product.weight) && !has(product.in.stock)", "true");
    check("row.discount == null ? 0 : row.discount", "0");
    check("row.discount * 2", "fails: `row.discount` is empty, where a number is wanted");
    check("row.note + 'x'", "fails: `row.note` is empty, where a number or text or a list is wanted");
    check("row.discount > 3", "fails: `row.discount` is empty, where a number or text or a boolean is wanted");
    check("row['no such' + ' column']", "null");
}

#[test]
fn lists_and_maps() {
    check(
        "{'sku': row.sku, 'total': subtotal, 'tags': row.tags}",
        r#"{"sku":"00012345","total":28.455,"tags":["a","b"]}"#,
    );
    check("[1, 'a', null, true, [0.10]]", r#"[1,"a",null,true,[0.1]]"#);
    check("{'a': {'b': 2}}.a.b", "2");
    check("[10, 20][1]", "20");
    check("product.sizes[2]", "4");
    check("product['name']", "\"Vase\"");
    check("size(product.sizes) + size({'a': 1})", "4");
    check("[1] + [2, 3]", "[1,2,3]");
    check("row.tags + ['c']", r#"["a","b","c"]"#);
    check("[1, 2.0] == [1.0, 2]", "true");
    check("{'a': 1, 'b': 2} == {'b': 2.0, 'a': 1}", "true");
    check("product", r#"{"price":9.95,"name":"Vase","sizes":[1,2.5,4],"in":{"stock":null,"era":"1920"}}"#);
    check("response.body.id + ' ' + string(response.status)", "\"P-7 201\"");
    check("[1, 2,]", "[1,2]");
    check("{}", "{}");
}

#[test]
fn macros_go_through_lists_and_keys() {
    check("product.sizes.all(size, size > 0)", "true");
    check("product.sizes.exists(size, size == 2.5)", "true");
    check("product.sizes.exists_one(size, size > 3)", "true");
    check("product.sizes.map(size, size * 2)", "[2,5,8]");
    check("product.sizes.map(size, size > 1, size * 2)", "[5,8]");
    check("product.sizes.filter(size, size > 1)", "[2.5,4]");
    check("product.sizes.map(a, product.sizes.map(b, a * b))[1][2]", "10");
    check("product.exists(key, key == 'name')", "true");
    check("[].all(x, x > 1)", "true");
    check("[0, 2].exists(x, 4 / x == 2)", "true");
    check("[0, 2].all(x, 4 / x == 9)", "false");
    check("[0, 2].all(x, 4 / x == 2)", "fails: `x` is 0, and nothing is divided by it");
    // A name of a macro hides the others.
    check("row.tags.map(product, product + '!')", r#"["a!","b!"]"#);
}

#[test]
fn rows_that_do_not_fit_are_told_why() {
    check("product.weight", "fails: `product` has no `weight`");
    check("nothing.price", "fails: `nothing` is null, where a map is wanted");
    check("nothing == null ? 0 : nothing.price", "0");
    check("product.name * 2", "fails: `product.name` is text, where a number is wanted");
    check("product.name + 2", "fails: `2` is a number, where text is wanted");
    check("row.anything + 1", "fails: `row.anything` holds the error #N/A");
    check("row.anything == 1", "false");
    check("product.sizes[3]", "fails: `product.sizes` has nothing at `3`");
    check("product.sizes[1.5]", "fails: `1.5` is no whole number, and positions are");
    check("1 / (row.quantity - 3)", "fails: `row.quantity - 3` is 0, and nothing is divided by it");
    check("row.quantity % (row.quantity - 3)", "fails: `row.quantity - 3` is 0, and nothing is divided by it");
    check("79e27 * (row.quantity + 9)", "fails: `79e27 * row.quantity + 9` is beyond the 28 digits of a decimal");
    check(
        "response.body.big + 1",
        "fails: `response.body.big` is 1e+300, which has no place in the 28 digits of a decimal",
    );
    check("int(row.sku + 'x')", "fails: `int(row.sku + 'x')`: \"00012345x\" is no whole number");
    check(
        "round(1.5, row.quantity - 4)",
        "fails: `round(1.5, row.quantity - 4)`: -1 is no number of decimals from 0 to 28",
    );
    check(
        "min(product.sizes.filter(x, x > 9))",
        "fails: `min(product.sizes.filter(x, x > 9))`: an empty list has no least or greatest item",
    );
    check("'abc'.substring(2, 1)", "fails: `'abc'.substring(2, 1)`: a text of 3 characters has no such part");
    check("{row.sku: 1, '00012345': 2}", "fails: the key `'00012345'` stands twice in a map");
    check("product.name ? 1 : 2", "fails: `product.name` is text, where a boolean is wanted");
}

#[test]
fn expressions_cannot_fill_the_memory_or_the_time() {
    let doubled = (0..60).fold("row.sku".to_owned(), |text, _| format!("({text}).replace('0', '00000000')"));
    assert!(told(&doubled).contains("the text has more than 1048576 bytes"), "{}", told(&doubled));
    let many = (0..8).fold("1".to_owned(), |body, level| format!("[1,2,3,4,5,6,7,8].map(v{level}, {body})"));
    assert_eq!(told(&many), "fails: the expression goes through more than 100000 items");
}
