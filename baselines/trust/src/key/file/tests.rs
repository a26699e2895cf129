//! Key files, those of `openssl` among them.

use super::*;

/// `openssl genpkey -algorithm ed25519 -aes-256-cbc -pass pass:correct-horse` (OpenSSL 3.0: PBKDF2).
const BY_OPENSSL: &str = include_str!("../../../testdata/openssl-pbkdf2.pem");
/// The same key: `openssl pkcs8 -topk8 -scrypt`.
const BY_OPENSSL_SCRYPT: &str = include_str!("../../../testdata/openssl-scrypt.pem");
/// The same key: `openssl pkey -pubout`.
const PUBLIC_BY_OPENSSL: &str = include_str!("../../../testdata/openssl-public.pem");

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    let key = SecretKey::from_entropy(&[3; 32]);
    let pem = write_secret(&key, "correct-horse", &[9; 32]).unwrap();
    // `openssl pkey -in … -passin pass:correct-horse` reads this file.
    assert_eq!(*pem, include_str!("../../../testdata/ours-scrypt.pem"));
    assert_eq!(read_secret(&pem, "correct-horse").unwrap().public(), key.public());
    assert_eq!(read_secret(&pem, "correct-horsf").unwrap_err(), FileError::Passphrase);
    assert_eq!(write_secret(&key, "short", &[9; 32]).unwrap_err(), FileError::Short);
}

#[test]
fn keys_made_by_openssl_are_read() {
    let public = read_public(PUBLIC_BY_OPENSSL).unwrap();
    assert_eq!(read_secret(BY_OPENSSL, "correct-horse").unwrap().public(), public);
    assert_eq!(read_secret(BY_OPENSSL_SCRYPT, "correct-horse").unwrap().public(), public);
    assert_eq!(write_public(&public).unwrap(), PUBLIC_BY_OPENSSL);
}

#[test]
fn a_nodes_key_and_an_encrypted_key_are_not_taken_for_each_other() {
    let key = SecretKey::from_entropy(&[4; 32]);
    let pem = write_node_secret(&key).unwrap();
    assert_eq!(read_node_secret(&pem).unwrap().public(), key.public());
    assert_eq!(read_secret(&pem, "").unwrap_err(), FileError::NotAKey);
    assert_eq!(read_node_secret(BY_OPENSSL).unwrap_err(), FileError::NotAKey);
    assert_eq!(read_public(&pem).unwrap_err(), FileError::NotAKey);
}

#[test]
fn a_key_file_cannot_ask_for_memory_or_work_without_end() {
    let cost = |log_n: u32, r: u16, p: u16| {
        affordable(&Kdf::Scrypt(pkcs8::pkcs5::pbes2::ScryptParams {
            salt: b"saltsalt",
            cost_parameter: 1_u64 << log_n,
            block_size: r,
            parallelization: p,
            key_length: None,
        }))
    };
    assert!(cost(14, 8, 5) && cost(15, 8, 1));
    assert!(!cost(62, 8, 1) && !cost(20, 8, 1) && !cost(14, u16::MAX, 1) && !cost(14, 8, u16::MAX));
    assert_eq!(read_secret(&"x".repeat(MAX_BYTES + 1), "").unwrap_err(), FileError::TooLong);
    assert_eq!(read_secret("no key", "").unwrap_err(), FileError::NotAKey);
}
