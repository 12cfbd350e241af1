//! Where everything stands in a pipeline's text. Stages name the place of what is wrong, such as `deliver.http.timeout`;
//! line and column are looked up here.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{Options, Spanned};

/// Line and column of every value, by its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Places(BTreeMap<String, Position>);

/// Where a value begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Line in the file, from 1.
    pub(crate) line: u64,
    /// Column in the line, from 1.
    pub(crate) column: u64,
    /// The column at which its text begins, if the file has that text as it is, on one line.
    text_column: Option<u64>,
}

impl Position {
    /// Line and column of the character `offset` of the value's text; of the value when its text is written otherwise.
    pub(crate) fn inside(self, offset: usize) -> (u64, u64) {
        (self.line, self.text_column.map_or(self.column, |column| column + offset as u64))
    }
}

impl Places {
    /// The places in `yaml`, which has been read without an error.
    pub(super) fn of(yaml: &str, options: Options) -> Self {
        let mut places = Self::default();
        if let Ok(root) = serde_saphyr::from_str_with_options::<Spanned<Node>>(yaml, options) {
            places.add(String::new(), &root, yaml);
        }
        places
    }

    /// Where `place` is, or else what it is in.
    pub(crate) fn find(&self, place: &str) -> Option<Position> {
        let mut place = place;
        loop {
            if let Some(position) = self.0.get(place) {
                return Some(*position);
            }
            place = &place[..place.rfind(['.', '['])?];
        }
    }

    fn add(&mut self, place: String, node: &Spanned<Node>, yaml: &str) {
        match &node.value {
            Node::Mapping(entries) => {
                let dot = if place.is_empty() { "" } else { "." };
                entries.iter().for_each(|(key, value)| self.add(format!("{place}{dot}{key}"), value, yaml));
            }
            Node::Sequence(items) => {
                items.iter().enumerate().for_each(|(at, item)| self.add(format!("{place}[{at}]"), item, yaml));
            }
            Node::Text(_) | Node::Other => {}
        }
        let location = node.referenced;
        let (line, column) = (location.line(), location.column());
        self.0.insert(place, Position { line, column, text_column: text_column(node, yaml) });
    }
}

/// The column at which the text of a scalar begins: behind its quote, if it has one.
fn text_column(node: &Spanned<Node>, yaml: &str) -> Option<u64> {
    let Node::Text(text) = &node.value else { return None };
    let start = usize::try_from(node.referenced.span().byte_offset()?).ok()?;
    let written = yaml.get(start..)?;
    if written.starts_with(text) {
        return Some(node.referenced.column());
    }
    let unquoted = written.strip_prefix(['"', '\''])?;
    unquoted.starts_with(text).then(|| node.referenced.column() + 1)
}

enum Node {
    Mapping(Vec<(String, Spanned<Node>)>),
    Sequence(Vec<Spanned<Node>>),
    Text(String),
    Other,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Node::Sequence(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}
