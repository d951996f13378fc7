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
        ("{ root: 'header:x-workspace' }", "not supported"),
        ("{ root: '/home/*/src/*' }", "not supported"),
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
