//! dnf 4 behind [`super::PackageManager`].

use crate::host::{exists, real_name};
use crate::root::Root;

/// The dnf 4 program of this system, or why there is none that can be used.
pub(crate) fn which(root: &Root) -> Result<&'static str, String> {
    for (path, name) in [("/usr/bin/dnf-3", "dnf-3"), ("/usr/bin/dnf", "dnf"), ("/usr/bin/yum", "yum")] {
        match real_name(root, path).as_deref() {
            Some("dnf-3" | "dnf-2" | "dnf4") => return Ok(name),
            Some("dnf5") => {
                return Err(format!(
                    "{} is dnf5, which is not supported yet (dnf 4 is)",
                    root.path(path).display()
                ));
            }
            // Debian and old Fedora ship the program itself as `dnf`.
            Some("dnf") => return Ok(name),
            Some("yum") => {
                return Err(format!(
                    "{} is yum 3, which is not supported yet (dnf 4 is)",
                    root.path(path).display()
                ));
            }
            _ => {}
        }
    }
    if exists(root, "/usr/bin/microdnf") {
        return Err("only microdnf is installed, which cannot be asked for advisories; install dnf".into());
    }
    Err(format!("there is no dnf in {}; install dnf 4", root.path("/usr/bin").display()))
}
