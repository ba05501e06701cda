// The contract of stemflow, generated from its Go types: do not edit it, run go generate.

export const taskQueue = "stemflow";
export const separateStems = "SeparateStems";
export const separateCatalog = "SeparateCatalog";
export const generateMIDI = "GenerateMIDI";
export const convertToWAV = "ConvertToWAV";
export const verifyArchive = "VerifyArchive";
export const progressQuery = "progress";
export const pollNowUpdate = "poll-now";

/** The error types, each with whether the run has paid and what to do. */
export const errorTypes: Readonly<Record<string, { paid: string; remedy: string }>> = {
  InvalidInput: { paid: "no", remedy: "correct each field that the message names" },
  Unauthorized: { paid: "no", remedy: "check the worker's `KIE_API_KEY`, its limits and its list of addresses, and start again" },
  InsufficientCredits: { paid: "no", remedy: "top the provider's account up and start again" },
  ProviderRejected: { paid: "no", remedy: "read the message: the provider does not take this track or these parameters, and starting again changes nothing by itself" },
  ProviderUnavailable: { paid: "see the details", remedy: "start again later: what is paid for is resumed, unpaid" },
  SubmissionUnknown: { paid: "perhaps", remedy: "start again, unpaid: if the callback has come meanwhile, the run resumes what it named. If it ends so again, look the track up in the provider's log (https://kie.ai/logs). If it is there, start again with its id as `separationTaskId` (of a WAV: `wavTaskId`); only if it is not there, start again with `force`, which pays" },
  SeparationFailed: { paid: "perhaps", remedy: "the details have the provider's code and message, and its log (https://kie.ai/logs) says whether it charged for the task. Starting again pays for another try" },
  SeparationTimedOut: { paid: "yes", remedy: "start again: the paid separation is resumed, unpaid. Where this happens often, give a longer `deadline`" },
  NoStems: { paid: "yes", remedy: "start again later to look once more, unpaid; only if there are still none, start again with `force`, which pays for another try" },
  SourceExpired: { paid: "yes", remedy: "unless the message says that the stems are gone, start again later, unpaid, and check that the worker's `KIE_API_KEY` is of the account that paid. The provider keeps stems for 14 days: only for those that are gone, start again with `force`, which pays for new ones" },
  SourceNotAudio: { paid: "yes", remedy: "start again later, unpaid. If it stays so, ask the provider's support, with the separation task id; with `allowPartial` the other stems are archived" },
  SourceTooLarge: { paid: "yes", remedy: "raise the worker's `STEMFLOW_MAX_STEM_SIZE` and start again, unpaid" },
  SourceForbidden: { paid: "yes", remedy: "if the host that the message names is the provider's, add it to the worker's `STEMFLOW_SOURCE_HOSTS`; if it names an address that this network gives the provider's hosts, admit its range with `STEMFLOW_SOURCE_NETWORKS`. Then start again, unpaid" },
  SourceBlocked: { paid: "yes", remedy: "the stems are still there, but the file host refuses the worker, by its address or its User-Agent, or the egress proxy refuses the file host: have it let in, or let a worker with another address fetch them, and start again, unpaid" },
  ArchiveUnavailable: { paid: "see the details", remedy: "the message says what of the object store to mend: its address, credentials, policy or certificate. Then start again: what is paid for is resumed, unpaid" },
  ArchiveIncomplete: { paid: "yes", remedy: "start again, unpaid: what is archived stays. With `allowPartial` a run succeeds with the stems that it can get" },
  MIDIFailed: { paid: "no", remedy: "start the MIDI again, which costs nothing; where it is of all stems in one, ask for one stem by itself" },
  MIDITimedOut: { paid: "no", remedy: "start the MIDI again later: the transcription is taken up" },
  WAVExists: { paid: "no", remedy: "look the WAV up in the provider's log (https://kie.ai/logs) and start again with its id as `wavTaskId`, unpaid. If it was asked for only now, start again later: its callback may have put it on the ledger" },
  WAVFailed: { paid: "perhaps", remedy: "the details have the provider's code and message, and its log (https://kie.ai/logs) says whether it charged for the task. Starting again pays for another try" },
  WAVTimedOut: { paid: "yes", remedy: "start again: the paid conversion is resumed, unpaid. Where this happens often, give a longer `deadline`" },
  NoWAV: { paid: "yes", remedy: "start again later to look once more, unpaid; only if there is still none, start again with `force`, which pays for another try" },
  ArchiveDamaged: { paid: "no", remedy: "read the details of the check, which list what is damaged, each with its remedy: what was paid for is resumed, unpaid" },
};

/**
 * SeparateStemsInput is the input of `SeparateStems`, as JSON as a person types it into the
 * Temporal UI. Only `taskId` and `audioId` are required, or `audioUrl` instead of both.
 */
export interface SeparateStemsInput {
  /** `taskId` is the provider's id of the music task that made the track. */
  taskId?: string | null;
  /** `audioId` is the provider's id of the track. */
  audioId?: string | null;
  /**
   * `audioUrl` is a song of one's own, of at most 20971520: an https address that the provider can
   * fetch, or an object of the archive's store as "s3://bucket/key", which the worker hands to the
   * provider.
   */
  audioUrl?: string | null;
  /**
   * `audioSha256` is the SHA-256 of what `audioUrl` names, in hexadecimal, where it is known. Then
   * the song is known by its content, and otherwise by its address without the query: see
   * SeparateStemsInput.Track.
   */
  audioSha256?: string | null;
  /** `type` is what to separate; empty is `separate_vocal`, as with the provider. */
  type?: "separate_vocal" | "split_stem" | "split_stem_advanced" | "" | null;
  /**
   * `stemName` is the instrument to extract, in the provider's spelling ("Lead Vocal"): required
   * with, and only with, `split_stem_advanced`.
   */
  stemName?: string | null;
  /**
   * `title` is what people call the track: displays and reports show it, and nothing depends on it.
   */
  title?: string | null;
  /**
   * `separationTaskId` is the id of a separation already paid for. With it the run never submits.
   */
  separationTaskId?: string | null;
  /** `bucket` and `prefix` say where to archive; empty is the worker's configuration. */
  bucket?: string | null;
  /** `bucket` and `prefix` say where to archive; empty is the worker's configuration. */
  prefix?: string | null;
  /**
   * `callbackGrace` is how long the run waits for the callback alone, before polling starts.
   * Default 3m.
   */
  callbackGrace?: string | null;
  /** `pollInterval` is the pause between two polls. Default 30s. */
  pollInterval?: string | null;
  /**
   * `deadline` is how long the provider may take, counted from its answer to the submit. Default
   * 45m.
   */
  deadline?: string | null;
  /** `force` pays again even if an archived result or a paid separation exists. */
  force?: boolean | null;
  /** `allowPartial` lets the run succeed when some stems could not be archived. */
  allowPartial?: boolean | null;
  /**
   * `midi` also transcribes the separation to notes once it is archived, which costs nothing. That
   * this fails fails no separation: the result says so.
   */
  midi?: boolean | null;
}

/**
 * SeparateCatalogInput is the input of `SeparateCatalog`, as JSON as a person types it into the
 * Temporal UI. Only `tracks` or `source` is required.
 */
export interface SeparateCatalogInput {
  /**
   * `name` is what the catalogue is called: it is in the workflow's id and in the keys of the
   * catalogue's objects. Default: the file's name in `source`, without its ending.
   */
  name?: string | null;
  /**
   * `tracks` are the tracks, at most 500. What one of them leaves out is as in the fields below;
   * decoding fills it in.
   */
  tracks?: CatalogTrack[] | null;
  /**
   * `source` is, in place of `tracks`, an object that lists them: as JSON lines, an object like a
   * SeparateStemsInput in each, or as CSV, whose first row names the fields. Without a bucket it is
   * in `bucket`.
   */
  source?: { bucket?: string | null; key?: string | null } | null;
  /** `window` is how many tracks are under way at a time. Default 100. */
  window?: number | null;
  /**
   * `creditBudget` is how many of the provider's credits the run may spend, by the documented
   * prices: see Price. Nil is as many as the account has, 0 pays nothing and archives what is paid
   * for.
   */
  creditBudget?: number | null;
  /**
   * `bucket` and `prefix` say where the catalogue's own objects and the tracks that say nothing
   * else are archived; empty is the worker's configuration.
   */
  bucket?: string | null;
  /**
   * `bucket` and `prefix` say where the catalogue's own objects and the tracks that say nothing
   * else are archived; empty is the worker's configuration.
   */
  prefix?: string | null;
  /**
   * The others are for tracks that do not say otherwise, as in SeparateStemsInput. `stemName`
   * serves tracks of type `split_stem_advanced` only.
   */
  type?: "separate_vocal" | "split_stem" | "split_stem_advanced" | "" | null;
  /**
   * The others are for tracks that do not say otherwise, as in SeparateStemsInput. `stemName`
   * serves tracks of type `split_stem_advanced` only.
   */
  stemName?: string | null;
  callbackGrace?: string | null;
  pollInterval?: string | null;
  deadline?: string | null;
  force?: boolean | null;
  allowPartial?: boolean | null;
  midi?: boolean | null;
  /**
   * `forbidForce` makes `force` an error, of the catalogue and of every track in it: a list that
   * somebody else has written cannot pay again for what is paid for. The Nexus operation sets it
   * where the operator says so.
   */
  forbidForce?: boolean | null;
}

/** A track of a catalogue, which takes what it leaves out from the catalogue. */
export interface CatalogTrack {
  /** `taskId` is the provider's id of the music task that made the track. */
  taskId?: string | null;
  /** `audioId` is the provider's id of the track. */
  audioId?: string | null;
  /**
   * `audioUrl` is a song of one's own, of at most 20971520: an https address that the provider can
   * fetch, or an object of the archive's store as "s3://bucket/key", which the worker hands to the
   * provider.
   */
  audioUrl?: string | null;
  /**
   * `audioSha256` is the SHA-256 of what `audioUrl` names, in hexadecimal, where it is known. Then
   * the song is known by its content, and otherwise by its address without the query: see
   * SeparateStemsInput.Track.
   */
  audioSha256?: string | null;
  /** `type` is what to separate; empty is `separate_vocal`, as with the provider. */
  type?: "separate_vocal" | "split_stem" | "split_stem_advanced" | "" | null;
  /**
   * `stemName` is the instrument to extract, in the provider's spelling ("Lead Vocal"): required
   * with, and only with, `split_stem_advanced`.
   */
  stemName?: string | null;
  /**
   * `title` is what people call the track: displays and reports show it, and nothing depends on it.
   */
  title?: string | null;
  /**
   * `separationTaskId` is the id of a separation already paid for. With it the run never submits.
   */
  separationTaskId?: string | null;
  /** `bucket` and `prefix` say where to archive; empty is the worker's configuration. */
  bucket?: string | null;
  /** `bucket` and `prefix` say where to archive; empty is the worker's configuration. */
  prefix?: string | null;
  /**
   * `callbackGrace` is how long the run waits for the callback alone, before polling starts.
   * Default 3m.
   */
  callbackGrace?: string | null;
  /** `pollInterval` is the pause between two polls. Default 30s. */
  pollInterval?: string | null;
  /**
   * `deadline` is how long the provider may take, counted from its answer to the submit. Default
   * 45m.
   */
  deadline?: string | null;
  /** `force` pays again even if an archived result or a paid separation exists. */
  force?: boolean | null;
  /** `allowPartial` lets the run succeed when some stems could not be archived. */
  allowPartial?: boolean | null;
  /**
   * `midi` also transcribes the separation to notes once it is archived, which costs nothing. That
   * this fails fails no separation: the result says so.
   */
  midi?: boolean | null;
}

/**
 * GenerateMIDIInput is the input of `GenerateMIDI`, as JSON as a person types it into the Temporal
 * UI. It names an archived separation as a SeparateStemsInput does: with `taskId` and `audioId`, or
 * `audioUrl` instead of both.
 */
export interface GenerateMIDIInput {
  taskId?: string | null;
  audioId?: string | null;
  audioUrl?: string | null;
  audioSha256?: string | null;
  type?: "separate_vocal" | "split_stem" | "split_stem_advanced" | "" | null;
  stemName?: string | null;
  /**
   * `stem` is the name of the one archived stem that is transcribed, like "bass"; empty is all of
   * the separation in one. The provider hears more in a stem by itself.
   */
  stem?: string | null;
  /** `separationTaskId` is the separation that must be archived; empty is whichever is. */
  separationTaskId?: string | null;
  /**
   * `bucket` and `prefix` say where the separation is archived; empty is the worker's
   * configuration.
   */
  bucket?: string | null;
  /**
   * `bucket` and `prefix` say where the separation is archived; empty is the worker's
   * configuration.
   */
  prefix?: string | null;
  /** `callbackGrace`, `pollInterval` and `deadline` are as in SeparateStemsInput. */
  callbackGrace?: string | null;
  /** `callbackGrace`, `pollInterval` and `deadline` are as in SeparateStemsInput. */
  pollInterval?: string | null;
  /** `callbackGrace`, `pollInterval` and `deadline` are as in SeparateStemsInput. */
  deadline?: string | null;
  /** `force` asks the provider again even if the MIDI is archived. It costs nothing either. */
  force?: boolean | null;
}

/**
 * ConvertToWAVInput is the input of `ConvertToWAV`, as JSON as a person types it into the Temporal
 * UI. Only `taskId` and `audioId` are required. The provider converts no song that it has not made,
 * and no stem.
 */
export interface ConvertToWAVInput {
  /**
   * `taskId` is the provider's id of the music task that made the track, `audioId` its id of the
   * track.
   */
  taskId?: string | null;
  /**
   * `taskId` is the provider's id of the music task that made the track, `audioId` its id of the
   * track.
   */
  audioId?: string | null;
  /** `title` is what people call the track: displays show it, and nothing depends on it. */
  title?: string | null;
  /** `wavTaskId` is the id of a conversion already paid for. With it the run never submits. */
  wavTaskId?: string | null;
  /** `bucket` and `prefix` say where to archive; empty is the worker's configuration. */
  bucket?: string | null;
  /** `bucket` and `prefix` say where to archive; empty is the worker's configuration. */
  prefix?: string | null;
  /** `callbackGrace`, `pollInterval` and `deadline` are as in SeparateStemsInput. */
  callbackGrace?: string | null;
  /** `callbackGrace`, `pollInterval` and `deadline` are as in SeparateStemsInput. */
  pollInterval?: string | null;
  /** `callbackGrace`, `pollInterval` and `deadline` are as in SeparateStemsInput. */
  deadline?: string | null;
  /**
   * `force` asks for another conversion even if one is archived or paid for. The provider may
   * refuse to make a second one, which costs nothing: then the one that is known is taken up.
   */
  force?: boolean | null;
}

/**
 * VerifyArchiveInput is the input of `VerifyArchive`, as JSON as a person types it into the
 * Temporal UI. Nothing is required: an empty input checks the worker's own archive.
 */
export interface VerifyArchiveInput {
  /**
   * `bucket` and `prefix` say what to check; empty is the worker's configuration. The prefix "/" is
   * the whole bucket.
   */
  bucket?: string | null;
  /**
   * `bucket` and `prefix` say what to check; empty is the worker's configuration. The prefix "/" is
   * the whole bucket.
   */
  prefix?: string | null;
  /**
   * `taskId` and `audioId`, with `type` and `stemName` as in SeparateStemsInput, check one track
   * alone.
   */
  taskId?: string | null;
  /**
   * `taskId` and `audioId`, with `type` and `stemName` as in SeparateStemsInput, check one track
   * alone.
   */
  audioId?: string | null;
  /**
   * `taskId` and `audioId`, with `type` and `stemName` as in SeparateStemsInput, check one track
   * alone.
   */
  type?: "separate_vocal" | "split_stem" | "split_stem_advanced" | "" | null;
  /**
   * `taskId` and `audioId`, with `type` and `stemName` as in SeparateStemsInput, check one track
   * alone.
   */
  stemName?: string | null;
  /**
   * `readData` says which stems are read back and hashed: "all", a random share like "5%", the n-th
   * of t parts like "1/7", or a random part of a size like "10G". Empty is none: then only the
   * store's own word is taken.
   */
  readData?: string | null;
  /**
   * `limitRate` bounds how fast they are read, in bytes a second, like "10M". Empty is no bound.
   */
  limitRate?: string | null;
  /**
   * `deadline` is the longest deadline that separations are given. Until it has passed, what is
   * paid for or intended is under way and no damage. Default: 45m where Temporal can be asked
   * whether a run is still open, 336h where it cannot.
   */
  deadline?: string | null;
  /**
   * `repair` resumes what is paid for, and writes again what follows from something else. It never
   * pays.
   */
  repair?: boolean | null;
  /** `failOnDamage` ends the run with `ArchiveDamaged` when damage is left. */
  failOnDamage?: boolean | null;
}

/** SeparateStemsResult is the result of `SeparateStems`. */
export interface SeparateStemsResult {
  /** `separationTaskId` is the provider's id of the paid separation. */
  separationTaskId: string;
  type: SeparationType;
  settledBy: SettledBy;
  /**
   * `paid` reports that this run paid, or the one that it is a reset or a retry of: the provider
   * accepted its submit, or may have. A run that takes up what others paid for before, or finds the
   * track archived by them, pays nothing.
   */
  paid: boolean;
  /** `stems` are the archived stems, in the order in which the provider's documents name them. */
  stems: Stem[];
  /**
   * `empty` names the expected stems that the provider did not serve: instruments that do not play,
   * unless `missing` names them, too.
   */
  empty: string[];
  /** `failed` is empty unless `allowPartial` was set. */
  failed: FailedStem[];
  /**
   * `missing` are the stems that were promised and not served in time: by the type, by a callback
   * or by an earlier look at the record. A later start looks for them again, unpaid, for as long as
   * the provider keeps them. Those of them that the type has are in `empty`, too.
   */
  missing?: MissingStem[];
  /**
   * `midi` are the transcriptions of the separation and of its stems, as far as they were asked
   * for. One with a Failure was asked for by this run and is not there.
   */
  midi?: MIDI[];
  manifest: ObjectRef;
  /**
   * `submittedAt` is when the provider had accepted the paid call, `settledAt` when the provider
   * was done as far as the run knew, `archivedAt` when the last stem was safe.
   */
  submittedAt?: string;
  /**
   * `submittedAt` is when the provider had accepted the paid call, `settledAt` when the provider
   * was done as far as the run knew, `archivedAt` when the last stem was safe.
   */
  settledAt?: string;
  /**
   * `submittedAt` is when the provider had accepted the paid call, `settledAt` when the provider
   * was done as far as the run knew, `archivedAt` when the last stem was safe.
   */
  archivedAt?: string;
}

/** SeparationType is the provider's mode of separation. */
export type SeparationType = "separate_vocal" | "split_stem" | "split_stem_advanced" | "wav" | (string & {});

/** `settledBy` says how a run learned that its separation was done. */
export type SettledBy = "callback" | "poll" | "resume" | "archive" | (string & {});

/** Stem is an archived stem. */
export interface Stem {
  /**
   * `name` is canonical: "vocals", "backing_vocals", "drums" ... A name that the provider adds
   * later has the same spelling.
   */
  name: string;
  bucket: string;
  key: string;
  /** `size` is in bytes. */
  size: number;
  /** `sha256` is of the object's content, in lower-case hexadecimal. */
  sha256: string;
  /**
   * `storeChecksum` is the checksum of the same that the store itself keeps, like
   * "CRC32C:yZRlqg==": its algorithm, and S3's spelling of it. It is absent where the store keeps
   * the SHA-256, as for stems that releases before archived.
   */
  storeChecksum?: string;
  contentType: string;
  /**
   * `durationSeconds` is how long the object's audio plays, as measured, and absent where it is of
   * a format that is not measured.
   */
  durationSeconds?: number;
  /**
   * `announcedDurationSeconds` is what the provider said of the duration, and present only where it
   * is not the measured one.
   */
  announcedDurationSeconds?: number;
  /**
   * `sourceId` is the provider's id of the stem, where it gives one: what its other APIs (MIDI)
   * take as audioId.
   */
  sourceId?: string;
}

/** FailedStem is a stem that the provider served and that could not be archived. */
export interface FailedStem {
  name: string;
  /** `type` is one of the error types, like `SourceNotAudio`. */
  type: string;
  message: string;
}

/**
 * MissingStem is a stem that a separation should have, and that the provider did not serve in time.
 */
export interface MissingStem {
  name: string;
  /** `reason` says why it is missing, for a person. */
  reason: string;
}

/**
 * MIDI is a transcription of a separation, or of one stem of it, as manifests and results have it.
 */
export interface MIDI {
  /** `stem` is the name of the stem that was transcribed; empty: all of the separation in one. */
  stem?: string;
  /** `midiTaskId` is the provider's id of the transcription. */
  midiTaskId?: string;
  /** `requestedAt` is when the provider had taken it. */
  requestedAt?: string;
  /**
   * `json` are the notes as the provider gives them, `file` is a Standard MIDI `file` with them.
   * Both are nil while the transcription is under way, and where it has failed.
   */
  json?: MIDIObject;
  /**
   * `json` are the notes as the provider gives them, `file` is a Standard MIDI `file` with them.
   * Both are nil while the transcription is under way, and where it has failed.
   */
  file?: MIDIObject;
  /**
   * `instruments` are what was heard. There may be none, and one may have no notes: that is a
   * result.
   */
  instruments?: MIDIInstrument[];
  archivedAt?: string;
  /** `failure` says in results, and never in manifests, why there is no MIDI. */
  failure?: RunFailure;
}

/** MIDIObject is an object of a transcription. */
export interface MIDIObject {
  bucket: string;
  key: string;
  /** `size` is in bytes. */
  size: number;
  /** `sha256` is of the object's content, in lower-case hexadecimal. */
  sha256: string;
  contentType: string;
}

/** MIDIInstrument is a part of a transcription, and a track of its file. */
export interface MIDIInstrument {
  /** `name` is the provider's. */
  name: string;
  /** `notes` is how many notes the provider lists. */
  notes: number;
  /**
   * `dropped` is how many of them are not in the file: their pitch is none of the 128, or nobody
   * can say when they begin.
   */
  dropped?: number;
}

/** RunFailure is why a run has ended without a result, as its progress says it. */
export interface RunFailure {
  /** `type` is the error type, or `Canceled`. */
  type: string;
  message: string;
  /** `remedy` says what to do. Names of input fields and variables are in backticks. */
  remedy?: string;
}

/** ObjectRef names an object in the archive. */
export interface ObjectRef {
  bucket: string;
  key: string;
}

/**
 * SeparateCatalogResult is the result of `SeparateCatalog`, and the first detail of the error with
 * which it ends otherwise.
 */
export interface SeparateCatalogResult {
  name: string;
  /**
   * `tracks` is how many there are. All of them are counted below, unless the catalogue ended
   * early.
   */
  tracks: number;
  archived: number;
  found: number;
  partial: number;
  failed: number;
  skipped: number;
  cancelled: number;
  /** `credits` is what was spent, by the documented prices. */
  credits: number;
  /** `report` lists what became of each track, as CSV and as JSON: a CatalogReport. */
  report?: ReportRefs;
  /** `startedAt` and `endedAt` are of the whole run. */
  startedAt?: string;
  /** `startedAt` and `endedAt` are of the whole run. */
  endedAt?: string;
}

/** ReportRefs are the objects of a report. */
export interface ReportRefs {
  csv: ObjectRef;
  json: ObjectRef;
}

/** GenerateMIDIResult is the result of `GenerateMIDI`. */
export interface GenerateMIDIResult {
  /** `separationTaskId` is the separation that was transcribed. */
  separationTaskId: string;
  /**
   * `settledBy` says how the run learned that the transcription was done. With `archive` nothing
   * was asked for.
   */
  settledBy: SettledBy;
  midi: MIDI;
  /** `manifest` is that of the separation, which lists the `midi`. */
  manifest: ObjectRef;
}

/** ConvertToWAVResult is the result of `ConvertToWAV`. */
export interface ConvertToWAVResult {
  /** `wavTaskId` is the provider's id of the paid conversion. */
  wavTaskId: string;
  settledBy: SettledBy;
  /**
   * `paid` is as in SeparateStemsResult. `credits` is what the run paid by the documented price, 0
   * if it has not paid.
   */
  paid: boolean;
  /**
   * `paid` is as in SeparateStemsResult. `credits` is what the run paid by the documented price, 0
   * if it has not paid.
   */
  credits: number;
  /** `wav` is the archived file. */
  wav: WAV;
  /**
   * `manifest` names the `wav` as manifests of separations name stems: as the only one, with the
   * name `track`.
   */
  manifest: ObjectRef;
  /** `submittedAt`, `settledAt` and `archivedAt` are as in SeparateStemsResult. */
  submittedAt?: string;
  /** `submittedAt`, `settledAt` and `archivedAt` are as in SeparateStemsResult. */
  settledAt?: string;
  /** `submittedAt`, `settledAt` and `archivedAt` are as in SeparateStemsResult. */
  archivedAt?: string;
}

/** WAV is an archived WAV file. */
export interface WAV {
  bucket: string;
  key: string;
  /** `size` is in bytes. */
  size: number;
  /** `sha256` is of the object's content, in lower-case hexadecimal. */
  sha256: string;
  contentType: string;
  /** `durationSeconds` is how long it plays, as measured. */
  durationSeconds?: number;
}

/**
 * VerifyArchiveResult is the result of `VerifyArchive`, the answer to `progress` while it goes on,
 * and the first detail of the error with which it ends otherwise.
 */
export interface VerifyArchiveResult {
  /** `bucket` and `prefix` are what was checked. */
  bucket: string;
  /** `bucket` and `prefix` are what was checked. */
  prefix?: string;
  /**
   * `tracks` is how many have a manifest, `stems` how many stems those list, and `bytes` their
   * size.
   */
  tracks: number;
  /**
   * `tracks` is how many have a manifest, `stems` how many stems those list, and `bytes` their
   * size.
   */
  stems: number;
  /**
   * `tracks` is how many have a manifest, `stems` how many stems those list, and `bytes` their
   * size.
   */
  bytes: number;
  /**
   * `partial` is how many of the tracks lack stems, as their manifests say: they had failed, or
   * were not served.
   */
  partial?: number;
  /**
   * `unproved` is how many of the stems the store has no checksum of that the manifest has, too,
   * and that were not read: their size alone was compared.
   */
  unproved?: number;
  /** `readStems` and `readBytes` are what was read back and hashed. */
  readStems?: number;
  /** `readStems` and `readBytes` are what was read back and hashed. */
  readBytes?: number;
  /**
   * `ledgers` is how many ledgers were read; `underWay` how many tracks are being paid for or
   * archived.
   */
  ledgers: number;
  /**
   * `ledgers` is how many ledgers were read; `underWay` how many tracks are being paid for or
   * archived.
   */
  underWay?: number;
  /**
   * `deleted` is how many tracks a person has removed. They are no damage, and no repair brings
   * them back.
   */
  deleted?: number;
  /**
   * `superseded` is how many objects are of separations that another one of the same track has
   * taken the place of. They are no damage.
   */
  superseded?: number;
  /**
   * `unplaced` is how many paid separations have no manifest in any place that was looked at, in an
   * archive of more places than a check remembers: they may be archived in another one.
   */
  unplaced?: number;
  /** `objects` is how many objects the store listed, whatever they are. */
  objects: number;
  /**
   * `uploadsUnchecked` says that the store does not let these credentials list unfinished uploads.
   */
  uploadsUnchecked?: boolean;
  /**
   * `damage` is how many findings are damage, `notices` how many are not. What was repaired is
   * among neither.
   */
  damage: number;
  /**
   * `damage` is how many findings are damage, `notices` how many are not. What was repaired is
   * among neither.
   */
  notices?: number;
  /**
   * `repaired`, `lost` and `notRepaired` are what repairs came to. Those that are lost or not
   * repaired are among `damage`.
   */
  repaired?: number;
  /**
   * `repaired`, `lost` and `notRepaired` are what repairs came to. Those that are lost or not
   * repaired are among `damage`.
   */
  lost?: number;
  /**
   * `repaired`, `lost` and `notRepaired` are what repairs came to. Those that are lost or not
   * repaired are among `damage`.
   */
  notRepaired?: number;
  /** `kinds` counts all findings, repaired or not, by their kind. */
  kinds?: FindingCount[];
  /** `findings` are the first 100, and `more` counts the others. */
  findings: ArchiveFinding[];
  /** `findings` are the first 100, and `more` counts the others. */
  more?: number;
  startedAt?: string;
  endedAt?: string;
}

/** FindingCount is how many findings of a kind there are. */
export interface FindingCount {
  kind: FindingKind;
  count: number;
}

/** FindingKind is a kind of what a check of an archive finds. */
export type FindingKind = "ManifestInvalid" | "ManifestVersion" | "ManifestMisplaced" | "StemMissing" | "StemSize" | "StemChecksum" | "StemUnreadable" | "MIDIDamaged" | "Orphan" | "IntentStuck" | "PaidNotArchived" | "LedgerInvalid" | "LedgerMissing" | "LedgerDisagrees" | "ReceiptMissing" | "UploadUnfinished" | "NotArchived" | (string & {});

/** ArchiveFinding is one thing that a check found. */
export interface ArchiveFinding {
  kind: FindingKind;
  /** `notice` is as in FindingType. */
  notice?: boolean;
  /**
   * `bucket` and `key` name the object, or the first of several. What a store allows in keys and no
   * text should have is escaped.
   */
  bucket: string;
  /**
   * `bucket` and `key` name the object, or the first of several. What a store allows in keys and no
   * text should have is escaped.
   */
  key: string;
  /** `track` is set where it is known, `separationTaskId` where a separation is. */
  track?: Track;
  /** `track` is set where it is known, `separationTaskId` where a separation is. */
  separationTaskId?: string;
  /** `message` says what is wrong, `remedy` what to do. */
  message: string;
  /** `message` says what is wrong, `remedy` what to do. */
  remedy: string;
  /** `repair` is what a repair came to; empty where none was tried. */
  repair?: RepairOutcome;
  /** `repairError` is the error type with which a repair ended. */
  repairError?: string;
}

/**
 * Track is what is separated, and how. A song of one's own has `url` or `sha256` as `taskId`, and
 * as `audioId` the SHA-256 of its address without the query, or of its content, in hexadecimal.
 */
export interface Track {
  taskId: string;
  audioId: string;
  type: SeparationType;
  stemName?: string;
}

/** RepairOutcome is what the repair of a finding came to. */
export type RepairOutcome = "repaired" | "lost" | "failed" | (string & {});

/** Progress answers `progress`. */
export interface Progress {
  phase: Phase;
  /** `title` is that of the input. */
  title?: string;
  separationTaskId?: string;
  /**
   * `submissionUnknown` reports that the outcome of the paid call is not known and that the run
   * waits for the callback to learn it.
   */
  submissionUnknown?: boolean;
  settledBy?: SettledBy;
  /**
   * `pollingFrom` is when polling takes over from the callback, `deadline` when the run gives up
   * waiting.
   */
  pollingFrom?: string;
  /**
   * `pollingFrom` is when polling takes over from the callback, `deadline` when the run gives up
   * waiting.
   */
  deadline?: string;
  stems?: StemProgress[];
  /**
   * `paid` is as in the result and in ErrorDetails. `credits` is what a separation that the run
   * paid for costs, by the documented price; 0 while it is not known whether it paid.
   */
  paid?: boolean;
  /**
   * `paid` is as in the result and in ErrorDetails. `credits` is what a separation that the run
   * paid for costs, by the documented price; 0 while it is not known whether it paid.
   */
  credits?: number;
  /** `manifest` is set once the track is archived. */
  manifest?: ObjectRef;
  /** `failure` is set once the run is about to end without a result, `endedAt` when it ends. */
  failure?: RunFailure;
  /** `failure` is set once the run is about to end without a result, `endedAt` when it ends. */
  endedAt?: string;
}

/** Phase is where a run stands. */
export type Phase = "preparing" | "submitting" | "waiting" | "polling" | "archiving" | "midi" | "done" | "cancelling" | "failed" | "cancelled" | (string & {});

/**
 * StemProgress is one stem of Progress. A query cannot see the bytes of a transfer under way: those
 * are in the heartbeat details of the pending activity ArchiveStem, as "bytes" of "total".
 */
export interface StemProgress {
  name: string;
  state: StemState;
  /** `size` is in bytes, known once the stem is archived. */
  size?: number;
}

/** StemState is where one stem stands. */
export type StemState = "archiving" | "archived" | "failed" | (string & {});

/** CatalogProgress answers `progress` of a catalogue, and its updates. */
export interface CatalogProgress {
  phase: CatalogPhase;
  name: string;
  /** `source` is what the tracks were read from; nil: they were inline. */
  source?: ObjectRef;
  /** `paused` is set while no track is started. */
  paused?: CatalogPause;
  /**
   * `trial` is set after a catalogue that had paused by itself was resumed: one track at a time is
   * started until one succeeds.
   */
  trial?: boolean;
  /** `window` is how many tracks may be under way at a time. */
  window: number;
  /**
   * `paidWindow` is set while fewer tracks that may cost credits are started at a time, because too
   * few have succeeded yet.
   */
  paidWindow?: number;
  /**
   * `tracks` is how many there are: 0 while that is not known. Those that are neither counted nor
   * `running` wait.
   */
  tracks: number;
  archived: number;
  found: number;
  partial: number;
  failed: number;
  skipped: number;
  cancelled: number;
  /**
   * `tracks` is how many there are: 0 while that is not known. Those that are neither counted nor
   * `running` wait.
   */
  running: number;
  /**
   * `credits` is what was spent so far, and `reserved` what the tracks under way may cost, by the
   * documented prices.
   */
  credits: number;
  /**
   * `credits` is what was spent so far, and `reserved` what the tracks under way may cost, by the
   * documented prices.
   */
  reserved: number;
  /** `creditBudget` is as in the input. `balance` is the account's, when it was looked at last. */
  creditBudget?: number;
  /** `creditBudget` is as in the input. `balance` is the account's, when it was looked at last. */
  balance?: number;
  /** `failures` are the latest ones. */
  failures?: TrackOutcome[];
  startedAt?: string;
  /**
   * `folder` is where the catalogue's own objects are, a bucket and the beginning of their keys:
   * its tracks, their outcomes so far, and at last the report.
   */
  folder?: ObjectRef;
  /**
   * `report` is set once the report is written. `failure` is set when the catalogue ends early, and
   * `endedAt` when it ends.
   */
  report?: ReportRefs;
  /**
   * `report` is set once the report is written. `failure` is set when the catalogue ends early, and
   * `endedAt` when it ends.
   */
  failure?: RunFailure;
  /**
   * `report` is set once the report is written. `failure` is set when the catalogue ends early, and
   * `endedAt` when it ends.
   */
  endedAt?: string;
}

/** CatalogPhase is where a catalogue stands. */
export type CatalogPhase = "preparing" | "separating" | "reporting" | "done" | "cancelling" | "failed" | "cancelled" | (string & {});

/** CatalogPause is why no track is started. */
export interface CatalogPause {
  /**
   * `reason` is `requested`, or the error type for which the catalogue paused by itself. What is
   * wrong has to be mended before `resume` helps, which then tries one track first.
   */
  reason: string;
  message?: string;
  since: string;
}

/** TrackOutcome is what became of a track of a catalogue: a row of the report. */
export interface TrackOutcome {
  /** `number` counts the tracks from 1; `line` is where the track is in the source. */
  number: number;
  /** `number` counts the tracks from 1; `line` is where the track is in the source. */
  line: number;
  taskId: string;
  audioId: string;
  type: SeparationType;
  stemName?: string;
  /** `title` is what the list calls the track. */
  title?: string;
  status: TrackStatus;
  /** `reason` says why the track is not archived, for programs; `message` for people. */
  reason?: string;
  /** `reason` says why the track is not archived, for programs; `message` for people. */
  message?: string;
  /** `separationTaskId` is set whenever a paid separation is known. */
  separationTaskId?: string;
  settledBy?: SettledBy;
  /**
   * `credits` is what this catalogue paid for the track, by the documented price; a run of another
   * else's that was joined cost it nothing.
   */
  credits: number;
  joined?: boolean;
  /** `stems` is how many were archived, `bytes` their size. */
  stems: number;
  /** `stems` is how many were archived, `bytes` their size. */
  bytes: number;
  manifest?: ObjectRef;
  /**
   * `columns` are those of the list that say nothing to stemflow, by their names. Only reports have
   * them.
   */
  columns?: Record<string, string>;
}

/** TrackStatus is what became of a track of a catalogue. */
export type TrackStatus = "archived" | "found" | "partial" | "failed" | "skipped" | "cancelled" | (string & {});

/** MIDIProgress answers `progress` of `GenerateMIDI`. */
export interface MIDIProgress {
  /** `phase` is one of those of separations. */
  phase: Phase;
  stem?: string;
  /** `midiTaskId` is set once the provider has taken the transcription. */
  midiTaskId?: string;
  /**
   * `pollingFrom` is when polling takes over from the callback, `deadline` when the run gives up
   * waiting.
   */
  pollingFrom?: string;
  /**
   * `pollingFrom` is when polling takes over from the callback, `deadline` when the run gives up
   * waiting.
   */
  deadline?: string;
  /** `failure` is set once the run is about to end without a result. */
  failure?: RunFailure;
}

/** WAVProgress answers `progress` of `ConvertToWAV`. */
export interface WAVProgress {
  /** `phase` is one of those of separations. */
  phase: Phase;
  title?: string;
  /** `wavTaskId` is set once the provider has accepted the conversion. */
  wavTaskId?: string;
  /** `submissionUnknown` is as in Progress. */
  submissionUnknown?: boolean;
  settledBy?: SettledBy;
  /**
   * `pollingFrom` is when polling takes over from the callback, `deadline` when the run gives up
   * waiting.
   */
  pollingFrom?: string;
  /**
   * `pollingFrom` is when polling takes over from the callback, `deadline` when the run gives up
   * waiting.
   */
  deadline?: string;
  /** `size` is that of the WAV, in bytes, once it is archived. */
  size?: number;
  /**
   * `paid` is as in the result. `credits` is what a conversion that the run paid for costs, by the
   * documented price; 0 while it is not known whether it paid.
   */
  paid?: boolean;
  /**
   * `paid` is as in the result. `credits` is what a conversion that the run paid for costs, by the
   * documented price; 0 while it is not known whether it paid.
   */
  credits?: number;
  /** `manifest` is set once the WAV is archived. */
  manifest?: ObjectRef;
  /** `failure` is set once the run is about to end without a result, `endedAt` when it ends. */
  failure?: RunFailure;
  /** `failure` is set once the run is about to end without a result, `endedAt` when it ends. */
  endedAt?: string;
}

/** PollNowResult answers `poll-now`: what the provider's record said when it was asked. */
export interface PollNowResult {
  separationTaskId: string;
  state: RecordState;
  /** `stems` are the names of the stems that have a link. */
  stems?: string[];
  /** `providerCode` is the provider's, of a separation that failed. */
  providerCode?: number;
  /** `message` says more about a state other than pending and done. */
  message?: string;
}

/** RecordState is how a separation stands by the provider's record. */
export type RecordState = "pending" | "done" | "failed" | "unknown" | (string & {});

/** ErrorDetails are the first detail of the ApplicationError with which a run ends. */
export interface ErrorDetails {
  /**
   * `separationTaskId` is set whenever the run knows of a paid separation: it resumes from there,
   * unpaid.
   */
  separationTaskId?: string;
  /**
   * `paid` reports that this run paid, or the one that it is a reset or a retry of: the provider
   * accepted its submit, or may have, as with `submissionUnknown`.
   */
  paid?: boolean;
  /**
   * `providerCode` and `providerMessage` are the provider's own, with SeparationFailed and
   * refusals.
   */
  providerCode?: number;
  /**
   * `providerCode` and `providerMessage` are the provider's own, with SeparationFailed and
   * refusals.
   */
  providerMessage?: string;
  /** `stems` and `failed` say how far the archive got, with ArchiveIncomplete. */
  stems?: Stem[];
  /** `stems` and `failed` say how far the archive got, with ArchiveIncomplete. */
  failed?: FailedStem[];
}

/**
 * MIDIErrorDetails are the first detail of the ApplicationError with which a run of `GenerateMIDI`
 * ends.
 */
export interface MIDIErrorDetails {
  /** `midiTaskId` is set whenever the run knows of a transcription: a later one takes it up. */
  midiTaskId?: string;
  /** `providerCode` and `providerMessage` are the provider's own, with MIDIFailed and refusals. */
  providerCode?: number;
  /** `providerCode` and `providerMessage` are the provider's own, with MIDIFailed and refusals. */
  providerMessage?: string;
}

/**
 * WAVErrorDetails are the first detail of the ApplicationError with which a run of `ConvertToWAV`
 * ends.
 */
export interface WAVErrorDetails {
  /**
   * `wavTaskId` is set whenever the run knows of a paid conversion: it resumes from there, unpaid.
   */
  wavTaskId?: string;
  /** `paid` is as in ErrorDetails. */
  paid?: boolean;
  /** `providerCode` and `providerMessage` are the provider's own, with WAVFailed and refusals. */
  providerCode?: number;
  /** `providerCode` and `providerMessage` are the provider's own, with WAVFailed and refusals. */
  providerMessage?: string;
}

/**
 * Event is what hooks are told: the body of a webhook, and the standard input of a command. It has
 * no secret and no link, and less than 262144 as JSON.
 */
export interface Event {
  /**
   * `id` is the same however often the event is delivered, and whoever resets the run that it is
   * about: receivers ignore one that they have seen.
   */
  id: string;
  type: EventType;
  timestamp: string;
  data: EventData;
}

/** EventType is what an Event is about. */
export type EventType = "separation.archived" | "separation.failed" | "separation.cancelled" | "catalog.ended" | "catalog.paused" | (string & {});

/**
 * EventData is which run an event is about, and what became of it. One of `separation` and
 * `catalog` is set.
 */
export interface EventData {
  namespace: string;
  workflowId: string;
  runId: string;
  /**
   * `parentWorkflowId` is the workflow that started the run as its child: of a catalogue's track,
   * the catalogue.
   */
  parentWorkflowId?: string;
  separation?: SeparationEvent;
  catalog?: CatalogEvent;
}

/** SeparationEvent is how a separation ended. */
export interface SeparationEvent {
  track: Track;
  /** `title` is that of the input, or the name of a song of one's own. */
  title?: string;
  separationTaskId?: string;
  settledBy?: SettledBy;
  /** `paid` and `credits` are as in Progress. */
  paid: boolean;
  /** `paid` and `credits` are as in Progress. */
  credits: number;
  /** `manifest` and `stems` are what is archived. */
  manifest?: ObjectRef;
  /** `manifest` and `stems` are what is archived. */
  stems?: EventStem[];
  /** `failed` and `missing` name the stems that are not, as in the result. */
  failed?: string[];
  /** `failed` and `missing` name the stems that are not, as in the result. */
  missing?: string[];
  /** `error` is set unless the track is archived. */
  error?: RunFailure;
}

/** EventStem is an archived stem. */
export interface EventStem {
  name: string;
  bucket: string;
  key: string;
  /** `size` is in bytes. */
  size: number;
}

/** CatalogEvent is where a catalogue stands. */
export interface CatalogEvent {
  name: string;
  /** `tracks`, the counts and `credits` are as in SeparateCatalogResult. */
  tracks: number;
  archived: number;
  found: number;
  partial: number;
  failed: number;
  skipped: number;
  cancelled: number;
  /** `tracks`, the counts and `credits` are as in SeparateCatalogResult. */
  credits: number;
  /** `paused` is set if the catalogue paused. */
  paused?: EventPause;
  /** `report` is set once it is written, `error` if the catalogue ended early. */
  report?: ReportRefs;
  /** `report` is set once it is written, `error` if the catalogue ended early. */
  error?: RunFailure;
}

/** EventPause is why a catalogue paused, and what to do. */
export interface EventPause {
  /**
   * `reason` is `requested`, or the error type for which the catalogue paused by itself. What is
   * wrong has to be mended before `resume` helps, which then tries one track first.
   */
  reason: string;
  message?: string;
  since: string;
  remedy: string;
}

/**
 * Manifest is the content of manifest.json, the commit marker of an archived track: the result,
 * where it came from, and what the provider said of it.
 */
export interface Manifest {
  /** `version` is 1. */
  version: number;
  /** `separationTaskId` is the provider's id of the paid separation. */
  separationTaskId: string;
  type: SeparationType;
  settledBy: SettledBy;
  /**
   * `paid` reports that this run paid, or the one that it is a reset or a retry of: the provider
   * accepted its submit, or may have. A run that takes up what others paid for before, or finds the
   * track archived by them, pays nothing.
   */
  paid: boolean;
  /** `stems` are the archived stems, in the order in which the provider's documents name them. */
  stems: Stem[];
  /**
   * `empty` names the expected stems that the provider did not serve: instruments that do not play,
   * unless `missing` names them, too.
   */
  empty: string[];
  /** `failed` is empty unless `allowPartial` was set. */
  failed: FailedStem[];
  /**
   * `missing` are the stems that were promised and not served in time: by the type, by a callback
   * or by an earlier look at the record. A later start looks for them again, unpaid, for as long as
   * the provider keeps them. Those of them that the type has are in `empty`, too.
   */
  missing?: MissingStem[];
  /**
   * `midi` are the transcriptions of the separation and of its stems, as far as they were asked
   * for. One with a Failure was asked for by this run and is not there.
   */
  midi?: MIDI[];
  manifest: ObjectRef;
  /**
   * `submittedAt` is when the provider had accepted the paid call, `settledAt` when the provider
   * was done as far as the run knew, `archivedAt` when the last stem was safe.
   */
  submittedAt?: string;
  /**
   * `submittedAt` is when the provider had accepted the paid call, `settledAt` when the provider
   * was done as far as the run knew, `archivedAt` when the last stem was safe.
   */
  settledAt?: string;
  /**
   * `submittedAt` is when the provider had accepted the paid call, `settledAt` when the provider
   * was done as far as the run knew, `archivedAt` when the last stem was safe.
   */
  archivedAt?: string;
  source: ManifestSource;
  provider: ManifestProvider;
}

/** ManifestSource names the track that was separated. */
export interface ManifestSource {
  taskId: string;
  audioId: string;
  stemName?: string;
  /**
   * `audioUrl` is the address of a song of one's own, without its query, and `audioSha256` the
   * SHA-256 of its content as it was separated.
   */
  audioUrl?: string;
  /**
   * `audioUrl` is the address of a song of one's own, without its query, and `audioSha256` the
   * SHA-256 of its content as it was separated.
   */
  audioSha256?: string;
  /**
   * `music` is what people know of the track, where anything is known: by the input's title, the
   * tags of a song of one's own, or the provider's record of the music task.
   */
  music?: Music;
}

/** Music is what people know of a track. Each field may be empty. */
export interface Music {
  title?: string;
  artist?: string;
  /** `tags` are the provider's words for the style. */
  tags?: string;
  /** `tempo` is in quarters a minute, by the tags of a song of one's own. */
  tempo?: number;
  /** `durationSeconds` is how long the unseparated track plays. */
  durationSeconds?: number;
  /** `coverUrl` is the provider's link to a picture. It is not archived and may expire. */
  coverUrl?: string;
}

/**
 * ManifestProvider is what the provider's record says of the separation, with no link that expires
 * but the origin's.
 */
export interface ManifestProvider {
  /**
   * `originUrl` is the link of the unseparated track, where the provider gives one. It is not
   * archived and will expire.
   */
  originUrl?: string;
  createdAt?: string;
  completedAt?: string;
}

/** CatalogReport is the content of report.json. */
export interface CatalogReport {
  /** `version` is 1. */
  version: number;
  name: string;
  /**
   * `tracks` is how many there are. All of them are counted below, unless the catalogue ended
   * early.
   */
  tracks: number;
  archived: number;
  found: number;
  partial: number;
  failed: number;
  skipped: number;
  cancelled: number;
  /** `credits` is what was spent, by the documented prices. */
  credits: number;
  /** `report` lists what became of each track, as CSV and as JSON: a CatalogReport. */
  report?: ReportRefs;
  /** `startedAt` and `endedAt` are of the whole run. */
  startedAt?: string;
  /** `startedAt` and `endedAt` are of the whole run. */
  endedAt?: string;
  /**
   * `outcomes` are in the order of the source. Tracks that a catalogue that ended early did not
   * come to are not among them.
   */
  outcomes: TrackOutcome[];
}
