//! What people read is what was decided.

use super::*;

fn evaluated() -> (Inventory, Evaluation) {
    let inventory: Inventory =
        serde_json::from_str(include_str!("../../../tests/testdata/cli/rpm.json")).unwrap();
    let baseline =
        patchflock_baselines::predefined::named("predefined-rocky-linux").unwrap().baseline().unwrap();
    let at = "2026-11-25T00:00:00Z".parse().unwrap();
    let evaluation = patchflock_baselines::approval::evaluate(&baseline, &inventory, at).unwrap();
    (inventory, evaluation)
}

#[test]
fn an_architecture_is_named_only_where_it_is_foreign() {
    let (mut inventory, _) = evaluated();
    for (arch, label_of) in [("x86_64", "glibc"), ("noarch", "glibc"), ("", "glibc"), ("i686", "glibc.i686")]
    {
        assert_eq!(label("glibc", arch, &inventory), label_of);
    }
    inventory.node.operating_system = patchflock_baselines::os::OperatingSystem::Debian;
    inventory.node.arch = "amd64".into();
    assert_eq!(label("libc6", "i386", &inventory), "libc6:i386");
    assert_eq!(label("tzdata", "all", &inventory), "tzdata");
}

#[test]
fn each_package_has_one_row_unless_all_are_asked_for() {
    let (_, mut evaluation) = evaluated();
    let mut older = evaluation.decisions[0].clone();
    older.version = "0".into();
    older.chosen = false;
    evaluation.decisions.insert(1, older);
    let packages = evaluation.decisions.len() - 1;
    assert_eq!(shown(&evaluation, false).len(), packages);
    assert_eq!(shown(&evaluation, true).len(), packages + 1);
    // The older version stands where it is the chosen one.
    evaluation.decisions[0].chosen = false;
    evaluation.decisions[1].chosen = true;
    let name = evaluation.decisions[0].name.clone();
    let row = shown(&evaluation, false).into_iter().find(|d| d.name == name).unwrap();
    assert_eq!(row.version, "0");
}

#[test]
fn what_will_be_installed_comes_first_and_the_sums_are_right() {
    let (_, evaluation) = evaluated();
    let words: Vec<&str> = shown(&evaluation, false).into_iter().map(verdict_word).collect();
    let mut sorted = words.clone();
    sorted.sort_by_key(|w| ["approved", "pending", "not matched"].iter().position(|o| o == w).unwrap());
    assert_eq!(words, sorted);
    assert_eq!(summary(&evaluation), "7 packages with updates: 3 approved, 1 pending, 3 not matched\n");
}
