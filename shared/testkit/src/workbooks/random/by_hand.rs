//! xlsx written by hand, with the habits of many writers, at random.

use super::{Dice, RandomSheet, Value};
use crate::workbooks::XlsxParts;

const TRANSITIONAL: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const STRICT: &str = "http://purl.oclc.org/ooxml/spreadsheetml/main";
/// Days from the epoch of the 1900 system to that of the 1904 system.
const DAYS_TO_1904: u32 = 1_462;

/// How a file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Habits {
    /// Element names of the sheet carry the prefix `x:`.
    pub prefix: bool,
    /// The namespace of strict files.
    pub strict: bool,
    /// The sheet part is UTF-16 with a byte order mark.
    pub utf16: bool,
    /// Rows and cells do not say where they are.
    pub no_references: bool,
    /// Days count from 1904.
    pub from_1904: bool,
    /// Days and moments are ISO texts of the cell type `d`.
    pub iso_dates: bool,
    /// Sizes stand behind the data.
    pub streamed: bool,
    /// Sizes have 64 bits.
    pub zip64: bool,
    /// Nothing is compressed.
    pub stored: bool,
}

impl Habits {
    /// The habits of a seed: none for every other one, so that each is also seen alone.
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 1);
        if dice.once_in(2) {
            return Self::default();
        }
        let mut habit = || dice.once_in(5);
        Self {
            prefix: habit(),
            strict: habit(),
            utf16: habit(),
            no_references: habit(),
            from_1904: habit(),
            iso_dates: habit(),
            streamed: habit(),
            zip64: habit(),
            stored: habit(),
        }
    }
}

/// The workbook of a sheet; its dice come from the sheet's seed.
pub fn write(sheet: &RandomSheet, habits: Habits) -> Vec<u8> {
    let mut writer = Writer { dice: Dice::new(sheet.seed, 2), habits, shared: Vec::new() };
    let xml = writer.sheet(sheet);
    let namespace = if habits.strict { STRICT } else { TRANSITIONAL };
    let strings =
        format!("<?xml version=\"1.0\"?><sst xmlns=\"{namespace}\">{}</sst>", writer.shared.concat()).into_bytes();
    let properties = if habits.from_1904 { "<workbookPr date1904=\"1\"/>" } else { "" };
    let parts = XlsxParts::new()
        .workbook_with(properties, "<sheet name=\"Sheet1\" sheetId=\"1\" r:id=\"rId1\"/>")
        .part("xl/worksheets/sheet1.xml", if habits.utf16 { utf16(&xml) } else { xml.into_bytes() })
        .part("xl/sharedStrings.xml", strings)
        .part("xl/styles.xml", styles(namespace))
        .part("[Content_Types].xml", content_types());
    let mut zip = parts.zip();
    if habits.streamed && !habits.stored {
        zip = zip.streamed();
    }
    if habits.zip64 {
        zip = zip.zip64();
    }
    if habits.stored {
        zip = zip.stored();
    }
    zip.build()
}

/// Some readers find the parts of a workbook by their types instead of their relations.
fn content_types() -> String {
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml";
    let parts = [
        ("workbook", "sheet.main"),
        ("worksheets/sheet1", "worksheet"),
        ("styles", "styles"),
        ("sharedStrings", "sharedStrings"),
    ];
    let parts: String = parts
        .iter()
        .map(|(part, name)| format!("<Override PartName=\"/xl/{part}.xml\" ContentType=\"{kind}.{name}+xml\"/>"))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>{parts}</Types>"
    )
}

/// The formats of [`XlsxParts`], with all the lists that readers of whole styles want to see.
fn styles(namespace: &str) -> String {
    let codes = [(164, "yyyy-mm-dd"), (165, "yyyy-mm-dd hh:mm:ss"), (166, "hh:mm:ss"), (167, "[h]:mm")];
    let codes: String =
        codes.iter().map(|(id, code)| format!("<numFmt numFmtId=\"{id}\" formatCode=\"{code}\"/>")).collect();
    let format = |id: u32| format!("<xf numFmtId=\"{id}\" fontId=\"0\" fillId=\"0\" borderId=\"0\" xfId=\"0\"/>");
    let cells: String = [0, 164, 165, 166, 167, 14].into_iter().map(format).collect();
    format!(
        "<?xml version=\"1.0\"?><styleSheet xmlns=\"{namespace}\"><numFmts count=\"4\">{codes}</numFmts>\
         <fonts count=\"1\"><font/></fonts><fills count=\"1\"><fill><patternFill/></fill></fills><borders count=\"1\"><border/></borders>\
         <cellStyleXfs count=\"1\"><xf numFmtId=\"0\" fontId=\"0\" fillId=\"0\" borderId=\"0\"/></cellStyleXfs>\
         <cellXfs count=\"6\">{cells}</cellXfs></styleSheet>"
    )
}

struct Writer {
    dice: Dice,
    habits: Habits,
    /// Finished `si` elements.
    shared: Vec<String>,
}

impl Writer {
    fn sheet(&mut self, sheet: &RandomSheet) -> String {
        let names: Vec<Value> = sheet.columns.iter().map(|name| Value::Text(name.clone())).collect();
        let mut rows = self.row(1, &names);
        for (index, row) in sheet.rows.iter().enumerate() {
            let is_empty = row.iter().all(|value| *value == Value::Empty);
            // A row that says nothing has to be there when rows do not say their number.
            if !is_empty || self.habits.no_references || self.dice.once_in(2) {
                rows.push_str(&self.row(RandomSheet::row_number(index), row));
            }
            if self.dice.once_in(10) {
                rows.push_str("\n<!-- <row r=\"9\"> -->\n");
            }
        }
        let namespace = if self.habits.strict { STRICT } else { TRANSITIONAL };
        let declaration = "<?xml version=\"1.0\" standalone='yes'?>";
        let body = format!("<dimension ref=\"A1:XFD1048576\"/><sheetData>{rows}</sheetData>");
        if !self.habits.prefix {
            return format!("{declaration}<worksheet xmlns=\"{namespace}\">{body}</worksheet>");
        }
        let body = body.replace('<', "<x:").replace("<x:/", "</x:").replace("<x:!", "<!");
        format!("{declaration}<x:worksheet xmlns:x=\"{namespace}\">{body}</x:worksheet>")
    }

    fn row(&mut self, number: u32, values: &[Value]) -> String {
        let cells: String = (0..).zip(values).map(|(column, value)| self.cell(number, column, value)).collect();
        let attributes = match (self.habits.no_references, self.dice.below(3)) {
            (true, _) => String::new(),
            (false, 0) => format!(" spans=\"1:{}\" r=\"{number}\" hidden=\"1\"", values.len()),
            (false, 1) => format!(" r='{number}' ht=\"15.75\" customHeight=\"1\""),
            (false, _) => format!(" r=\"{number}\""),
        };
        if cells.is_empty() { format!("<row{attributes}/>") } else { format!("<row{attributes}>{cells}</row>\n") }
    }

    fn cell(&mut self, row: u32, column: u32, value: &Value) -> String {
        let place = match self.habits.no_references {
            true => String::new(),
            false => format!(" r=\"{}{row}\"", letters(column)),
        };
        match value {
            Value::Empty if self.habits.no_references => "<c/>".to_owned(),
            Value::Empty => match self.dice.below(4) {
                0 => format!("<c{place} s=\"1\"/>"),
                1 => format!("<c{place}><v></v></c>"),
                _ => String::new(),
            },
            Value::Text(text) => self.text_cell(&place, text),
            Value::Bool(value) => format!("<c{place} t=\"b\"><v>{}</v></c>", u8::from(*value)),
            Value::Error(code) => format!("<c{place} t=\"e\"><f>1/0</f><v>{code}</v></c>"),
            Value::Number(number) => format!("<c{place}{}<v>{}</v></c>", self.general(), self.number(*number)),
            Value::Date(_) | Value::Moment { .. } if self.habits.iso_dates => {
                let style = if matches!(value, Value::Date(_)) { 1 } else { 2 };
                format!("<c{place} s=\"{style}\" t=\"d\"><v>{}</v></c>", value.iso().unwrap_or_default())
            }
            Value::Date(day) => {
                let style = self.dice.pick(&["1", "5"]);
                format!("<c{place} s=\"{style}\"><v>{}</v></c>", self.day(*day))
            }
            Value::Moment { day, second } => {
                let serial = f64::from(self.day(*day)) + f64::from(*second) / 86_400.0;
                format!("<c s=\"2\"{place}><v>{serial:?}</v></c>")
            }
            Value::Time(_) => format!("<c{place} s=\"3\"><v>{:?}</v></c>", value.serial().unwrap_or_default()),
            Value::Elapsed(_) => format!("<c{place} s=\"4\"><v>{:?}</v></c>", value.serial().unwrap_or_default()),
        }
    }

    /// A day as the workbook counts. What lies before its first day keeps the number of the other system and is no
    /// date in this file, so [`truth`] leaves it alone.
    fn day(&self, day: u32) -> u32 {
        if self.habits.from_1904 { day.saturating_sub(DAYS_TO_1904) } else { day }
    }

    fn general(&mut self) -> &'static str {
        let &form =
            self.dice.pick(&[">", " s=\"0\">", " t=\"n\">", "><f>SUM(A1:B2)</f>", "><f t=\"shared\" si=\"0\"/>"]);
        form
    }

    fn number(&mut self, number: f64) -> String {
        match self.dice.below(3) {
            0 => format!("{number:E}"),
            1 => format!("{number:?}"),
            _ => format!("{number}"),
        }
    }

    fn text_cell(&mut self, place: &str, text: &str) -> String {
        match self.dice.below(6) {
            0 => format!("<c{place} t=\"inlineStr\"><is>{}</is></c>", self.t(text)),
            1 => format!("<c{place} t=\"inlineStr\"><is>{}</is></c>", self.runs(text)),
            2 => format!("<c{place} t=\"str\"><f>A1&amp;B1</f><v>{}</v></c>", self.escaped(text)),
            3 => self.shared_cell(place, |writer| writer.runs(text)),
            _ => self.shared_cell(place, |writer| writer.t(text)),
        }
    }

    fn shared_cell(&mut self, place: &str, item: impl FnOnce(&mut Self) -> String) -> String {
        let item = item(self);
        let phonetic =
            if self.dice.once_in(6) { "<rPh sb=\"0\" eb=\"1\"><t>フ</t></rPh><phoneticPr fontId=\"1\"/>" } else { "" };
        self.shared.push(format!("<si>{item}{phonetic}</si>"));
        format!("<c{place} t=\"s\"><v>{}</v></c>", self.shared.len() - 1)
    }

    /// The text in one or two runs.
    fn runs(&mut self, text: &str) -> String {
        let middle = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let (first, second) = text.split_at(middle);
        // A run must not cut an escape in two: each half is escaped by itself.
        let run = |writer: &mut Self, text: &str| format!("<r><rPr><b/></rPr>{}</r>", writer.t(text));
        if looks_escaped(text) { run(self, text) } else { format!("{}{}", run(self, first), run(self, second)) }
    }

    fn t(&mut self, text: &str) -> String {
        let keeps = if text.trim_matches([' ', '\t', '\n', '\r']) == text && self.dice.once_in(2) {
            ""
        } else {
            " xml:space=\"preserve\""
        };
        format!("<t{keeps}>{}</t>", self.escaped(text))
    }

    /// The text for XML. Characters that XML cannot hold, and texts that look like their escapes, are `_xHHHH_`.
    fn escaped(&mut self, text: &str) -> String {
        let mut out = String::new();
        for (at, character) in text.char_indices() {
            match character {
                '_' if looks_escaped(&text[at..]) => out.push_str("_x005F_"),
                '&' => out.push_str(self.dice.pick::<&str>(&["&amp;", "&#38;", "&#x26;"])),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '\r' => out.push_str(self.dice.pick::<&str>(&["_x000D_", "&#13;"])),
                '\t' | '\n' => out.push(character),
                control if u32::from(control) < 0x20 => out.push_str(&format!("_x{:04X}_", u32::from(control))),
                other if self.dice.once_in(60) => out.push_str(&format!("&#{};", u32::from(other))),
                other => out.push(other),
            }
        }
        out
    }
}

/// An escape of the form `_xHHHH_` stands at the start, or anywhere for the whole text.
fn looks_escaped(text: &str) -> bool {
    text.match_indices("_x").any(|(at, _)| {
        let digits = text.as_bytes().get(at + 2..at + 6);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            && text.as_bytes().get(at + 6) == Some(&b'_')
    })
}

fn letters(column: u32) -> String {
    let last = char::from(b'A' + (column % 26) as u8);
    if column < 26 { last.to_string() } else { format!("{}{last}", letters(column / 26 - 1)) }
}

fn utf16(xml: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(xml.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// The sheet as it reads in a workbook of these habits: days before 1904 cannot be told there.
pub fn truth(sheet: &RandomSheet, habits: Habits) -> RandomSheet {
    let mut sheet = sheet.clone();
    for value in sheet.rows.iter_mut().flatten() {
        if let (true, Value::Date(day) | Value::Moment { day, .. }) = (habits.from_1904, value) {
            *day = (*day).max(DAYS_TO_1904);
        }
    }
    sheet
}
