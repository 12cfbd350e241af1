//! Texts that readers stumble over.

use super::Dice;

/// Texts of people and of their programs: numbers that are none, escapes that are none, every kind of white space.
const ODD: [&str; 22] = [
    "plain",
    "007",
    " spaces around ",
    "two  spaces",
    "a\nb",
    "a\r\nb",
    "<&>\"'",
    "]]>",
    "&amp;",
    "_x000D_",
    "_x0041_ and _x00e9_",
    "é李😀",
    "e\u{301}\u{200D}\u{FEFF}",
    "1e5",
    "true",
    "2024-03-01",
    "tab\tand\u{1}control",
    "\\\"/",
    "\u{2028}\u{85}\u{A0}",
    "\u{FFFD}",
    "\t",
    "x",
];

pub(super) fn column_name(dice: &mut Dice, column: usize) -> String {
    let stem = dice.pick(&["id", "Preis in €", "order \"no\"", "a<b", "naïve", "李", "total & tax", "x y"]);
    format!("{stem} {column}")
}

pub(super) fn text(dice: &mut Dice) -> String {
    match dice.below(8) {
        0 => random(dice, 12),
        1 => random(dice, 3).repeat(1 + dice.below(200)),
        2 => format!("{}{}", dice.pick(&ODD), dice.pick(&ODD)),
        3 => format!("SKU-{:06}", dice.below(50)),
        _ => (*dice.pick(&ODD)).to_owned(),
    }
}

/// Characters from all over Unicode, but for those that XML cannot hold. Never a formula, never empty.
fn random(dice: &mut Dice, most: usize) -> String {
    let mut text = String::from("~");
    for _ in 0..=dice.below(most) {
        let code = match dice.below(5) {
            0 => 0x20 + dice.below(0x5F),
            1 => 0xA1 + dice.below(0x500),
            2 => 0x4E00 + dice.below(0x5000),
            3 => 0x1_F300 + dice.below(0x300),
            _ => 0x20 + dice.below(0x60),
        };
        text.extend(u32::try_from(code).ok().and_then(char::from_u32));
    }
    text
}
