//! Where packages come from: whatever the host itself uses, asked from the host's apt. No host name is written here.

use anyhow::{Context, Result, bail};
use patchflock_machine::exec::Command;
use patchflock_machine::root::Root;

use super::door;
use super::root::RootDir;

/// The host's distribution and where it gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Code name of the release, such as `bookworm`.
    pub codename: String,
    /// One-line sources of the release as first published: no fixes in it.
    pub plain: Vec<String>,
    /// One-line sources of what came later: `-security` and `-updates`.
    pub later: Vec<String>,
}

impl Mirror {
    /// Reads the host's sources.
    ///
    /// # Errors
    /// The host has no apt, no code name, or no source for its own release.
    pub fn of_host() -> Result<Self> {
        let os = std::fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
        let codename = os
            .lines()
            .find_map(|l| l.strip_prefix("VERSION_CODENAME="))
            .context("/etc/os-release names no VERSION_CODENAME: the lab needs a Debian or Ubuntu host")?
            .trim_matches('"')
            .to_owned();
        // Answers from the parsed sources of every format, so that we need no parser of our own.
        let out = door::ok(
            "apt-get",
            ["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"],
        )?;
        Self::from_targets(&codename, &out.stdout_text())
    }

    fn from_targets(codename: &str, targets: &str) -> Result<Self> {
        let (mut plain, mut later) = (Vec::new(), Vec::new());
        for line in targets.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let &[uri, suite, component] = fields.as_slice() else { continue };
            let source = format!("deb {uri} {suite} {component}");
            let wanted = if suite == codename {
                &mut plain
            } else if suite == format!("{codename}-security") || suite == format!("{codename}-updates") {
                &mut later
            } else {
                continue;
            };
            if matches!(component, "main" | "universe") && !wanted.contains(&source) {
                wanted.push(source);
            }
        }
        if plain.is_empty() {
            bail!("the host's apt knows no source for {codename} main; run `apt-get update`");
        }
        Ok(Self { codename: codename.to_owned(), plain, later })
    }
}

/// The host's proxy settings, as apt options. The machines have none of their own.
///
/// # Errors
/// The host has no apt.
pub fn proxy_options() -> Result<Vec<String>> {
    let mut options = Vec::new();
    for scheme in ["http", "https"] {
        let key = format!("Acquire::{scheme}::Proxy");
        let out = door::ok_command(Command::new(&Root::host(), "apt-config").args([
            "shell",
            "PROXY",
            &format!("{key}/f"),
        ]))?;
        let shown = out.stdout_text();
        let configured = shown.trim().strip_prefix("PROXY='").and_then(|v| v.strip_suffix('\''));
        let inherited = std::env::var(format!("{scheme}_proxy")).ok();
        if let Some(proxy) = configured.map(str::to_owned).or(inherited).filter(|p| !p.is_empty()) {
            options.push(format!("{key} \"{proxy}\";"));
        }
    }
    Ok(options)
}

/// Copies what the host's mirror offers for a system into it: the signed indexes as they are, and every package that an
/// upgrade of this system would take. Then it needs no network for its genuine updates.
///
/// # Errors
/// The mirror cannot be reached.
pub fn copy_into(root: &RootDir) -> Result<()> {
    root.use_mirror()?;
    // Beside the lists of the system, for a shell that knows how to replace in a string.
    root.script("/srv/copy-mirror", &format!("#!/bin/bash\n{COPY}"))?;
    root.ok("/srv/copy-mirror && rm /srv/copy-mirror").map(drop)
}

/// Run inside the system with the host's network.
const COPY: &str = r#"set -e
rm -rf /srv/mirror && mkdir -p /srv/mirror
# In a file system a name is written as it is, in a URI it may be escaped.
plain() { printf '%b' "${1//%/\\x}"; }
get() { mkdir -p "${2%/*}"; /usr/lib/apt/apt-helper -qq download-file "$1" "$2"; }
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ARCHITECTURE)' 'Created-By: Packages' |
    grep -v ' all$' | sort -u > /srv/mirror/targets
while read -r uri release component arch; do
    uri=${uri%/}; dir=/srv/mirror/$(printf %s "$uri" | md5sum | cut -c 1-8)
    printf '%s %s
' "$uri" "$dir" >> /srv/mirror/places
    get "$uri/dists/$release/InRelease" "$dir/dists/$release/InRelease"
    get "$uri/dists/$release/$component/binary-$arch/Packages.xz" "$dir/dists/$release/$component/binary-$arch/Packages.xz"
    printf 'deb file:%s %s %s
' "$dir" "$release" "$component" >> /srv/mirror/list
done < /srv/mirror/targets
apt-get -y --print-uris dist-upgrade | sed -n "s/^'\([^']*\)'.*/\1/p" | while read -r uri; do
    while read -r base dir; do
        case $uri in "$base"/*) get "$uri" "$dir/$(plain "${uri#"$base"/}")" ;; esac
    done < /srv/mirror/places
done
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
cp /srv/mirror/list /etc/apt/sources.list.d/mirror.list
apt-get -o APT::Update::Error-Mode=any update
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_release_is_kept_apart_from_what_came_later() {
        let targets = "file:/a/ sid main\nfile:/a/ sid contrib\nfile:/a/ sid-updates main\nfile:/b/ sid-security main\n\
                       file:/a/ sid main\nfile:/x/ other main\n";
        let mirror = Mirror::from_targets("sid", targets).unwrap();
        assert_eq!(mirror.plain, ["deb file:/a/ sid main"]);
        assert_eq!(mirror.later, ["deb file:/a/ sid-updates main", "deb file:/b/ sid-security main"]);
    }

    #[test]
    fn a_host_without_a_source_for_its_release_is_told_what_to_do() {
        let e = Mirror::from_targets("sid", "file:/x/ other main\n").unwrap_err();
        assert_eq!(e.to_string(), "the host's apt knows no source for sid main; run `apt-get update`");
    }
}
