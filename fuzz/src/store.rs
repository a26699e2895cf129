//! What the agent's store reads back from its index.

use bincode::{Decode, Encode};
use patchflock_agent::store::Place;
use patchflock_agent::store::codec::{LIMIT, Stored, decode, encode};

/// Everything that claims a length of its own.
#[derive(Debug, PartialEq, Encode, Decode)]
struct Lengths {
    text: String,
    numbers: Vec<u64>,
    texts: Vec<Option<String>>,
}

impl Stored for Lengths {
    const KIND: u8 = 200;
}

/// The codec of stored values: what it reads, it writes and reads alike, and neither is longer than its limit.
pub fn codec(data: &[u8]) {
    alike::<Place>(data);
    alike::<Lengths>(data);
    alike::<Place>(&headed::<Place>(data));
    alike::<Lengths>(&headed::<Lengths>(data));
}

/// The input as what follows a good header, which damage seldom leaves.
fn headed<T: Stored>(data: &[u8]) -> Vec<u8> {
    [b"pf", &[T::KIND, 1], data].concat()
}

fn alike<T: Stored + PartialEq + std::fmt::Debug>(data: &[u8]) {
    let Ok(value) = decode::<T>(data) else { return };
    assert!(data.len() <= LIMIT + 4, "{} bytes are read", data.len());
    let written = encode(&value).expect("what was read can be written");
    // A number may have been written longer than it must be.
    assert!(written.len() <= data.len());
    assert_eq!(decode::<T>(&written).expect("what was written can be read"), value);
    let longer = [&written[..], &[0]].concat();
    assert!(decode::<T>(&longer).is_err() && decode::<T>(&written[..written.len() - 1]).is_err());
}
