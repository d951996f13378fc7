// Reads a JSON list of URLs, and prints for each what WHATWG's parser of Node understands: [scheme, host, port, path], or an error.
import { readFileSync } from "node:fs";

const read = (text) => {
  try {
    const url = new URL(text);
    return [url.protocol.slice(0, -1), url.hostname, url.port === "" ? null : Number(url.port), url.pathname];
  } catch (error) {
    return String(error.code);
  }
};
process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map((text) => [read(text)])));
