// Checking an input before a run is started, by the JSON Schema of the contract.
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";

const schema: object = JSON.parse(
  readFileSync(new URL("../../../docs/schema/stemflow.json", import.meta.url), "utf8"),
);

// Ajv's strict mode has opinions on style, such as types that are lists.
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
ajv.addSchema(schema);

/** problems are what is wrong with an input, like that of SeparateStems; none if it is valid. */
export function problems(workflow: string, input: unknown): string[] {
  const validate = ajv.getSchema(`urn:stemflow:contract#/$defs/${workflow}Input`);
  if (validate === undefined) {
    throw new Error(`the schema has no input of ${workflow}`);
  }
  if (validate(input)) {
    return [];
  }
  const fields = new Map<string, string>();
  for (const error of validate.errors ?? []) {
    const field = error.instancePath.slice(1) || "the input";
    if (!fields.has(field)) {
      fields.set(field, `${field}: ${error.message}`);
    }
  }
  return [...fields.values()];
}
