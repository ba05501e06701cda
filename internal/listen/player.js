"use strict";

// The player keeps the stems in step by having but one clock, that of an AudioContext: every piece of every stem is scheduled on it, to the
// sample. Where a piece is late, all stop, and go on together.

const ahead = 12; // seconds that are scheduled: more than two pieces, and more than the second at which browsers wake a hidden page
const tickInterval = 250; // milliseconds
const reserve = 2; // seconds that must be here before any of it plays
const lead = 0.08; // seconds from scheduling until the sound begins
const fade = 0.015; // seconds in which a level changes, so that nothing clicks
const quietest = -40; // dB: the lower end of a level, which is silence
const shortestLoop = 0.5; // seconds
const keptLoop = 15; // seconds: the pieces of a loop that is no longer are decoded once

class Player {
  // changed is called whenever the state has changed by itself.
  constructor(stems, changed) {
    this.changed = changed;
    this.tracks = stems.map((stem) => (
      { stem, level: 0, muted: false, solo: false, nodes: new Map(), buffers: new Buffers(), kept: new Map() }
    ));
    this.master = 0; // dB
    this.loop = { on: false, a: 0, b: Infinity }; // seconds; a loop to Infinity is one to the end
    this.state = "paused"; // "waiting" for pieces, "playing"
    this.held = 0; // where it stands, in samples, while it does not play
    this.run = 0; // counts the starts and stops: what was begun in an earlier run is dropped
  }

  // ready waits until there is something to play of every stem, or trouble.
  async ready() {
    const rates = await Promise.allSettled(this.tracks.map((track) => track.stem.ready()));
    this.rate = rates.find((rate) => rate.status === "fulfilled")?.value;
    this.tracks = this.tracks.filter((track) => !track.stem.failed);
  }

  get duration() {
    return Math.max(0, ...this.tracks.map((track) => track.stem.seconds));
  }

  // unrolled is how far it has played, in samples, as if the passages of a loop followed each other.
  get unrolled() {
    return Math.max(this.context.currentTime * this.rate - this.zero, this.held);
  }

  // position is in seconds.
  get position() {
    if (this.state !== "playing") return this.held / this.rate || 0;
    let at = this.unrolled;
    const { lap } = this;
    if (lap && at >= lap.b) at = lap.a + ((at - lap.a) % (lap.b - lap.a));
    return Math.min(at / this.rate, this.duration);
  }

  // play must be called by what a person does: browsers let no page sound otherwise.
  play() {
    if (this.state !== "paused") return;
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: this.rate });
      this.context.onstatechange = () => this.context.state === "interrupted" && this.pause(); // by a call, say
      this.output = new GainNode(this.context);
      this.output.connect(this.context.destination);
      for (const track of this.tracks) {
        track.gain = this.context.createGain();
        track.gain.connect(this.output);
      }
      this.mix();
    }
    this.context.resume();
    if (this.position >= this.duration) this.held = 0;
    this.timer = setInterval(() => this.tick(), tickInterval);
    this.state = "waiting";
    this.start();
  }

  pause() {
    if (this.state === "paused") return;
    this.stop("paused");
    clearInterval(this.timer);
    this.context.suspend();
    this.changed();
  }

  // seek goes to a time in seconds.
  seek(seconds) {
    const to = Math.round(Math.min(Math.max(seconds, 0), this.duration) * this.rate);
    if (this.state === "paused") {
      this.held = to;
      return;
    }
    this.again(to);
  }

  // setLoop makes a passage the loop. Playing goes to its beginning, unless it is within.
  setLoop(loop) {
    const was = this.loop;
    this.loop = loop;
    for (const track of this.tracks) track.kept.clear();
    if (!loop.on && !was.on) return;
    const { position } = this;
    const outside = loop.on && (position < loop.a || position >= Math.min(loop.b, this.duration));
    if (outside) this.seek(loop.a);
    else if (this.state !== "paused") this.again();
  }

  // again lets all begin together once more, at a position in samples.
  again(held) {
    this.stop("waiting");
    this.held = held ?? this.held;
    this.changed();
    this.start();
  }

  // stop ends all sound, and holds the position.
  stop(state) {
    this.held = Math.round(this.position * this.rate);
    this.run++;
    this.state = state;
    for (const track of this.tracks) {
      for (const node of track.nodes.keys()) {
        node.stop();
        node.disconnect();
        this.ended(track, node);
      }
    }
  }

  // lapFrom is the loop in samples, where one is on that a position runs into.
  lapFrom(held) {
    const { on, a, b } = this.loop;
    const lap = { a: Math.round(a * this.rate), b: Math.round(Math.min(b, this.duration) * this.rate) };
    return on && held < lap.b && lap.b > lap.a ? lap : null;
  }

  // start lets all stems begin together, as soon as the pieces are here with which each of them goes on.
  async start() {
    const run = ++this.run;
    const { held } = this;
    const lap = this.lapFrom(held);
    let plans;
    try {
      plans = await Promise.all(this.tracks.map((track) => this.plan(track, held, lap)));
    } catch {
      if (run === this.run) this.drop();
      return;
    }
    if (run !== this.run) return;
    const begun = performance.now();
    this.lap = lap;
    this.zero = Math.ceil((this.context.currentTime + lead) * this.rate) - held;
    this.tracks.forEach((track, i) => {
      track.cursor = plans[i].cursor;
      for (const part of plans[i].parts) this.schedule(track, part);
    });
    if (performance.now() - begun > (lead / 2) * 1000) {
      this.again(); // some may have begun late
      return;
    }
    this.state = "playing";
    this.changed();
    this.tick();
  }

  // plan fetches what a stem begins with. Its cursor is where the stem goes on: with which piece, played from which sample on, in which passage of a
  // loop, which begins so many samples later than the first; and until when it has something to play. Until is unrolled.
  async plan(track, held, lap) {
    const cursor = { number: track.stem.pieceAt(held / this.rate), from: held, shift: 0, until: held };
    const parts = [];
    while (cursor.until < held + reserve * this.rate) {
      parts.push(this.cut(track, cursor, await this.fetch(track, cursor.number, lap), lap));
    }
    return { cursor, parts };
  }

  // fetch decodes a piece, or has kept it.
  async fetch(track, number, lap) {
    const { stem, kept } = track;
    const keeps = lap && lap.b - lap.a <= keptLoop * this.rate &&
      number >= stem.pieceAt(lap.a / this.rate) && number <= stem.pieceAt(lap.b / this.rate);
    if (keeps && kept.has(number)) return kept.get(number);
    const piece = await stem.piece(number);
    if (!keeps || !piece || piece.shared) return piece;
    const own = { ...piece, buffer: track.buffers.filled(piece), offset: 0, shared: true };
    kept.set(number, own);
    return own;
  }

  // cut takes of a piece what the cursor asks for, and moves the cursor on. It is null where nothing plays.
  cut(track, cursor, piece, lap) {
    let part = null;
    let end = Infinity;
    if (piece) {
      const scale = this.rate / piece.rate;
      const start = Math.round(piece.start * scale);
      end = Math.round(piece.end * scale);
      const from = Math.max(start, cursor.from), to = lap ? Math.min(end, lap.b) : end;
      if (from < to) part = { piece, at: cursor.shift + from, offset: from - start, length: to - from };
      else discard(piece);
      cursor.number = piece.number + 1;
    }
    cursor.until = cursor.shift + (lap ? Math.min(end, lap.b) : end);
    if (lap && end >= lap.b) {
      cursor.shift += lap.b - lap.a;
      cursor.from = lap.a;
      cursor.number = track.stem.pieceAt(lap.a / this.rate);
    }
    return part;
  }

  // schedule puts a part of a piece in its place on the clock.
  schedule(track, part) {
    if (!part) return;
    const node = this.context.createBufferSource();
    node.buffer = track.buffers.filled(part.piece);
    node.connect(track.gain);
    node.start((this.zero + part.at) / this.rate, part.offset / this.rate, part.length / this.rate);
    node.onended = () => this.ended(track, node);
    track.nodes.set(node, part.piece.shared ? null : node.buffer);
  }

  ended(track, node) {
    const lent = track.nodes.get(node);
    if (track.nodes.delete(node) && lent) track.buffers.takeBack(lent);
  }

  // drop goes on without the stems that cannot be had.
  drop() {
    this.stop("waiting");
    this.tracks = this.tracks.filter((track) => !track.stem.failed);
    if (this.tracks.length === 0) this.pause();
    else this.again();
  }

  // tick sees to it that enough is scheduled.
  tick() {
    if (this.state !== "playing") return;
    if (this.position >= this.duration && this.tracks.every((track) => track.cursor.until === Infinity)) {
      this.pause();
    } else if (this.tracks.some((track) => this.late(track))) {
      this.again();
    } else {
      for (const track of this.tracks) this.fill(track);
    }
  }

  // late tells that a stem has nothing more to play, or hardly anything.
  late(track) {
    return track.cursor.until <= (this.context.currentTime + lead / 4) * this.rate - this.zero;
  }

  async fill(track) {
    const { run, lap } = this;
    if (track.filling === run) return;
    track.filling = run;
    try {
      while (run === this.run && track.cursor.until < this.unrolled + ahead * this.rate) {
        const piece = await this.fetch(track, track.cursor.number, lap);
        if (run !== this.run) return;
        if (piece && this.late(track)) {
          this.again();
          return;
        }
        this.schedule(track, this.cut(track, track.cursor, piece, lap));
      }
      track.filling = null;
    } catch {
      if (run === this.run) this.drop();
    }
  }

  // mix makes the levels what they are set to.
  mix() {
    if (!this.context) return;
    const set = (node, gain) => node.gain.setTargetAtTime(gain, this.context.currentTime, fade / 3);
    for (const track of this.tracks) set(track.gain, this.gainOf(track));
    set(this.output, factor(this.master));
  }

  gainOf(track) {
    return this.heard(track) ? factor(track.level) : 0;
  }

  // heard tells whether a stem is: no solo of others brings back what is muted.
  heard(track) {
    return !track.muted && (track.solo || !this.tracks.some((other) => other.solo));
  }
}

function factor(decibels) {
  return decibels > quietest ? 10 ** (decibels / 20) : 0;
}
