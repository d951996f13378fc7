//! The tables of the dialects: first the members that each reads itself, then those known from any API.

use super::known::{DECIDED, HINTS, READ_BY_SOME, SAMPLING, SERVICE, THINKING};
use super::{Class, Table};

/// Members without effect in the request of any API.
const ANY: &[&[&str]] = &[SAMPLING, THINKING, SERVICE];

/// OpenAI Chat Completions and its imitators.
pub(crate) static OPENAI_CHAT: Table = Table::new(
    &[
        &[
            ("messages", Class::Read),
            ("stream", Class::Read),
            ("tools", Class::Read),
            ("tool_choice", Class::Read),
            ("functions", Class::Read),
            ("function_call", Class::Read),
            // Only for routers: `fallback` or `sort` choose the order in which the models of `models` are tried.
            ("route", Class::Read),
        ],
        DECIDED,
    ],
    ANY,
);

/// OpenAI Responses and its imitators.
pub(crate) static OPENAI_RESPONSES: Table = Table::new(
    &[
        &[
            ("input", Class::Read),
            ("stream", Class::Read),
            ("tools", Class::Read),
            ("tool_choice", Class::Read),
            ("store", Class::Read),
            ("background", Class::Read),
            ("text", Class::Within(&TEXT)),
        ],
        DECIDED,
    ],
    &[SAMPLING, THINKING, SERVICE, &["context_management", "background_options"]],
);

/// Anthropic Messages and its imitators.
pub(crate) static ANTHROPIC_MESSAGES: Table = Table::new(
    &[
        &[
            ("messages", Class::Read),
            ("system", Class::Read),
            ("stream", Class::Read),
            ("tools", Class::Read),
            ("tool_choice", Class::Read),
            ("mcp_servers", Class::Read),
            ("container", Class::Read),
            ("thread", Class::Read),
            ("max_tokens", Class::ExactLimit),
            ("output_config", Class::Within(&OUTPUT_CONFIG)),
            ("output_format", Class::Within(&FORMAT)),
        ],
        DECIDED,
    ],
    &[
        SAMPLING,
        THINKING,
        SERVICE,
        &[
            "anthropic_version",
            "anthropic_beta",
            "betas",
            "billing_policy",
            "context_management",
            "diagnostics",
            "fallback_credit_token",
            "inference_geo",
        ],
    ],
);

/// Google's Gemini API.
pub(crate) static GEMINI: Table = Table::spelled(
    &[&[
        ("contents", Class::Read),
        ("model", Class::Read),
        ("tools", Class::Read),
        ("toolConfig", Class::Read),
        ("generateContentRequest", Class::Read),
        ("cachedContent", Class::State),
        ("continuationToken", Class::State),
        ("generationConfig", Class::Object(&GENERATION_CONFIG)),
    ]],
    &[&["systemInstruction", "safetySettings", "labels", "serviceTier", "store", "modelArmorConfig"]],
    crate::gemini::camel,
);

static GENERATION_CONFIG: Table = Table::spelled(
    &[&[
        ("maxOutputTokens", Class::Limit),
        ("candidateCount", Class::Choices(128)),
        ("routingConfig", Class::Object(&ROUTING)),
    ]],
    &[&[
        "temperature",
        "topP",
        "topK",
        "seed",
        "stopSequences",
        "presencePenalty",
        "frequencyPenalty",
        "logprobs",
        "responseLogprobs",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
        "responseFormat",
        "responseModalities",
        "thinkingConfig",
        "mediaResolution",
        "mediaConfig",
        "speechConfig",
        "imageConfig",
        "audioTimestamp",
        "audioTranscriptionConfig",
        "translationConfig",
        "modelSelectionConfig",
        "enableAffectiveDialog",
        "enableEnhancedCivicAnswers",
    ]],
    crate::gemini::camel,
);

/// The choice among Gemini models; the manual one names a model.
static ROUTING: Table = Table::spelled(
    &[&[("manualMode", Class::Object(&MANUAL)), ("manualRoutingConfig", Class::Object(&MANUAL))]],
    &[&["autoMode", "autoRoutingConfig"]],
    crate::gemini::camel,
);

static MANUAL: Table = Table::spelled(&[&[("modelName", Class::Models)]], &[], crate::gemini::camel);

/// Ollama's own chat API.
pub(crate) static OLLAMA: Table = Table::new(
    &[&[
        ("model", Class::Models),
        ("messages", Class::Read),
        ("stream", Class::Read),
        ("tools", Class::Read),
        ("options", Class::Object(&OLLAMA_OPTIONS)),
    ]],
    &[&[
        "format",
        "keep_alive",
        "think",
        "logprobs",
        "top_logprobs",
        "truncate",
        "shift",
        "temperature",
        "seed",
        "stop",
    ]],
);

static OLLAMA_OPTIONS: Table = Table::new(
    &[&[("num_predict", Class::Limit)]],
    &[
        SAMPLING,
        &[
            "num_keep",
            "num_ctx",
            "num_batch",
            "num_gpu",
            "num_thread",
            "main_gpu",
            "low_vram",
            "f16_kv",
            "logits_all",
            "vocab_only",
            "use_mmap",
            "use_mlock",
            "use_mlx",
            "embedding_only",
            "numa",
            "penalize_newline",
            "draft_num_predict",
        ],
    ],
);

/// Amazon Bedrock, Converse.
pub(crate) static BEDROCK_CONVERSE: Table = Table::new(
    &[&[
        ("messages", Class::Read),
        ("toolConfig", Class::Read),
        ("modelId", Class::Models),
        ("inferenceConfig", Class::Object(&INFERENCE_CONFIG)),
        ("additionalModelRequestFields", Class::Object(&MODEL_FIELDS)),
    ]],
    &[&[
        "system",
        "guardrailConfig",
        "promptVariables",
        "additionalModelResponseFieldPaths",
        "requestMetadata",
        "performanceConfig",
        "serviceTier",
        "outputConfig",
    ]],
);

static INFERENCE_CONFIG: Table =
    Table::new(&[&[("maxTokens", Class::Limit)]], &[&["temperature", "topP", "stopSequences"]]);

/// Members of the model's own API, which Bedrock forwards to it.
static MODEL_FIELDS: Table = Table::new(
    &[
        &[
            ("inferenceConfig", Class::Object(&NOVA_CONFIG)),
            ("output_config", Class::Within(&OUTPUT_CONFIG)),
            ("anthropic_beta", Class::Harmless),
        ],
        READ_BY_SOME,
        DECIDED,
    ],
    &[
        SAMPLING,
        THINKING,
        &["topK", "topP", "reasoning_config", "reasoningConfig", "anthropic_version", "context_management"],
    ],
);

static NOVA_CONFIG: Table = Table::new(
    &[&[("maxTokens", Class::Limit)]],
    &[&["topK", "top_k", "topP", "top_p", "temperature", "stopSequences"]],
);

/// Members that servers merge into the request as if it stood at the top.
pub(super) static EXTRA: Table = Table::new(&[READ_BY_SOME, DECIDED], ANY);

/// A model to fall back to, with what changes for it.
pub(super) static FALLBACK: Table =
    Table::new(&[READ_BY_SOME, &[("output_config", Class::Within(&OUTPUT_CONFIG))], DECIDED], ANY);

pub(super) static STREAM_OPTIONS: Table =
    Table::new(&[], &[&["include_usage", "include_obfuscation", "continuous_usage_stats", "chunk_include_usage"]]);

/// The form of an answer's text. A schema in it is data.
pub(super) static FORMAT: Table = Table::new(
    &[],
    &[&[
        "type",
        "json_schema",
        "schema",
        "schema_",
        "name",
        "description",
        "strict",
        "grammar",
        "regex",
        "pattern",
        "structures",
        "triggers",
        "format",
        "value",
        "content",
        "ebnf",
        "choice",
        "mime_type",
    ]],
);

static TEXT: Table = Table::new(&[&[("format", Class::Within(&FORMAT))]], &[&["verbosity", "stop"]]);

static OUTPUT_CONFIG: Table = Table::new(&[&[("format", Class::Within(&FORMAT))]], &[&["effort", "task_budget"]]);

/// Variables of a server's template for conversations; `tools` and `documents` would be told to the model.
pub(super) static CHAT_TEMPLATE: Table = Table::new(
    &[&[("tools", Class::Read), ("documents", Class::Runs("documents"))]],
    &[THINKING, &["add_generation_prompt", "continue_final_message", "add_vision_id", "force_nonempty_content"]],
);

pub(super) static VENICE: Table = Table::new(
    &[&[
        ("enable_web_search", Class::Switch("web_search", HINTS)),
        ("enable_web_scraping", Class::Switch("web_search", HINTS)),
        ("enable_x_search", Class::Switch("x_search", HINTS)),
        ("character_slug", Class::Runs("character")),
    ]],
    &[&[
        "disable_thinking",
        "strip_thinking_response",
        "include_venice_system_prompt",
        "enable_web_citations",
        "include_search_results_in_stream",
        "return_search_results_as_documents",
        "enable_e2ee",
    ]],
);
