//! Tools that the API defines and the client runs: bash, text editor, computer and memory, and the toolsets of browser and
//! computer. Their calls are decided as those of functions, by the declared name and the input.
//!
//! They have no schema of their own in a request. A declaration is written again from the documented members and nothing else. A
//! member of a toolset is called by its own name beside the name of its family, and counts as `browser__navigate`.
//!
//! Source: API reference, *Tool reference*; `BetaToolUnionParam` and the toolsets' `tool_use` blocks of the SDK.

use std::borrow::Cow;

use callgate_json::Span;

use crate::RequestError;

/// A tool that the client runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum ClientTool {
    One(&'static SingleTool),
    Set(&'static Toolset),
}

/// A tool by itself.
#[derive(Debug)]
pub(super) struct SingleTool {
    /// The type but for its date.
    beginning: &'static str,
    /// The names that the API gives it.
    names: &'static [&'static str],
    /// Its own members.
    members: &'static [(&'static str, Setting)],
}

/// Several tools under one declaration.
#[derive(Debug)]
pub(super) struct Toolset {
    kind: &'static str,
    /// The `toolset_name` of calls.
    pub(super) family: &'static str,
    pub(super) members: &'static [&'static str],
}

/// The values of a member.
#[derive(Debug, Clone, Copy)]
enum Setting {
    Flag,
    /// A whole number within these bounds.
    Number(u64, u64),
}

const SINGLES: [SingleTool; 4] = [
    SingleTool { beginning: "bash_", names: &["bash"], members: &[] },
    SingleTool {
        beginning: "text_editor_",
        names: &["str_replace_based_edit_tool", "str_replace_editor"],
        members: &[("max_characters", Setting::Number(1, 100_000_000))],
    },
    SingleTool {
        beginning: "computer_",
        names: &["computer"],
        members: &[
            ("display_width_px", Setting::Number(1, 65_535)),
            ("display_height_px", Setting::Number(1, 65_535)),
            ("display_number", Setting::Number(0, 65_535)),
            ("enable_zoom", Setting::Flag),
        ],
    },
    SingleTool { beginning: "memory_", names: &["memory"], members: &[] },
];

pub(super) const TOOLSETS: [Toolset; 2] = [
    Toolset {
        kind: "browser_toolset_20260801",
        family: "browser",
        members: &[
            "close_tab",
            "double_click",
            "file_upload",
            "find",
            "form_input",
            "get_page_text",
            "hold_key",
            "hover",
            "javascript_exec",
            "key",
            "left_click",
            "left_click_drag",
            "left_mouse_down",
            "left_mouse_up",
            "list_tabs",
            "middle_click",
            "mouse_move",
            "navigate",
            "new_tab",
            "read_console",
            "read_network",
            "read_page",
            "right_click",
            "screenshot",
            "scroll",
            "scroll_to",
            "switch_tab",
            "triple_click",
            "type",
            "wait",
            "zoom",
        ],
    },
    Toolset {
        kind: "computer_toolset_20260801",
        family: "computer",
        members: &[
            "cursor_position",
            "double_click",
            "hold_key",
            "key",
            "left_click",
            "left_click_drag",
            "left_mouse_down",
            "left_mouse_up",
            "middle_click",
            "mouse_move",
            "right_click",
            "screenshot",
            "scroll",
            "triple_click",
            "type",
            "wait",
            "zoom",
        ],
    },
];

const CONFIGS: &str = "configs";
const ENABLED: &str = "enabled";
const DEFERRED: &str = "defer_loading";
/// The settings of a member of a toolset.
const MEMBER_SETTINGS: [&str; 2] = [ENABLED, DEFERRED];

/// Returns the name under which a contract has a member of a toolset.
pub(super) fn member_name(family: &str, member: &str) -> String {
    format!("{family}__{member}")
}

/// Returns true for the name of a family of tools.
pub(super) fn is_family(name: &str) -> bool {
    TOOLSETS.iter().any(|set| set.family == name)
}

// === impl ClientTool ===

impl ClientTool {
    /// Returns the tool of a type, and `None` for a type of a tool that the provider runs. A toolset of another version has other
    /// members, so it is not taken for a known one.
    pub(super) fn of(kind: &str) -> Option<ClientTool> {
        let is_date = |rest: &str| rest.len() == 8 && rest.bytes().all(|byte| byte.is_ascii_digit());
        let is_one = |tool: &&SingleTool| kind.strip_prefix(tool.beginning).is_some_and(is_date);
        let set = TOOLSETS.iter().find(|set| set.kind == kind).map(ClientTool::Set);
        set.or_else(|| SINGLES.iter().find(is_one).map(ClientTool::One))
    }
}

// === impl SingleTool ===

impl SingleTool {
    /// Checks the name and the members of a declaration.
    pub(super) fn check(&self, tool: Span<'_>, name: &str) -> Result<(), RequestError> {
        if !self.names.contains(&name) {
            return Err(invalid("an array of tools in which each tool of the API has the API's name for it"));
        }
        self.settings(tool).try_for_each(|(_, setting, value)| setting.check(value))
    }

    /// Returns the declaration with its documented members. Its further members are a text that begins with a comma, or empty.
    pub(super) fn write(&self, tool: Span<'_>, kept: &str) -> String {
        let text = |name| tool.some(name).map_or(Cow::Borrowed("null"), Span::text);
        let mut out = format!(r#"{{"type":{},"name":{}"#, text("type"), text("name"));
        for (name, _, value) in self.settings(tool) {
            out.push_str(&format!(r#","{name}":{}"#, value.text()));
        }
        out.push_str(kept);
        out.push('}');
        out
    }

    fn settings<'t>(&self, tool: Span<'t>) -> impl Iterator<Item = (&'static str, Setting, Span<'t>)> {
        self.members.iter().filter_map(move |(name, setting)| Some((*name, *setting, tool.some(name)?)))
    }
}

// === impl Toolset ===

impl Toolset {
    /// Checks a declaration, and returns the members that it offers: all but those with `enabled: false`.
    pub(super) fn offered(&self, tool: Span<'_>) -> Result<Vec<&'static str>, RequestError> {
        let mut offered = self.members.to_vec();
        let Some(configs) = tool.some(CONFIGS) else { return Ok(offered) };
        let configs = configs.object().ok_or(invalid("an array of toolsets whose `configs` are an object"))?;
        for (member, config) in configs.members() {
            if !self.members.contains(&member.as_ref()) {
                return Err(invalid("an array of toolsets whose `configs` name members of the toolset"));
            }
            if config.is_null() {
                continue;
            }
            let config = config.object().ok_or(invalid("an array of toolsets whose `configs` are objects"))?;
            crate::checks::exact(config, "tools", &MEMBER_SETTINGS)?;
            MEMBER_SETTINGS
                .iter()
                .filter_map(|name| config.some(name))
                .try_for_each(|value| Setting::Flag.check(value))?;
            if config.some(ENABLED).and_then(Span::bool) == Some(false) {
                offered.retain(|known| *known != member);
            }
        }
        Ok(offered)
    }

    /// Returns the declaration with all members off but those that `keeps` names. Without `defers` no member is deferred.
    pub(super) fn write(&self, tool: Span<'_>, keeps: impl Fn(&str) -> bool, defers: bool, kept: &str) -> String {
        let configs = tool.some(CONFIGS);
        let config = |member: &&'static str| {
            let given = configs.and_then(|configs| configs.some(member));
            let setting = |name| Some(format!(r#""{name}":{}"#, given?.some(name)?.text()));
            let settings: Vec<String> = if keeps(&member_name(self.family, member)) {
                let stay = MEMBER_SETTINGS.iter().filter(|name| defers || **name != DEFERRED);
                stay.filter_map(|name| setting(*name)).collect()
            } else {
                vec![format!(r#""{ENABLED}":false"#)]
            };
            (!settings.is_empty()).then(|| format!(r#""{member}":{{{}}}"#, settings.join(",")))
        };
        let configs: Vec<String> = self.members.iter().filter_map(config).collect();
        let configs =
            if configs.is_empty() { String::new() } else { format!(r#","{CONFIGS}":{{{}}}"#, configs.join(",")) };
        format!(r#"{{"type":"{}"{configs}{kept}}}"#, self.kind)
    }

    /// Returns true if a declaration leaves a member to be found by a search.
    pub(super) fn is_deferred(tool: Span<'_>) -> bool {
        let configs = tool.some(CONFIGS).into_iter().flat_map(Span::members);
        configs.into_iter().any(|(_, config)| config.some(DEFERRED).and_then(Span::bool) == Some(true))
    }
}

// === impl Setting ===

impl Setting {
    fn check(self, value: Span<'_>) -> Result<(), RequestError> {
        match self {
            Setting::Flag if value.bool().is_none() => {
                Err(invalid("an array of tools with flags that are true or false"))
            }
            Setting::Number(least, most) if !value.count().is_some_and(|count| (least..=most).contains(&count)) => {
                Err(invalid("an array of tools whose sizes are whole numbers that a display or a text can have"))
            }
            Setting::Flag | Setting::Number(..) => Ok(()),
        }
    }
}

fn invalid(expected: &'static str) -> RequestError {
    RequestError::invalid("tools", expected)
}
