"""What a person adds to the rendered configuration for agents."""

from roster import HEADERS

FILTER = "                  - name: callgate\n"
MUTATION = "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"
# Envoy answers 403 to an upgrade that it does not serve. Codex asks again over HTTP at once only after 426.
UPGRADE = """                local_reply_config:
                  mappers:
                    - filter:
                        and_filter:
                          filters:
                            - status_code_filter: { comparison: { op: EQ, value: { default_value: 403, runtime_key: callgate.upgrade } } }
                            - header_filter: { header: { name: upgrade, present_match: true } }
                      status_code: 426
"""
# Before the gate, which reads no compressed request.
UNPACK = """                  - name: envoy.filters.http.decompressor
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.decompressor.v3.Decompressor
                      decompressor_library:
                        name: zstd
                        typed_config: { "@type": type.googleapis.com/envoy.extensions.compression.zstd.decompressor.v3.Zstd }
                      request_direction_config: { common_config: { ignore_no_transform_header: true } }
                      response_direction_config: { common_config: { enabled: { default_value: false, runtime_key: callgate.decompress } } }
"""


def edited(text, agent):
    """Returns the configuration of a listener that belongs to one tenant and role, and answers upgrades with 426."""
    append = "append_action: OVERWRITE_IF_EXISTS_OR_ADD"
    entries = "".join(f"                            - append: {{ header: {{ key: {name}, value: {value} }}, {append} }}\n"
                      for name, value in HEADERS.items())
    filters = (f"                  - name: caller\n                    typed_config:\n                      \"@type\": {MUTATION}\n"
               f"                      mutations:\n                        request_mutations:\n{entries}")
    if agent.fixed:
        text = text.replace(FILTER, filters + FILTER, 1)
    if agent.zstd and "http.decompressor" not in text:
        text = text.replace(FILTER, UNPACK + FILTER, 1)
    if agent.upgrades and "local_reply_config" not in text:
        text = text.replace("                http_filters:\n", UPGRADE + "                http_filters:\n", 1)
    return text
