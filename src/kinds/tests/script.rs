//! Code mode: the calls that the reader reports are those that JavaScript makes.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that fails may panic, and says what it skips"
)]

use std::io::Write as _;
use std::process::{Command, Stdio};

use callgate_kinds::script::{MAX_BYTES, MAX_CALLS, read};
use serde_json::{Value, json};

fn calls(program: &str) -> Result<Vec<(String, Value)>, String> {
    let calls = read(program).map_err(|refusal| refusal.to_string())?;
    Ok(calls.into_iter().map(|call| (call.name, serde_json::from_str(&call.arguments).unwrap())).collect())
}

/// Programs that are read, with their calls.
fn accepted() -> Vec<(&'static str, Vec<(&'static str, Value)>)> {
    vec![
        (
            "const r = await tools.run({cmd: 'head -n1 NOTES.txt'}); text(r.output ?? r); await tools.apply_patch(\"*** Begin Patch\\n*** End Patch\");",
            vec![
                ("run", json!({"cmd": "head -n1 NOTES.txt"})),
                ("apply_patch", json!("*** Begin Patch\n*** End Patch")),
            ],
        ),
        ("", vec![]),
        ("// @exec: {\"yield_time_ms\": 10000}\nawait tools.a({})\ntext('x')\n", vec![("a", json!({}))]),
        ("await tools.a(`l1\n'l2' \\` \\$ $ \\u00e9\n`)", vec![("a", json!("l1\n'l2' ` $ $ é\n"))]),
        (
            "const p = `a\nb`\nawait tools.f(p);await tools.g({x: [p, p], 'y z': \"\\ud83d\\ude00\",})",
            vec![("f", json!("a\nb")), ("g", json!({"x": ["a\nb", "a\nb"], "y z": "😀"}))],
        ),
        (
            "const a = await tools.f({n: -1.5, i: 123456789012345, t: true, z: null, o: {o: []}, s: 'it\\'s \"x\"\t'});\n\ntext(JSON.stringify(a.b?.c[0]) + ' ' + a);",
            vec![(
                "f",
                json!({"n": -1.5, "i": 123_456_789_012_345_i64, "t": true, "z": null, "o": {"o": []}, "s": "it's \"x\"\t"}),
            )],
        ),
        ("await\ntools // c\n.f\n(\n'x'\n,\n)\n;;", vec![("f", json!("x"))]),
    ]
}

const REFUSED: [&str; 72] = [
    "await tools.f()",
    "await tools.f(1)",
    "await tools.f([])",
    "await tools.f(null)",
    "await tools.f({}, {})",
    "await tools.f(r)",
    "const r = await tools.f({}); await tools.g(r)",
    "const r = await tools.f({}); await tools.g({x: r.y})",
    "await tools.f('a' + 'b')",
    "await tools.f(`${x}`)",
    "await tools.f(String.raw`x`)",
    "await tools.f`x`",
    "await tools['f']('x')",
    "await tools.f.call('x')",
    "await tools.f('x').then(g)",
    "await tools.f('x')\n.then(g)",
    "await tools.f('x')\n(1)",
    "await tools.f('x')\n[0]",
    "await tools.f('x')\n`x`",
    "await tools.f('x') await tools.g('x')",
    "await tools.f('x'), tools.g('x')",
    "tools.f('x')",
    "let r = await tools.f('x')",
    "var r = await tools.f('x')",
    "r = await tools.f('x')",
    "const r = tools.f('x')",
    "const {a} = await tools.f('x')",
    "const r = await tools.f('x'), s = await tools.g('x')",
    "const tools = 'x'",
    "const text = 'x'",
    "const r = 'x'; const r = 'y'",
    "const r = 5",
    "const r = 'x' + 'y'; await tools.f(r)",
    "if (1) await tools.f('x')",
    "for (;;) await tools.f('x')",
    "{ await tools.f('x') }",
    "() => tools.f('x')",
    "eval('x')",
    "exit()",
    "import('x')",
    "text(tools)",
    "text(r)",
    "text(tools.f('x'))",
    "text(await tools.f('x'))",
    "text('x', 'y')",
    "const r = await tools.f('x'); text(r.a())",
    "const r = await tools.f('x'); text(r[a])",
    "const r = await tools.f('x'); text(r.a = 1)",
    "const r = await tools.f('x'); text(r.toString``)",
    "await tools.f({__proto__: {}})",
    "await tools.f({'__proto__': {}})",
    "await tools.f({a: 1, a: 2})",
    "await tools.f({a: 1, 'a': 2})",
    "await tools.f({['a']: 1})",
    "await tools.f({a})",
    "await tools.f({a() {}})",
    "await tools.f({...a})",
    "await tools.f({1: 2})",
    "await tools.f({a: undefined})",
    "await tools.f({a: [,]})",
    "await tools.f({a: 01})",
    "await tools.f({a: 1e400})",
    "await tools.f({a: 0x10})",
    "await tools.f({a: -0})",
    "await tools.f({a: 9007199254740993})",
    "await tools.f('\\x41')",
    "await tools.f('\\0')",
    "await tools.f('\\ud800')",
    "await tools.f('a\\\nb')",
    "await tools.f('a\u{2028}b')",
    "// a\u{2028}await tools.f('x')",
    "/* a */ await tools.f('x')",
];

#[test]
fn calls_with_literal_arguments_are_read() {
    for (program, expected) in accepted() {
        let expected: Vec<(String, Value)> =
            expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        assert_eq!(calls(program), Ok(expected), "{program}");
    }
}

#[test]
fn programs_that_compute_are_refused() {
    for program in REFUSED {
        assert!(read(program).is_err(), "{program}: {:?}", read(program));
    }
}

#[test]
fn a_refusal_has_the_line_and_a_call_has_its_line() {
    assert_eq!(read("await tools.a('x');\n\nawait tools.b('x');\n").unwrap()[1].line, 3);
    let refusal = read("await tools.a('x');\n`secret`").unwrap_err();
    assert!(refusal.to_string().starts_with("line 2: ") && !refusal.to_string().contains("secret"), "{refusal}");
}

#[test]
fn size_depth_and_calls_are_bounded() {
    assert!(read(&"await tools.f('x');".repeat(MAX_CALLS)).is_ok());
    assert!(read(&"await tools.f('x');".repeat(MAX_CALLS + 1)).is_err());
    assert!(read(&" ".repeat(MAX_BYTES + 1)).is_err());
    let nested = |depth: usize| format!("await tools.f({{a: {}{}}})", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(32)).is_ok());
    assert!(read(&nested(33)).is_err());
    // A constant is copied at each use, up to a bound.
    let long = format!("const p = '{}'; await tools.f({{a: [{}]}})", "x".repeat(1 << 16), "p,".repeat(1 << 12));
    assert!(read(&long).is_err());
    for piece in [
        "[",
        "{a:",
        "(",
        "'",
        "`",
        "//",
        "/*",
        "\\",
        "await ",
        "const ",
        "text(",
        "\n",
        ";",
        "a.",
        "{a:1,",
        "await tools.f({a:",
    ] {
        for program in
            [piece.repeat((1 << 16) / piece.len()), format!("await tools.f({}", piece.repeat((1 << 16) / piece.len()))]
        {
            let _ = read(&program);
        }
    }
}

/// A small generator of numbers: the same seed gives the same mutants everywhere.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }
}

const PIECES: [&str; 56] = [
    "'",
    "\"",
    "`",
    "\\",
    "\n",
    "\r\n",
    ";",
    ",",
    ".",
    "?.",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ":",
    "??",
    "||",
    "+",
    "$",
    "${",
    "\\u0041",
    "\\n",
    "\\`",
    "//",
    "/*",
    "*/",
    "<!--",
    "-->",
    "await ",
    "const x = ",
    "tools",
    "tools.g",
    "text",
    "text(x)",
    "r",
    "a: 1",
    "'b': 'c'",
    "1",
    "-",
    "0.5",
    "true",
    "null",
    "e",
    "\u{2028}",
    "\u{a0}",
    "\u{feff}",
    "é",
    "\t",
    "=",
    "=>",
    "await tools.g('x')",
    "`a\nb`",
    "__proto__",
    "...",
];

/// Runs programs with tools that only record their calls, and prints the calls of each.
const HOST: &str = r#"
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
const AsyncFunction = (async () => {}).constructor;
(async () => {
  for (const line of lines) {
    const calls = [];
    const tools = new Proxy({}, { get: (_, name) => name === 'then' ? undefined : async (...args) => {
      calls.push([String(name), args.length === 1 ? args[0] : { __args: args.length }]);
      return { output: 'o', b: { c: ['d'] } };
    } });
    let end = 'done';
    try { await new AsyncFunction('tools', 'text', '"use strict";' + JSON.parse(line))(tools, () => {}); }
    catch (error) { end = error instanceof SyntaxError ? 'syntax' : 'error'; }
    console.log(JSON.stringify({ calls, end }));
  }
})();
"#;

#[test]
fn node_makes_the_calls_that_the_reader_reports() {
    let mut numbers = Numbers(11);
    let mut programs: Vec<String> = accepted().into_iter().map(|(program, _)| program.to_owned()).collect();
    let seeds: Vec<String> = programs.iter().cloned().chain(REFUSED.map(str::to_owned)).collect();
    for _ in 0..200_000 {
        let mut program = seeds[numbers.below(seeds.len())].clone();
        for _ in 0..=numbers.below(3) {
            let places: Vec<usize> = program.char_indices().map(|(at, _)| at).chain([program.len()]).collect();
            let (from, to) = (numbers.below(places.len()), numbers.below(4));
            let (from, to) = (places[from], places[(from + to).min(places.len() - 1)]);
            let piece = if numbers.below(3) == 0 { "" } else { PIECES[numbers.below(PIECES.len())] };
            program.replace_range(from..if piece.is_empty() { to } else { from }, piece);
        }
        if read(&program).is_ok() {
            programs.push(program);
        }
    }
    let Ok(mut node) = Command::new("node").args(["-e", HOST]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    else {
        eprintln!("SKIPPED: node is not installed");
        return;
    };
    let input: String =
        programs.iter().map(|program| format!("{}\n", serde_json::to_string(program).unwrap())).collect();
    let mut pipe = node.stdin.take().unwrap();
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()).unwrap());
    let output = String::from_utf8(node.wait_with_output().unwrap().stdout).unwrap();
    writer.join().unwrap();
    let results: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(results.len(), programs.len());
    let mut whole = 0;
    for (program, result) in programs.iter().zip(results) {
        let reported: Vec<Value> =
            calls(program).unwrap().into_iter().map(|(name, value)| json!([name, value])).collect();
        let made = result["calls"].as_array().unwrap();
        // A program that fails makes fewer calls.
        let is_whole = result["end"] == "done";
        whole += usize::from(is_whole);
        assert!(
            if is_whole { *made == reported } else { reported.starts_with(made) },
            "{program}\nmade {made:?}\nreported {reported:?}"
        );
    }
    eprintln!("{} programs, {whole} ran to the end", programs.len());
    assert!(whole > 100);
}
