//! The apt of one system: with its own repositories, or for one operation with others (reference 2.5).
//!
//! Others are given to every apt tool by a private configuration file (`-c`), which apt reads after all of the
//! machine's own. Seen with apt 2.6: `#clear` works there and not with `-o`.

use std::sync::Arc;

use patchflock_baselines::baseline::AlternativeSource;

use crate::exec::Command;
use crate::host::alternative::{Place, malformed, serving, shown};
use crate::pm::PmError;
use crate::root::Root;

/// Where failures of refreshing the machine's own repositories are noted.
const FAILURES: &str = "/var/cache/patchflock/apt-refresh.json";

/// Root of the system and which repositories count.
#[derive(Debug, Clone)]
pub(super) struct System {
    pub(super) root: Root,
    alternative: Option<Arc<Place>>,
}

impl System {
    pub(super) fn new(root: Root) -> Self {
        Self { root, alternative: None }
    }

    /// The same system with these repositories instead of its own; with its own where none of them serves `product`.
    pub(super) fn with_sources(self, sources: &[AlternativeSource], product: &str) -> Result<Self, PmError> {
        let lines = serving(sources, product).into_iter().map(line).collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() {
            return Ok(self);
        }
        let text = lines.join("\n") + "\n";
        let place = Place::new(&self.root, "apt", &text)?;
        place.write("sources.list", &text)?;
        place.write("apt.conf", &configuration(&place.inside(), &place.kept()))?;
        Ok(Self { alternative: Some(Arc::new(place)), ..self })
    }

    /// One of apt's tools; the arguments follow.
    pub(super) fn tool(&self, program: &str) -> Command {
        Command::new(&self.root, program).args(self.options())
    }

    /// What every call of an apt tool gets.
    pub(super) fn options(&self) -> Vec<String> {
        let of = |place: &Arc<Place>| vec!["-c".to_owned(), format!("{}/apt.conf", place.inside())];
        self.alternative.as_ref().map(of).unwrap_or_default()
    }

    /// Where failures of the last refresh are noted.
    pub(super) fn failures(&self) -> String {
        self.alternative.as_ref().map_or(FAILURES.to_owned(), |p| format!("{}/refresh.json", p.kept()))
    }

    /// Makes what a refresh writes into; apt makes only its own directories.
    pub(super) fn prepare(&self) -> Result<(), PmError> {
        self.alternative.as_ref().map_or(Ok(()), |place| place.make(&["lists/partial"]))
    }
}

/// The configuration under which nothing of the machine's repositories is read or written. What hooks do after a
/// successful update says that the machine's own lists are new, and they are not. The archives are shared: the old
/// versions in them are what a failed package is taken back to.
fn configuration(private: &str, kept: &str) -> String {
    format!(
        "Dir::Etc::SourceList \"{private}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State::Lists \"{kept}/lists\";\n\
         Dir::Cache::pkgcache \"{kept}/pkgcache.bin\";\n\
         Dir::Cache::srcpkgcache \"{kept}/srcpkgcache.bin\";\n\
         #clear APT::Update::Post-Invoke-Success;\n"
    )
}

/// The one line of a source, as sources.list(5) describes it: `deb [ options ] uri suite component …`.
fn line(source: &AlternativeSource) -> Result<String, PmError> {
    let refuse = |why: String| malformed(source, why);
    let mut lines = source.configuration.lines().map(str::trim).filter(|l| !l.is_empty());
    let line = lines.next().unwrap_or_default();
    if lines.next().is_some() {
        return Err(refuse("has more than one line, where apt takes a single `deb …` line".into()));
    }
    if line.chars().any(char::is_control) {
        return Err(refuse("holds a control character".into()));
    }
    let rest = match line.split_once(char::is_whitespace) {
        Some(("deb", rest)) => rest.trim_start(),
        _ => return Err(refuse(format!("is not a `deb …` line: {}", shown(line)))),
    };
    let rest = match rest.strip_prefix('[') {
        Some(options) => match options.split_once(']') {
            Some((_, rest)) => rest,
            None => return Err(refuse(format!("does not close its options with `]`: {}", shown(line)))),
        },
        None => rest,
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let whole = match words.as_slice() {
        // A flat repository names a directory and no components.
        [uri, suite] => uri.contains(':') && suite.ends_with('/'),
        [uri, suite, ..] => uri.contains(':') && !suite.ends_with('/'),
        _ => false,
    };
    if whole {
        Ok(line.to_owned())
    } else {
        Err(refuse(format!(
            "is not of the form `deb [options] uri suite component` or `deb [options] uri directory/`: {}",
            shown(line)
        )))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(configuration: &str) -> AlternativeSource {
        AlternativeSource {
            name: "ours".into(),
            products: vec!["Debian12".into()],
            configuration: configuration.into(),
        }
    }

    #[test]
    fn one_deb_line_is_taken_as_it_is() {
        for good in [
            "deb http://x/debian bookworm main contrib",
            "deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://x/debian bookworm main\n",
            "\n  deb file:/srv/x ./  \n",
        ] {
            assert_eq!(line(&source(good)).unwrap(), good.trim(), "{good:?}");
        }
    }

    #[test]
    fn what_is_not_one_deb_line_is_refused_by_the_name_of_its_source() {
        for (bad, why) in [
            ("", "is not a `deb …` line"),
            ("deb http://x/ a main\ndeb http://x/ b main", "more than one line"),
            ("deb http://x/ a main\n# and more", "more than one line"),
            ("deb-src http://x/ a main", "is not a `deb …` line"),
            ("[x]\nbaseurl=http://x", "more than one line"),
            ("Types: deb", "is not a `deb …` line"),
            ("deb [trusted=yes http://x/ a main", "does not close"),
            ("deb http://x/ a", "is not of the form"),
            ("deb a main", "is not of the form"),
            ("deb http://x/ a\0 main", "control character"),
        ] {
            let e = line(&source(bad)).unwrap_err().to_string();
            assert!(e.starts_with("the alternative source `ours` ") && e.contains(why), "{bad:?}: {e}");
        }
    }

    #[test]
    fn sources_of_other_products_replace_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        let system = || System::new(Root::at(dir.path()));
        let all = [source("nonsense")];
        let same = system().with_sources(&all, "Debian11").unwrap();
        assert_eq!((same.options(), same.failures()), (Vec::new(), FAILURES.to_owned()));
        assert!(system().with_sources(&all, "Debian12").is_err());
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
        let other = system().with_sources(&[source("deb http://x/ a main")], "Debian12").unwrap();
        assert!(other.failures().starts_with("/var/lib/patchflock/sources/apt/"));
        assert_eq!(other.options()[0], "-c");
    }

    proptest! {
        #[test]
        fn what_is_taken_is_one_line_whatever_the_text(text in "\\PC{0,60}|(deb|\\[|\\]| |\n|\r|\t|a:/|#){0,20}") {
            if let Ok(line) = line(&source(&text)) {
                prop_assert!(line.starts_with("deb ") && !line.contains(char::is_control), "{line:?}");
            }
        }
    }
}
