//! The file form of an envelope (P4, P7).
//!
//! P7: at most 1 MiB of JSON, a payload of 640 KiB, 32 signatures. The whole is measured before it is read, so that
//! nothing in it can claim a length; the reader knows every field and so never descends into what it does not.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::{Envelope, EnvelopeError, Purpose};
use crate::key::{KeyId, Signature};

/// Largest envelope as JSON, in bytes (P7).
pub const MAX_BYTES: usize = 1 << 20;

/// Largest payload, in bytes (P7).
pub const MAX_PAYLOAD: usize = 640 << 10;

/// Most signatures (P7).
pub const MAX_SIGNATURES: usize = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    keyid: KeyId,
    sig: Signature,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// It is longer than allowed, or malformed in any part: also a signature of an unknown key must be one.
    pub fn from_json(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_BYTES {
            return Err(EnvelopeError::TooLong);
        }
        let file: File =
            serde_json::from_slice(bytes).map_err(|error| EnvelopeError::Malformed(error.to_string()))?;
        if file.signatures.len() > MAX_SIGNATURES {
            return Err(EnvelopeError::TooManySignatures);
        }
        let purpose = Purpose::ALL
            .into_iter()
            .find(|purpose| purpose.as_str() == file.payload_type)
            .ok_or(EnvelopeError::UnknownPurpose)?;
        let payload = BASE64
            .decode(file.payload.as_bytes())
            .map_err(|error| EnvelopeError::Malformed(format!("payload: {error}")))?;
        if payload.len() > MAX_PAYLOAD {
            return Err(EnvelopeError::TooLong);
        }
        let signatures = file.signatures.into_iter().map(|entry| (entry.keyid, entry.sig)).collect();
        Ok(Self { purpose, payload, signatures })
    }

    /// Writes it.
    ///
    /// # Errors
    /// It is longer than what would be read again.
    pub fn to_json(&self) -> Result<String, EnvelopeError> {
        if self.payload.len() > MAX_PAYLOAD {
            return Err(EnvelopeError::TooLong);
        }
        if self.signatures.len() > MAX_SIGNATURES {
            return Err(EnvelopeError::TooManySignatures);
        }
        let file = File {
            payload_type: self.purpose.as_str().to_owned(),
            payload: BASE64.encode(&self.payload),
            signatures: self
                .signatures
                .iter()
                .map(|(keyid, sig)| Entry { keyid: *keyid, sig: *sig })
                .collect(),
        };
        serde_json::to_string(&file).map_err(|error| EnvelopeError::Malformed(error.to_string()))
    }
}
