//! AWS's registrations of baselines for patch groups (`describe-patch-groups`, reference 3) as ours.
//!
//! AWS keeps pairs of a group and a baseline; ours is one document for each group with all its baselines. Each of AWS's
//! own baselines becomes the shipped one that approves the same (reference 1.4).

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Document, Entry, Node, Problem, Severity, Translation, Tree, added, assembled, in_order, quoted, renamed,
};
use crate::document::problem::{MAX_PROBLEMS, failed};
use crate::os::OperatingSystem;

/// Fields of a baseline's identity. The last two only describe.
const IDENTITY: [&str; 5] =
    ["BaselineId", "BaselineName", "OperatingSystem", "BaselineDescription", "DefaultBaseline"];

/// AWS's own baselines (reference 1.4) and the shipped ones.
const OWNED: [(&str, &str); 17] = [
    ("AWS-AmazonLinuxDefaultPatchBaseline", "predefined-amazon-linux"),
    ("AWS-AmazonLinux2DefaultPatchBaseline", "predefined-amazon-linux-2"),
    ("AWS-AmazonLinux2022DefaultPatchBaseline", "predefined-amazon-linux-2022"),
    ("AWS-AmazonLinux2023DefaultPatchBaseline", "predefined-amazon-linux-2023"),
    ("AWS-AlmaLinuxDefaultPatchBaseline", "predefined-alma-linux"),
    ("AWS-RedHatDefaultPatchBaseline", "predefined-red-hat"),
    ("AWS-RockyLinuxDefaultPatchBaseline", "predefined-rocky-linux"),
    ("AWS-OracleLinuxDefaultPatchBaseline", "predefined-oracle-linux"),
    ("AWS-SuseDefaultPatchBaseline", "predefined-suse"),
    ("AWS-CentOSDefaultPatchBaseline", "predefined-centos"),
    ("AWS-DebianDefaultPatchBaseline", "predefined-debian"),
    ("AWS-DefaultRaspbianPatchBaseline", "predefined-raspbian"),
    ("AWS-UbuntuDefaultPatchBaseline", "predefined-ubuntu"),
    ("AWS-MacOSDefaultPatchBaseline", "predefined-macos"),
    ("AWS-DefaultPatchBaseline", "predefined-windows"),
    ("AWS-WindowsPredefinedPatchBaseline-OS", "predefined-windows-os"),
    ("AWS-WindowsPredefinedPatchBaseline-OS-Applications", "predefined-windows-os-applications"),
];

/// One group, as far as it was read.
struct Group<'n> {
    value: &'n Entry,
    baselines: Vec<Node>,
    /// For which operating systems it has one.
    systems: BTreeSet<&'n str>,
}

/// One registration.
struct Registration<'n> {
    group: &'n Entry,
    baseline: Node,
    system: Option<&'n str>,
}

impl Translation<'_> {
    /// All groups of one output. None, if anything is an error.
    pub(super) fn groups(mut self, root: &Node) -> (Vec<Document>, Vec<Problem>) {
        let groups = self.registered(root);
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        let mut documents = Vec::new();
        let mut found: Vec<Problem> = Vec::new();
        for group in groups {
            // Whoever has so many problems reads no more of them.
            if found.len() >= MAX_PROBLEMS && failed(&found) {
                break;
            }
            let name = document_name(group.value.value.text().unwrap_or_default(), &mut names);
            let baselines = Node { at: group.value.value.at, tree: Tree::List(group.baselines) };
            let spec = vec![
                renamed(group.value, "patch_group", group.value.value.clone()),
                Entry { key: "baselines".into(), key_at: baselines.at, value: baselines },
            ];
            let at = group.value.value.at;
            let ours = assembled(at, "PatchGroup", Some(added(at, "name", &name)), spec);
            let (document, problems) = crate::document::kind::read(self.label, &ours);
            found.extend(problems);
            documents.extend(document.map(|(document, _)| document));
        }
        self.problems.extend(found);
        if documents.is_empty() && !failed(&self.problems) {
            self.error(
                root.at,
                "no baseline is registered for a patch group".into(),
                Some("register one on AWS, or write a `PatchGroup` document".into()),
            );
        }
        let problems = in_order(self.problems);
        (if failed(&problems) { Vec::new() } else { documents }, problems)
    }

    /// The groups in the order in which they first appear.
    fn registered<'n>(&mut self, root: &'n Node) -> Vec<Group<'n>> {
        let mut groups: Vec<Group<'n>> = Vec::new();
        let mut places: BTreeMap<&'n str, usize> = BTreeMap::new();
        let mut told: BTreeSet<&'n str> = BTreeSet::new();
        for field in self.fields(root, "the patch groups", &["Mappings", "NextToken", "ResponseMetadata"]) {
            match field.key.as_str() {
                "Mappings" => {}
                "NextToken" => {
                    self.error(
                        field.key_at,
                        "the output is only a part: `NextToken` says that there is more".into(),
                        Some(
                            "run `aws ssm describe-patch-groups` without `--max-items` and `--no-paginate`"
                                .into(),
                        ),
                    );
                    continue;
                }
                _ => continue,
            }
            for mapping in self.list(&field.value, "Mappings") {
                let Some(registration) = self.registration(mapping, &mut told) else { continue };
                let Some(value) = registration.group.value.text() else { continue };
                let place = *places.entry(value).or_insert_with(|| {
                    groups.push(Group {
                        value: registration.group,
                        baselines: Vec::new(),
                        systems: BTreeSet::new(),
                    });
                    groups.len() - 1
                });
                let Some(group) = groups.get_mut(place) else { continue };
                // AWS refuses a second one for an operating system.
                if let Some(system) = registration.system.filter(|system| !group.systems.insert(system)) {
                    let message = format!("{} has two baselines for {system}", quoted(value));
                    self.error(registration.baseline.at, message, Some("remove one of them".into()));
                }
                group.baselines.push(registration.baseline);
            }
        }
        groups
    }

    fn registration<'n>(
        &mut self,
        mapping: &'n Node,
        told: &mut BTreeSet<&'n str>,
    ) -> Option<Registration<'n>> {
        let fields = self.fields(mapping, "`Mappings`", &["PatchGroup", "BaselineIdentity"]);
        let field = |key: &str| fields.iter().copied().find(|entry| entry.key == key);
        let (Some(group), Some(identity)) = (field("PatchGroup"), field("BaselineIdentity")) else {
            if matches!(mapping.tree, Tree::Map(_)) {
                self.error(
                    mapping.at,
                    "a registration has `PatchGroup` and `BaselineIdentity`".into(),
                    Some("give the output of `aws ssm describe-patch-groups` unchanged".into()),
                );
            }
            return None;
        };
        if group.value.text().is_none() {
            let message = format!("`PatchGroup` must be text, not {}", group.value.describe());
            self.error(group.value.at, message, Some("put it in quotes".into()));
            return None;
        }
        let identity = self.fields(&identity.value, "`BaselineIdentity`", &IDENTITY);
        let field = |key: &str| identity.iter().copied().find(|entry| entry.key == key);
        let Some((name, text)) = field("BaselineName").and_then(|name| Some((name, name.value.text()?)))
        else {
            self.error(
                mapping.at,
                "the baseline has no `BaselineName`, and documents name baselines".into(),
                Some("give the output of `aws ssm describe-patch-groups` unchanged".into()),
            );
            return None;
        };
        let system = field("OperatingSystem");
        if let Some(system) = system {
            let known = |text: &str| OperatingSystem::ALL.into_iter().any(|os| os.as_str() == text);
            if !system.value.text().is_some_and(known) {
                let found = system.value.text().map_or_else(|| system.value.describe(), quoted);
                self.error(
                    system.value.at,
                    format!("{found} is no operating system"),
                    Some("AWS writes for example `WINDOWS` or `ROCKY_LINUX`".into()),
                );
            }
        }
        let owned = OWNED.iter().find(|(aws, _)| *aws == text).map(|(_, ours)| *ours);
        if told.insert(text) {
            match (owned, field("BaselineId").and_then(|id| id.value.text())) {
                (Some(ours), _) => self.push(
                    Severity::Warning,
                    name.value.at,
                    format!("{} is AWS's own; here `{ours}` approves the same", quoted(text)),
                    Some("write a baseline of your own if it shall differ".into()),
                ),
                (None, id) => self.push(
                    Severity::Warning,
                    name.value.at,
                    format!("the baseline {} is named here and not part of this output", quoted(text)),
                    Some(format!(
                        "import it as well: `aws ssm get-patch-baseline --baseline-id {}`",
                        id.map_or_else(|| "ID".into(), |id| crate::approval::short(id))
                    )),
                ),
            }
        }
        let baseline = Node { at: name.value.at, tree: Tree::Text(owned.unwrap_or(text).to_owned()) };
        Some(Registration { group, baseline, system: system.and_then(|system| system.value.text()) })
    }
}

/// A name for the document of a group: its value, with `-` for what a name cannot hold, and a number where two groups
/// would get one name. `next` has the next number of each name, so that many alike cost no search.
fn document_name(value: &str, next: &mut BTreeMap<String, u32>) -> String {
    /// Names have 128 characters at most; the rest is for the number.
    const LONGEST: usize = 116;
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' };
    let base: String = value.chars().take(LONGEST).map(plain).collect();
    loop {
        let number = next.entry(base.clone()).or_insert(1);
        let name = if *number == 1 { base.clone() } else { format!("{base}-{number}") };
        *number += 1;
        // `a b` twice may run into a group that is called `a-b-2`.
        if name == base || next.insert(name.clone(), 2).is_none() {
            return name;
        }
    }
}
