//! Documents from files: baselines, windows, inventories, override lists. Bounded, and never half understood.

use std::io::Read;
use std::path::{Path, PathBuf};

use patchflock_baselines::baseline::Baseline;
use patchflock_baselines::document::{self, Document, Problem, Severity};
use patchflock_baselines::inventory::{FORMAT, Inventory};
use patchflock_baselines::os::OperatingSystem;
use patchflock_baselines::predefined;
use patchflock_baselines::window::MaintenanceWindow;

use crate::args::BaselineArgs;
use crate::blame::Failure;
use crate::output;

/// Documents are small; a larger file is a mistake or an attack.
const DOCUMENT_CAP: u64 = 1 << 20;
/// An inventory of a machine with 20,000 packages has about 10 MiB.
const INVENTORY_CAP: u64 = 256 << 20;

/// Reads a whole file, or standard input for `-`.
pub(crate) fn read(path: &Path, cap: u64) -> Result<Vec<u8>, Failure> {
    let operator = |e: std::io::Error| {
        let hint = match e.kind() {
            std::io::ErrorKind::NotFound => "; check the path",
            std::io::ErrorKind::IsADirectory => "; name a file",
            _ => "",
        };
        Failure::Operator(anyhow::anyhow!("{}: {e}{hint}", path.display()))
    };
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(cap + 1).read_to_end(&mut bytes).map_err(operator)?;
    } else {
        let file = std::fs::File::open(path).map_err(operator)?;
        file.take(cap + 1).read_to_end(&mut bytes).map_err(operator)?;
    }
    if bytes.len() as u64 > cap {
        return Err(Failure::operator(format!(
            "{}: larger than {} MiB, which is the limit for such a file",
            path.display(),
            cap >> 20
        )));
    }
    Ok(bytes)
}

/// A small document file.
pub(crate) fn read_document(path: &Path) -> Result<Vec<u8>, Failure> {
    read(path, DOCUMENT_CAP)
}

/// Every problem of a document, with its place, as one failure of the operator's.
pub(crate) fn problems(bytes: &[u8], problems: &[Problem]) -> Failure {
    // Bytes that are no text have no lines worth showing.
    let text = document::render(std::str::from_utf8(bytes).unwrap_or_default(), problems);
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    output::talk(text.trim_end());
    Failure::operator(format!("{}; nothing was changed", output::count(errors, "problem", "problems")))
}

/// The documents of a file; warnings go to standard error.
pub(crate) fn documents(path: &Path) -> Result<Vec<Document>, Failure> {
    parsed(path, &read_document(path)?)
}

/// The documents of what was read from a file; warnings go to standard error.
pub(crate) fn parsed(path: &Path, bytes: &[u8]) -> Result<Vec<Document>, Failure> {
    let parsed =
        document::parse(&path.display().to_string(), bytes).map_err(|found| problems(bytes, &found))?;
    if !parsed.warnings.is_empty() {
        output::talk(document::render(&String::from_utf8_lossy(bytes), &parsed.warnings).trim_end());
    }
    Ok(parsed.documents)
}

/// What `-f` names, read once: the file may be a pipe, and what was checked must be what is used.
pub(crate) struct BaselineFile {
    path: PathBuf,
    baselines: Vec<Baseline>,
    /// It is a baseline override: the JSON list that AWS takes for one run (reference 2.7).
    pub(crate) is_override: bool,
}

/// Checks what replaces the baseline in force for one run: a list of baselines, or one document.
pub(crate) fn baseline_override(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if baselines_of(path, bytes)?.baselines.is_empty() {
        return Err(Failure::operator(format!(
            "{}: no document of kind PatchBaseline in it",
            path.display()
        )));
    }
    Ok(())
}

/// Reads what `-f` names, if it names something.
pub(crate) fn baseline_file(args: &BaselineArgs) -> Result<Option<BaselineFile>, Failure> {
    let Some(path) = &args.baseline else { return Ok(None) };
    baselines_of(path, &read_document(path)?).map(Some)
}

fn baselines_of(path: &Path, bytes: &[u8]) -> Result<BaselineFile, Failure> {
    let is_override = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'[');
    let baselines = if is_override {
        document::override_list::parse_baseline_override(&path.display().to_string(), bytes)
            .map_err(|found| problems(bytes, &found))?
            .baselines
    } else {
        parsed(path, bytes)?
            .into_iter()
            .filter_map(|d| match d {
                Document::PatchBaseline(b) => Some(b),
                _ => None,
            })
            .collect()
    };
    Ok(BaselineFile { path: path.to_owned(), baselines, is_override })
}

/// The baseline that was asked for: the file's one for this operating system, or the predefined one.
pub(crate) fn baseline(file: Option<BaselineFile>, os: OperatingSystem) -> Result<Baseline, Failure> {
    let Some(BaselineFile { path, baselines, .. }) = file else {
        let shipped = predefined::default_for(os)
            .ok_or_else(|| Failure::operator(format!("no predefined baseline for {os}; name one with -f")))?;
        return shipped.baseline().map_err(|found| problems(shipped.yaml.as_bytes(), &found));
    };
    let found: Vec<String> =
        baselines.iter().map(|b| format!("{} for {}", b.name, b.operating_system)).collect();
    let mut fitting: Vec<Baseline> = baselines.into_iter().filter(|b| b.operating_system == os).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Failure::operator(format!(
            "{}: several baselines for {os} ({}); keep one",
            path.display(),
            found.join(", ")
        ))),
        (None, _) if found.is_empty() => Err(Failure::operator(format!(
            "{}: no document of kind PatchBaseline in it; name a baseline, or leave out -f for the predefined one",
            path.display()
        ))),
        (None, _) => Err(Failure::operator(format!(
            "{}: this machine is {os}, and the file holds only {}; choose a baseline for {os}",
            path.display(),
            found.join(", ")
        ))),
    }
}

/// The one maintenance window of a file.
pub(crate) fn window(path: &Path) -> Result<MaintenanceWindow, Failure> {
    let mut windows: Vec<MaintenanceWindow> = documents(path)?
        .into_iter()
        .filter_map(|d| match d {
            Document::MaintenanceWindow(w) => Some(w),
            _ => None,
        })
        .collect();
    match (windows.pop(), windows.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(Failure::operator(format!("{}: several maintenance windows; keep one", path.display())))
        }
        (None, _) => {
            Err(Failure::operator(format!("{}: no document of kind MaintenanceWindow in it", path.display())))
        }
    }
}

/// An inventory as `patchflock inventory` printed it.
pub(crate) fn inventory(path: &Path) -> Result<Inventory, Failure> {
    let bytes = read(path, INVENTORY_CAP)?;
    let inventory: Inventory = serde_json::from_slice(&bytes).map_err(|e| {
        // Of another format the fields differ too; its number is the reason, the fields are not.
        if let Ok(Head { format }) = serde_json::from_slice::<Head>(&bytes)
            && format != u64::from(FORMAT)
        {
            return other_format(path, format);
        }
        // The place comes first, as in the messages about documents; serde says it at the end.
        let what = e.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.as_str(), |(what, _)| what);
        Failure::operator(format!(
            "{}:{}:{}: not an inventory: {what}; make one with `patchflock inventory`",
            path.display(),
            e.line(),
            e.column()
        ))
    })?;
    if inventory.format != FORMAT {
        return Err(other_format(path, inventory.format.into()));
    }
    Ok(inventory)
}

/// What every version of the inventory format has.
#[derive(serde::Deserialize)]
struct Head {
    format: u64,
}

fn other_format(path: &Path, found: u64) -> Failure {
    Failure::operator(format!(
        "{}: inventory format {found}, this patchflock reads format {FORMAT}; make it anew with this version",
        path.display()
    ))
}

/// An install-override list (reference 2.8).
pub(crate) fn override_list(path: &Path) -> Result<document::override_list::InstallOverrideList, Failure> {
    override_list_of(path, &read_document(path)?)
}

/// An install-override list that was read from a file.
pub(crate) fn override_list_of(
    path: &Path,
    bytes: &[u8],
) -> Result<document::override_list::InstallOverrideList, Failure> {
    document::override_list::parse_override_list(&path.display().to_string(), bytes)
        .map_err(|found| problems(bytes, &found))
}
