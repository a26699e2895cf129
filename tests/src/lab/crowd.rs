//! Many small packages at once, from one spec file: what a benchmark of a large system needs.

use std::path::Path;

use anyhow::{Context, Result};

use super::door;
use super::rpm::Rpm;

/// Builds `PREFIX-0` to `PREFIX-(COUNT-1)` in one version into a directory, and gives them back.
///
/// # Errors
/// rpmbuild refuses them or is missing.
pub fn build(prefix: &str, count: usize, version: &str, into: &Path) -> Result<Vec<Rpm>> {
    let work = tempfile::tempdir()?;
    let mut spec = format!(
        "Name: {prefix}\nVersion: {version}\nRelease: 1\nSummary: made by the lab\nLicense: MIT\nBuildArch: noarch\n\
         AutoReqProv: no\n%description\nmade by the lab\n%prep\n%build\n%install\n"
    );
    for i in 0..count {
        spec.push_str(&format!(
            "%package {i}\nSummary: made by the lab\n%description {i}\nmade by the lab\n%files {i}\n"
        ));
    }
    let file = work.path().join("crowd.spec");
    std::fs::write(&file, spec).with_context(|| file.display().to_string())?;
    let define = |name: &str, value: &str| ["--define".to_owned(), format!("{name} {value}")];
    let mut args = vec!["-bb".to_owned(), "--quiet".into()];
    args.extend(define("_topdir", &work.path().display().to_string()));
    args.extend(define("_rpmdir", &into.display().to_string()));
    args.extend(define("_build_name_fmt", "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm"));
    args.extend(define("_dbpath", &work.path().join("db").display().to_string()));
    args.extend(define("_binary_payload", "w1.gzdio"));
    args.push(file.display().to_string());
    door::ok("rpmbuild", args)?;
    Ok((0..count).map(|i| Rpm::new(&format!("{prefix}-{i}"), version, "1")).collect())
}
