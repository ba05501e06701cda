"use strict";

// A stem is fetched as it is stored, and decoded in pieces of some seconds when they are needed: decoded as a whole, twelve stems of four
// minutes would take a gigabyte.

// partSize is what one request asks for. All stems ask at once, so that their beginnings are here before any of them is complete.
const partSize = 256 * 1024;

// A piece is so many frames of MP3, decoded with some frames before it, whose bits and filters its first frames build upon, and a few behind
// it, for decoders that hold the last samples back. Joined, such pieces are sample by sample what the whole would be.
const framesOfPiece = 192, framesBefore = 12, framesAfter = 3;

class Stem {
  // link, and what the manifest says: size in bytes, seconds (0 where unknown) and type of content.
  constructor({ link, size, seconds, type }) {
    this.link = link;
    this.declaredSeconds = seconds;
    this.bytes = new Uint8Array(size);
    this.mp3 = type === "audio/mpeg" ? new MP3(this.bytes) : null;
    this.complete = false;
    this.waiting = [];
    this.loaded = this.load();
    this.loaded.catch(() => {}); // each request for a piece reports it
  }

  // load fetches the stem. It fails with a Trouble.
  async load() {
    try {
      for (let have = 0; have < this.bytes.length; ) {
        const part = await fetchPart(this.link, have, partSize);
        if (part.length === 0) throw new Trouble("short");
        this.bytes.set(part.subarray(0, this.bytes.length - have), have);
        have += part.length;
        this.mp3?.index(Math.min(have, this.bytes.length));
        this.wake();
      }
      this.complete = true;
      if (!this.mp3?.frames) this.mp3 = null;
    } catch (error) {
      this.failed = error;
      throw error;
    } finally {
      this.wake();
    }
  }

  wake() {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  async until(condition) {
    while (!condition()) {
      if (this.failed) throw this.failed;
      await new Promise((resolve) => this.waiting.push(resolve));
    }
  }

  // seconds is how long the stem plays, as far as is known so far.
  get seconds() {
    if (this.whole) return this.whole.end / this.whole.rate;
    const here = this.mp3?.rate ? this.mp3.samples / this.mp3.rate : 0;
    return this.complete && this.mp3 ? here : Math.max(here, this.declaredSeconds);
  }

  // ready waits until the stem can be decoded, and returns its sample rate.
  async ready() {
    await this.until(() => this.complete || this.mp3?.frames);
    return this.mp3 ? this.mp3.rate : (await this.piece(0)).rate;
  }

  // pieceAt is the number of the piece that plays at a time.
  pieceAt(seconds) {
    if (!this.mp3) return 0;
    return Math.floor((seconds * this.mp3.rate + this.mp3.delay) / this.mp3.samplesOfFrame / framesOfPiece);
  }

  // has tells whether a piece can be decoded at once.
  has(number) {
    return !this.failed && (this.complete || this.mp3?.frames >= (number + 1) * framesOfPiece + framesAfter);
  }

  // piece decodes a piece: its buffer, from offset on, plays from start to end, both in samples of its rate from the stem's beginning. The buffer
  // is the caller's to discard, unless it is shared. It is null behind the last piece.
  async piece(number) {
    await this.until(() => this.has(number));
    if (!this.mp3) return number === 0 ? this.decodeWhole() : null;
    const { frames, rate, samplesOfFrame, delay } = this.mp3;
    const first = number * framesOfPiece, end = Math.min(first + framesOfPiece, frames);
    if (first >= end) return null;
    const from = Math.max(first - framesBefore, 0);
    const buffer = await this.decode(this.mp3.slice(from, Math.min(end + framesAfter, frames)), rate);
    const start = Math.max(first * samplesOfFrame - delay, 0);
    return { number, buffer, rate, start, end: end * samplesOfFrame - delay, offset: start + delay - from * samplesOfFrame };
  }

  // decodeWhole is for formats that are not known how to take apart.
  async decodeWhole() {
    if (!this.whole) {
      const buffer = await this.decode(this.bytes.slice(), 44100);
      this.whole = { number: 0, buffer, rate: buffer.sampleRate, start: 0, end: buffer.length, offset: 0, shared: true };
    }
    return this.whole;
  }

  // decode makes samples of the given rate, which is always the same. No sound is played by an offline context, so it needs nobody's permission.
  async decode(bytes, rate) {
    this.decoder ??= new OfflineAudioContext(1, 1, rate);
    try {
      return await this.decoder.decodeAudioData(bytes.buffer);
    } catch {
      this.failed = new Trouble("undecodable");
      throw this.failed;
    }
  }
}

// Trouble is why a stem cannot be played: "unreachable", "expired", "refused", "gone", "short" or "undecodable", and what the store said.
class Trouble extends Error {
  constructor(kind, said = "") {
    super(kind + (said && ": " + said));
    this.kind = kind;
    this.said = said;
  }
}

const retries = [300, 1500]; // milliseconds before a part is asked for again

async function fetchPart(link, from, size) {
  let response, body;
  for (let tried = 0; !body; tried++) {
    try {
      response = await fetch(link, { headers: { Range: `bytes=${from}-${from + size - 1}` } });
      body = await response.arrayBuffer();
    } catch {
      // The browser tells no page whether it could not, or was not allowed to.
      if (tried === retries.length) throw new Trouble("unreachable");
      await new Promise((resolve) => setTimeout(resolve, retries[tried]));
    }
  }
  if (response.ok) {
    return new Uint8Array(body).subarray(response.status === 206 ? 0 : from);
  }
  const text = new TextDecoder().decode(body);
  const said = [/<Code>([^<]*)/, /<Message>([^<]*)/].map((field) => field.exec(text)?.[1]).filter(Boolean).join(": ");
  if (response.status === 404) throw new Trouble("gone", said);
  throw new Trouble(/expired/i.test(said) ? "expired" : "refused", said || "HTTP status " + response.status);
}
