//! Relationships: how the parts of a package find each other (ECMA-376 part 2).

use super::xml_part;
use crate::archive::Archive;
use crate::error::ReadError;
use crate::limits::check;
use crate::xml::Event;

/// One relationship of a part.
#[derive(Debug)]
pub(crate) struct Relation {
    pub(crate) id: String,
    /// The last word of the type's address, the same in transitional and strict files: `worksheet`, `styles`.
    pub(crate) kind: String,
    /// The name of the part it leads to.
    pub(crate) part: String,
}

/// The part that the package is about, for a workbook `xl/workbook.xml`.
pub(crate) fn main_part(archive: &Archive<'_>) -> Result<Option<String>, ReadError> {
    if archive.contains("_rels/.rels") {
        let relations = read_relations(archive, "_rels/.rels", "")?;
        if let Some(main) = relations.into_iter().find(|relation| relation.kind == "officeDocument") {
            return Ok(Some(main.part));
        }
    }
    let usual = ["xl/workbook.xml", "xl/workbook.bin"].into_iter().find(|name| archive.contains(name));
    Ok(usual.map(str::to_owned))
}

/// The relationships of a part; none when it has none.
pub(crate) fn relations_of(archive: &Archive<'_>, part: &str) -> Result<Vec<Relation>, ReadError> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let relations_part =
        if folder.is_empty() { format!("_rels/{name}.rels") } else { format!("{folder}/_rels/{name}.rels") };
    if !archive.contains(&relations_part) {
        return Ok(Vec::new());
    }
    read_relations(archive, &relations_part, folder)
}

/// The part of a kind, when there is one and the container really has it.
pub(crate) fn part_of_kind<'r>(archive: &Archive<'_>, relations: &'r [Relation], kind: &str) -> Option<&'r str> {
    relations
        .iter()
        .find(|relation| relation.kind == kind && archive.contains(&relation.part))
        .map(|relation| relation.part.as_str())
}

fn read_relations(archive: &Archive<'_>, name: &str, folder: &str) -> Result<Vec<Relation>, ReadError> {
    let mut xml = xml_part(archive, name)?;
    let mut relations = Vec::new();
    loop {
        match xml.next()? {
            Event::Eof => return Ok(relations),
            Event::Start(tag) if tag.name == b"Relationship" => {
                let is_external = tag.attribute(b"TargetMode") == Some(b"External");
                let fields = (tag.text_attribute(b"Id"), tag.text_attribute(b"Type"), tag.text_attribute(b"Target"));
                if let (Some(id), Some(kind), Some(target)) = fields
                    && !is_external
                {
                    let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                    relations.push(Relation { id, kind, part: resolve(folder, &target) });
                }
            }
            _ => {}
        }
        check("archive_parts", archive.budget().limits.archive_parts, relations.len() as u64)?;
    }
}

/// The name of a part from a target that may be absolute or relative to a folder.
fn resolve(folder: &str, target: &str) -> String {
    let target = target.replace('\\', "/");
    let is_absolute = target.starts_with('/');
    let mut segments: Vec<&str> = Vec::new();
    let base = if is_absolute { "" } else { folder };
    for segment in base.split('/').chain(target.split('/')) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn targets_are_resolved() {
        for (folder, target, part) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "../custom/s.xml", "custom/s.xml"),
            ("", "xl/workbook.xml", "xl/workbook.xml"),
            ("xl", "./worksheets\\sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "../../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(resolve(folder, target), part);
        }
    }
}
