//! What counts, by what is known now (P31): asked when something arrives, and of everything after each fleet document
//! and each revocation.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{CLOCK_TOLERANCE, Candidate, Revoked, SetMark, Signatures, State, VERSIONS_A_DAY};
use crate::adoption::Refusal;
use crate::authority::Permit;
use crate::key::KeyId;
use crate::statement::DocumentName;

impl State {
    /// P35: the time by which expiry is judged. A clock that is behind does not make old documents young: what an
    /// administrator dated and signed pulls it along, up to a day before that date.
    #[must_use]
    pub fn clock(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let signed =
            self.set_digest.as_ref().and_then(|mark| mark.issued.checked_sub_signed(CLOCK_TOLERANCE));
        signed.map_or(now, |signed| signed.max(now))
    }

    /// P35: this clock is more than a day behind what was signed; nothing may be started by it.
    #[must_use]
    pub fn clock_is_behind(&self, now: DateTime<Utc>) -> bool {
        self.clock(now) != now
    }

    /// Whether one version of a document counts by what is known now (P31).
    pub(crate) fn judge(
        &self,
        name: &DocumentName,
        candidate: &Candidate,
        revoked: &Revoked,
    ) -> Result<(), Refusal> {
        let (Some(first), Some(tip)) = (self.chain.first(), self.chain.last()) else {
            return Err(Refusal::NoFleetDocument);
        };
        if let Some(last) = revoked.documents.get(name).filter(|last| candidate.version <= **last) {
            return Err(Refusal::Voided { last: *last });
        }
        let signers: BTreeSet<KeyId> = candidate.signatures.keys().copied().collect();
        let permit = tip.authority.permits(name, candidate.issued, &signers, &revoked.keys)?;
        if let Some(group) = &candidate.patch_group {
            tip.authority.check_group(name, group).map_err(Refusal::Text)?;
        }
        let days = (candidate.issued - first.issued).num_days().try_into().unwrap_or(0_u64);
        let most = VERSIONS_A_DAY.saturating_mul(days.saturating_add(2));
        if candidate.version > most && permit != Permit::Root {
            return Err(Refusal::FastForward { version: candidate.version, most });
        }
        Ok(())
    }

    /// Judges everything anew: a fleet document or a revocation came (P31).
    pub(crate) fn judge_all(&mut self) {
        let mut revocations = std::mem::take(&mut self.revocations);
        let revoked = Revoked::new(revocations.values(), &self.chain);
        revocations.retain(|_, revocation| revocation.counts(&self.chain, &revoked));
        self.revocations = revocations;
        let mut documents = std::mem::take(&mut self.documents);
        documents.retain(|name, list| {
            list.retain(|candidate| self.judge(name, candidate, &revoked).is_ok());
            !list.is_empty()
        });
        self.documents = documents;
        let stays = |mark: &SetMark| self.may_date(mark.issued, &mark.signatures, &revoked).is_ok();
        if self.set_digest.as_ref().is_some_and(|mark| !stays(mark)) {
            self.set_digest = None;
        }
    }

    /// Everything that is revoked.
    #[must_use]
    pub fn revoked(&self) -> Revoked {
        Revoked::new(self.revocations.values(), &self.chain)
    }

    /// P36: a set digest is signed as a document of the kind `SetDigest` would be. Whoever is bound to patch groups
    /// cannot: it could prove that documents of other groups do not exist.
    pub(crate) fn may_date(
        &self,
        issued: DateTime<Utc>,
        signatures: &Signatures,
        revoked: &Revoked,
    ) -> Result<(), Refusal> {
        let Some(tip) = self.tip() else { return Err(Refusal::NoFleetDocument) };
        let signers: BTreeSet<KeyId> = signatures.keys().copied().collect();
        let name = DocumentName { kind: "SetDigest".into(), name: "set".into() };
        tip.authority.permits(&name, issued, &signers, &revoked.keys)?;
        Ok(())
    }
}
