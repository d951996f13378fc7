//! The prefixes and shapes of keys of clouds and APIs, as their owners document them.

/// The characters of a key behind its prefix.
#[derive(Debug, Clone, Copy)]
pub(super) enum Letters {
    /// `A-Z`, `2-7`.
    Base32,
    /// `0-9`, `a-f`.
    Hex,
    /// Letters and digits.
    Plain,
    /// Letters, digits, `_`, `-`.
    Url,
    /// Letters, digits, `_`, `-`, `.`.
    Dotted,
}

/// A shape of keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    pub(super) letters: Letters,
    /// The fewest and the most characters behind the prefix.
    pub(super) least: usize,
    pub(super) most: usize,
}

const fn shape(prefix: &'static str, letters: Letters, least: usize, most: usize) -> Shape {
    Shape { prefix, letters, least, most }
}

// === impl Letters ===

impl Letters {
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Letters::Base32 => matches!(byte, b'A'..=b'Z' | b'2'..=b'7'),
            Letters::Hex => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
            Letters::Plain => byte.is_ascii_alphanumeric(),
            Letters::Url => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Letters::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
        }
    }
}

use Letters::{Base32, Dotted, Hex, Plain, Url};

/// Every shape, those with the same first letter together. A longer prefix comes first.
const SHAPES: [Shape; 88] = [
    shape("AKIA", Base32, 16, 16),    // AWS access key
    shape("ASIA", Base32, 16, 16),    // AWS, temporary
    shape("ABIA", Base32, 16, 16),    // AWS STS bearer token
    shape("ACCA", Base32, 16, 16),    // AWS context-specific credential
    shape("AIza", Url, 35, 35),       // Google API key
    shape("ATATT3", Dotted, 60, 400), // Atlassian
    shape("EAAC", Plain, 80, 400),    // Meta access token
    shape("GOCSPX-", Url, 20, 60),    // Google OAuth client secret
    shape("PMAK-", Url, 40, 80),      // Postman
    shape("SG.", Dotted, 60, 90),     // SendGrid
    shape("SK", Hex, 32, 32),         // Twilio
    shape("atlasv1.", Dotted, 40, 120),
    shape("apify_api_", Plain, 30, 60), // Terraform Cloud is `ID.atlasv1.SECRET`
    shape("dop_v1_", Hex, 64, 64),      // DigitalOcean
    shape("doo_v1_", Hex, 64, 64),
    shape("dor_v1_", Hex, 64, 64),
    shape("dapi", Hex, 32, 40),      // Databricks
    shape("dckr_pat_", Url, 20, 60), // Docker
    shape("figd_", Url, 30, 80),
    shape("fo1_", Url, 40, 80),         // Figma, Fly
    shape("github_pat_", Url, 60, 100), // GitHub
    shape("ghp_", Plain, 36, 255),
    shape("gho_", Plain, 36, 255),
    shape("ghu_", Plain, 36, 255),
    shape("ghs_", Plain, 36, 255),
    shape("ghr_", Plain, 36, 255),
    shape("glpat-", Dotted, 20, 300), // GitLab
    shape("gldt-", Dotted, 20, 300),
    shape("glrt-", Dotted, 20, 300),
    shape("glcbt-", Dotted, 20, 300),
    shape("glptt-", Dotted, 20, 300),
    shape("glft-", Dotted, 20, 300),
    shape("glsoat-", Dotted, 20, 300),
    shape("glagent-", Dotted, 20, 300),
    shape("glsa_", Url, 40, 60), // Grafana
    shape("glc_", Plain, 32, 400),
    shape("gsk_", Plain, 40, 80), // Groq
    shape("hf_", Plain, 30, 60),  // Hugging Face
    shape("hvs.", Url, 20, 300),  // Vault
    shape("hvb.", Url, 20, 300),
    shape("key-", Hex, 32, 32), // Mailgun
    shape("lin_api_", Plain, 32, 60),
    shape("lsv2_pt_", Url, 32, 80),
    shape("lsv2_sk_", Url, 32, 80),    // Linear, LangSmith
    shape("npm_", Plain, 36, 36),      // npm
    shape("ntn_", Plain, 40, 60),      // Notion
    shape("nvapi-", Url, 50, 100),     // NVIDIA
    shape("pypi-AgE", Url, 50, 400),   // PyPI
    shape("pplx-", Plain, 32, 80),     // Perplexity
    shape("phx_", Plain, 40, 60),      // PostHog
    shape("pul-", Hex, 40, 40),        // Pulumi
    shape("rk_live_", Plain, 16, 255), // Stripe, restricted
    shape("rk_test_", Plain, 16, 255),
    shape("r8_", Plain, 30, 50), // Replicate
    shape("rubygems_", Hex, 48, 48),
    shape("sk_live_", Plain, 16, 255), // Stripe
    shape("sk_test_", Plain, 16, 255),
    shape("sk-ant-", Url, 20, 255),  // Anthropic
    shape("sk-proj-", Url, 20, 255), // OpenAI
    shape("sk-svcacct-", Url, 20, 255),
    shape("sk-admin-", Url, 20, 255),
    shape("sk-or-v1-", Hex, 64, 64), // OpenRouter
    shape("sk-lf-", Url, 32, 60),    // Langfuse
    shape("sk-", Plain, 32, 64),     // OpenAI and its imitators
    shape("shpat_", Hex, 32, 32),    // Shopify
    shape("shpss_", Hex, 32, 32),
    shape("shpca_", Hex, 32, 32),
    shape("sq0csp-", Url, 40, 50), // Square
    shape("sq0atp-", Url, 20, 30),
    shape("secret_", Plain, 40, 50),   // Notion
    shape("sntrys_", Dotted, 40, 300), // Sentry
    shape("sbp_", Hex, 40, 40),        // Supabase
    shape("tskey-", Url, 20, 100),
    shape("tgp_v1_", Url, 40, 60), // Tailscale, Together
    shape("vercel_", Plain, 24, 60),
    shape("whsec_", Plain, 24, 100), // Stripe, webhooks
    shape("xoxb-", Url, 20, 255),    // Slack
    shape("xoxp-", Url, 20, 255),
    shape("xoxa-", Url, 20, 255),
    shape("xoxr-", Url, 20, 255),
    shape("xoxs-", Url, 20, 255),
    shape("xoxe-", Url, 20, 255),
    shape("xoxe.xoxp-", Url, 20, 255),
    shape("xoxe.xoxb-", Url, 20, 255),
    shape("xapp-", Url, 20, 255),
    shape("xai-", Plain, 40, 100), // xAI
    shape("ya29.", Dotted, 20, 600),
    shape("y0_", Url, 40, 80), // Google OAuth, Yandex
];

/// The first shape and the one after the last of each first byte.
const PLACES: [(u8, u8); 256] = {
    let mut places = [(0_u8, 0_u8); 256];
    let mut place = 0;
    while place < SHAPES.len() {
        #[expect(clippy::indexing_slicing, reason = "a byte is a place in a table of 256, and no prefix is empty")]
        {
            let first = &mut places[SHAPES[place].prefix.as_bytes()[0] as usize];
            if first.1 == 0 {
                first.0 = place as u8;
            }
            first.1 = place as u8 + 1;
        }
        place += 1;
    }
    places
};

/// The second and the third bytes of all words that begin a value, by their lowest five bits, for each first byte.
const NEXT: [(u32, u32); 256] = {
    /// The beginnings of other values than keys with a shape. The lowest five bits of a letter are the same in both cases.
    const OTHERS: [&str; 6] = ["eyJ", "AGE", "PuT", "bea", "Bea", "hoo"];
    let mut next = [(0_u32, 0_u32); 256];
    let mut place = 0;
    while place < SHAPES.len() + OTHERS.len() {
        #[expect(clippy::indexing_slicing, reason = "a byte is a place in a table of 256, and each word has two bytes")]
        {
            let word = if place < SHAPES.len() { SHAPES[place].prefix } else { OTHERS[place - SHAPES.len()] };
            let bytes = word.as_bytes();
            let of_first = &mut next[bytes[0] as usize];
            of_first.0 |= 1 << (bytes[1] & 31);
            // Any byte may follow a prefix of two.
            of_first.1 |= if bytes.len() > 2 { 1 << (bytes[2] & 31) } else { u32::MAX };
        }
        place += 1;
    }
    next
};

/// Returns false if no key and no token begins with these bytes.
#[inline]
pub(super) fn may_begin(first: u8, second: u8, third: u8) -> bool {
    let (seconds, thirds) = NEXT.get(usize::from(first)).copied().unwrap_or_default();
    seconds >> (second & 31) & thirds >> (third & 31) & 1 == 1
}

/// Returns the shapes of keys that begin with this letter.
pub(super) fn shapes(first: u8) -> &'static [Shape] {
    let (start, end) = PLACES.get(usize::from(first)).copied().unwrap_or_default();
    SHAPES.get(usize::from(start)..usize::from(end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_found_by_its_letter_and_no_prefix_hides_a_longer_one() {
        assert_eq!((0..=u8::MAX).map(|first| shapes(first).len()).sum::<usize>(), SHAPES.len());
        for first in 0..=u8::MAX {
            let shapes = shapes(first);
            for (place, shape) in shapes.iter().enumerate() {
                assert_eq!(shape.prefix.as_bytes()[0], first, "{}", shape.prefix);
                assert!(shape.least <= shape.most, "{}", shape.prefix);
                let hidden = shapes[..place].iter().find(|before| shape.prefix.starts_with(before.prefix));
                assert!(hidden.is_none(), "{}", shape.prefix);
            }
        }
    }
}
