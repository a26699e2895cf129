//! The scripted fake keeps the promises of a package manager, so what is tested with it holds with a real one.

use anyhow::Result;
use patchflock_machine::pm::fake::{ARCH, Fake};
use patchflock_machine::pm::{PackageManager, PmError};
use patchflock_tests::contract::{self, Fixture, NEW, OLD};

struct InMemory(Fake);

impl Fixture for InMemory {
    fn pm(&self) -> &dyn PackageManager {
        &self.0
    }

    fn arch(&self) -> String {
        ARCH.into()
    }

    fn snapshot(&self) -> Result<String> {
        Ok(format!("{:?}", self.0))
    }
}

fn machine() -> InMemory {
    let mut fake = Fake::new();
    for name in ["alpha", "beta", "gamma", "broken", "held"] {
        let needs: &[_] = if name == "alpha" { &[("alpha-data", NEW)] } else { &[] };
        fake = fake.installed(name, OLD).offers(name, NEW, needs);
    }
    let fake = fake.offers("alpha-data", NEW, &[]).auto("gamma").held("held");
    InMemory(fake.failing("broken", "its script ended with 1"))
}

#[test]
fn the_fake_keeps_the_contract() {
    contract::all(|| Ok(machine())).unwrap();
}

#[test]
fn a_locked_fake_changes_nothing_and_names_the_holder() {
    let machine = machine();
    machine.0.lock(Some("apt-get (process 7)"));
    let answer = machine.pm().repair();
    assert!(matches!(answer, Err(PmError::Locked { holder, .. }) if holder == "apt-get (process 7)"));
}
