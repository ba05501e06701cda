// Has a track separated by the stemflow that runs, and prints where the stems are.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { Client, Connection } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { separateStems, type Progress } from "./contract.js";
import { result, SeparationError, start, type ProviderTrack } from "./separate.js";
import { problems } from "./validate.js";

function say(progress: Progress): void {
  const archived = progress.stems?.filter((stem) => stem.state === "archived").length ?? 0;
  const stems = progress.stems ? `, ${archived} of ${progress.stems.length} stems` : "";
  console.error(`${progress.phase}${stems}`);
}

async function main(): Promise<number> {
  const { values: flags } = parseArgs({
    options: {
      "task-id": { type: "string", default: `song-${randomUUID().slice(0, 8)}` },
      "audio-id": { type: "string", default: "track-1" },
      "stems-task-queue": { type: "string" },
      unchecked: { type: "boolean", default: false }, // leave it to the worker to refuse a wrong input
    },
  });
  const track: ProviderTrack = { taskId: flags["task-id"], audioId: flags["audio-id"], type: "split_stem" };
  const wrong = flags.unchecked ? [] : problems(separateStems, track);
  if (wrong.length > 0) {
    console.error(`Not started:\n  ${wrong.join("\n  ")}`);
    return 2;
  }

  // TEMPORAL_ADDRESS and the others, or the profile of Temporal's command line.
  const { connectionOptions, namespace } = loadClientConnectConfig();
  const connection = await Connection.connect(connectionOptions).catch((error: unknown) => {
    const address = connectionOptions.address ?? "localhost:7233";
    throw new Error(`Temporal at ${address} cannot be reached: is it up, and TEMPORAL_ADDRESS right?`, { cause: error });
  });
  try {
    const client = new Client({ connection, ...(namespace === undefined ? {} : { namespace }) });
    const separation = await start(client, track, flags["stems-task-queue"]);
    console.error(`Running ${separation.workflowId}.`);
    const { stems, paid, settledBy } = await result(separation, say);
    for (const stem of stems) {
      console.log(`${stem.name.padEnd(14)} ${String(stem.size).padStart(9)}  s3://${stem.bucket}/${stem.key}`);
    }
    console.error(`${stems.length} stems, settled by ${settledBy}, ${paid ? "paid" : "unpaid"}.`);
    return 0;
  } catch (error) {
    if (!(error instanceof SeparationError)) {
      throw error;
    }
    console.error(`${error.type}: ${error.message}\nWhat to do: ${error.remedy}.`);
    if (error.details.separationTaskId) {
      console.error(`Paid for: ${error.details.separationTaskId}`);
    }
    return 1;
  } finally {
    await connection.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
