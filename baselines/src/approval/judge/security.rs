//! Who takes security patches only, and what is one for them (reference 1.5 steps 3 and 7, 1.6 step 4).

use super::{Fix, Judge, Prepared, Subject};
use crate::inventory::Advisory;
use crate::os::Family;

impl Judge<'_> {
    /// The implicit condition of a rule without `enable_non_security` (reference 1.5 step 3).
    ///
    /// On rpm "only what updateinfo.xml names" (1.5 step 7) and "a security advisory" (step 3) differ for
    /// notices of another class. We read them together: a rule that asks for a class takes notices of that
    /// class, as AWS's own `--bugfix` commands and default baselines need, and a rule without a CLASSIFICATION
    /// filter takes security updates only: see [`Judge::named_as_security`].
    pub(super) fn secure_enough(
        &self,
        prepared: &Prepared<'_>,
        subject: &Subject<'_>,
        advisory: Option<&Advisory>,
    ) -> bool {
        match self.family {
            // Linux and macOS only (reference 2.1, 1.10); SLES installs non-security patches anyway (1.9).
            Family::Windows | Family::Zypper => true,
            _ if self.named_as_security(subject) || prepared.rule.enable_non_security => true,
            Family::Rpm => prepared.filters.has_classification() && advisory.is_some(),
            Family::Apt | Family::Macos => false,
        }
    }

    /// Whether it is a security patch for a rule, or an approved list, that takes no others.
    ///
    /// On apt that is every version with a fix in it: `security_rule: any_version` exists because a point release
    /// moves fixes into main (design 7b). On rpm there are no such moves, and "only what updateinfo.xml names"
    /// (reference 1.5 step 7) is meant by version: the command that AWS quotes is `upgrade-minimal`, which takes
    /// the newest version that a notice names and leaves newer ones alone (1.6 step 4). So a later version that
    /// no security notice names counts only in the place of one that is no longer offered, where nothing else
    /// would bring the fix. It still is a security patch in what is reported.
    pub(super) fn named_as_security(&self, subject: &Subject<'_>) -> bool {
        subject.security() && !(self.family == Family::Rpm && matches!(subject.fix, Some(Fix::Earlier(_))))
    }
}
