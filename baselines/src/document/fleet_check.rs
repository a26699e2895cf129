//! `Fleet` and `Revocation` documents: their own two doors, and the checks between their fields.
//!
//! They are no [`super::Kind`]: those are the documents that a machine alone can adopt, and these mean nothing without
//! signatures. `patchflock-trust` is their reader.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;

use super::check::Check;
use super::expiry::expires;
use super::fragment::fleet::{AdministratorSpec, FleetFile, FleetSpec, RevocationFile, RoleSpec};
use super::fragment::schema::schema_of;
use super::load::load;
use super::problem::{Problem, quoted};
use super::validate::CompiledSchema;
use crate::fleet::{Administrator, Fleet, ProtectedGroup, Revocation, Role};

/// Reads a `Fleet` document: one file, one document.
///
/// # Errors
/// All problems found.
pub fn parse_fleet(label: &str, bytes: &[u8]) -> Result<Fleet, Vec<Problem>> {
    static SCHEMA: OnceLock<Result<CompiledSchema, String>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| CompiledSchema::new(schema_of::<FleetFile>()));
    read(label, bytes, schema, |file: FleetFile, check| {
        let until = expires(file.expires.as_deref(), check);
        let spec = file.spec;
        role(&spec.root, "root", check);
        role(&spec.enrolment, "enrolment", check);
        administrators(&spec, check);
        groups(&spec, check);
        let retired: Vec<_> =
            spec.administrators.iter().map(|admin| expires(admin.until.as_deref(), check)).collect();
        let administrators = spec.administrators.into_iter().zip(retired);
        Fleet {
            name: file.name,
            root: Role { keys: spec.root.keys, threshold: spec.root.threshold },
            enrolment: Role { keys: spec.enrolment.keys, threshold: spec.enrolment.threshold },
            administrators: administrators
                .map(|(admin, until)| {
                    let AdministratorSpec { name, key, kinds, patch_groups, until: _ } = admin;
                    Administrator { name, key, kinds, patch_groups, until }
                })
                .collect(),
            signatures: spec.signatures,
            patch_groups: spec
                .patch_groups
                .into_iter()
                .map(|group| ProtectedGroup {
                    patch_group: group.patch_group,
                    documents: group.documents,
                    signatures: group.signatures.unwrap_or(1),
                })
                .collect(),
            untagged_nodes: spec.untagged_nodes,
            description: spec.description,
            expires: until,
        }
    })
}

/// Reads a `Revocation` document: one file, one document.
///
/// # Errors
/// All problems found.
pub fn parse_revocation(label: &str, bytes: &[u8]) -> Result<Revocation, Vec<Problem>> {
    static SCHEMA: OnceLock<Result<CompiledSchema, String>> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| CompiledSchema::new(schema_of::<RevocationFile>()));
    read(label, bytes, schema, |file: RevocationFile, check| {
        let spec = file.spec;
        if spec.keys.is_empty() && spec.nodes.is_empty() && spec.documents.is_empty() {
            let hint = "list `keys`, `nodes` or `documents`";
            check.error("/spec", "the revocation names nothing", Some(hint.into()));
        }
        let (keys, nodes, documents) = (spec.keys, spec.nodes, spec.documents);
        Revocation { name: file.name, keys, nodes, documents, reason: spec.reason }
    })
}

fn read<F: DeserializeOwned, T>(
    label: &str,
    bytes: &[u8],
    schema: &Result<CompiledSchema, String>,
    checked: impl FnOnce(F, &mut Check<'_>) -> T,
) -> Result<T, Vec<Problem>> {
    let mut loaded = load(label, bytes);
    if !loaded.problems.is_empty() {
        return Err(loaded.problems);
    }
    let second = loaded.roots.get(1).map(|root| root.at);
    let Some(root) = loaded.roots.drain(..).next() else { return Err(Vec::new()) };
    let mut check = Check::new(label, &root);
    if second.is_some() {
        check.error("", "the file must hold exactly one document", None);
    }
    let value = validated(schema, &mut check).map(|file| checked(file, &mut check));
    match value {
        Some(value) if !check.failed() => Ok(value),
        _ => Err(check.finish()),
    }
}

fn validated<F: DeserializeOwned>(
    schema: &Result<CompiledSchema, String>,
    check: &mut Check<'_>,
) -> Option<F> {
    let schema = match schema {
        Ok(schema) => schema,
        Err(error) => {
            check.error(
                "",
                format!("the schema is broken: {error}"),
                Some("this is a bug; report it".into()),
            );
            return None;
        }
    };
    let json = schema.validate(check).json;
    if check.failed() {
        return None;
    }
    match F::deserialize(&json) {
        Ok(file) => Some(file),
        Err(error) => {
            check.error("", format!("cannot be read: {error}"), None);
            None
        }
    }
}

/// A threshold that its keys cannot reach would lock everybody out for ever.
fn role(role: &RoleSpec, name: &str, check: &mut Check<'_>) {
    once(role.keys.iter(), |index| format!("/spec/{name}/keys/{index}"), "key", check);
    let keys = role.keys.len();
    if usize::try_from(role.threshold).is_ok_and(|threshold| threshold > keys) {
        check.error(
            &format!("/spec/{name}/threshold"),
            format!("{} signatures are asked of {keys} keys", role.threshold),
            Some(format!("ask for {keys} or less, or add keys")),
        );
    }
}

fn administrators(spec: &FleetSpec, check: &mut Check<'_>) {
    let place = |field: &'static str| move |index| format!("/spec/administrators/{index}/{field}");
    once(spec.administrators.iter().map(|admin| &admin.name), place("name"), "name", check);
    once(spec.administrators.iter().map(|admin| &admin.key), place("key"), "key", check);
    for (index, admin) in spec.administrators.iter().enumerate() {
        for (at, group) in admin.patch_groups.iter().flatten().enumerate() {
            if spec.patch_groups.iter().all(|known| known.patch_group != *group) {
                check.error(
                    &format!("/spec/administrators/{index}/patch_groups/{at}"),
                    format!("the patch group {} is not among `patch_groups`", quoted(group)),
                    Some("list it there, with the names of its documents".into()),
                );
            }
        }
    }
}

fn groups(spec: &FleetSpec, check: &mut Check<'_>) {
    let place = |index| format!("/spec/patch_groups/{index}/patch_group");
    once(spec.patch_groups.iter().map(|group| &group.patch_group), place, "patch group", check);
    let administrators = u32::try_from(spec.administrators.len()).unwrap_or(u32::MAX);
    let mut reachable = |wanted: u32, pointer: String| {
        if wanted == 0 || wanted > administrators {
            check.error(
                &pointer,
                format!("{wanted} signatures are asked of {administrators} administrators"),
                Some(format!("a number from 1 to {administrators}")),
            );
        }
    };
    for (kind, wanted) in &spec.signatures {
        reachable(*wanted, format!("/spec/signatures/{}", kind.replace('~', "~0").replace('/', "~1")));
    }
    for (index, group) in spec.patch_groups.iter().enumerate() {
        if let Some(wanted) = group.signatures {
            reachable(wanted, format!("/spec/patch_groups/{index}/signatures"));
        }
    }
}

/// Names each value that stands twice.
fn once<'a>(
    values: impl Iterator<Item = &'a String>,
    place: impl Fn(usize) -> String,
    what: &str,
    check: &mut Check<'_>,
) {
    let mut seen = BTreeSet::new();
    for (index, value) in values.enumerate() {
        if !seen.insert(value) {
            check.error(
                &place(index),
                format!("the {what} {} stands twice", quoted(value)),
                Some("remove one of them".into()),
            );
        }
    }
}
