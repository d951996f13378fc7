//! The properties of streaming, written once for every dialect.

use callgate_wire::framing::Framing;
use callgate_wire::{Answer, Call, ChoiceIndex, Delta, Fate, ReleasePolicy, Stream};
use proptest::prelude::*;
use serde_json::Value;

use super::carried::carried;
use super::deltas::{calls, canonical, chunks, ended, passed};
use super::fast_path::Sample;

/// Appears in every call, and nowhere else.
pub(crate) const SECRET: &str = "S3CRET";

/// Appears in the arguments of every refused call, and nowhere else.
pub(crate) const REFUSED: &str = "R3FUSED";

/// The begin of an argument: of a call that is released, or of one that is refused.
pub(crate) fn secrets() -> impl Strategy<Value = String> {
    prop_oneof![Just(SECRET.to_owned()), Just(format!("{SECRET} {REFUSED}"))]
}

/// A turn of a model, whole and streamed.
#[derive(Clone)]
pub(crate) struct Turn {
    pub(crate) answer: Vec<u8>,
    pub(crate) stream: Vec<u8>,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n{}", String::from_utf8_lossy(&self.answer), String::from_utf8_lossy(&self.stream))
    }
}

/// A dialect's part in the properties.
pub(crate) trait Subject {
    const FRAMING: Framing;
    /// The policies under which a stream and a whole answer tell the same in the same order.
    const POLICIES: &'static [ReleasePolicy] = &[ReleasePolicy::Call, ReleasePolicy::Turn];
    const SAMPLE: Sample;

    /// Turns with [`secrets`] in every call.
    fn turns() -> BoxedStrategy<Turn>;

    fn answer(body: &[u8]) -> Box<dyn Answer>;

    fn stream() -> Box<dyn Stream>;

    /// The bytes that pass while calls are held.
    fn passed(deltas: &[Delta]) -> Vec<u8> {
        passed(deltas)
    }

    /// A call, as far as a stream and a whole answer give the same.
    fn call(call: Call) -> Call {
        call
    }

    /// The turn so far beside its calls, as far as a stream and a whole answer give the same.
    fn said(said: Vec<Value>) -> Vec<Value> {
        said
    }

    /// A client's view of a stream.
    fn streamed(bytes: &[u8], policy: ReleasePolicy) -> Value;

    /// A client's view of a whole answer.
    fn whole(body: &[u8], policy: ReleasePolicy) -> Value;
}

/// Positions to cut a stream at.
pub(crate) type Cuts = Vec<prop::sample::Index>;

pub(crate) fn cuts() -> impl Strategy<Value = Cuts> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..8)
}

pub(crate) fn policies<S: Subject>() -> impl Strategy<Value = ReleasePolicy> {
    prop::sample::select(S::POLICIES)
}

/// The fate of a call: released or replaced, as its arguments say.
pub(crate) fn fate(call: Call) -> Fate {
    if call.arguments.contains(REFUSED) {
        Fate::Replace("not that one".to_owned())
    } else {
        Fate::Keep(canonical(call))
    }
}

/// Property: any chunking of a stream gives the same deltas.
pub(crate) fn any_chunking<S: Subject>(bytes: &[u8], cuts: &Cuts) -> Result<(), TestCaseError> {
    let read = |chunks: &[&[u8]]| ended(S::FRAMING, &mut *S::stream(), chunks).unwrap();
    let whole = read(&[bytes]);
    prop_assert_eq!(&read(&chunks(bytes, cuts)), &whole);
    prop_assert_eq!(&read(&bytes.chunks(1).collect::<Vec<_>>()), &whole);
    Ok(())
}

/// Property: a stream has the calls of the whole answer, and the same beside them.
pub(crate) fn calls_of_the_answer<S: Subject>(turn: &Turn) -> Result<(), TestCaseError> {
    let (mut stream, answer) = (S::stream(), S::answer(&turn.answer));
    let streamed = calls(&ended(S::FRAMING, &mut *stream, &[&turn.stream]).unwrap());
    let same = |calls: &[Call]| -> Vec<Call> { calls.iter().cloned().map(S::call).collect() };
    prop_assert_eq!(same(&streamed), same(answer.calls()[0]));
    prop_assert_eq!(S::said(stream.said(ChoiceIndex::FIRST)), S::said(answer.said(ChoiceIndex::FIRST)));
    Ok(())
}

/// Property: nothing of a call is in the output while it is held.
pub(crate) fn no_part_of_a_held_call<S: Subject>(bytes: &[u8]) -> Result<(), TestCaseError> {
    let passed = S::passed(&ended(S::FRAMING, &mut *S::stream(), &[bytes]).unwrap());
    prop_assert!(!String::from_utf8_lossy(&passed).contains(SECRET));
    Ok(())
}

/// Property: the stream, put together, equals the whole answer, whatever the fates of its calls; nothing of a refused call is in
/// either.
pub(crate) fn stream_equals_answer<S: Subject>(turn: &Turn, policy: ReleasePolicy) -> Result<(), TestCaseError> {
    let out = carried(S::FRAMING, &mut *S::stream(), &turn.stream, policy, &|_, call| fate(call));
    let mut answer = S::answer(&turn.answer);
    let fates: Vec<Fate> = answer.calls()[0].iter().cloned().map(fate).collect();
    let released = fates.iter().any(|fate| matches!(fate, Fate::Keep(_)));
    if !fates.is_empty() {
        answer.settle(ChoiceIndex::FIRST, fates, policy);
    }
    let whole = answer.write();
    prop_assert_eq!(S::streamed(&out, policy), S::whole(&whole, policy));
    for text in [String::from_utf8_lossy(&out), String::from_utf8_lossy(&whole)] {
        prop_assert!(!text.contains(REFUSED));
        prop_assert_eq!(text.contains(SECRET), released);
    }
    Ok(())
}

/// Writes a test of each property for a [`Subject`].
macro_rules! properties {
    ($subject:ty) => {
        proptest::proptest! {
            // A failed case is printed; it belongs into a table, not into a file of seeds.
            #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

            #[test]
            fn any_chunking_of_a_stream_gives_the_same_deltas(
                turn in <$subject as $crate::suite::Subject>::turns(),
                cuts in $crate::suite::cuts(),
            ) {
                $crate::suite::any_chunking::<$subject>(&turn.stream, &cuts)?;
            }

            #[test]
            fn a_stream_has_the_calls_of_the_answer(turn in <$subject as $crate::suite::Subject>::turns()) {
                $crate::suite::calls_of_the_answer::<$subject>(&turn)?;
            }

            #[test]
            fn nothing_of_a_held_call_is_in_the_output(turn in <$subject as $crate::suite::Subject>::turns()) {
                $crate::suite::no_part_of_a_held_call::<$subject>(&turn.stream)?;
            }

            #[test]
            fn an_accumulated_stream_equals_the_answer_and_has_nothing_of_a_refused_call(
                turn in <$subject as $crate::suite::Subject>::turns(),
                policy in $crate::suite::policies::<$subject>(),
            ) {
                $crate::suite::stream_equals_answer::<$subject>(&turn, policy)?;
            }

            #[test]
            fn the_fast_path_leaves_the_state_that_parsing_leaves(choices in $crate::suite::choices()) {
                $crate::suite::fast_equals_slow(&<$subject as $crate::suite::Subject>::SAMPLE, &choices)?;
            }
        }
    };
}
pub(crate) use properties;
