// Reads [definition, document] pairs as JSON lines, and writes whether each document is valid.
// It runs in a folder that has Ajv.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Ajv2020 } = createRequire(process.cwd() + "/")("ajv/dist/2020.js");
const ajv = new Ajv2020({ strict: false, validateFormats: false });
ajv.addSchema(JSON.parse(readFileSync(process.argv[2], "utf8")));

for (const line of readFileSync(0, "utf8").trimEnd().split("\n")) {
  const [definition, document] = JSON.parse(line);
  console.log(ajv.getSchema(`urn:stemflow:contract#/$defs/${definition}`)(document));
}
