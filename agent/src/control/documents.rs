//! Adopted documents, from the files that the privileged half writes.

use patchflock_api::answer::DocumentText;
use patchflock_api::catalogue::Catalogue;
use patchflock_api::document::DocumentEntry;
use patchflock_machine::root::Root;

use super::Documents;

/// The documents of a machine.
#[derive(Debug, Clone)]
pub struct DocumentFiles {
    root: Root,
}

impl DocumentFiles {
    /// Those of this machine.
    pub fn new(root: Root) -> Self {
        Self { root }
    }
}

impl Documents for DocumentFiles {
    fn all(&self) -> anyhow::Result<Vec<DocumentEntry>> {
        Ok(Catalogue::load(&self.root)?.newest().into_iter().cloned().collect())
    }

    fn one(&self, kind: &str, name: &str, version: Option<u64>) -> anyhow::Result<Option<DocumentText>> {
        let catalogue = Catalogue::load(&self.root)?;
        let Some(entry) = catalogue.entry(kind, name, version).cloned() else { return Ok(None) };
        let text = if entry.deleted { None } else { Some(Catalogue::text(&self.root, &entry)?) };
        Ok(Some(DocumentText { entry, text }))
    }
}
