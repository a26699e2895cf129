//! The one place where bincode is spoken.
//!
//! bincode is no longer maintained (RUSTSEC-2025-0141), so every stored value begins with a magic, its kind and a
//! version: another codec can follow. A value is bounded in bytes, so that a claimed length allocates nothing of its
//! size, and bytes behind the value are refused.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};

/// In front of every value.
const MAGIC: [u8; 2] = *b"pf";
/// Version of the codec: bincode 2.0.1, standard configuration.
const VERSION: u8 = 1;
/// Longest value in bytes, without what stands in front of it. The index holds places and counters, no text.
pub const LIMIT: usize = 4096;

/// A value that does not belong into the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Magic, kind or version are others.
    #[error("not a stored value of the kind {0} in version {VERSION}")]
    Foreign(u8),
    /// More bytes than any value has.
    #[error("a value of {0} bytes; {LIMIT} is the longest")]
    TooLong(usize),
    /// bincode refuses it.
    #[error("a damaged value: {0}")]
    Damaged(String),
    /// Bytes behind the value.
    #[error("{0} bytes behind the value")]
    Trailing(usize),
}

/// What is stored, with the byte that says so. A byte is never used again for something else.
pub trait Stored: Encode + Decode<()> {
    /// The byte.
    const KIND: u8;
}

fn config() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
    bincode::config::standard().with_limit::<LIMIT>()
}

/// The bytes of a value.
///
/// # Errors
/// When the value is longer than [`LIMIT`].
pub fn encode<T: Stored>(value: &T) -> Result<Vec<u8>, CodecError> {
    let body = bincode::encode_to_vec(value, config()).map_err(|e| CodecError::Damaged(e.to_string()))?;
    if body.len() > LIMIT {
        return Err(CodecError::TooLong(body.len()));
    }
    let mut bytes = Vec::with_capacity(MAGIC.len() + 2 + body.len());
    bytes.extend(MAGIC);
    bytes.extend([T::KIND, VERSION]);
    bytes.extend(body);
    Ok(bytes)
}

/// The value of bytes that [`encode`] made.
///
/// # Errors
/// For anything else.
pub fn decode<T: Stored>(bytes: &[u8]) -> Result<T, CodecError> {
    let [first, second, kind, version, body @ ..] = bytes else { return Err(CodecError::Foreign(T::KIND)) };
    if ([*first, *second], *kind, *version) != (MAGIC, T::KIND, VERSION) {
        return Err(CodecError::Foreign(T::KIND));
    }
    if body.len() > LIMIT {
        return Err(CodecError::TooLong(body.len()));
    }
    let (value, read) =
        bincode::decode_from_slice(body, config()).map_err(|e| CodecError::Damaged(e.to_string()))?;
    match body.len().saturating_sub(read) {
        0 => Ok(value),
        more => Err(CodecError::Trailing(more)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Text(String, u64);

    impl Stored for Text {
        const KIND: u8 = 250;
    }

    #[derive(Debug, PartialEq, Encode, Decode)]
    struct Number(u64);

    impl Stored for Number {
        const KIND: u8 = 251;
    }

    #[test]
    fn kind_version_and_trailing_bytes_are_looked_at() {
        let good = encode(&Number(5)).unwrap();
        assert_eq!(decode::<Number>(&good).unwrap(), Number(5));
        assert_eq!(decode::<Text>(&good), Err(CodecError::Foreign(250)));
        for at in 0..4 {
            let mut other = good.clone();
            other[at] ^= 1;
            assert_eq!(decode::<Number>(&other), Err(CodecError::Foreign(251)), "byte {at}");
        }
        assert_eq!(decode::<Number>(&[&good[..], &[0]].concat()), Err(CodecError::Trailing(1)));
        for cut in 0..good.len() {
            assert!(decode::<Number>(&good[..cut]).is_err());
        }
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        // 253: the varint of a u64 follows.
        let bomb = [&b"pf"[..], &[250, 1, 253], &u64::MAX.to_le_bytes()].concat();
        assert!(matches!(decode::<Text>(&bomb), Err(CodecError::Damaged(_))));
        let bomb = [&b"pf"[..], &[250, 1, 252], &(1_u32 << 30).to_le_bytes()].concat();
        assert!(matches!(decode::<Text>(&bomb), Err(CodecError::Damaged(_))));
    }

    #[test]
    fn a_long_value_is_neither_written_nor_read() {
        assert!(encode(&Text("x".repeat(LIMIT + 1), 0)).is_err());
        let long = [&b"pf"[..], &[251, 1], &vec![0; LIMIT + 1]].concat();
        assert_eq!(decode::<Number>(&long), Err(CodecError::TooLong(LIMIT + 1)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(text in ".{0,200}", number: u64) {
            let value = Text(text, number);
            prop_assert_eq!(decode::<Text>(&encode(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn what_is_read_is_bounded_and_written_alike(mut bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            bytes.splice(0..0, [b'p', b'f', 250, 1]);
            if let Ok(value) = decode::<Text>(&bytes) {
                prop_assert_eq!(decode::<Text>(&encode(&value).unwrap()).unwrap(), value);
            }
        }
    }
}
