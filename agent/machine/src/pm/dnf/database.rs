//! What is installed, as rpm says: the judge of every installation.

use std::collections::HashMap;

use super::script::{decisive, rpm};
use super::updateinfo::{Nevra, evr};
use crate::pm::PmError;
use crate::root::Root;

/// One line per package.
const FORMAT: &str = "%{NAME}\\t%{ARCH}\\t%{EPOCHNUM}\\t%{VERSION}\\t%{RELEASE}\\n";

/// Installed versions by name and architecture; several for a kernel.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Database(HashMap<(String, String), Vec<String>>);

impl Database {
    pub(super) fn read(root: &Root) -> Result<Self, PmError> {
        let out = rpm(root, &["-qa", "--qf", FORMAT])?;
        if !out.success() || out.truncated {
            return Err(PmError::Failed { what: "rpm -qa".into(), tool_says: decisive(&out.stderr_text()) });
        }
        Self::parse(&out.stdout_text())
    }

    /// Refuses a line that is not as asked for: half a package list must not judge an installation.
    pub(super) fn parse(text: &str) -> Result<Self, PmError> {
        let mut all = Self::default();
        for (number, line) in text.lines().enumerate() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, arch, epoch, version, release] = fields.as_slice() else {
                return Err(PmError::Unexpected {
                    what: "rpm -qa".into(),
                    place: format!("line {}", number + 1),
                    found: line.chars().take(200).collect(),
                });
            };
            let versions = all.0.entry(((*name).to_owned(), (*arch).to_owned())).or_default();
            versions.push(evr(epoch, version, release));
        }
        Ok(all)
    }

    pub(super) fn has(&self, nevra: &Nevra) -> bool {
        let key = (nevra.name.clone(), nevra.arch.clone());
        self.0.get(&key).is_some_and(|versions| versions.contains(&nevra.version))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nevra(name: &str, version: &str) -> Nevra {
        Nevra { name: name.into(), arch: "noarch".into(), version: version.into() }
    }

    #[test]
    fn versions_carry_their_epoch_only_if_there_is_one() {
        let text = "gamma\tnoarch\t2\t1.0\t1\nkernel\tnoarch\t0\t5\t1\nkernel\tnoarch\t0\t6\t1\n";
        let all = Database::parse(text).unwrap();
        assert!(all.has(&nevra("gamma", "2:1.0-1")) && !all.has(&nevra("gamma", "1.0-1")));
        assert!(all.has(&nevra("kernel", "5-1")) && all.has(&nevra("kernel", "6-1")));
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        let e = Database::parse("a\tnoarch\t0\t1\t1\nwarning: something\n").unwrap_err().to_string();
        assert!(e.contains("line 2") && e.contains("warning"), "{e}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,200}|[a-z\t\n0-9]{0,200}") {
            Database::parse(&text).ok();
        }
    }
}
