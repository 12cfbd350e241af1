//! The fast checker says what `jsonschema` says, of every schema and row that it takes.

use serde_json::{Value, json};

use crate::validate::schema::Schema;

/// A stream of numbers that is always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick(&mut self, choices: &[Value]) -> Value {
        choices[self.below(choices.len())].clone()
    }
}

fn cells() -> Vec<Value> {
    vec![
        json!(0),
        json!(1),
        json!(-1),
        json!(3),
        json!(2.5),
        json!(3.0),
        json!(9_007_199_254_740_993_u64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(1e300),
        json!(-0.0),
        json!(""),
        json!("a"),
        json!("abc"),
        json!("éé"),
        json!("12345678"),
        json!("2024-02-29"),
        json!("2023-02-29"),
        json!("2026-13-01"),
        json!("1900-02-29"),
        json!("0000-01-01"),
        json!("2026-01-01 "),
        json!("3"),
        json!(" 3 "),
        json!("3.0"),
        json!("-2.5"),
        json!("true"),
        json!("FALSE"),
        json!("007"),
        json!("abc\n"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!(true),
        json!(false),
        json!([1]),
        json!({"b": 1}),
        json!({"error": "#N/A"}),
    ]
}

fn keyword(random: &mut Random) -> (&'static str, Value) {
    let types = [
        json!("string"),
        json!("integer"),
        json!("number"),
        json!("boolean"),
        json!("object"),
        json!("null"),
        json!(["integer", "string"]),
        json!(["boolean", "number"]),
        json!(["string", "null"]),
    ];
    let bounds = [json!(0), json!(1), json!(2.5), json!(-1), json!(3), json!(9_007_199_254_740_992_u64), json!(1e300)];
    let patterns = [
        json!("^[0-9]{8}$"),
        json!("^a"),
        json!("b"),
        json!(r"^\d+$"),
        json!(r"^\w+$"),
        json!("^[^a]*$"),
        json!("^(abc|éé)$"),
        json!("^.$"),
        json!("^a?b*c+$"),
    ];
    let formats = [json!("date"), json!("uuid"), json!("email"), json!("date-time")];
    let lists = [json!(["a", "abc"]), json!(["3", "12345678"]), json!([3, "a"]), json!([true]), json!([null, "a"])];
    match random.below(13) {
        0..=2 => ("type", random.pick(&types)),
        3 => ("minimum", random.pick(&bounds)),
        4 => ("maximum", random.pick(&bounds)),
        5 => ("exclusiveMinimum", random.pick(&bounds)),
        6 => ("exclusiveMaximum", random.pick(&bounds)),
        7 => ("minLength", json!(random.below(5))),
        8 => ("maxLength", json!(random.below(5))),
        9 => ("pattern", random.pick(&patterns)),
        10 => ("format", random.pick(&formats)),
        11 => ("enum", random.pick(&lists)),
        _ => ("const", random.pick(&cells())),
    }
}

#[test]
fn the_checker_agrees_with_jsonschema() {
    let mut random = Random(1);
    let (mut valid, mut fast) = (0, 0);
    for _ in 0..3_000 {
        let mut properties = serde_json::Map::new();
        for column in ["a", "b", "c"].into_iter().take(random.below(4)) {
            let keywords = (0..random.below(4)).map(|_| keyword(&mut random));
            let property = keywords.map(|(name, value)| (name.to_owned(), value)).collect();
            properties.insert(column.to_owned(), Value::Object(property));
        }
        let required: Vec<_> = ["a", "c", "d"].into_iter().filter(|_| random.below(4) == 0).collect();
        let schema = json!({"type": "object", "properties": properties, "required": required});
        let with_checker = Schema::compile(&schema).unwrap();
        let without = Schema::compile(&schema).unwrap().without_checker();
        fast += usize::from(with_checker.has_checker());
        for _ in 0..20 {
            let mut row = json!({});
            for column in ["c", "a", "x", "b"] {
                if random.below(4) > 0 {
                    row[column] = random.pick(&cells());
                }
            }
            let (mut first, mut second) = (row.clone(), row.clone());
            let expected = without.is_valid(&mut second);
            assert_eq!(with_checker.is_valid(&mut first), expected, "{schema}\n{row}");
            assert_eq!(first, second, "{schema}\n{row}");
            assert_eq!(with_checker.violations(&first).is_empty(), expected, "{schema}\n{row}");
            valid += usize::from(expected);
        }
    }
    assert_eq!(fast, 3_000, "every one of these schemas is for the checker");
    assert!((5_000..55_000).contains(&valid), "{valid} of 60000 rows are valid: these rows say nothing");
}

#[test]
fn schemas_over_the_whole_row_are_not_for_the_checker() {
    let check = |schema: Value, expected: bool| {
        assert_eq!(Schema::compile(&schema).unwrap().has_checker(), expected, "{schema}");
    };
    check(json!({"properties": {"a": {"multipleOf": 0.01}, "b": {"anyOf": [{"type": "string"}]}}, "title": "x"}), true);
    check(json!({"properties": {"a": true, "b": false}}), true);
    check(json!({"minProperties": 1}), false);
    check(json!({"additionalProperties": false}), false);
    check(json!({"anyOf": [{"required": ["a"]}]}), false);
    check(json!({"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {}}}), false);
    check(json!({"properties": {"a": {"items": {"$ref": "#"}}}}), false);
}
