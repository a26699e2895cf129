//! Keys: ed25519, named by a digest of the public half.
//!
//! P1: a key id is `ed25519:` and the first 16 bytes of the SHA-256 of the public key's 32 bytes, in hex. P2:
//! signatures are verified strictly (RFC 8032 with canonical S and no key of small order), so that all nodes agree on
//! each signature.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use crate::hash::Hash;

pub mod file;

/// What stands before the 32 bytes of an ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The name of a key (P1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 16]);

/// A text that is no key, no key id or no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not the name of a key.
    #[error("a key id is `ed25519:` and 32 lower-case hex digits")]
    Id,
    /// Not a public key.
    #[error(
        "a public key is the base64 line of its PEM file, 60 characters that begin with MCowBQYDK2VwAyEA"
    )]
    Public,
    /// A key that verifies signatures of everybody.
    #[error("a public key of small order verifies forged signatures; make a new key")]
    Weak,
    /// Not a signature.
    #[error("a signature is 64 bytes in base64")]
    Signature,
}

impl KeyId {
    /// The digest without its prefix.
    pub(crate) fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let hex = text.strip_prefix("ed25519:").filter(|hex| hex.len() == 32).ok_or(KeyError::Id)?;
        let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|_| KeyError::Id)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::Id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", HEXLOWER.encode(&self.0))
    }
}

/// A public key, written as the base64 of its SubjectPublicKeyInfo: the one line inside its PEM file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with these 32 bytes.
    ///
    /// # Errors
    /// They are no point of the curve, or one of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Weak) } else { Ok(Self(key)) }
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let hash = Hash::of(self.as_bytes());
        let (short, _) = hash.as_bytes().split_at(16);
        let mut id = [0; 16];
        id.copy_from_slice(short);
        KeyId(id)
    }

    /// Whether this key made this signature over these bytes (P2).
    #[must_use]
    pub fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(bytes, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // The length first: nothing is decoded that cannot be a key.
        let bytes = match text.len() {
            60 => BASE64.decode(text.as_bytes()).map_err(|_| KeyError::Public)?,
            _ => return Err(KeyError::Public),
        };
        let key = bytes.strip_prefix(&SPKI_PREFIX).ok_or(KeyError::Public)?;
        Self::from_bytes(key.try_into().map_err(|_| KeyError::Public)?)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&[&SPKI_PREFIX[..], self.as_bytes()].concat()))
    }
}

/// A signature, written in base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature([u8; 64]);

impl FromStr for Signature {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() != 88 {
            return Err(KeyError::Signature);
        }
        let bytes = BASE64.decode(text.as_bytes()).map_err(|_| KeyError::Signature)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::Signature)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

/// A private key. It is wiped from memory when it is dropped, and its `Debug` says only whose it is.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key that follows from 32 bytes of entropy.
    #[must_use]
    pub fn from_entropy(entropy: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(entropy))
    }

    /// Its public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs bytes. Only [`crate::envelope`] calls this, so that nothing is signed without its purpose before it.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Signature {
        Signature(self.0.sign(bytes).to_bytes())
    }

    /// The secret itself, for what is derived from it.
    pub(crate) fn seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

macro_rules! text {
    ($($name:ident)*) => {
        $(
            impl TryFrom<String> for $name {
                type Error = KeyError;

                fn try_from(text: String) -> Result<Self, KeyError> {
                    text.parse()
                }
            }

            impl From<$name> for String {
                fn from(value: $name) -> Self {
                    value.to_string()
                }
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    write!(f, "{self}")
                }
            }
        )*
    };
}

text! { KeyId PublicKey Signature }

#[cfg(test)]
mod tests;
