//! The table of models: each option does what the table says, and nothing else passes.

use callgate_kinds::command::{self, ProgramModel};

use crate::profiles::Profile;

/// Words before the option that some models need: one that is a path, or the head of the command.
fn value(sort: &str) -> &str {
    match sort {
        "n" => "5",
        "m" => "644",
        "i" => ".bak",
        "s" | "S" => "p",
        "b" => "name",
        "L" => "1,5:a",
        "g" => "HEAD",
        choice if choice.starts_with('=') => choice.trim_start_matches('=').split(',').next().unwrap(),
        _ => "a",
    }
}

/// An option of the table: its spellings, each with its value if it takes one.
fn spellings(item: &str) -> Vec<String> {
    let item = item.trim_start_matches(['*', '^']);
    if item == "-#" {
        return vec!["-5".to_owned()];
    }
    let at = item.get(2..).and_then(|rest| rest.find([':', '='])).map(|at| at + 2);
    let (name, sort) = at.map_or((item, ""), |at| item.split_at(at));
    let is_long = name.starts_with("--");
    let with = |name: &str, sort: &str| -> Vec<String> {
        let (sign, sort) = sort.split_at(sort.len().min(1));
        let one = value(sort);
        let glued = if is_long { format!("{name}={one}") } else { format!("{name}{one}") };
        match sign {
            "" => vec![name.to_owned()],
            ":" if sort.len() > 1 && !sort.starts_with('=') => vec![format!("{name} a a")],
            ":" => vec![format!("{name} {one}"), glued],
            _ => vec![name.to_owned(), glued],
        }
    };
    if is_long || name.len() == 2 {
        return with(name, sort);
    }
    name.chars().skip(1).map(|letter| format!("-{letter}")).collect()
}

/// Returns true for a program whose options the general reader does not read.
fn is_special(model: &ProgramModel) -> bool {
    matches!(model.words, "find" | "apply_patch" | "xargs" | "tar") || model.operands.ends_with('c')
}

#[test]
fn every_option_of_the_table_is_allowed_in_each_spelling() {
    let wide = Profile::wide();
    let mut wrong = Vec::new();
    for model in command::program_models().iter().filter(|model| !is_special(model)) {
        let is_go = model.words.starts_with("go");
        for item in model.options.split_ascii_whitespace() {
            let spelled = if is_go { vec![item.split([':', '=']).next().unwrap().to_owned()] } else { spellings(item) };
            for spelled in spelled {
                let spelled = match item.split_once(':') {
                    Some((_, sort)) if is_go => format!("{spelled} {}", value(sort)),
                    _ => spelled,
                };
                let line = format!("{} {spelled}", model.words);
                if let Err(refusal) = wide.judge(&line) {
                    wrong.push(format!("{line}: {refusal}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} refused:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_option_that_the_table_lacks_is_refused_for_every_program() {
    let wide = Profile::wide();
    let texts = ["echo", "test", "[", "true", "false", ":"];
    for model in command::program_models().iter().filter(|model| !texts.contains(&model.words)) {
        for option in ["--no-such-option", "--exec=id", "-ø", "--output=/etc/x", "--config=x", "--help-all"] {
            let line = format!("{} {option}", model.words);
            assert!(wide.judge(&line).is_err(), "{line}");
        }
        // A shorter form of a long option, which the program may accept, is refused unless it is an option itself.
        for item in model.options.split_ascii_whitespace() {
            let name = item.trim_start_matches(['*', '^']).split([':', '=']).next().unwrap();
            let is_known = |short: &str| {
                model
                    .options
                    .split_ascii_whitespace()
                    .any(|own| own.trim_start_matches(['*', '^']).split([':', '=']).next() == Some(short))
            };
            let Some(short) = name.get(..name.len() - 1).filter(|short| short.len() > 4 && short.starts_with("--"))
            else {
                continue;
            };
            let line = format!("{} {short}", model.words);
            assert!(is_known(short) || wide.judge(&line).is_err(), "{line}");
        }
    }
}

#[test]
fn a_path_outside_is_refused_in_every_operand_and_value() {
    let wide = Profile::wide();
    let mut wrong = Vec::new();
    for model in command::program_models().iter().filter(|model| !is_special(model)) {
        for item in model.options.split_ascii_whitespace() {
            let item = item.trim_start_matches(['*', '^']);
            if let Some((name, "r" | "w" | "R" | "W" | "t")) = item.split_once(':') {
                wrong.extend(["/etc/x", "../x"].map(|path| format!("{} {name} {path}", model.words)));
                if name.starts_with("--") {
                    wrong.push(format!("{} {name}=/etc/x", model.words));
                }
            }
        }
        let operands: Vec<&str> = model.operands.split(" -- ").next().unwrap().split_ascii_whitespace().collect();
        for (at, sort) in operands.iter().enumerate() {
            if "rwdvogGyq".contains(sort.trim_end_matches(['?', '*', '+'])) {
                let before: Vec<&str> =
                    operands.iter().take(at).map(|sort| value(sort.trim_end_matches(['?', '*', '+']))).collect();
                wrong.push(format!("{} {} /etc/x", model.words, before.join(" ")));
                wrong.push(format!("{} {} ../x", model.words, before.join(" ")));
            }
        }
    }
    assert!(wrong.len() > 300, "{}", wrong.len());
    wrong.retain(|line| wide.judge(line).is_ok());
    assert!(wrong.is_empty(), "{} passed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_has_no_item_that_its_reader_misreads() {
    let mut seen = std::collections::BTreeSet::new();
    for model in command::program_models() {
        assert!(seen.insert(model.words), "{} twice", model.words);
        let mut names = std::collections::BTreeSet::new();
        for item in model.options.split_ascii_whitespace() {
            let bare = item.trim_start_matches(['*', '^']);
            assert!(bare.starts_with('-') && bare.len() > 1, "{}: {item}", model.words);
            for spelled in spellings(bare) {
                let name = spelled.split([' ', '=']).next().unwrap().to_owned();
                if name.len() == 2 && !model.words.starts_with("go") && model.words != "find" {
                    let is_new = names.insert(name.clone());
                    assert!(is_new, "{}: {name} twice", model.words);
                }
            }
            let sort = bare.get(2..).and_then(|rest| rest.split_once([':', '='])).map_or("", |(_, sort)| sort);
            assert!(
                sort.starts_with('=') || sort.chars().all(|letter| "xtnrwdvmisbLguXRSW".contains(letter)),
                "{}: {item} has an unknown sort",
                model.words
            );
        }
        for operand in model.operands.split_ascii_whitespace() {
            let sort = operand.trim_end_matches(['?', '*', '+']);
            assert!(
                sort == "--"
                    || sort.starts_with('=')
                    || (sort.len() == 1 && "xtnrwdvogGmiskjbhpqyuflac".contains(sort)),
                "{}: {operand} has an unknown sort",
                model.words
            );
        }
    }
}
