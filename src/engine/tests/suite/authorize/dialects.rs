//! Every dialect, whole and streamed, in any chunking, with an answer of the executor at any time.

use std::cell::Cell;

use callgate_engine::{AuthorizeBatch, CallFailed, CallRuling, Offer};

use super::desk::{Answers, ID, Rule, asking, contract, denied, free, pending, released, ruled, streamed, text, whole};
use super::samples::{FIRST, samples};
use crate::common::gate_over;

#[test]
fn released_calls_come_as_if_nobody_was_asked() {
    for sample in samples() {
        let key = sample.key;
        assert_eq!(whole(&asking("refuse"), &sample, &released), whole(&free("refuse"), &sample, &released), "{key}");
        let expected = streamed(&free("refuse"), &sample, 7, Answers::AtOnce, &released);
        assert!(text(&expected).contains("FIRST") && text(&expected).contains("SECOND"), "{key}");
        for answers in [Answers::AtOnce, Answers::Last] {
            for size in [1, 13, 50, 400, sample.stream.len()] {
                let out = streamed(&asking("refuse"), &sample, size, answers, &released);
                assert_eq!(text(&out), text(&expected), "{key} {answers:?} {size}");
            }
        }
    }
}

#[test]
fn a_call_that_waits_for_a_person_becomes_a_sentence_and_the_other_is_released() {
    let rule =
        |batch: &_| Ok(ruled(batch, |arguments| if arguments == FIRST { pending() } else { CallRuling::Released }));
    for sample in samples() {
        let key = sample.key;
        let body = text(&whole(&asking("refuse"), &sample, &rule));
        assert!(body.contains("approval_required") && body.contains(ID) && body.contains("within 2 minutes"), "{body}");
        assert!(!body.contains("FIRST") && body.contains("SECOND"), "{key}: {body}");
        let expected = streamed(&asking("refuse"), &sample, 1, Answers::AtOnce, &rule);
        let seen = text(&expected);
        assert!(seen.contains(ID) && !seen.contains("FIRST") && seen.contains("SECOND"), "{key}: {seen}");
        for (answers, size) in [(Answers::Last, 1), (Answers::Last, 100), (Answers::AtOnce, sample.stream.len())] {
            assert_eq!(
                streamed(&asking("refuse"), &sample, size, answers, &rule),
                expected,
                "{key} {answers:?} {size}"
            );
        }
    }
}

#[test]
fn on_error_a_held_call_ends_the_exchange_in_an_error_with_its_code() {
    for (ruling, code) in [(pending(), "approval_required"), (denied(), "policy_denied")] {
        let rule = |batch: &_| {
            Ok(ruled(batch, |arguments| if arguments == FIRST { ruling.clone() } else { CallRuling::Released }))
        };
        for sample in samples() {
            let key = sample.key;
            let body = text(&whole(&asking("error"), &sample, &rule));
            assert!(body.contains(code) && !body.contains("FIRST") && !body.contains("SECOND"), "{key}: {body}");
            for answers in [Answers::AtOnce, Answers::Last] {
                let out = text(&streamed(&asking("error"), &sample, 60, answers, &rule));
                assert!(out.contains(code) && !out.contains("FIRST") && !out.contains("SECOND"), "{key}: {out}");
            }
        }
    }
}

#[test]
fn without_an_answer_that_fits_nothing_is_released() {
    let failures: [(Rule<'_>, &str); 6] = [
        (&|_| Err(CallFailed::Unreachable), "executor_unavailable"),
        (&|_| Err(CallFailed::Overloaded), "executor_overloaded"),
        (&|_| Err(CallFailed::Rejected), "executor_rejected"),
        (&|_| Ok(Vec::new()), "executor_rejected"),
        (&|batch| released(batch).map(|rulings| rulings.into_iter().rev().skip(1).collect()), "executor_rejected"),
        (
            &|batch| {
                let mut rulings = released(batch)?;
                rulings[0].id = "other".into();
                Ok(rulings)
            },
            "executor_rejected",
        ),
    ];
    for (rule, code) in failures {
        for sample in samples() {
            for mode in ["refuse", "error", "feedback"] {
                let outs = [
                    whole(&asking(mode), &sample, rule),
                    streamed(&asking(mode), &sample, 90, Answers::AtOnce, rule),
                    streamed(&asking(mode), &sample, 90, Answers::Last, rule),
                ];
                for out in outs {
                    let out = text(&out);
                    assert!(
                        out.contains(code) && !out.contains("FIRST") && !out.contains("SECOND"),
                        "{}: {out}",
                        sample.key
                    );
                }
            }
        }
    }
}

#[test]
fn with_authorize_the_model_and_the_facts_of_the_conversation_are_sent() {
    for sample in samples() {
        let key = sample.key;
        for (spec, sends) in [("  authorize: true", true), ("", false)] {
            let gate = gate_over(&contract("refuse", spec, "      approval: always"), Offer::Declared);
            let seen = Cell::new(0);
            let rule = |batch: &AuthorizeBatch| {
                let sent = &batch.batch;
                assert_eq!((sent.model.is_some(), sent.conversation.is_some()), (sends, sends), "{key} {spec}");
                if let Some(facts) = &sent.conversation {
                    assert_eq!(
                        (facts.tainted, facts.rounds, facts.turns, facts.calls.len()),
                        (false, 0, 0, 0),
                        "{key}"
                    );
                }
                seen.set(seen.get() + 1);
                released(batch)
            };
            whole(&gate, &sample, &rule);
            let asked = seen.replace(0);
            streamed(&gate, &sample, 60, Answers::AtOnce, &rule);
            assert!(asked > 0 && seen.get() > 0, "{key}");
        }
    }
}
