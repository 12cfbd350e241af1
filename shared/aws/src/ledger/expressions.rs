//! The texts and values of expressions. Every name goes through a placeholder: `owner`, `state` and many others are
//! reserved words, and a code of a failed row may be anything.

use std::collections::HashMap;

use filas_domain::batch::{Batch, Contribution};
use filas_domain::clock::Timestamp;
use filas_domain::task::{Head, Task};
use filas_domain::usage::Usage;

use super::items::{CODE_PREFIX, EXPIRES, PK, UNSETTLED, head_attribute, number, owner_state, text};
use super::values::{Attributes, StoredError};

/// An expression with what its placeholders stand for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Expression {
    /// The text.
    pub(crate) text: String,
    /// `#name` placeholders.
    pub(crate) names: HashMap<String, String>,
    /// `:value` placeholders; absent where there is none, for DynamoDB refuses an empty map.
    pub(crate) values: Option<Attributes>,
}

/// Adds a difference to the tally of a task.
pub(crate) fn add(difference: &Contribution) -> Expression {
    let counters = [
        ("succeeded".to_owned(), difference.succeeded),
        ("failed".to_owned(), difference.failed),
        ("unprocessed".to_owned(), difference.unprocessed),
        ("done".to_owned(), difference.done),
        ("dead".to_owned(), difference.dead),
        ("cancelled".to_owned(), difference.cancelled),
        ("attempts".to_owned(), difference.attempts),
    ];
    let used = Usage::NAMES.iter().zip(difference.usage).map(|(name, count)| ((*name).to_owned(), count));
    let codes = difference.failed_by_code.iter().map(|(code, rows)| (format!("{CODE_PREFIX}{code}"), *rows));
    let (mut terms, mut names, mut values) = (Vec::new(), HashMap::new(), Attributes::new());
    for (position, (name, count)) in
        counters.into_iter().chain(used).chain(codes).filter(|(_, count)| *count != 0).enumerate()
    {
        terms.push(format!("#c{position} :c{position}"));
        names.insert(format!("#c{position}"), name);
        values.insert(format!(":c{position}"), number(count));
    }
    Expression { text: format!("ADD {}", terms.join(", ")), names, values: Some(values) }
}

/// Writes the head over the one that was read. The names and values of [`has_version`] are among its own.
pub(crate) fn becomes(read: &Task, head: &Head) -> Result<Expression, StoredError> {
    let condition = has_version(read.version);
    let mut values = condition.values.unwrap_or_default();
    values.extend([
        (":head".to_owned(), head_attribute(head)?),
        (":owner_state".to_owned(), text(owner_state(&head.order.owner, head.state))),
        (":next".to_owned(), number(read.version + 1)),
    ]);
    let mut names = condition.names;
    let placeholders = ["head", "owner_state", UNSETTLED].map(|name| (format!("#{name}"), name.to_owned()));
    names.extend(placeholders);
    let set = "SET #head = :head, #owner_state = :owner_state, #version = :next";
    // An index has the items that have its key: the sweeper finds those that it still has to look at, and no others.
    let text = match head.is_settled() {
        true => format!("{set} REMOVE #{UNSETTLED}"),
        false => {
            values.insert(format!(":{UNSETTLED}"), text(UNSETTLED));
            format!("{set}, #{UNSETTLED} = :{UNSETTLED}")
        }
    };
    Ok(Expression { text, names, values: Some(values) })
}

/// The item is there.
pub(crate) fn exists() -> Expression {
    Expression { text: "attribute_exists(#pk)".into(), names: partition_name(), values: None }
}

/// The item is not there.
pub(crate) fn is_absent() -> Expression {
    Expression { text: "attribute_not_exists(#pk)".into(), names: partition_name(), values: None }
}

/// The item is not there, or only because DynamoDB has not yet deleted it.
pub(crate) fn is_absent_or_expired(now: Timestamp) -> Expression {
    let Expression { text, mut names, .. } = is_absent();
    names.insert("#expires".into(), EXPIRES.into());
    Expression {
        text: format!("{text} OR #expires <= :now"),
        names,
        values: Some(Attributes::from([(":now".to_owned(), number(now.as_millis()))])),
    }
}

/// The stored batch is still the one that was read.
pub(crate) fn is_unchanged(read: &Batch) -> Expression {
    if read.version == 0 { is_absent() } else { has_version(read.version) }
}

/// The stored item has this version.
pub(crate) fn has_version(version: u64) -> Expression {
    Expression {
        text: "#version = :read".into(),
        names: HashMap::from([("#version".to_owned(), "version".to_owned())]),
        values: Some(Attributes::from([(":read".to_owned(), number(version))])),
    }
}

fn partition_name() -> HashMap<String, String> {
    HashMap::from([("#pk".to_owned(), PK.to_owned())])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn only_what_changes_is_added() {
        let difference = Contribution {
            succeeded: 9,
            unprocessed: -1,
            failed_by_code: BTreeMap::from([("A#1".into(), 2), ("B".into(), 0)]),
            ..Contribution::default()
        };
        let found = add(&difference);
        assert_eq!(found.text, "ADD #c0 :c0, #c1 :c1, #c2 :c2");
        assert_eq!(found.names["#c2"], "code#A#1");
        assert_eq!(found.values.unwrap()[":c1"], number(-1));
    }
}
