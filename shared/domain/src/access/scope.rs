//! What a caller may do. No scope contains another: a key that is to upload and to look has both.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One kind of call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Looking at things.
    Read,
    /// Sending files and records in, and trying them.
    Write,
    /// Cancelling, pausing, resuming, redriving and deleting tasks; changing pipelines; keys.
    Operate,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Operate];

    /// The name, as keys, tokens and documents have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Operate => "operate",
        }
    }

    /// The scope of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// Some of the scopes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Self::from_iter(Scope::ALL)
    }

    /// Those that the `scope` claim of a token names: words with spaces between them, each as `read`, `filas:read` or
    /// `filas/read`. Other words are for others.
    pub fn of_claim(claim: &str) -> Self {
        let own = |word: &str| {
            let name = word.strip_prefix("filas:").or_else(|| word.strip_prefix("filas/")).unwrap_or(word);
            Scope::parse(name)
        };
        claim.split(' ').filter_map(own).collect()
    }

    /// Whether this is one of them.
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether each of `others` is one of them.
    pub fn cover(&self, others: &Self) -> bool {
        others.0.is_subset(&self.0)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_claim_that_are_ours_are_scopes() {
        for (claim, expected) in [
            ("", vec![]),
            ("openid profile email", vec![]),
            ("read", vec![Scope::Read]),
            ("openid filas:operate filas/read", vec![Scope::Read, Scope::Operate]),
            ("Read other:write filas:", vec![]),
        ] {
            assert_eq!(Scopes::of_claim(claim).iter().collect::<Vec<_>>(), expected, "{claim}");
        }
    }

    #[test]
    fn no_scope_contains_another() {
        let write = Scopes::from_iter([Scope::Write]);
        assert!(Scopes::all().cover(&write) && !write.cover(&Scopes::all()));
        assert!(!write.has(Scope::Read) && !Scopes::from_iter([Scope::Operate]).has(Scope::Write));
    }
}
