// The TypeScript client of MCP, as a program: `node client.mjs SDK-FOLDER URL MODE HEADERS STEPS`. MODE is `legacy`, `auto` or a revision;
// HEADERS and STEPS are JSON. A step is a list: `list`, `call NAME ARGUMENTS`, `listen`. Prints one JSON value for each step.

import { createRequire } from "node:module";
import path from "node:path";

const [folder, url, mode, headers, steps] = process.argv.slice(2);
const { Client, StreamableHTTPClientTransport } = createRequire(path.join(folder, "package.json"))("@modelcontextprotocol/client");

const negotiation = mode === "legacy" || mode === "auto" ? mode : { pin: mode };
const capabilities = { elicitation: { form: {} }, sampling: { tools: {} } };
const client = new Client({ name: "t", version: "1" }, { capabilities, versionNegotiation: { mode: negotiation } });
client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { seat: "4A" } }));

const told = (value) => process.stdout.write(JSON.stringify(value) + "\n");
const ways = {
    list: async () => (await client.listTools()).tools,
    call: async (name, args) => await client.callTool({ name, arguments: args }),
    listen: async (name) => {
        let changed;
        const change = new Promise((resolve) => (changed = resolve));
        client.setNotificationHandler("notifications/tools/list_changed", () => changed());
        const subscription = await client.listen({ toolsListChanged: true });
        await client.callTool({ name, arguments: {} });
        await change;
        await subscription.close();
        return subscription.honoredFilter;
    },
};

const guard = setTimeout(() => { told({ error: "it took too long" }); process.exit(1); }, 30_000);
try {
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: JSON.parse(headers) } }));
    told({ version: client.getNegotiatedProtocolVersion(), instructions: client.getInstructions() ?? null });
    for (const [way, ...args] of JSON.parse(steps)) {
        try {
            told(await ways[way](...args));
        } catch (error) {
            told({ error: String(error.message), code: error.code ?? null, data: error.data ?? null });
        }
    }
    await client.close();
} catch (error) {
    told({ error: String(error.message), code: error.code ?? null, data: error.data ?? null });
}
clearTimeout(guard);
