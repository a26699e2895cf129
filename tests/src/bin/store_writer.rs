//! Appends one entry after another to the store of a root and says each that is acknowledged, until it is killed.
//!
//! `store_writer ROOT FROM`. Lines on stdout: `open`, then `NUMBER SEGMENT END` for each entry: the segment is END bytes
//! long with it. Ends by itself when nobody reads any more.

use std::io::Write;

use anyhow::{Context, Result};
use patchflock_agent::store::Store;
use patchflock_machine::root::Root;
use patchflock_tests::ended::{entry, facets_of};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let root = Root::at(arguments.next().context("ROOT is missing")?);
    let from: u64 = arguments.next().context("FROM is missing")?.parse()?;
    let mut out = std::io::stdout();
    let store = Store::open(&root, Box::new(facets_of))?;
    writeln!(out, "open")?;
    for number in from.. {
        let entry = entry(number);
        let appended = store.append(&entry, &facets_of(&entry))?;
        writeln!(out, "{number} {} {}", appended.place.month.file(), appended.place.end())?;
        out.flush()?;
    }
    Ok(())
}
