// Makes a component of the JavaScript engine and tool.js: node build.mjs NAME.wasm
import { readFile, writeFile } from "node:fs/promises";
import { componentize } from "@bytecodealliance/componentize-js";

const { component } = await componentize(await readFile("tool.js", "utf8"), {
  witPath: "wit",
  worldName: "tool",
  disableFeatures: ["http", "fetch-event"],
});
await writeFile(process.argv[2], component);
