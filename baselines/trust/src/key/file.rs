//! Key files: PEM that `openssl` reads and writes too.
//!
//! P3: a private key is PKCS#8 encrypted with a passphrase (PBES2: scrypt N = 2^14, r = 8, p = 5, and AES-256-CBC), a
//! public key is SubjectPublicKeyInfo. These costs are OWASP's for scrypt in the largest memory that `openssl` allows
//! by default. What a file claims as its cost is bounded before any of it is paid.
//!
//! A node's own key lies unencrypted in a file that only its user can read: there is nobody to type a passphrase.

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
};
use pkcs8::der::Decode as _;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo, SecretDocument};
use zeroize::Zeroizing;

use super::{PublicKey, SecretKey};

/// Largest key file, in bytes; ours have under 400.
pub const MAX_BYTES: usize = 8 * 1024;

/// Shortest passphrase, in characters.
pub const MIN_PASSPHRASE_CHARS: usize = 8;

/// Most memory that a key file may ask for, in bytes: N × r × 128.
const MAX_MEMORY: u64 = 64 << 20;
/// Most work that a key file may ask for, in bytes mixed: N × r × p × 128.
const MAX_WORK: u64 = 1 << 30;
/// Most rounds of PBKDF2, which `openssl` uses unless told otherwise.
const MAX_ROUNDS: u32 = 10_000_000;
/// log2 N, r and p of what we write (P3).
const COST: (u8, u32, u32) = (14, 8, 5);

/// Why a key file cannot be read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Longer than [`MAX_BYTES`].
    #[error("the file is longer than {MAX_BYTES} bytes and so no key file")]
    TooLong,
    /// Not the PEM of an ed25519 key.
    #[error("the file is not the PEM of an ed25519 key")]
    NotAKey,
    /// Its costs are beyond ours, or its cipher is none of PBES2.
    #[error(
        "the key file wants more memory or work than is given, or an unknown cipher; encrypt it anew with scrypt"
    )]
    Cost,
    /// Wrong passphrase, or a damaged file.
    #[error("the passphrase does not open the key file")]
    Passphrase,
    /// A passphrase that can be guessed.
    #[error("a passphrase has at least {MIN_PASSPHRASE_CHARS} characters")]
    Short,
}

/// The PEM of a private key, encrypted. The entropy must never be used twice.
///
/// # Errors
/// The passphrase is too short.
pub fn write_secret(
    key: &SecretKey,
    passphrase: &str,
    entropy: &[u8; 32],
) -> Result<Zeroizing<String>, FileError> {
    if passphrase.chars().count() < MIN_PASSPHRASE_CHARS {
        return Err(FileError::Short);
    }
    let plain = plain(key)?;
    let info = PrivateKeyInfo::from_der(plain.as_bytes()).map_err(|_| FileError::NotAKey)?;
    let (salt, iv) = entropy.split_at(16);
    let iv: &[u8; 16] = iv.try_into().map_err(|_| FileError::Cost)?;
    let (log_n, r, p) = COST;
    let cost = pkcs8::pkcs5::scrypt::Params::new(log_n, r, p, 32).map_err(|_| FileError::Cost)?;
    let parameters = Parameters::scrypt_aes256cbc(cost, salt, iv).map_err(|_| FileError::Cost)?;
    let sealed = info.encrypt_with_params(parameters, passphrase).map_err(|_| FileError::Cost)?;
    sealed.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF).map_err(|_| FileError::NotAKey)
}

/// The private key in an encrypted PEM file.
///
/// # Errors
/// It is none, asks for too much, or the passphrase does not open it.
pub fn read_secret(pem: &str, passphrase: &str) -> Result<SecretKey, FileError> {
    let (label, sealed) = document(pem)?;
    if label != "ENCRYPTED PRIVATE KEY" {
        return Err(FileError::NotAKey);
    }
    let info = EncryptedPrivateKeyInfo::from_der(sealed.as_bytes()).map_err(|_| FileError::NotAKey)?;
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else { return Err(FileError::Cost) };
    if !affordable(&parameters.kdf) {
        return Err(FileError::Cost);
    }
    let plain = info.decrypt(passphrase).map_err(|_| FileError::Passphrase)?;
    SigningKey::from_pkcs8_der(plain.as_bytes()).map(SecretKey).map_err(|_| FileError::NotAKey)
}

/// The PEM of a node's own key, unencrypted.
///
/// # Errors
/// None that can happen with a key.
pub fn write_node_secret(key: &SecretKey) -> Result<Zeroizing<String>, FileError> {
    plain(key)?.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| FileError::NotAKey)
}

/// The private key in an unencrypted PEM file.
///
/// # Errors
/// It is none.
pub fn read_node_secret(pem: &str) -> Result<SecretKey, FileError> {
    let (label, plain) = document(pem)?;
    if label != "PRIVATE KEY" {
        return Err(FileError::NotAKey);
    }
    SigningKey::from_pkcs8_der(plain.as_bytes()).map(SecretKey).map_err(|_| FileError::NotAKey)
}

/// The PEM of a public key.
///
/// # Errors
/// None that can happen with a key.
pub fn write_public(key: &PublicKey) -> Result<String, FileError> {
    key.0.to_public_key_pem(LineEnding::LF).map_err(|_| FileError::NotAKey)
}

/// The public key in a PEM file.
///
/// # Errors
/// It is none, or a weak one.
pub fn read_public(pem: &str) -> Result<PublicKey, FileError> {
    if pem.len() > MAX_BYTES {
        return Err(FileError::TooLong);
    }
    let key = ed25519_dalek::VerifyingKey::from_public_key_pem(pem).map_err(|_| FileError::NotAKey)?;
    PublicKey::from_bytes(key.as_bytes()).map_err(|_| FileError::NotAKey)
}

/// PKCS#8 version 1, without the public half, which older tools refuse.
fn plain(key: &SecretKey) -> Result<SecretDocument, FileError> {
    let bytes = ed25519_dalek::pkcs8::KeypairBytes { secret_key: *key.seed(), public_key: None };
    bytes.to_pkcs8_der().map_err(|_| FileError::NotAKey)
}

fn document(pem: &str) -> Result<(&str, SecretDocument), FileError> {
    if pem.len() > MAX_BYTES {
        return Err(FileError::TooLong);
    }
    SecretDocument::from_pem(pem).map_err(|_| FileError::NotAKey)
}

fn affordable(kdf: &Kdf<'_>) -> bool {
    match kdf {
        Kdf::Pbkdf2(rounds) => rounds.iteration_count <= MAX_ROUNDS,
        Kdf::Scrypt(cost) => {
            let memory =
                128_u64.checked_mul(cost.cost_parameter).and_then(|m| m.checked_mul(cost.block_size.into()));
            let work = memory.and_then(|m| m.checked_mul(cost.parallelization.into()));
            memory.is_some_and(|m| m <= MAX_MEMORY) && work.is_some_and(|w| w <= MAX_WORK)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
