//! The tests in the text of a source file, by their place in its modules. Relies on the layout of rustfmt: a module's end
//! stands below its beginning.

/// What a file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Its tests, with the modules of this file that they are in: `tests::a_row_is_a_row`.
    pub tests: Vec<String>,
    /// Its modules that lie in files of their own, named in the same way.
    pub modules: Vec<String>,
}

/// Finds the functions that are marked as tests, and the modules.
pub(super) fn tests_of_a_file(text: &str) -> Found {
    let mut found = Found::default();
    let mut open: Vec<(String, String)> = Vec::new();
    let mut is_marked = false;
    for line in text.lines() {
        let code = line.trim_start();
        let indentation = &line[..line.len() - code.len()];
        let within = |name: &str| {
            let outer = open.iter().map(|(_, module)| module.as_str());
            outer.chain([name]).collect::<Vec<_>>().join("::")
        };
        if code == "#[test]" || code.starts_with("#[tokio::test") {
            is_marked = true;
        } else if code.starts_with("#[") || code.starts_with("//") || code.is_empty() {
            // Other attributes and comments may stand between the mark and its function.
        } else {
            if let Some(name) = name_after(code, "fn ").filter(|_| is_marked) {
                found.tests.push(within(name));
            } else if let Some(name) = name_after(code, "mod ") {
                if code.ends_with('{') {
                    open.push((indentation.to_owned(), name.to_owned()));
                } else if code.ends_with(';') {
                    found.modules.push(within(name));
                }
            } else if code == "}" && open.last().is_some_and(|(begun, _)| begun == indentation) {
                open.pop();
            }
            is_marked = false;
        }
    }
    found
}

/// The name behind `keyword`, if only words of visibility and the like stand before it.
fn name_after<'a>(code: &'a str, keyword: &str) -> Option<&'a str> {
    let mut rest = code;
    while !rest.starts_with(keyword) {
        let (word, after) = rest.split_once(' ')?;
        if !matches!(word, "pub" | "async" | "const" | "unsafe") && !word.starts_with("pub(") {
            return None;
        }
        rest = after;
    }
    let name = &rest[keyword.len()..];
    let end = name.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_in_their_modules() {
        // Line by line, so that the lines are none of this file itself.
        let text = [
            "//! Words with mod a; and #[test] in them.",
            "mod apart;",
            "pub(crate) mod further;",
            "",
            "fn helper() {",
            "    if true {",
            "    }",
            "}",
            "",
            "#[cfg(test)]",
            "mod tests {",
            "    mod beside;",
            "",
            "    #[test]",
            "    fn one() {",
            r##"        let text = "#[test]";"##,
            "    }",
            "",
            "    #[tokio::test(start_paused = true)]",
            r##"    #[should_panic(expected = "two")]"##,
            "    // A word of warning.",
            "    async fn two() -> Result<()> {",
            "    }",
            "",
            "    fn no_test() {}",
            "",
            "    mod inner {",
            "        #[test]",
            "        fn three() {}",
            "    }",
            "",
            "    #[test]",
            "    const NO_FUNCTION: u32 = 1;",
            "",
            "    fn also_no_test() {}",
            "}",
            "",
            "#[test]",
            "fn four() {}",
        ]
        .join("\n");
        let found = tests_of_a_file(&text);
        assert_eq!(found.tests, ["tests::one", "tests::two", "tests::inner::three", "four"]);
        assert_eq!(found.modules, ["apart", "further", "tests::beside"]);
    }
}
