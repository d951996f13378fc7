//! Recorded streams whose client hangs up after one of their events. The verdict is that of what the client got.

use std::rc::Rc;

use callgate_engine::{Event, Gate};
use callgate_wire::{DIALECTS, Target};

use crate::play::{begun, gate_of, streamed, take};
use crate::recording::{Recording, recordings};
use crate::reference::Reference;

/// One of so many recordings is played: a stream is played again for each of its moments.
const SAMPLE: usize = 6;
/// The moments of a long stream; a short one is cut after each of its events.
const MOMENTS: usize = 6;

/// The ends of a stream's events.
fn ends(body: &[u8]) -> Vec<usize> {
    let is_end = |at: &usize| body[..*at].ends_with(b"\n\n") || body[..*at].ends_with(b"\r\n\r\n");
    let mut ends: Vec<usize> = (1..body.len()).filter(is_end).chain([body.len()]).collect();
    let step = ends.len().div_ceil(MOMENTS).max(1);
    if ends.len() > 3 * MOMENTS {
        let last = ends.len() - MOMENTS;
        let mut at = 0;
        ends.retain(|_| {
            at += 1;
            at % step == 0 || at > last
        });
    }
    ends
}

#[test]
fn a_recorded_stream_has_the_verdict_of_what_the_client_got_before_it_hung_up() {
    let Some(recordings) = recordings() else { return };
    let (mut moments, mut streams) = ([0u32; 4], 0);
    for recording in recordings.iter().filter(|recording| recording.streamed && recording.status == 200).step_by(SAMPLE)
    {
        let Some(row) = DIALECTS.iter().find(|row| recording.is_of(row)) else { continue };
        let Ok(reference) = Reference::new(recording) else { continue };
        let gate = gate_of(recording, &reference);
        streams += 1;
        let mut last = "cancelled";
        for end in ends(&recording.body) {
            last = hung_up(&gate, recording, row, end);
            let kinds = ["cancelled", "pass", "allow", "refuse"];
            moments[kinds.iter().position(|kind| *kind == last).unwrap()] += 1;
        }
        // An API may have no mark of a stream's end, and its last call is then held until the response ends.
        if recording.is_complete() && recording.calls.is_empty() {
            assert_eq!(last, "pass", "{}: nothing is missing", recording.id);
        }
    }
    println!("COVERED {streams} recorded streams: cancelled, pass, allow, refuse {moments:?}");
    assert!(streams > 50 && moments.iter().all(|count| *count > 0), "{streams} {moments:?}");
}

/// Hangs up after so many bytes, and returns the word of the verdict.
fn hung_up(gate: &Rc<Gate>, recording: &Recording, row: &'static callgate_wire::Row, end: usize) -> &'static str {
    let (id, dialect) = (&recording.id, row.dialect().unwrap());
    let mut bytes = Vec::new();
    let mut exchange = begun(gate, recording, row, &mut bytes).unwrap_or_else(|why| panic!("{id}: {why}"));
    let now = std::time::Duration::from_secs(1);
    let chunk = &recording.body[..end];
    take(exchange.on(Event::ResponseData { chunk, end: false, now }), chunk, &mut bytes);
    exchange.on(Event::Cancelled);
    let tally = exchange.tally();
    let request = dialect.request(&Target::new(row.paths[0]), &recording.request_body).unwrap();
    let calls = streamed(dialect, &*request, &bytes);
    let expected = match (tally.refused.is_empty(), calls.is_empty()) {
        (false, _) => "refuse",
        (true, false) => "allow",
        (true, true) if tally.cancelled => "cancelled",
        (true, true) => "pass",
    };
    assert_eq!(tally.ending().0.as_str(), expected, "{id} after {end} of {} bytes", recording.body.len());
    assert_eq!(usize::try_from(tally.released).unwrap(), calls.len(), "{id} after {end} bytes");
    expected
}
