//! Protobuf as in tonic, with a bound on the memory of a small message.
//!
//! An empty element of a repeated field takes two bytes in a message and many in memory, so a bound on bytes is not enough.
//! [`Bounded`] counts the fields of a message before it decodes any.

use std::marker::PhantomData;

use prost::Message;
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstDecoder, ProstEncoder};

/// The most fields of a message, elements of repeated fields included. No message of ours needs half of them.
const FIELDS: usize = 4096;

/// Reads and writes protobuf; refuses messages with too many fields.
#[derive(Clone, Debug)]
pub(crate) struct Bounded<T, U>(PhantomData<(T, U)>);

/// Reads one message.
#[derive(Debug)]
pub(crate) struct BoundedDecoder<U>(ProstDecoder<U>);

impl<T, U> Default for Bounded<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for Bounded<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(ProstDecoder::default())
    }
}

impl<U: Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // A message is one piece of memory here. If it were not, the rest would be refused as cut off.
        check(message.chunk())?;
        self.0.decode(message)
    }
}

/// Checks that a message has no more than the allowed fields.
fn check(mut message: &[u8]) -> Result<(), Status> {
    for _ in 0..FIELDS {
        if !message.has_remaining() {
            return Ok(());
        }
        let (tag, kind) = decode_key(&mut message).map_err(|error| broken(&error))?;
        skip_field(kind, tag, &mut message, DecodeContext::default()).map_err(|error| broken(&error))?;
    }
    if message.has_remaining() {
        return Err(Status::invalid_argument(format!("too many fields (message); send at most {FIELDS}")));
    }
    Ok(())
}

fn broken(error: &prost::DecodeError) -> Status {
    Status::internal(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::v1::{Call, ExecuteRequest};

    fn calls(number: usize) -> Vec<u8> {
        ExecuteRequest { calls: vec![Call::default(); number], ..ExecuteRequest::default() }.encode_to_vec()
    }

    #[test]
    fn a_message_of_many_empty_elements_is_refused_before_it_is_read() {
        check(&calls(FIELDS)).unwrap();
        assert_eq!(check(&calls(FIELDS + 1)).unwrap_err().code(), tonic::Code::InvalidArgument);
        assert_eq!(check(&calls(2 << 20)).unwrap_err().code(), tonic::Code::InvalidArgument);
    }

    #[test]
    fn a_broken_message_is_refused() {
        for broken in [&[0xff_u8] as &[u8], &[0x0a, 0x05, 0x01], &[0x0f]] {
            assert!(check(broken).is_err(), "{broken:?}");
        }
    }
}
