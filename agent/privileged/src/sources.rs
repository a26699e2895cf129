//! Baselines that bring repositories of their own: used where root has said so, and nowhere else.
//!
//! What such a repository offers runs as root, and whoever may apply a document may name one. So the members of the group
//! `patchflock`, who may apply documents, would be root by it; that is root's to decide, in a file that only root writes.

use patchflock_api::config::Config;
use patchflock_api::run::{Choice, Trouble};
use patchflock_baselines::baseline::Baseline;
use patchflock_machine::system::System;

use crate::Desk;
use crate::policy::Effective;
use crate::trouble::failed;

/// Why a baseline may not be used on this machine; `None`: it may.
fn forbidden(config: &Config, baseline: &Baseline) -> Option<String> {
    (!config.alternative_sources && !baseline.sources.is_empty()).then(|| {
        format!(
            "baseline {} brings `sources`, which this machine does not use: root sets `alternative_sources = true` under \
             [policy] in /etc/patchflock/patchflock.toml, or the baseline goes without",
            baseline.name
        )
    })
}

/// The same choice, or why it may not be made on this machine.
pub(crate) fn allowed(config: &Config, effective: Effective) -> Effective {
    match effective.baseline.as_ref().and_then(|baseline| forbidden(config, baseline)) {
        Some(why) => Effective { choice: Choice::Unknown { why }, baseline: None },
        None => effective,
    }
}

/// The machine with the sources of a plan's baseline. Root may have changed its mind since the plan was made.
pub(crate) fn opened(desk: &Desk, baseline: &Baseline) -> Result<System, Trouble> {
    let config = Config::load(&desk.root).map_err(|e| failed(e.to_string()))?;
    match forbidden(&config, baseline) {
        Some(why) => Err(failed(why)),
        None => desk.open()?.for_baseline(baseline).map_err(|e| failed(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use patchflock_api::privileged::{Answer, Request};
    use patchflock_api::run::Choice;

    use crate::bench::{Bench, default, run};

    const SETTINGS: &str = "/etc/patchflock/patchflock.toml";

    fn bench() -> (Bench, Vec<String>) {
        let bench = Bench::ready();
        let (baseline, defaults) =
            default("all", 0).split_once("---\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let sources = "  sources:\n    - name: mine\n      products: ['*']\n      configuration: 'deb file:/srv/x ./'\n";
        let text = format!("{baseline}{sources}---\n{defaults}");
        match bench.apply(&text) {
            Ok(Answer::Applied { warnings, .. }) => (bench, warnings),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_baseline_with_sources_is_adopted_with_a_warning_and_installs_nothing() {
        let (bench, warnings) = bench();
        assert!(warnings.len() == 1 && warnings[0].contains("alternative_sources = true"), "{warnings:?}");
        let survey = bench.survey();
        let Choice::Unknown { why } = &survey.choice else { panic!("{:?}", survey.choice) };
        assert!(why.contains("brings `sources`") && why.contains(SETTINGS), "{why}");
        assert!(survey.plan.items.is_empty() && survey.compliance.is_none());
        assert!(bench.install(1).is_err());
        assert_eq!(bench.version("jq"), "1");
    }

    #[test]
    fn a_plan_that_was_made_while_sources_were_allowed_is_not_carried_out_after_that() {
        let bench = Bench::ready();
        bench.survey();
        let path = crate::plans::path(&run());
        let mut kept: serde_json::Value = bench.desk.read(&path).unwrap().unwrap();
        let source =
            serde_json::json!({"name": "mine", "products": ["*"], "configuration": "deb file:/srv/x ./"});
        kept["baseline"]["sources"] = serde_json::json!([source]);
        bench.desk.write(&path, &kept).unwrap();
        let trouble = bench.ask(Request::Fetch { run: run() }).unwrap_err();
        assert!(trouble.why.contains("which this machine does not use"), "{}", trouble.why);
    }
}
