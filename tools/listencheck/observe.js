"use strict";

// Goes into the page before its own scripts, and hears what it plays: the output of every stem's gain, as it goes on to the loudspeakers, and
// compares it with the stem decoded as a whole by the browser.
const observed = (() => {
  const gains = []; // one a stem, in their order
  const { createGain } = BaseAudioContext.prototype;
  BaseAudioContext.prototype.createGain = function () {
    const node = createGain.call(this);
    gains.push(node);
    return node;
  };

  // actions are what the page does for the system's media controls.
  const actions = {};
  const { setActionHandler } = MediaSession.prototype;
  MediaSession.prototype.setActionHandler = function (action, handler) {
    actions[action] = handler;
    return setActionHandler.call(this, action, handler);
  };

  // drawn is when all waveforms are there up to their ends, in seconds since the page was asked for.
  const drawn = new Promise((resolve) => {
    const look = () => {
      const canvases = [...document.querySelectorAll(".stem canvas")];
      const isThere = ({ width, height }, pen) => pen.getImageData(Math.floor(width * 0.95), Math.floor(height / 2), 1, 1).data[3] > 0;
      if (canvases.length && canvases.every((canvas) => canvas.width > 300 && isThere(canvas, canvas.getContext("2d")))) resolve(performance.now() / 1000);
      else setTimeout(look, 20);
    };
    look();
  });

  const violations = [];
  document.addEventListener("securitypolicyviolation", (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`));

  const block = 16384; // samples that are recorded at a time
  const tolerance = 1e-4; // a sixteenth of what 8 bits resolve
  const links = () => [...document.querySelectorAll(".stem a")].map((a) => a.href);

  // references are parts of each stem, decoded as a whole, as [first sample, samples].
  let references;

  // learn decodes the stems and keeps what plays in the given spans, in seconds.
  async function learn(spans) {
    references = [];
    const { sampleRate } = gains[0].context;
    for (const link of links()) {
      const body = await (await fetch(link)).arrayBuffer();
      const samples = (await new OfflineAudioContext(1, 1, sampleRate).decodeAudioData(body)).getChannelData(0);
      references.push(spans.map(([from, to]) => [Math.round(from * sampleRate), samples.slice(from * sampleRate, to * sampleRate)]));
    }
    return references.length;
  }

  // recorder is a worklet, which alone misses nothing: it posts blocks of what comes in, a channel a stem.
  const recorder = `registerProcessor("recorder", class extends AudioWorkletProcessor {
    constructor() { super(); this.begin(); }
    begin() { this.filled = 0; this.stems = null; }
    process([stems]) {
      if (!stems.length) return true;
      this.stems ??= stems.map(() => new Float32Array(${block}));
      stems.forEach((samples, i) => this.stems[i].set(samples, this.filled));
      this.filled += stems[0].length;
      if (this.filled === ${block}) { this.port.postMessage(this.stems); this.begin(); }
      return true;
    }
  })`;

  let added;

  // record returns blocks of what all stems play at the same time, and where the page says that it is.
  async function record(seconds) {
    const { context } = gains[0];
    added ??= context.audioWorklet.addModule("data:text/javascript," + encodeURIComponent(recorder));
    await added;
    const merger = context.createChannelMerger(gains.length);
    gains.forEach((gain, i) => gain.connect(merger, 0, i));
    const node = new AudioWorkletNode(context, "recorder", {
      channelCount: gains.length, channelCountMode: "explicit", channelInterpretation: "discrete", numberOfOutputs: 0,
    });
    merger.connect(node);
    const blocks = [];
    return new Promise((resolve) => {
      node.port.onmessage = ({ data }) => {
        blocks.push({ position: player.position, stems: data });
        if (blocks.length * block < seconds * context.sampleRate) return;
        node.port.onmessage = null;
        merger.disconnect();
        for (const gain of gains) gain.disconnect(merger);
        resolve(blocks);
      };
    });
  }

  const loudest = (samples) => samples.reduce((most, s) => Math.max(most, Math.abs(s)), 0);

  // difference is how far a block, played at a level, is from the stem at a place: Infinity where it is not from there.
  function difference(spans, samples, level, at, from = 0, length = samples.length) {
    const span = spans.find(([first, kept]) => at >= first && at + samples.length <= first + kept.length);
    if (!span) return Infinity;
    const [first, kept] = span;
    let most = 0;
    for (let i = from; i < from + length; i++) {
      most = Math.max(most, Math.abs(samples[i] - level * kept[at - first + i]));
      if (most > tolerance) return Infinity;
    }
    return most;
  }

  // locate finds where in its stem a block is from, near a place; undefined where it is from nowhere.
  function locate(spans, samples, level, near, range) {
    const peak = samples.reduce((best, s, i) => (Math.abs(s) > Math.abs(samples[best]) ? i : best), 0);
    const from = Math.min(Math.max(peak - 64, 0), samples.length - 128);
    for (let away = 0; away <= range; away++) {
      for (const at of away ? [near - away, near + away] : [near]) {
        if (difference(spans, samples, level, at, from, 128) < Infinity && difference(spans, samples, level, at) < Infinity) return at;
      }
    }
    return undefined;
  }

  // listen records, and compares: levels are those at which the stems should be heard. spread is how far they are out of step, in samples, waited how
  // often all had to wait for one of them.
  async function listen(seconds, levels) {
    const { run } = player;
    const [, ...blocks] = await record(seconds + 1); // the first one has the beginning of the recording in it
    const { sampleRate } = gains[0].context;
    const heard = { compared: 0, silent: 0, spread: 0, difference: 0, wrong: [], sampleRate, waited: player.run - run };
    let expected;
    for (const { position, stems } of blocks) {
      const places = [];
      const guess = expected ?? Math.round(position * sampleRate) - block;
      for (const [i, samples] of stems.entries()) {
        const most = loudest(samples);
        if (levels[i] === 0 && most > tolerance) {
          heard.wrong.push(`stem ${i} plays, at ${most}`);
        } else if (most < 10 * tolerance) {
          heard.silent++;
        } else {
          const at = locate(references[i], samples, levels[i], places[0] ?? guess, places.length ? 4800 : sampleRate);
          if (at === undefined) {
            heard.wrong.push(`stem ${i} is not what it should be about ${((places[0] ?? guess) / sampleRate).toFixed(3)} s`);
            continue;
          }
          places.push(at);
          heard.difference = Math.max(heard.difference, difference(references[i], samples, levels[i], at));
        }
      }
      if (!places.length) continue;
      heard.compared += places.length;
      heard.spread = Math.max(heard.spread, Math.max(...places) - Math.min(...places));
      heard.from ??= places[0] / sampleRate;
      expected = places[0] + block;
      heard.to = expected / sampleRate;
      heard.ahead = position - heard.to; // of what is heard: what the recorder holds back
    }
    return heard;
  }

  // loops records while a loop plays, and compares with its passage played over and over.
  async function loops(seconds, a, b) {
    const { run } = player;
    const [, ...blocks] = await record(seconds + 1);
    const { sampleRate } = gains[0].context;
    const from = Math.round(a * sampleRate), length = Math.round(b * sampleRate) - from;
    const heard = { difference: 0, laps: 0, waited: player.run - run };
    const stems = blocks[0].stems.map((_, i) => blocks.flatMap((one) => [...one.stems[i]]));
    const [[first, reference]] = references[0];
    const passage = (i, at) => references[i][0][1][from + (((at % length) + length) % length) - first];
    // Where the recording begins within the passage is the same for all stems.
    let begin;
    for (let at = 0; at < length && begin === undefined; at++) {
      let equal = true;
      for (let i = 0; i < 2000 && equal; i++) equal = Math.abs(stems[0][i] - passage(0, at + i)) < tolerance;
      if (equal) begin = at;
    }
    if (begin === undefined) return { ...heard, difference: 1, known: reference.length };
    for (const [i, samples] of stems.entries()) {
      for (let k = 0; k < samples.length; k++) heard.difference = Math.max(heard.difference, Math.abs(samples[k] - passage(i, begin + k)));
    }
    heard.laps = Math.floor((begin + stems[0].length) / length);
    return heard;
  }

  // checkMix compares a WAV, in base64, with the sum of the stems at the given levels.
  function checkMix(base64, from, to, levels) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const wav = new DataView(bytes.buffer);
    const rate = wav.getUint32(24, true), samples = wav.getUint32(40, true) / 4;
    const heard = { samples, rate, clipped: 0, difference: samples * 4 + 44 === bytes.length ? 0 : 1 };
    for (let i = 0; i < samples; i++) {
      let sum = 0;
      for (const [stem, [[first, kept]]] of references.entries()) sum += levels[stem] * kept[Math.round(from * rate) + i - first];
      if (Math.abs(sum) > 32767 / 32768) heard.clipped++;
      sum = Math.min(Math.max(sum, -1), 32767 / 32768);
      heard.difference = Math.max(heard.difference, Math.abs(wav.getInt16(44 + 4 * i, true) / 32768 - sum));
    }
    return heard;
  }

  return { gains, violations, actions, drawn, learn, listen, loops, checkMix };
})();
