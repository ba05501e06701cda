"use strict";

// The player keeps the stems in step by having but one clock, that of an AudioContext: every piece of every stem is scheduled on it, to the
// sample. Where a piece is late, all stop, and go on together.

const ahead = 12; // seconds that are scheduled: more than two pieces, and more than the second at which browsers wake a hidden page
const tickInterval = 250; // milliseconds
const reserve = 2; // seconds that must be here before any of it plays
const lead = 0.08; // seconds from scheduling until the sound begins
const fade = 0.015; // seconds in which a level changes, so that nothing clicks
const quietest = -40; // dB: the lower end of a level, which is silence

class Player {
  // changed is called whenever the state has changed by itself.
  constructor(stems, changed) {
    this.changed = changed;
    this.tracks = stems.map((stem) => ({ stem, level: 0, muted: false, solo: false, nodes: new Set(), buffers: new Buffers() }));
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

  // position is in seconds.
  get position() {
    const held = this.held / this.rate || 0;
    if (this.state !== "playing") return held;
    return Math.min(Math.max(this.context.currentTime - this.zero / this.rate, held), this.duration);
  }

  // play must be called by what a person does: browsers let no page sound otherwise.
  play() {
    if (this.state !== "paused") return;
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: this.rate });
      this.context.onstatechange = () => this.context.state === "interrupted" && this.pause(); // by a call, say
      for (const track of this.tracks) {
        track.gain = this.context.createGain();
        track.gain.connect(this.context.destination);
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
      for (const node of track.nodes) {
        node.stop();
        node.disconnect();
        this.ended(track, node);
      }
    }
  }

  // start lets all stems begin together, as soon as the pieces are here with which each of them goes on.
  async start() {
    const run = ++this.run;
    const at = this.held / this.rate;
    let pieces;
    try {
      pieces = await Promise.all(this.tracks.map((track) => track.stem.pieces(at, at + reserve)));
    } catch {
      if (run === this.run) this.drop();
      return;
    }
    if (run !== this.run) return;
    const begun = performance.now();
    this.zero = Math.ceil((this.context.currentTime + lead) * this.rate) - this.held;
    this.tracks.forEach((track, i) => pieces[i].forEach((piece) => this.schedule(track, piece)));
    if (performance.now() - begun > (lead / 2) * 1000) {
      this.again(); // some may have begun late
      return;
    }
    this.state = "playing";
    this.changed();
    this.tick();
  }

  // drop goes on without the stems that cannot be had.
  drop() {
    this.stop("waiting");
    this.tracks = this.tracks.filter((track) => !track.stem.failed);
    if (this.tracks.length === 0) this.pause();
    else this.again();
  }

  // schedule puts a piece in its place on the clock.
  schedule(track, piece) {
    if (!piece) {
      track.until = Infinity;
      return;
    }
    const scale = this.rate / piece.rate;
    const start = Math.round(piece.start * scale), end = Math.round(piece.end * scale);
    const from = Math.max(start, this.held);
    track.next = piece.number + 1;
    track.until = end;
    if (from >= end) {
      discard(piece);
      return;
    }
    const node = this.context.createBufferSource();
    node.buffer = track.buffers.filled(piece);
    node.connect(track.gain);
    node.start((this.zero + from) / this.rate, (from - start) / this.rate, (end - from) / this.rate);
    node.onended = () => this.ended(track, node);
    track.nodes.add(node);
  }

  ended(track, node) {
    if (track.nodes.delete(node)) track.buffers.takeBack(node.buffer);
  }

  // tick sees to it that enough is scheduled.
  tick() {
    if (this.state !== "playing") return;
    if (this.position >= this.duration && this.tracks.every((track) => track.until === Infinity)) {
      this.pause();
    } else if (this.tracks.some((track) => this.late(track))) {
      this.again();
    } else {
      for (const track of this.tracks) this.fill(track);
    }
  }

  // late tells that a stem has nothing more to play, or hardly anything.
  late(track) {
    return track.until <= (this.context.currentTime + lead / 4) * this.rate - this.zero;
  }

  async fill(track) {
    const { run } = this;
    if (track.filling === run) return;
    track.filling = run;
    try {
      while (run === this.run && track.until < (this.position + ahead) * this.rate) {
        const piece = await track.stem.piece(track.next);
        if (run !== this.run) return;
        if (piece && this.late(track)) {
          this.again();
          return;
        }
        this.schedule(track, piece);
      }
      track.filling = null;
    } catch {
      if (run === this.run) this.drop();
    }
  }

  // mix makes the levels what they are set to.
  mix() {
    if (!this.context) return;
    for (const track of this.tracks) {
      const level = this.heard(track) && track.level > quietest ? 10 ** (track.level / 20) : 0;
      track.gain.gain.setTargetAtTime(level, this.context.currentTime, fade / 3);
    }
  }

  // heard tells whether a stem is: no solo of others brings back what is muted.
  heard(track) {
    return !track.muted && (track.solo || !this.tracks.some((other) => other.solo));
  }
}
