//! Argument kinds: a schema says what a string is, a profile what may be done, and a role takes a profile.

use callgate_contract::{Caller, Contract, Conversation, ProposedCall, Verdict, decide, load};

use crate::folder::Folder;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// A contract with the tool `f`, role `r` under profile `p`, and these parameters and lines of `spec`.
pub(crate) fn text(parameters: &str, spec: &str) -> String {
    format!(
        "apiVersion: callgate.dev/v1\nkind: Contract\nmetadata: {{ name: t, version: 1.0.0 }}\nspec:\n  models: [\"*\"]\n\
         {spec}  tools:\n    - name: f\n      effects: write\n      run: {{ client: {{}} }}\n      parameters: {parameters}\n"
    )
}

const ROOM: &str = "  workspace: { root: /work/project }\n  profiles: { p: { read: [\".\"] } }\n  \
                    roles: { r: { tools: [f], profile: p } }\n";

fn contract(parameters: &str) -> Contract {
    load("c.yaml", &text(parameters, ROOM), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
}

fn fault(text: &str) -> String {
    let errors = load("c.yaml", text, &Folder(&[])).unwrap_err();
    assert!(errors.iter().all(|fault| fault.line > 0 && fault.column > 0), "{errors}");
    let told = |path: &str, message: &str| {
        format!("{}: {message}", path.strip_prefix("/spec/tools/0/parameters").unwrap_or(path))
    };
    errors.iter().map(|fault| told(&fault.path, &fault.message)).collect::<Vec<_>>().join("\n")
}

/// Returns `allow`, `ask POINTER: MESSAGE`, or `CODE POINTER: MESSAGE`.
pub(crate) fn verdict(contract: &Contract, role: &str, tool: &str, arguments: &str) -> String {
    let call = ProposedCall { name: tool, arguments };
    match decide(contract, &Caller::new("acme", role), &Conversation::default(), &call) {
        Verdict::Allow(_) => "allow".to_owned(),
        Verdict::NeedsApproval(approved) => {
            let because = approved.because.unwrap();
            format!("ask {}: {}", because.pointer, because.message)
        }
        Verdict::Deny(violation) => format!("{} {}: {}", violation.code, violation.pointer, violation.message),
    }
}

#[test]
fn a_mark_that_cannot_be_enforced_is_a_fault_with_its_place() {
    for (schema, expected) in [
        // Forms.
        ("{ type: string, x-callgate: path }", "/properties/s/x-callgate: unknown form of `path`"),
        ("{ type: string, x-callgate: pth }", "did you mean `path`?"),
        ("{ type: string, x-callgate: { path: execute } }", "expected `read` or `write` or `delete`"),
        ("{ type: string, x-callgate: { path: read, patch: git } }", "`patch` has no meaning beside `path`"),
        ("{ type: string, x-callgate: {} }", "expected a kind"),
        ("{ type: string, x-callgate: [path] }", "expected a kind"),
        ("{ type: string, x-callgate: true }", "expected a kind"),
        ("{ type: string, x-callgate: { patch: ed } }", "expected `codex` or `git` or `unified`"),
        ("{ type: string, x-callgate: { patch: codex, strip: 1 } }", "`strip` has no meaning"),
        ("{ type: string, x-callgate: { patch: git, strip: 99 } }", "expected the number of components"),
        ("{ type: string, x-callgate: { sql: {} } }", "missing `dialect`"),
        ("{ type: string, x-callgate: { sql: { dialect: oracle } } }", "expected `postgres`"),
        ("{ type: string, x-callgate: { path: read, base: workdir } }", "expected the JSON Pointer of an argument"),
        ("{ type: string, x-callgate: { path: read, base: /nowhere } }", "the schema has none at `/nowhere`"),
        ("{ type: string, x-callgates: { path: read } }", "unknown mark; expected `x-callgate`"),
        // Types.
        ("{ x-callgate: { path: read } }", "expected `type: string` beside the mark"),
        ("{ type: [string, integer], x-callgate: { path: read } }", "expected `type: string` beside the mark"),
        ("{ type: array, items: { type: string }, x-callgate: { path: read } }", "expected `type: string`"),
        ("{ enum: [a], x-callgate: { path: read } }", "expected `type: string` beside the mark"),
        // Places that not every value passes through.
        (
            "{ anyOf: [{ type: string, x-callgate: { path: read } }, { type: integer }] }",
            "/properties/s/anyOf/0/x-callgate: a mark here cannot be located",
        ),
        ("{ oneOf: [{ type: string, x-callgate: { path: read } }] }", "cannot be located"),
        ("{ if: { type: string, x-callgate: { path: read } }, then: {} }", "cannot be located"),
        ("{ if: {}, then: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        ("{ not: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        ("{ additionalProperties: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        ("{ patternProperties: { a: { type: string, x-callgate: { path: read } } } }", "cannot be located"),
        ("{ propertyNames: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        (
            "{ dependentSchemas: { a: { properties: { b: { type: string, x-callgate: { path: read } } } } } }",
            "cannot be located",
        ),
        ("{ contains: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        ("{ unevaluatedItems: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        ("{ prefixItems: [{}], items: { type: string, x-callgate: { path: read } } }", "cannot be located"),
        ("{ anyOf: [{ $ref: '#/$defs/marked' }] }", "cannot be located"),
        // References.
        ("{ $ref: '#/$defs/tree' }", "/$defs/tree/properties/below/$ref: the schema refers to itself here"),
        ("{ $ref: '#/$defs/late' }", "the schema refers to itself here"),
        ("{ type: integer }", "nothing refers to this part of the schema"),
    ] {
        let definitions = "$defs: { marked: { type: string, x-callgate: { path: read } }, \
                           tree: { properties: { below: { $ref: '#/$defs/tree' }, file: { $ref: '#/$defs/marked' } } }, \
                           late: { properties: { a: { $ref: '#/$defs/late' }, z: { $ref: '#/$defs/marked' } } } }";
        let parameters = format!("{{ type: object, properties: {{ s: {schema} }}, {definitions} }}");
        let found = fault(&text(&parameters, ROOM));
        assert!(found.contains(expected), "{schema}:\n{found}");
    }
}

#[test]
fn a_mark_in_a_result_is_a_fault() {
    let parameters = "{ type: object }\n      result: { type: object, properties: { p: { type: string, x-callgate: { path: read } } } }";
    assert!(fault(&text(parameters, ROOM)).contains("expected no mark `x-callgate` in a result"));
}

#[test]
fn a_reference_to_a_marked_part_is_followed() {
    let contract = contract(
        "{ type: object, properties: { a: { $ref: '#/$defs/file' }, all: { allOf: [{ type: string, x-callgate: { path: read } }] }, \
         list: { type: array, items: { type: object, properties: { b: { $ref: '#/$defs/file' } } } }, \
         pair: { type: array, prefixItems: [{ type: integer }, { $ref: '#/$defs/file' }] } }, \
         $defs: { file: { type: string, x-callgate: { path: read } } } }",
    );
    for (arguments, pointer) in [
        (r#"{"a":"/etc/passwd"}"#, "/a"),
        (r#"{"all":"/etc/passwd"}"#, "/all"),
        (r#"{"list":[{"b":"x"},{},{"b":"/etc/passwd"}]}"#, "/list/2/b"),
        (r#"{"pair":[1,"/etc/passwd"]}"#, "/pair/1"),
    ] {
        let found = verdict(&contract, "r", "f", arguments);
        assert!(found.starts_with(&format!("argument_forbidden {pointer}: ")), "{arguments}: {found}");
    }
}

#[test]
fn the_model_reads_a_schema_without_marks() {
    let contract = contract(
        "{ type: object, properties: { p: { type: string, x-callgate: { path: read } }, x-callgate: { type: string } } }",
    );
    let declared = contract.tool("f").unwrap().parameters().to_string();
    assert_eq!(declared, r#"{"type":"object","properties":{"p":{"type":"string"},"x-callgate":{"type":"string"}}}"#);
    assert!(contract.canonical().contains(r#""x-callgate":{"path":"read"}"#));
}

#[test]
fn a_role_with_a_marked_tool_needs_a_profile() {
    let marked = "{ type: object, properties: { p: { type: string, x-callgate: { path: read } } } }";
    let workspace = "  workspace: { root: /work/project }\n  profiles: { p: { read: [\".\"] } }\n";
    let found = fault(&text(marked, &format!("{workspace}  roles: {{ r: {{ tools: [f] }} }}\n")));
    assert_eq!(
        found,
        "/spec/roles/r: missing field `profile`; the role may use tool `f`, whose argument `/p` is marked with `x-callgate`"
    );
    let found = fault(&text(marked, &format!("{workspace}  roles: {{ r: {{ tools: [f], profile: q }} }}\n")));
    assert!(found.starts_with("/spec/roles/r/profile: expected the name of a profile"), "{found}");
    // A role that may not use the tool needs none.
    let roles = format!("{workspace}  roles: {{ r: {{ tools: [\"*\", \"!f\"] }}, s: {{ tools: [f], profile: p }} }}\n");
    load("c.yaml", &text(marked, &roles), &Folder(&[])).unwrap();
}

#[test]
fn profiles_may_not_be_like_each_other_in_a_circle() {
    for (profiles, expected) in [
        (
            "{ a: { like: a }, p: {} }",
            "/spec/profiles/a/like: expected profiles that are not like each other in a circle",
        ),
        ("{ a: { like: b }, b: { like: p }, p: { like: a } }", "in a circle"),
        ("{ a: { like: c }, p: {} }", "expected the name of a profile"),
        ("{ apple: {}, a: { like: aple }, p: {} }", "did you mean `apple`?"),
        ("{ p: { reads: [\".\"] } }", "did you mean `read`?"),
    ] {
        let spec = format!("  workspace: {{ root: /w }}\n  profiles: {profiles}\n  roles: {{ r: {{ tools: [f] }} }}\n");
        let found = fault(&text("{ type: object }", &spec));
        assert!(found.contains(expected), "{profiles}: {found}");
    }
}

#[test]
fn a_workspace_is_one_absolute_path() {
    for (workspace, expected) in [
        ("{}", "missing field `root`"),
        ("{ root: work }", "/spec/workspace/root: expected an absolute path"),
        ("{ root: /w, os: mac }", "expected `posix` or `windows`"),
    ] {
        let spec = format!(
            "  workspace: {workspace}\n  profiles: {{ p: {{ read: [\".\"] }} }}\n  roles: {{ r: {{ tools: [f] }} }}\n"
        );
        let found = fault(&text("{ type: object }", &spec));
        assert!(found.contains(expected), "{workspace}: {found}");
    }
    let spec = "  profiles: { p: { read: [\".\"] } }\n  roles: { r: { tools: [f] } }\n";
    assert!(fault(&text("{ type: object }", spec)).contains("missing `spec.workspace`"));
}

#[test]
fn a_tool_that_a_role_excludes_is_forbidden() {
    let spec = "  roles: { r: { tools: [\"*\", \"!f\"] }, s: { tools: [\"!x*\", \"*\"] } }\n";
    let found = fault(&text("{ type: object }", spec));
    assert!(found.contains("expected a glob that matches a tool of this contract"), "{found}");
    let contract = load("c.yaml", &text("{ type: object }", &spec.replace("\"!x*\", ", "")), &Folder(&[])).unwrap();
    assert!(verdict(&contract, "r", "f", "{}").starts_with("role_forbidden"));
    assert_eq!(verdict(&contract, "s", "f", "{}"), "allow");
}

#[test]
fn a_value_that_the_schema_accepts_beside_a_mark_is_refused() {
    let contract = contract(
        "{ type: object, properties: { o: { properties: { p: { type: string, x-callgate: { path: read } } } }, \
         list: { items: { type: string, x-callgate: { path: read } } }, n: { type: [string, 'null'], x-callgate: { path: read } } } }",
    );
    for (arguments, expected) in [
        (r#"{"o":"/etc/passwd"}"#, "argument_unreadable /o: "),
        (r#"{"o":[{"p":"/etc/passwd"}]}"#, "argument_unreadable /o: "),
        (r#"{"list":"/etc/passwd"}"#, "argument_unreadable /list: "),
        (r#"{"list":{"0":"/etc/passwd"}}"#, "argument_unreadable /list: "),
        (r#"{"n":null,"o":null,"list":null}"#, "allow"),
        (r#"{"o":{},"list":[]}"#, "allow"),
        ("{}", "allow"),
    ] {
        let found = verdict(&contract, "r", "f", arguments);
        assert!(found.starts_with(expected), "{arguments}: {found}");
    }
}

#[test]
fn a_path_is_judged_by_what_it_means() {
    let contract = contract(
        "{ type: object, properties: { dir: { type: string }, p: { type: string, pattern: '^[a-z./]*$', x-callgate: { path: read, base: /dir } } } }",
    );
    for (arguments, expected) in [
        (r#"{"p":"src/main.rs"}"#, "allow"),
        (r#"{"p":"src/../../../etc/passwd"}"#, "argument_forbidden /p: expected a path that profile `p` allows; "),
        (r#"{"p":"main.rs","dir":"src"}"#, "allow"),
        (r#"{"p":"main.rs","dir":"/etc"}"#, "argument_forbidden /p: "),
        (r#"{"p":"../x","dir":"src"}"#, "allow"),
        (r#"{"p":"../../x","dir":"src"}"#, "argument_forbidden /p: "),
        (r#"{"p":"x","dir":"~root"}"#, "argument_unreadable /p: expected a path that has one meaning; "),
        (r#"{"p":"/work/project/a"}"#, "allow"),
        (r#"{"p":"/work/projects/a"}"#, "argument_forbidden /p: "),
    ] {
        let found = verdict(&contract, "r", "f", arguments);
        assert!(found.starts_with(expected), "{arguments}: {found}");
    }
}

const CHAPTER: &str = include_str!("../../../../docs/guides/argument-kinds.md");

#[test]
fn the_table_of_the_chapter_holds() {
    let (_, rest) = CHAPTER.split_once("```yaml\n").unwrap();
    let contract =
        load("c.yaml", rest.split_once("```").unwrap().0, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let mut wrong = Vec::new();
    let rows = CHAPTER
        .lines()
        .filter(|line| line.contains("\"}` |") || line.contains("\"}`"))
        .filter(|line| line.starts_with("| "));
    let mut count = 0;
    for line in rows {
        let [_, role, call, expected, ..] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let (name, arguments) = call.trim_matches('`').split_once(' ').unwrap();
        let found = verdict(&contract, role, name, arguments);
        let expected = if expected == "approval" { "ask" } else { expected };
        if found.split(' ').next() != Some(expected) {
            wrong.push(format!("{line}\n  {found}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count, 30);
}

/// A contract with a marked command and a marked path, this `when`, and these profile lines.
fn with_when(when: &str, profile: &str) -> String {
    let parameters = "{ type: object, properties: { c: { type: string, x-callgate: { command: { shell: bash } } }, \
                      p: { type: string, x-callgate: { path: read } }, n: { type: [string, 'null'], x-callgate: { path: read } }, plain: { type: string }, \
                      list: { type: array, maxItems: 4, items: { type: string, x-callgate: { path: read } } }, \
                      files: { type: array, maxItems: 4, items: { type: object, properties: { from: { type: string, x-callgate: { path: read } }, \
                      run: { type: array, maxItems: 2, items: { type: string, x-callgate: { command: { shell: bash } } } } } } }, \
                      pair: { type: array, maxItems: 2, prefixItems: [{ type: string }, { type: string, x-callgate: { path: read } }] } } }";
    let spec = format!(
        "  workspace: {{ root: /work/project }}\n  profiles: {{ p: {{ {profile} }} }}\n  roles: {{ r: {{ tools: [f], profile: p }} }}\n"
    );
    text(parameters, &spec).replace("      run: {", &format!("      when: {when:?}\n      run: {{"))
}

const EACH: &str = "!has(args.list) || args.list.all(f, path(f).within('docs'))";
const FROM: &str = "has(args.files) && args.files.all(f, !has(f.from) || path(f.from).within('docs'))";
const RUN: &str = "has(args.files) && args.files.all(f, !has(f.run) || f.run.all(c, !command(c).network))";

#[test]
fn conditions_read_what_marked_strings_mean() {
    let rules = "read: [\".\"], write: [\"out\"], run: [cat, touch, git log], ask: [git push]";
    let decide = |when: &str, arguments: &str| {
        let contract =
            load("c.yaml", &with_when(when, rules), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
        verdict(&contract, "r", "f", arguments).split(' ').next().unwrap().to_owned()
    };
    for (when, arguments, expected) in [
        ("!has(args.p) || path(args.p).within('docs')", r#"{"p":"docs/a/b.md"}"#, "allow"),
        ("!has(args.p) || path(args.p).within('docs')", r#"{"p":"docs"}"#, "allow"),
        ("!has(args.p) || path(args.p).within('docs')", r#"{"p":"docs/../src/a"}"#, "condition_unmet"),
        ("!has(args.p) || path(args.p).within('docs')", r#"{"p":"documents/a"}"#, "condition_unmet"),
        ("!has(args.p) || path(args.p).within('docs')", r#"{"p":"./docs//a"}"#, "allow"),
        ("!has(args.p) || path(args.p).within('docs')", "{}", "allow"),
        // A negated condition cannot hold because of a string that is refused.
        ("!has(args.p) || !path(args.p).within('docs')", r#"{"p":"docs%2e/a"}"#, "argument_unreadable"),
        ("!has(args.c) || !command(args.c).network", r#"{"c":"cat $'"}"#, "argument_unreadable"),
        ("!has(args.c) || command(args.c).programs.all(p, p == 'cat')", r#"{"c":"cat a"}"#, "allow"),
        (
            "!has(args.c) || command(args.c).programs.all(p, p == 'cat')",
            r#"{"c":"cat a && touch out/b"}"#,
            "condition_unmet",
        ),
        ("!has(args.c) || command(args.c).writes.size() == 0", r#"{"c":"cat a > out/b"}"#, "condition_unmet"),
        ("!has(args.c) || command(args.c).reads.exists(p, p.endsWith('/a'))", r#"{"c":"cat a"}"#, "allow"),
        ("!has(args.c) || !command(args.c).network", r#"{"c":"git push"}"#, "condition_unmet"),
        ("!has(args.c) || !command(args.c).unknown", r#"{"c":"cat a"}"#, "allow"),
        ("!has(args.n) || args.n == null || path(args.n).within('docs')", r#"{"n":"docs/a"}"#, "allow"),
        ("!has(args.n) || args.n == null || path(args.n).within('docs')", r#"{"n":null}"#, "allow"),
        // Items of lists.
        (EACH, r#"{"list":["docs/a","docs/b"]}"#, "allow"),
        (EACH, r#"{"list":["docs/a","src/b"]}"#, "condition_unmet"),
        (EACH, r#"{"list":["src/b","docs/a"]}"#, "condition_unmet"),
        (EACH, r#"{"list":["docs/a","docs%2e/b"]}"#, "argument_unreadable"),
        (EACH, r#"{"list":[]}"#, "allow"),
        ("!has(args.list) || args.list.exists(f, path(f).within('docs'))", r#"{"list":["src/b","docs/a"]}"#, "allow"),
        ("!has(args.list) || args.list.exists(f, path(f).within('docs'))", r#"{"list":["src/b"]}"#, "condition_unmet"),
        (
            "has(args.list) && args.list.filter(f, path(f).within('docs')).size() == 1",
            r#"{"list":["src/b","docs/a","x"]}"#,
            "allow",
        ),
        (FROM, r#"{"files":[{"from":"docs/a"},{},{"from":"docs/b"}]}"#, "allow"),
        (FROM, r#"{"files":[{"from":"docs/a"},{},{"from":"src/b"}]}"#, "condition_unmet"),
        (RUN, r#"{"files":[{"run":["cat a"]},{"run":["cat a","cat b"]}]}"#, "allow"),
        (RUN, r#"{"files":[{"run":["cat a"]},{"run":["cat a","git push"]}]}"#, "condition_unmet"),
        (RUN, r#"{"files":[{"run":["git push","cat a"]},{}]}"#, "condition_unmet"),
    ] {
        assert_eq!(decide(when, arguments), expected, "{when} {arguments}");
    }
    for (when, expected) in [
        ("path(args.p).within('docs')", "may be absent"),
        ("!has(args.plain) || path(args.plain).within('docs')", "`within` does not know `args.plain`; known: args.p"),
        ("!has(args.c) || path(args.c).within('docs')", "does not know `args.c`"),
        ("!has(args.p) || command(args.p).network", "does not know `args.p`; known: args.c"),
        ("!has(args.list) || path(args.list[0]).within('docs')", "use `exists` or `all`"),
        ("!has(args.list) || path(args.list).within('docs')", "expected a string"),
        ("!has(args.list) || args.list.filter(f, true).all(g, path(g).within('docs'))", "does not know `g`"),
        ("['docs/a'].all(f, path(f).within('docs'))", "does not know `f`"),
        (
            "!has(args.list) || args.list.all(f, command(f).network)",
            "does not know `f`; known: args.c, args.files[].run[]",
        ),
        ("!has(args.files) || args.files.all(f, !has(f.from) || command(f.from).network)", "does not know `f.from`"),
        // The mark is on one item alone, which no condition can name.
        ("!has(args.pair) || args.pair.all(f, path(f).within('docs'))", "`f` has no single type"),
        ("!has(args.p) || path(args.p).within('../other%2e')", "expected a directory; "),
        ("!has(args.p) || path(args.p).within(args.plain)", "args.plain"),
        ("!has(args.p) || path(args.p).below('docs')", "unknown function"),
        ("!has(args.c) || command(args.c).files.size() == 0", "has no member `files`"),
    ] {
        let found = fault(&with_when(when, rules));
        assert!(found.contains(expected), "{when}: {found}");
    }
}

#[test]
fn a_command_that_a_profile_asks_for_waits_for_a_person() {
    let rules = "read: [\".\"], run: [cat], ask: [git push]";
    let contract = load("c.yaml", &with_when("true", rules), &Folder(&[])).unwrap();
    assert!(contract.tool("f").unwrap().may_need_approval(), "the gate needs an executor");
    assert_eq!(
        verdict(&contract, "r", "f", r#"{"c":"cat a && git push"}"#),
        "ask /c: expected a person's approval; profile `p` asks for `git push`"
    );
    assert_eq!(verdict(&contract, "r", "f", r#"{"c":"cat a"}"#), "allow");
    // One command that no entry lists is refused, whatever the others ask.
    assert!(verdict(&contract, "r", "f", r#"{"c":"git push; rm -r x"}"#).starts_with("argument_forbidden"));
    let contract = load("c.yaml", &with_when("true", "read: [\".\"], run: [cat]"), &Folder(&[])).unwrap();
    assert!(!contract.tool("f").unwrap().may_need_approval());
}

#[test]
fn shadow_mode_reports_a_refused_string_and_allows_the_call() {
    let text = with_when("true", "read: [\".\"], run: [cat]").replace("  models:", "  enforce: false\n  models:");
    let contract = load("c.yaml", &text, &Folder(&[])).unwrap();
    let call = ProposedCall { name: "f", arguments: r#"{"c":"rm -r x"}"# };
    let Verdict::Allow(approved) = decide(&contract, &Caller::new("acme", "r"), &Conversation::default(), &call) else {
        panic!("denied")
    };
    assert_eq!(approved.shadowed.unwrap().code.as_str(), "argument_forbidden");
}

#[test]
fn each_call_of_a_program_is_decided() {
    let text = "apiVersion: callgate.dev/v1
kind: Contract
metadata: { name: t, version: 1.0.0 }
spec:
  models: [\"*\"]
  limits: { maxToolCallsPerTurn: 4 }
  workspace: { root: /work/project }
  profiles: { p: { read: [\".\"], write: [\".\"], run: [cat], ask: [git push] } }
  roles: { r: { tools: [\"*\", \"!secret\"], profile: p }, s: { tools: [exec], profile: p } }
  tools:
    - { name: exec, effects: write, run: { client: {} }, parameters: { type: object, required: [input], properties: { input: { type: string, x-callgate: script } } } }
    - { name: exec_command, effects: write, run: { client: {} }, parameters: { type: object, required: [cmd], properties: { cmd: { type: string, x-callgate: { command: { shell: bash } } } } } }
    - { name: apply_patch, effects: write, run: { client: {} }, parameters: { type: object, required: [input], properties: { input: { type: string, x-callgate: { patch: codex } } } } }
    - { name: secret, effects: read, run: { client: {} }, parameters: { type: object } }
    - { name: held, effects: read, approval: always, run: { client: {} }, parameters: { type: object } }
    - { name: rated, effects: read, callsPerMinute: 1, run: { client: {} }, parameters: { type: object } }
    - { name: sourced, effects: read, origin: { /a: { from: [user] } }, run: { client: {} }, parameters: { type: object, properties: { a: { type: string } } } }
    - { name: once, effects: read, when: \"conversation.count('once') < 1\", run: { client: {} }, parameters: { type: object } }
    - { name: away, effects: read, run: { http: { cluster: shop, path: /v1 } }, parameters: { type: object } }
";
    let contract = load("c.yaml", text, &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    let patch = r"await tools.apply_patch('*** Begin Patch\n*** Add File: FILE\n+x\n*** End Patch');";
    for (role, program, expected) in [
        ("r", "const a = await tools.exec_command({cmd: \"cat x\"});\ntext(a);".to_owned(), "allow"),
        ("r", patch.replace("FILE", "src/a"), "allow"),
        ("r", patch.replace("FILE", "/etc/a"), "argument_forbidden"),
        ("r", "await tools.exec_command({cmd: \"rm x\"});".to_owned(), "argument_forbidden"),
        (
            "r",
            "await tools.exec_command({cmd: \"cat a\"}); await tools.exec_command({cmd: \"cat ~/b\"});".to_owned(),
            "argument_unreadable",
        ),
        ("r", "await tools.exec_command({cmd: \"git push\"});".to_owned(), "ask"),
        ("r", "await tools.exec_command({cmd: 7});".to_owned(), "arguments_invalid"),
        ("r", "await tools.exec_command({command: \"cat a\"});".to_owned(), "arguments_invalid"),
        ("r", "await tools.unheard_of({});".to_owned(), "tool_not_in_contract"),
        ("r", "await tools.secret({});".to_owned(), "role_forbidden"),
        ("s", "await tools.exec_command({cmd: \"cat x\"});".to_owned(), "role_forbidden"),
        ("r", "await tools.exec({input: \"text(1)\"});".to_owned(), "argument_forbidden"),
        ("r", "await tools.held({});".to_owned(), "argument_forbidden"),
        ("r", "await tools.rated({});".to_owned(), "argument_forbidden"),
        ("r", "await tools.sourced({});".to_owned(), "argument_forbidden"),
        ("r", "await tools.once({});".to_owned(), "argument_forbidden"),
        ("r", "await tools.away({});".to_owned(), "argument_forbidden"),
        ("r", "await tools.exec_command({cmd: \"cat x\"});".repeat(3), "allow"),
        ("r", "await tools.exec_command({cmd: \"cat x\"});".repeat(4), "limit_exceeded"),
        ("r", "for (;;) await tools.exec_command({cmd: \"cat x\"});".to_owned(), "argument_unreadable"),
        ("r", "await tools[\"exec_command\"]({cmd: \"cat x\"});".to_owned(), "argument_unreadable"),
        ("r", "await tools.exec_command({cmd: \"cat \" + x});".to_owned(), "argument_unreadable"),
    ] {
        let arguments = serde_json::json!({ "input": program }).to_string();
        let found = verdict(&contract, role, "exec", &arguments);
        assert_eq!(found.split(' ').next(), Some(expected), "{program}: {found}");
    }
    let program = serde_json::json!({ "input": "await tools.exec_command({cmd: \"cat x\"});\nawait tools.exec_command({cmd: \"rm x\"});" });
    let call = ProposedCall { name: "exec", arguments: &program.to_string() };
    let Verdict::Deny(violation) = decide(&contract, &Caller::new("a", "r"), &Conversation::default(), &call) else {
        panic!("allowed")
    };
    assert_eq!((violation.tool.as_str(), violation.pointer.as_str()), ("exec/exec_command", "/input"));
    assert!(violation.message.ends_with("(call 2 of the program, line 2 at /cmd)"), "{violation}");
}

#[test]
fn a_profile_that_no_rule_can_bound_has_a_note() {
    let notes = |profile: &str| {
        let contract = load("c.yaml", &with_when("true", profile), &Folder(&[])).unwrap();
        contract.notes().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    assert!(notes("read: [\".\"], write: [\".\"], run: [cargo test]").contains("together they run any code"));
    assert!(notes("read: [\".\", \"!.git\"], run: [rg]").contains("`recursive: refuse`"));
    assert!(notes("read: [\".\"], run: [{ cmd: terraform plan, args: any }]").contains("args: any"));
    assert_eq!(notes("read: [\".\", \"!.git\"], recursive: refuse, run: [rg, cat]"), "");
    let found = fault(&with_when("true", "read: [\".\"], run: [cat, terraform]"));
    assert!(found.contains("/spec/profiles/p/run/1: no model of `terraform`"), "{found}");
    for (profile, place) in [
        ("read: [\".\", \"!@nothing\"]", "/spec/profiles/p/read/1: "),
        ("hosts: [\"*\"]", "/spec/profiles/p/hosts/0: "),
        ("cidr: [10.0.0.1/8]", "/spec/profiles/p/cidr/0: "),
        ("email: { domains: [\"a b\"] }", "/spec/profiles/p/email/domains/0: "),
        ("sql: { statements: [drop] }", "/spec/profiles/p/sql"),
    ] {
        let found = fault(&with_when("true", profile));
        assert!(found.contains(place), "{profile}: {found}");
    }
}

#[test]
fn the_number_of_addresses_is_bounded() {
    let parameters = "{ type: object, properties: { to: { type: array, items: { type: string, x-callgate: email } }, cc: { type: string, x-callgate: email } } }";
    let spec = "  profiles: { p: { email: { domains: [example.com], max: 2 } } }\n  roles: { r: { tools: [f], profile: p } }\n";
    let contract = load("c.yaml", &text(parameters, spec), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(verdict(&contract, "r", "f", r#"{"to":["a@example.com","b@example.com"]}"#), "allow");
    let found = verdict(&contract, "r", "f", r#"{"to":["a@example.com","b@example.com"],"cc":"c@example.com"}"#);
    assert!(found.starts_with("argument_forbidden /cc: expected at most 2 addresses"), "{found}");
}

#[test]
fn a_change_of_a_profile_tells_what_it_allows_and_stops() {
    let contract = |profile: &str, other: &str| {
        let spec = format!(
            "  workspace: {{ root: /w }}\n  profiles: {{ p: {{ {profile} }}, q: {{ {other} }} }}\n  \
             roles: {{ r: {{ tools: [f], profile: q }}, s: {{ tools: [f], profile: p }} }}\n"
        );
        let parameters = "{ type: object, properties: { s: { type: string, x-callgate: { path: read } } } }";
        load("c.yaml", &text(parameters, &spec), &Folder(&[])).unwrap_or_else(|errors| panic!("{errors}"))
    };
    let base = "read: [\".\", \"!.git\"], run: [cat, git log], ask: [git push], hosts: [a.example], email: { domains: [a.example], max: 3 }";
    for (after, expected) in [
        (base.replace("\"!.git\"", "\"!.git\", src"), "opens /spec/profiles/p/read r, s"),
        (base.replace(", \"!.git\"", ""), "opens /spec/profiles/p/read r, s"),
        (base.replace("\"!.git\"", "\"!.git\", \"!.env\""), "closes /spec/profiles/p/read r, s"),
        (base.replace("\".\"", "src"), "unclear /spec/profiles/p/read r, s"),
        (base.replace("cat, ", "cat, head, "), "opens /spec/profiles/p/run r, s"),
        (base.replace("cat, ", ""), "closes /spec/profiles/p/run r, s"),
        // The longer entry decides, so a further one may take away.
        (
            base.replace("git log", "git log, { cmd: git log --oneline, args: none }"),
            "unclear /spec/profiles/p/run r, s",
        ),
        (base.replace("[git push]", "[git push, npm install]"), "opens /spec/profiles/p/ask r, s"),
        (base.replace("hosts: [a.example]", "hosts: [a.example, b.example]"), "opens /spec/profiles/p/hosts r, s"),
        (base.replace("max: 3", "max: 2"), "closes /spec/profiles/p/email/max r, s"),
        (format!("{base}, recursive: refuse"), "closes /spec/profiles/p/recursive r, s"),
        (format!("{base}, cidr: [10.0.0.0/8]"), "opens /spec/profiles/p/cidr r, s"),
    ] {
        let changes = callgate_contract::compare(&contract(base, "like: p"), &contract(&after, "like: p"));
        let shown: Vec<String> = changes
            .iter()
            .map(|change| format!("{} {} {}", change.effect.as_str(), change.pointer, change.roles.join(", ")))
            .collect();
        assert_eq!(shown, [expected], "{after}");
    }
    // A profile that only one role takes.
    let changes = callgate_contract::compare(&contract(base, "read: [src]"), &contract(base, "read: [src, docs]"));
    assert_eq!(changes.iter().map(|change| change.roles.join(", ")).collect::<Vec<_>>(), ["r"]);
}

#[test]
fn a_mark_closes_and_its_loss_opens() {
    let contract = |schema: &str| {
        load("c.yaml", &text(&format!("{{ type: object, properties: {{ s: {schema} }} }}"), ROOM), &Folder(&[]))
            .unwrap()
    };
    let (plain, marked) = (contract("{ type: string }"), contract("{ type: string, x-callgate: { path: read } }"));
    let effects = |before: &Contract, after: &Contract| {
        callgate_contract::compare(before, after).iter().map(|change| change.effect.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(effects(&plain, &marked), ["closes"]);
    assert_eq!(effects(&marked, &plain), ["opens"]);
    assert_eq!(effects(&marked, &contract("{ type: string, x-callgate: { path: write } }")), ["unclear"]);
}

#[test]
fn entries_that_are_too_many_together_are_a_fault() {
    let list = |letter: char| (0..200).map(|n| format!("{letter}{n}")).collect::<Vec<_>>().join(", ");
    let spec = format!(
        "  workspace: {{ root: /w }}\n  profiles: {{ a: {{ read: [{}] }}, p: {{ like: a, read: [{}] }} }}\n  roles: {{ r: {{ tools: [f] }} }}\n",
        list('a'),
        list('b')
    );
    let found = fault(&text("{ type: object }", &spec));
    assert!(found.starts_with("/spec/profiles/p: `read` with the entries of `like`: "), "{found}");
}
