//! What is remembered and what is not, and how systemd's words are read; the rest needs a machine (the lab).

use proptest::prelude::*;

use super::systemd::{Unit, installs, names, parse};
use super::*;

const SHOWN: &str = "Id=apt-daily-upgrade.timer\nLoadState=loaded\nActiveState=active\nFragmentPath=/lib/systemd/system/apt-daily-upgrade.timer\nUnitFileState=enabled\n\n\
    Id=dnf-automatic.timer\nLoadState=masked\nActiveState=inactive\nFragmentPath=/etc/systemd/system/dnf-automatic.timer\nUnitFileState=masked\n\n\
    Id=gone.timer\nLoadState=not-found\nActiveState=inactive\nFragmentPath=\nUnitFileState=\n\n\
    Id=own.timer\nLoadState=loaded\nActiveState=inactive\nFragmentPath=/etc/systemd/system/own.timer\nUnitFileState=enabled\n";

fn unit(name: &str, state: &str, active: bool) -> Unit {
    let active = if active { "active" } else { "inactive" };
    let text = format!("Id={name}\nLoadState=loaded\nActiveState={active}\nUnitFileState={state}\n");
    parse(&text).remove(0)
}

fn noted(name: &str, state: &str, active: bool) -> MaskedUnit {
    MaskedUnit { name: name.into(), state: state.into(), active, how: How::Masked }
}

#[test]
fn units_are_read_as_systemd_shows_them() {
    let found = parse(SHOWN);
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[0].before(), noted("apt-daily-upgrade.timer", "enabled", true));
    assert!(found[1].is_masked() && !found[0].is_masked());
    assert_eq!(found[2].before().how, How::Disabled, "a file in /etc cannot be masked");
    let list =
        "dnf-automatic.timer  enabled enabled\n-x.timer enabled\ngetty@.service enabled\n\n0 unit files\n";
    assert_eq!(names(list), ["dnf-automatic.timer"]);
}

#[test]
fn the_first_timer_of_apt_counts_as_upgrading_unless_it_is_known_not_to() {
    let shown = |argv: &str| {
        format!("ExecStart={{ path=/usr/lib/apt/apt.systemd.daily ; argv[]={argv} ; ignore_errors=no }}\n")
    };
    assert!(!installs(&shown("/usr/lib/apt/apt.systemd.daily update")));
    assert!(installs(&shown("/usr/lib/apt/apt.systemd.daily")), "apt 1.2");
    assert!(installs(&shown("/usr/lib/apt/apt.systemd.daily install")));
    assert!(installs(&(shown("/usr/lib/apt/apt.systemd.daily update") + &shown("/usr/bin/upgrade"))));
    assert!(!installs(""), "there is no such service");
}

#[test]
fn what_we_have_masked_keeps_what_was_written_down() {
    let known = merged(Masked::default(), &[unit("a.timer", "enabled", true)], None);
    assert_eq!(known.units, [noted("a.timer", "enabled", true)]);
    let again =
        merged(known.clone(), &[unit("a.timer", "masked", false), unit("b.timer", "disabled", false)], None);
    assert_eq!(again.units, [noted("a.timer", "enabled", true), noted("b.timer", "disabled", false)]);
    // Somebody has unmasked it and wants it otherwise.
    let other = merged(known.clone(), &[unit("a.timer", "disabled", false)], None);
    assert_eq!(other.units, [noted("a.timer", "disabled", false)]);
    // We had stopped it when we were cut off.
    let cut = merged(known.clone(), &[unit("a.timer", "enabled", false)], None);
    assert_eq!(cut, known);
    // We were unmasking it ourselves when we were cut off.
    let cut = Masked { restoring: true, ..known };
    let again = merged(cut, &[unit("a.timer", "disabled", false)], None);
    assert_eq!((again.units, again.restoring), (vec![noted("a.timer", "enabled", true)], false));
}

#[test]
fn what_somebody_else_has_masked_is_not_ours_to_restore() {
    assert_eq!(merged(Masked::default(), &[unit("a.timer", "masked", false)], None), Masked::default());
}

#[test]
fn only_an_update_that_packagekit_prepared_is_disarmed_and_it_comes_back_only_while_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    std::fs::create_dir_all(root.path("/var/lib/PackageKit")).unwrap();
    let set = |target: &str| std::os::unix::fs::symlink(target, trigger(&root)).unwrap();
    set("/var/lib/system-upgrade");
    std::fs::write(root.path(PREPARED), "x").unwrap();
    assert_eq!(armed(&root), None, "that is the trigger of another program");
    remove_trigger(&root).unwrap();
    set("/var/cache");
    assert_eq!(armed(&root), Some("/var/cache".into()));
    remove_trigger(&root).unwrap();
    remove_trigger(&root).unwrap();
    assert_eq!(armed(&root), None);
    set_trigger(&root, "/var/cache".as_ref()).unwrap();
    set_trigger(&root, "/var/cache".as_ref()).unwrap();
    assert_eq!(armed(&root), Some("/var/cache".into()));
    remove_trigger(&root).unwrap();
    std::fs::remove_file(root.path(PREPARED)).unwrap();
    set_trigger(&root, "/var/cache".as_ref()).unwrap();
    assert!(trigger(&root).symlink_metadata().is_err());
}

#[test]
fn a_damaged_record_is_an_error_that_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let root = Root::at(dir.path());
    assert_eq!(masked(&root).unwrap(), None);
    let known = merged(Masked::default(), &[unit("a.timer", "enabled", true)], Some("/var/cache".into()));
    write(&root, &known).unwrap();
    assert_eq!(masked(&root).unwrap(), Some(known));
    std::fs::write(root.path(FILE), "{\"units\": 7").unwrap();
    let e = masked(&root).unwrap_err().to_string();
    assert!(e.contains("masked.json is damaged") && e.contains("systemctl list-unit-files"), "{e}");
}

proptest! {
    #[test]
    fn no_answer_of_systemd_makes_us_panic(text in "(Id=|UnitFileState=|argv\\[\\]=| ; |\n|[a-z.@-]){0,60}") {
        parse(&text);
        names(&text);
        installs(&text);
    }
}
