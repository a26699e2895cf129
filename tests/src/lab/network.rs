//! A switch that machines are plugged into. It is a namespace with a bridge, unconnected to the host's network: no
//! link, rule or setting of the host changes, and networks of parallel tests can share addresses.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::claim::{Claim, PREFIX, lock_file, state_dir};
use super::door;
use super::host::make_namespace;

/// The address of the switch itself, where [`super::http::Server::in_network`] listens.
pub const GATEWAY: &str = "10.77.0.1";
const ADDRESSES: &str = "addresses";

/// A switch with its own namespace.
#[derive(Debug)]
pub struct Network {
    claim: Claim,
}

impl Network {
    /// A new switch, gone when dropped.
    ///
    /// # Errors
    /// Not root, or no namespaces.
    pub fn new() -> Result<Self> {
        Self::made(Claim::new("net")?)
    }

    /// The kept switch of that name, made if there is none.
    ///
    /// # Errors
    /// As [`Network::new`].
    pub fn kept(name: &str) -> Result<Self> {
        if state_dir().join(name).exists() {
            return Ok(Self { claim: Claim::open(name)? });
        }
        let mut claim = Claim::named(name)?;
        claim.keep()?;
        Self::made(claim)
    }

    fn made(claim: Claim) -> Result<Self> {
        let net = Self { claim };
        fs::write(net.claim.dir().join("kind"), "network")?;
        let space = net.namespace();
        make_namespace(&space)?;
        door::ok("ip", ["-n", &space, "link", "add", "br0", "type", "bridge"])?;
        door::ok("ip", ["-n", &space, "address", "add", &format!("{GATEWAY}/24"), "dev", "br0"])?;
        for device in ["lo", "br0"] {
            door::ok("ip", ["-n", &space, "link", "set", device, "up"])?;
        }
        Ok(net)
    }

    /// Name of its namespace, as `ip netns` shows it.
    pub fn namespace(&self) -> String {
        format!("{PREFIX}{}", self.claim.name())
    }

    /// Listens at a free port of [`GATEWAY`].
    ///
    /// # Errors
    /// The namespace cannot be entered.
    pub fn listen(&self) -> Result<TcpListener> {
        inside(self.file(), || Ok(TcpListener::bind((GATEWAY, 0))?))
    }

    pub(super) fn file(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(self.namespace())
    }

    /// Plugs a machine's namespace in; returns the port of the switch and the machine's address.
    pub(super) fn plug(&self, machine: &str) -> Result<(String, String)> {
        let last = self.next_address()?;
        let (port, address) = (format!("port{last}"), format!("10.77.0.{last}"));
        let (ours, theirs) = (self.namespace(), format!("{PREFIX}{machine}"));
        door::ok(
            "ip",
            ["link", "add", "host0", "netns", &theirs, "type", "veth", "peer", "name", &port, "netns", &ours],
        )?;
        door::ok("ip", ["-n", &ours, "link", "set", &port, "master", "br0", "up"])?;
        door::ok("ip", ["-n", &theirs, "address", "add", &format!("{address}/24"), "dev", "host0"])?;
        for device in ["lo", "host0"] {
            door::ok("ip", ["-n", &theirs, "link", "set", device, "up"])?;
        }
        Ok((port, address))
    }

    /// The last number of the next address, never given twice: machines may come from several processes.
    fn next_address(&self) -> Result<u8> {
        let path = self.claim.dir().join(ADDRESSES);
        let lock = lock_file(&self.claim.dir().join("addresses.lock"))?;
        lock.lock()?;
        let last = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse::<u8>().with_context(|| path.display().to_string())?,
            Err(_) => 1,
        };
        if last >= 254 {
            bail!("network {} has given out all its addresses", self.claim.name());
        }
        fs::write(&path, (last + 1).to_string())?;
        Ok(last + 1)
    }
}

/// Runs something in a network namespace, on a thread of its own: a thread cannot be trusted to come back.
pub(super) fn inside<T: Send>(namespace: PathBuf, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|s| {
        let thread = s.spawn(|| {
            let file = fs::File::open(&namespace).with_context(|| namespace.display().to_string())?;
            let kind = rustix::thread::LinkNameSpaceType::Network;
            rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&file), Some(kind))?;
            act()
        });
        thread.join().unwrap_or_else(|_| bail!("a thread of the lab panicked"))
    })
}
