//! Damage to csv and JSON.

use super::bytes;
use crate::workbooks::random::Dice;

const CSV: [&[u8]; 16] = [
    b"\"",
    b"\"\"",
    b"\"\n",
    b",",
    b";",
    b"\t",
    b"|",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"\0",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xFE\xFF",
    b"\x80\xC3",
    b"sep=;\n",
];

const JSON: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u",
    b"\\uD800",
    b"\\uD83D\\uDE00",
    b"\\u0000",
    b"null",
    b"true",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"0.1234567890123456789012345678901234567890",
    b"{\"a\":",
    b"[[[[[[[[[[[[[[[[",
    b"\n",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xC0\x80",
];

/// One act of damage to csv.
pub(super) fn damage_csv(content: &mut Vec<u8>, dice: &mut Dice) {
    bytes::damage(content, dice, &CSV);
}

/// One act of damage to JSON, as lines or as an array.
pub(super) fn damage_json(content: &mut Vec<u8>, dice: &mut Dice) {
    bytes::damage(content, dice, &JSON);
}
