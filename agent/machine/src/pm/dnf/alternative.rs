//! A baseline's `.repo` bodies, instead of the machine's repositories for one operation (reference 2.5).
//!
//! Only the shape is checked here, so that no word of a source is silently left out: dnf skips a file or a section that
//! it does not like with a warning. What dnf does not take all the same is refused by the script (`base.py`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use patchflock_baselines::baseline::AlternativeSource;

use crate::host::alternative::{Place, malformed, serving, shown};
use crate::pm::PmError;
use crate::root::Root;

/// Repositories of one source.
const REPOSITORIES: usize = 100;

/// The place of what serves `product`; none where nothing does.
pub(super) fn place(
    root: &Root,
    sources: &[AlternativeSource],
    product: &str,
) -> Result<Option<Arc<Place>>, PmError> {
    let mut files = Vec::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for source in serving(sources, product) {
        let body = Body::read(source)?;
        for id in body.ids {
            if let Some(other) = owners.insert(id.clone(), source.name.clone()) {
                let who = if other == source.name { "itself".to_owned() } else { format!("`{other}`") };
                return Err(malformed(source, format!("names repository [{id}], as {who} does already")));
            }
        }
        owners.insert(format!("/{}", file(files.len())), source.name.clone());
        files.push(body.text);
    }
    if files.is_empty() {
        return Ok(None);
    }
    let place = Place::new(root, "dnf", &files.join("\n"))?;
    for (number, text) in files.iter().enumerate() {
        place.write(&file(number), text)?;
    }
    // Read instead of dnf.conf, which may hold repositories as well.
    place.write("none.conf", "")?;
    place.write("owners.json", &serde_json::json!(owners).to_string())?;
    Ok(Some(Arc::new(place)))
}

fn file(number: usize) -> String {
    format!("{number:03}.repo")
}

/// A `.repo` body and the ids in it.
struct Body {
    ids: Vec<String>,
    text: String,
}

impl Body {
    fn read(source: &AlternativeSource) -> Result<Self, PmError> {
        let refuse = |why: String| Err(malformed(source, why));
        let mut body = Self { ids: Vec::new(), text: String::new() };
        // Of the section that is being read: whether it says where it is, and whether it is enabled.
        let mut address = false;
        let mut enabled = true;
        let mut any_enabled = false;
        for (at, line) in source.configuration.lines().enumerate() {
            let place = format!("line {}", at + 1);
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return refuse(format!("holds a control character in {place}"));
            }
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            if let Some(id) = line.strip_prefix('[') {
                if let Some(before) = body.ids.last().filter(|_| !address) {
                    return refuse(format!(
                        "says nowhere in [{before}] where it is (baseurl, mirrorlist or metalink)"
                    ));
                }
                any_enabled |= enabled && !body.ids.is_empty();
                let Some(id) = id.trim_end().strip_suffix(']').and_then(|id| named(id, &source.name)) else {
                    return refuse(format!("has no repository id in {place}: {}", shown(line)));
                };
                if body.ids.len() == REPOSITORIES {
                    return refuse(format!("names more than {REPOSITORIES} repositories"));
                }
                let _ = writeln!(body.text, "[{id}]");
                body.ids.push(id);
                (address, enabled) = (false, true);
                continue;
            }
            if body.ids.is_empty() {
                return refuse(format!(
                    "is not the body of a .repo file, {place} is before any [id]: {}",
                    shown(line)
                ));
            }
            // A line that is indented goes on with the value before it.
            if !line.starts_with([' ', '\t']) {
                let Some((key, value)) = line.split_once('=') else {
                    return refuse(format!(
                        "is not the body of a .repo file, {place} is no `key=value`: {}",
                        shown(line)
                    ));
                };
                match key.trim() {
                    "baseurl" | "mirrorlist" | "metalink" => address = true,
                    "enabled" => {
                        enabled = !matches!(&*value.trim().to_ascii_lowercase(), "0" | "no" | "false" | "off")
                    }
                    _ => {}
                }
            }
            body.text.push_str(line);
            body.text.push('\n');
        }
        match body.ids.last() {
            None => refuse("is not the body of a .repo file: it has no [id]".into()),
            Some(id) if !address => {
                refuse(format!("says nowhere in [{id}] where it is (baseurl, mirrorlist or metalink)"))
            }
            // Without any repository everything would look patched.
            Some(_) if !(any_enabled || enabled) => refuse("enables none of its repositories".into()),
            Some(_) => Ok(body),
        }
    }
}

/// The id of a section. AWS's own example (reference 2.5) calls it `main`, by which dnf means itself and not a
/// repository: that one gets the name of its source.
fn named(id: &str, source: &str) -> Option<String> {
    let id = if id == "main" { source } else { id };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    (!id.is_empty() && id != "main" && id.len() < 200 && id.chars().all(plain)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn source(name: &str, configuration: &str) -> AlternativeSource {
        AlternativeSource {
            name: name.into(),
            products: vec!["*".into()],
            configuration: configuration.into(),
        }
    }

    #[test]
    fn the_example_of_aws_is_a_repository_of_the_name_of_its_source() {
        let text = "[main]\nname=MyCustomRepository\nbaseurl=https://my-custom-repository\nenabled=1\n";
        let body = Body::read(&source("mine", text)).unwrap();
        assert_eq!((body.ids, body.text), (vec!["mine".to_owned()], text.replace("[main]", "[mine]")));
    }

    #[test]
    fn a_body_may_hold_comments_several_repositories_and_long_values() {
        let text = "# ours\n[a]\nbaseurl=http://x\n  http://y\n\n; off\n[b-x86]\nmirrorlist = http://z/$releasever\nenabled = 0\n";
        let body = Body::read(&source("mine", text)).unwrap();
        assert_eq!(body.ids, ["a", "b-x86"]);
        assert!(body.text.contains("  http://y\n") && !body.text.contains("ours"), "{}", body.text);
    }

    #[test]
    fn what_is_no_repo_body_is_refused_by_the_name_of_its_source() {
        for (bad, why) in [
            ("", "has no [id]"),
            ("# nothing\n", "has no [id]"),
            ("deb http://x a main\n", "line 1 is before any [id]"),
            ("[a]\nname=x\n", "says nowhere in [a] where it is"),
            ("[a]\n[b]\nbaseurl=http://x\n", "says nowhere in [a] where it is"),
            ("[a]\nbaseurl=http://x\nnonsense\n", "line 3 is no `key=value`"),
            ("[a b]\nbaseurl=http://x\n", "no repository id in line 1"),
            ("[$releasever]\nbaseurl=http://x\n", "no repository id in line 1"),
            ("[a\nbaseurl=http://x\n", "no repository id in line 1"),
            ("[a]\nbaseurl=http://x\nenabled=0\n", "enables none"),
            ("[a]\nbaseurl=http://x\0\n", "control character in line 2"),
        ] {
            let e = Body::read(&source("mine", bad)).err().unwrap().to_string();
            assert!(e.starts_with("the alternative source `mine` ") && e.contains(why), "{bad:?}: {e}");
        }
    }

    #[test]
    fn an_id_belongs_to_one_source() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("tmp")).unwrap();
        let root = Root::at(dir.path());
        let body = "[a]\nbaseurl=http://x\n";
        assert!(place(&root, &[], "RockyLinux9.4").unwrap().is_none());
        let both = [source("one", body), source("two", body)];
        let e = place(&root, &both, "RockyLinux9.4").unwrap_err().to_string();
        assert!(e.contains("`two` names repository [a], as `one` does"), "{e}");
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
        let place = place(&root, &both[..1], "RockyLinux9.4").unwrap().unwrap();
        let owners = std::fs::read_to_string(root.path(place.inside()).join("owners.json")).unwrap();
        assert_eq!(owners, r#"{"/000.repo":"one","a":"one"}"#);
    }

    proptest! {
        #[test]
        fn what_is_taken_has_an_address_for_each_id(text in "\\PC{0,60}|(\\[a\\]|\\[main\\]|baseurl=x|\n|\r| |enabled=0|k=v|#){0,20}") {
            if let Ok(body) = Body::read(&source("mine", &text)) {
                let addresses = body.text.lines().filter(|l| l.starts_with("baseurl")).count();
                prop_assert!(!body.ids.is_empty() && addresses >= body.ids.len(), "{}", body.text);
                prop_assert!(!body.ids.iter().any(|id| id == "main"));
            }
        }
    }
}
