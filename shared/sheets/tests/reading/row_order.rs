//! Rows and cells that do not come in the order of the sheet.

use crate::collect::{Collected, read, read_into, records};
use filas_sheets::{Limits, ReadOptions};
use filas_testkit::workbooks::{XlsbParts, XlsxParts};

/// A row with these cells; a value is a number.
fn row(number: u32, cells: &[(&str, u32)]) -> String {
    let cells: String =
        cells.iter().map(|(column, value)| format!("<c r=\"{column}{number}\"><v>{value}</v></c>")).collect();
    format!("<row r=\"{number}\">{cells}</row>")
}

fn header() -> String {
    "<row r=\"1\"><c r=\"A1\" t=\"str\"><v>a</v></c><c r=\"B1\" t=\"str\"><v>b</v></c>\
     <c r=\"C1\" t=\"str\"><v>c</v></c></row>"
        .to_owned()
}

/// These rows become these records, whether the sink can start again or not.
fn check(rows: &str, expected: &[(u32, &str)]) {
    let bytes = XlsxParts::new().rows(rows).build();
    for can_restart in [false, true] {
        let sink = Collected { can_restart, ..Collected::default() };
        let outcome = read_into(sink, &bytes, "a.xlsx", &ReadOptions::default());
        assert_eq!(records(&outcome), Ok(expected.to_vec()), "{rows}");
        assert_eq!(outcome.unwrap().0.columns, ["a", "b", "c"]);
    }
}

#[test]
fn cells_out_of_order_are_placed_by_their_column() {
    let one = "{\"a\":1,\"b\":2,\"c\":3}";
    for cells in [
        [("A", 1), ("B", 2), ("C", 3)],
        [("C", 3), ("B", 2), ("A", 1)],
        [("B", 2), ("C", 3), ("A", 1)],
        [("A", 1), ("C", 3), ("B", 2)],
    ] {
        check(&(header() + &row(2, &cells)), &[(2, one)]);
    }
    check(&(header() + &row(2, &[("C", 3), ("A", 1)])), &[(2, "{\"a\":1,\"b\":null,\"c\":3}")]);
    let turned = "<row r=\"1\"><c r=\"C1\" t=\"str\"><v>c</v></c><c r=\"A1\" t=\"str\"><v>a</v></c>\
                  <c r=\"B1\" t=\"str\"><v>b</v></c></row>";
    check(&(turned.to_owned() + &row(2, &[("B", 2), ("A", 1), ("C", 3)])), &[(2, one)]);
}

#[test]
fn of_a_cell_that_is_given_twice_the_later_one_counts() {
    let later = "{\"a\":5,\"b\":2,\"c\":null}";
    check(&(header() + &row(2, &[("A", 1), ("B", 2), ("A", 5)])), &[(2, later)]);
    check(&(header() + &row(2, &[("B", 2), ("A", 1), ("A", 5)])), &[(2, later)]);
    // A cell that only has a format does not wipe out a value.
    let formatted = "<row r=\"2\"><c r=\"A2\"><v>5</v></c><c r=\"B2\"><v>2</v></c><c r=\"A2\" s=\"1\"/></row>";
    check(&(header() + formatted), &[(2, later)]);
}

#[test]
fn cells_beyond_the_header_may_be_blank_and_out_of_order() {
    let blanks = "<row r=\"2\"><c r=\"E2\" t=\"str\"><v></v></c><c r=\"B2\"><v>2</v></c><c r=\"D2\" t=\"str\"><v></v></c>\
                  <c r=\"A2\" t=\"inlineStr\"><is><t>x</t></is></c></row>";
    check(&(header() + blanks), &[(2, "{\"a\":\"x\",\"b\":2,\"c\":null}")]);
}

#[test]
fn rows_out_of_order_come_out_in_order() {
    let (two, three, five) = (row(2, &[("A", 2)]), row(3, &[("B", 3)]), row(5, &[("C", 5)]));
    let expected = [
        (2, "{\"a\":2,\"b\":null,\"c\":null}"),
        (3, "{\"a\":null,\"b\":3,\"c\":null}"),
        (5, "{\"a\":null,\"b\":null,\"c\":5}"),
    ];
    let head = header();
    for order in [[&head, &two, &three, &five], [&five, &three, &two, &head], [&head, &five, &two, &three]] {
        check(&order.map(String::as_str).concat(), &expected);
    }
}

#[test]
fn rows_with_the_same_number_are_one_row() {
    let rows = [header(), row(2, &[("A", 1), ("B", 2)]), row(3, &[("A", 7)]), row(2, &[("C", 3), ("A", 9)])].concat();
    check(&rows, &[(2, "{\"a\":9,\"b\":2,\"c\":3}"), (3, "{\"a\":7,\"b\":null,\"c\":null}")]);
    // A row without a number follows the one before it, wherever that is.
    let unnumbered = [header(), row(9, &[("A", 9)]), row(4, &[("A", 4)]), "<row><c><v>5</v></c></row>".to_owned()];
    check(
        &unnumbered.concat(),
        &[4, 5, 9]
            .map(|n| (n, format!("{{\"a\":{n},\"b\":null,\"c\":null}}")))
            .iter()
            .map(|(n, text)| (*n, text.as_str()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_sink_that_can_restart_is_told_so_once_and_only_in_need() {
    for (rows, restarts) in [
        ([header(), row(2, &[("A", 2)]), row(3, &[("A", 3)])], 0),
        ([header(), row(3, &[("A", 3)]), row(2, &[("A", 2)])], 1),
    ] {
        let sink = Collected { can_restart: true, ..Collected::default() };
        let bytes = XlsxParts::new().rows(&rows.concat()).build();
        let (summary, sink) = read_into(sink, &bytes, "a.xlsx", &ReadOptions::default()).unwrap();
        assert_eq!((summary.rows, sink.rows.len(), sink.restarts), (2, 2, restarts));
    }
}

/// Thousands of rows, shuffled with their cells, are the rows that were not shuffled.
#[test]
fn a_shuffled_sheet_is_the_sheet() {
    let mut state = 7_u64;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    let mut rows: Vec<(u32, Vec<(&str, u32)>)> =
        (2..5000).map(|n| (n * 3, vec![("A", n), ("B", n % 7), ("C", n * n)])).collect();
    let xml = |rows: &[(u32, Vec<(&str, u32)>)]| -> String {
        let rows = rows.iter().map(|(number, cells)| row(*number, cells));
        header() + &rows.collect::<String>()
    };
    let sorted = read(&XlsxParts::new().rows(&xml(&rows)).build(), "a.xlsx").unwrap();
    for at in (1..rows.len()).rev() {
        rows.swap(at, random(at + 1));
        let cells = &mut rows[at].1;
        cells.swap(random(3), random(3));
    }
    let bytes = XlsxParts::new().rows(&xml(&rows)).build();
    let sink = Collected { can_restart: true, ..Collected::default() };
    let shuffled = read_into(sink, &bytes, "a.xlsx", &ReadOptions::default()).unwrap();
    assert_eq!(shuffled.0, sorted.0);
    assert_eq!(shuffled.1.rows, sorted.1.rows);
}

#[test]
fn putting_rows_in_order_has_limits() {
    type Change = fn(&mut Limits);
    let rows = header() + &row(9, &[("A", 1)]) + &row(2, &[("A", 1), ("B", 2)]).repeat(50);
    let bytes = XlsxParts::new().rows(&rows).build();
    let cases: [(&str, Change); 4] = [
        ("rows", |limits| limits.rows = 20),
        ("cells", |limits| limits.cells = 30),
        ("disk_bytes", |limits| limits.disk_bytes = 300),
        ("columns", |limits| limits.columns = 2),
    ];
    for (name, change) in cases {
        let mut options = ReadOptions::default();
        change(&mut options.limits);
        let error = read_into(Collected::default(), &bytes, "a.xlsx", &options).unwrap_err();
        assert_eq!(error.problem().unwrap().limit.as_ref().unwrap().name, name, "{error}");
        assert_eq!(error.problem().unwrap().sheet.as_deref(), Some("Sheet1"), "{error}");
    }
}

#[test]
fn rows_of_binary_workbooks_are_put_in_order_too() {
    let number = |value: f64| value.to_le_bytes();
    let bytes = XlsbParts::new()
        .row(1)
        .text(0, "v")
        .row(5)
        .cell(5, 0, 0, &number(5.0))
        .row(3)
        .cell(5, 0, 0, &number(3.0))
        .build();
    assert_eq!(records(&read(&bytes, "a.xlsb")), Ok(vec![(3, "{\"v\":3}"), (5, "{\"v\":5}")]));
}
