//! Damage that knows nothing of what it damages.

use crate::workbooks::random::Dice;

/// Numbers at which readers break.
const INTERESTING: [u32; 14] =
    [0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, u32::MAX];
/// The most that one act of damage adds, so that a mutant stays small.
const MOST_ADDED: usize = 64 * 1024;

/// One act of damage: bits, numbers, runs of bytes, or a word of the format.
pub(super) fn damage(content: &mut Vec<u8>, dice: &mut Dice, words: &[&[u8]]) {
    let at = dice.below(content.len() + 1);
    let run = run(content, dice);
    match dice.below(11) {
        0 | 1 => {
            if let Some(byte) = content.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
        }
        2 => {
            if let Some(byte) = content.get_mut(at) {
                *byte = dice.next() as u8;
            }
        }
        3 | 4 => write_number(content, at, dice),
        5 => drop(content.drain(run)),
        6 => {
            let copy = content[run].to_vec();
            content.splice(at..at, copy);
        }
        7 => {
            let times = 1 + dice.below(64);
            let mut copy = content[run].repeat(times);
            copy.truncate(MOST_ADDED);
            content.splice(at..at, copy);
        }
        8 => content.truncate(at),
        9 => {
            let length = 1 + dice.below(16);
            let noise: Vec<u8> = (0..length).map(|_| dice.next() as u8).collect();
            content.splice(at..at, noise);
        }
        _ if words.is_empty() => {}
        _ => {
            let word = dice.pick(words).to_vec();
            let end = (at + dice.below(word.len() + 1)).min(content.len());
            content.splice(at..end, word);
        }
    }
}

/// Overwrites one, two or four bytes with a number at which readers break, or with one beside what is there.
pub(super) fn write_number(content: &mut [u8], at: usize, dice: &mut Dice) {
    let width = *dice.pick(&[1_usize, 2, 4]);
    let Some(target) = content.get_mut(at..at + width) else { return };
    let old = target.iter().rev().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    let new = match dice.below(3) {
        0 => old.wrapping_add(1 + dice.below(4) as u32),
        1 => old.wrapping_sub(1 + dice.below(4) as u32),
        _ => *dice.pick(&INTERESTING),
    };
    target.copy_from_slice(&new.to_le_bytes()[..width]);
}

/// A short run of bytes somewhere, sometimes a long one.
fn run(content: &[u8], dice: &mut Dice) -> std::ops::Range<usize> {
    let start = dice.below(content.len() + 1);
    let most = if dice.once_in(8) { content.len() } else { 40 };
    let end = (start + dice.below(most + 1)).min(content.len());
    start..end
}
