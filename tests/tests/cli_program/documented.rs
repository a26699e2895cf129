//! `docs/inventory.md` describes the inventory whole.

use std::collections::BTreeSet;

use crate::bench::tree;

/// Fields of all structs of the inventory, from their source: a field that is added there is missed here at once.
fn fields() -> BTreeSet<String> {
    let source = std::fs::read_to_string(tree().join("baselines/src/inventory.rs")).unwrap();
    source
        .lines()
        .filter_map(|l| l.trim().strip_prefix("pub "))
        .filter_map(|l| l.split_once(": "))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()))
        .collect()
}

#[test]
fn every_field_of_the_inventory_is_described() {
    let fields = fields();
    assert!(fields.len() > 50 && fields.contains("taken_at") && fields.contains("services_to_restart"));
    let page = std::fs::read_to_string(tree().join("docs/inventory.md")).unwrap();
    let missing: Vec<_> = fields.iter().filter(|f| !page.contains(&format!("| `{f}` |"))).collect();
    assert!(missing.is_empty(), "docs/inventory.md has no row for {missing:?}");
    // And nothing that is not there any more.
    let gone: Vec<&str> = page
        .lines()
        .filter_map(|l| l.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, _)| name)
        .filter(|name| !fields.contains(*name))
        .collect();
    assert!(gone.is_empty(), "docs/inventory.md describes {gone:?}, which the inventory does not have");
}
