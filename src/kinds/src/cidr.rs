//! Blocks of addresses: `10.1.0.0/16`, judged by the blocks that hold them.

use crate::{Refusal, RuleError};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// The longest text, in bytes.
const MOST_BYTES: usize = 64;

/// A block of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrBlock {
    net: IpNet,
}

/// The blocks that others must lie in. No entry allows nothing.
#[derive(Clone, Debug, Default)]
pub struct CidrRules {
    texts: Vec<String>,
    blocks: Vec<CidrBlock>,
}

// === impl CidrBlock ===

impl CidrBlock {
    /// Reads `ADDRESS/LENGTH`. The bits after the prefix are zero, and no number has a leading zero.
    ///
    /// # Errors
    ///
    /// The byte, and the reason.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        if text.len() > MOST_BYTES {
            return Err(Refusal::byte(MOST_BYTES, "is longer than 64 bytes"));
        }
        let (address, length) =
            text.split_once('/').ok_or(Refusal::whole("is not of the form `address/prefix length`"))?;
        let is_mixed = address.contains(':') && address.contains('.');
        let address_at = || Refusal::byte(0, "has an address that is not in its plain form");
        // The standard library reads four decimal numbers without leading zeros, or IPv6 without a zone.
        let ip: IpAddr = if is_mixed { Err(address_at()) } else { address.parse().map_err(|_| address_at()) }?;
        let length_at = |reason| Refusal::byte(address.len() + 1, reason);
        let is_plain = length == "0" || (!length.starts_with('0') && length.bytes().all(|byte| byte.is_ascii_digit()));
        let prefix: Option<u8> = if is_plain { length.parse().ok() } else { None };
        let net = prefix.and_then(|prefix| IpNet::new(ip, prefix).ok());
        let net = net.ok_or_else(|| length_at("has a prefix length that is not a number of bits of the address"))?;
        if net.trunc() != net {
            return Err(Refusal::byte(0, "has bits after its prefix, which some programs drop and others refuse"));
        }
        if matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some()) {
            return Err(Refusal::byte(0, "is a block of IPv4 addresses in the form of IPv6 ones"));
        }
        Ok(Self { net })
    }
}

impl fmt::Display for CidrBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.net.fmt(f)
    }
}

// === impl CidrRules ===

impl CidrRules {
    /// Compiles blocks.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be read as a block.
    pub fn compile(blocks: &[String]) -> Result<Self, RuleError> {
        let read = |text: &str| CidrBlock::read(text).map_err(|refusal| refusal.to_string());
        Ok(Self { texts: blocks.to_vec(), blocks: RuleError::each(blocks, read)? })
    }

    /// Checks that a block lies in one of the rules.
    ///
    /// # Errors
    ///
    /// No entry holds the whole block.
    pub fn check(&self, block: &CidrBlock) -> Result<(), Refusal> {
        match self.allowed_by(block) {
            Some(_) => Ok(()),
            None => Err(Refusal::whole("block outside the profile's blocks")),
        }
    }

    /// Returns the first entry that holds the whole block.
    #[must_use]
    pub fn allowed_by(&self, block: &CidrBlock) -> Option<&str> {
        let index = self.blocks.iter().position(|rule| rule.net.contains(&block.net))?;
        self.texts.get(index).map(String::as_str)
    }
}
