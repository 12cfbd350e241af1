//! The types that a value may have, as far as they are known before there is a row.

use std::fmt;
use std::ops::BitOr;

/// A set of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const NULL: Self = Self(1);
    pub(crate) const BOOL: Self = Self(2);
    pub(crate) const NUMBER: Self = Self(4);
    pub(crate) const TEXT: Self = Self(8);
    pub(crate) const LIST: Self = Self(16);
    pub(crate) const MAP: Self = Self(32);
    /// Nothing is known.
    pub(crate) const ANY: Self = Self(63);

    pub(crate) const NUMBER_TEXT: Self = Self(4 | 8);
    pub(crate) const NUMBER_TEXT_BOOL: Self = Self(4 | 8 | 2);
    pub(crate) const NUMBER_TEXT_LIST: Self = Self(4 | 8 | 16);
    pub(crate) const TEXT_BOOL: Self = Self(8 | 2);
    pub(crate) const TEXT_LIST_MAP: Self = Self(8 | 16 | 32);
    pub(crate) const LIST_MAP: Self = Self(16 | 32);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::NUMBER, "a number"),
        (Self::TEXT, "text"),
        (Self::BOOL, "a boolean"),
        (Self::LIST, "a list"),
        (Self::MAP, "a map"),
        (Self::NULL, "null"),
    ];

    /// Whether a value may be of both.
    pub(crate) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Those that are in both.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether it is one type of which there is nothing inside.
    pub(super) fn is_single_value(self) -> bool {
        matches!(self, Self::NULL | Self::BOOL | Self::TEXT)
    }
}

impl BitOr for Types {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// As in `text or null`.
impl fmt::Display for Types {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Self::NAMES.iter().filter(|(kind, _)| self.meets(*kind)).map(|(_, name)| *name).collect();
        formatter.write_str(&names.join(" or "))
    }
}
