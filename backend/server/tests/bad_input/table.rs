//! `docs/bad-inputs.md` is the list of these tests: it says for each row what happens, with which code,
//! and which tests show it.

use std::collections::BTreeSet;
use std::path::Path;

const PAGE: &str = include_str!("../../../../docs/bad-inputs.md");

/// The rows that the page has to have.
fn rows() -> impl Iterator<Item = u32> {
    (1..=36).chain([40, 41, 42, 43, 44, 45, 46, 47, 48, 50])
}

/// The cells of a row of the page: row, bad input, what happens, code, tests.
fn cells(line: &str) -> Option<(u32, Vec<&str>)> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.trim_end_matches('|').split(" | ").collect();
    Some((cells.first()?.trim().parse().ok()?, cells))
}

/// The name of each test of the project that is named by a row.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "target" | "node_modules" | ".git") {
            tests(&path, found);
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let after = text.split("fn row_").skip(1);
            let names = after.map(|rest| rest.split(['(', '<']).next().unwrap());
            // A test's name is a sentence: more than the row.
            let names = names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit()));
            found.extend(names.map(|name| format!("row_{name}")));
        }
    }
}

#[test]
fn the_page_has_every_row_and_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut existing = BTreeSet::new();
    tests(&root, &mut existing);
    let page: Vec<_> = PAGE.lines().filter_map(cells).collect();
    for row in rows() {
        let (_, cells) =
            page.iter().find(|(n, _)| *n == row).unwrap_or_else(|| panic!("row {row} is missing"));
        assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "row {row}: {cells:?}");
        let does_not_apply = cells[2].contains("Does not apply");
        let named: Vec<&str> =
            PAGE.split('`').filter(|name| name.starts_with(&format!("row_{row}_"))).collect();
        assert_ne!(named.is_empty(), !does_not_apply, "row {row}: {named:?}");
    }
    let named: BTreeSet<String> =
        PAGE.split('`').filter(|name| name.starts_with("row_")).map(str::to_owned).collect();
    let gone: Vec<_> = named.difference(&existing).collect();
    assert!(gone.is_empty(), "the page names tests that do not exist: {gone:#?}");
}
