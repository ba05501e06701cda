// Starting a separation, watching it and awaiting it: copy this file and contract.ts into your
// project.
import {
  ApplicationFailure,
  CancelledFailure,
  TerminatedFailure,
  WorkflowFailedError,
  type Client,
  type WorkflowHandle,
} from "@temporalio/client";
import {
  errorTypes,
  progressQuery,
  separateStems,
  taskQueue,
  type ErrorDetails,
  type Progress,
  type SeparateStemsInput,
  type SeparateStemsResult,
} from "./contract.js";

/** SeparateStems is the workflow, as the SDK wants to see its type. */
type SeparateStems = (input: SeparateStemsInput) => Promise<SeparateStemsResult>;

export type Separation = WorkflowHandle<SeparateStems>;

/** ProviderTrack names a track of the provider. A song of one's own has another workflow id. */
export type ProviderTrack = SeparateStemsInput & {
  taskId: string;
  audioId: string;
  type: "separate_vocal" | "split_stem";
};

/**
 * start starts a separation, or joins the one of this track that is under way: then nothing is paid
 * a second time.
 */
export async function start(client: Client, track: ProviderTrack, queue: string = taskQueue): Promise<Separation> {
  return client.workflow.start<SeparateStems>(separateStems, {
    workflowId: `stems:${track.type}:${track.taskId}:${track.audioId}`,
    workflowIdConflictPolicy: "USE_EXISTING",
    taskQueue: queue,
    args: [track],
  });
}

/**
 * result awaits the end, and says how far it is each time that this changes. It throws a
 * {@link SeparationError} if there is no result.
 */
export async function result(
  separation: Separation,
  onProgress: (progress: Progress) => void,
): Promise<SeparateStemsResult> {
  const ended = new AbortController();
  const watching = watch(separation, onProgress, ended.signal);
  try {
    return await separation.result();
  } catch (error) {
    throw SeparationError.of(error);
  } finally {
    ended.abort();
    await watching;
  }
}

async function watch(
  separation: Separation,
  onProgress: (progress: Progress) => void,
  ended: AbortSignal,
): Promise<void> {
  let last = "";
  while (!ended.aborted) {
    try {
      const progress = await separation.query<Progress>(progressQuery);
      const text = JSON.stringify(progress);
      if (text !== last && !ended.aborted) {
        last = text;
        onProgress(progress);
      }
    } catch {
      // No worker answers just now. The result does not depend on it.
    }
    await pause(500, ended);
  }
}

function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(() => {
      ended.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    ended.addEventListener("abort", stop, { once: true });
  });
}

/** SeparationError is why a separation has no result, and what to do. */
export class SeparationError extends Error {
  override readonly name = "SeparationError";

  private constructor(
    /** type is an error type of stemflow, or Cancelled, Terminated or Unknown. */
    readonly type: string,
    message: string,
    readonly remedy: string,
    /** details have the paid separation, if there is one. */
    readonly details: ErrorDetails,
    cause: unknown,
  ) {
    super(message, { cause });
  }

  /** of knows stemflow's errors by their type: it is the contract, the message is for people. */
  static of(error: unknown): SeparationError {
    const cause = error instanceof WorkflowFailedError ? error.cause : error;
    const resumes = "start again: what is paid for is resumed, unpaid";
    if (cause instanceof ApplicationFailure) {
      const type = cause.type ?? "Unknown";
      const details = (cause.details?.[0] ?? {}) as ErrorDetails;
      return new SeparationError(type, cause.message, errorTypes[type]?.remedy ?? resumes, details, error);
    }
    const type =
      cause instanceof CancelledFailure ? "Cancelled" : cause instanceof TerminatedFailure ? "Terminated" : "Unknown";
    return new SeparationError(type, cause instanceof Error ? cause.message : String(cause), resumes, {}, error);
  }
}
