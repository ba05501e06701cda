"use strict";

const peaksPerSecond = 100; // of what was decoded

// A waveform is drawn from the peaks of what was decoded so far, and elsewhere from the outline that came with the page, if one did.
class Waveform {
  // outline has a byte for each part of a second: 0 is silence, 255 full scale, and three steps are a decibel.
  constructor(canvas, outline, outlinePerSecond) {
    this.canvas = canvas;
    this.peaks = [];
    this.outline = outline && Array.from(atob(outline), (c) => (c === "\0" ? 0 : 10 ** ((c.charCodeAt(0) - 255) / 60)));
    this.outlinePerSecond = outlinePerSecond;
    this.decoded = new Set(); // the numbers of pieces
  }

  // add takes in a piece of a stem.
  add({ buffer, rate, start, end, offset }) {
    const samplesOfPeak = rate / peaksPerSecond;
    for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
      const samples = buffer.getChannelData(channel).subarray(offset, offset + end - start);
      for (let i = 0; i < samples.length; ) {
        const at = Math.floor((start + i) / samplesOfPeak);
        const next = Math.min(Math.ceil((at + 1) * samplesOfPeak) - start, samples.length);
        let peak = this.peaks[at] ?? 0;
        for (; i < next; i++) peak = Math.max(peak, Math.abs(samples[i]));
        this.peaks[at] = peak;
      }
    }
  }

  // peak is the loudest between two times, undefined where it is not known.
  peak(from, to) {
    return highest(this.peaks, from * peaksPerSecond, to * peaksPerSecond) ??
      (this.outline && highest(this.outline, from * this.outlinePerSecond, to * this.outlinePerSecond));
  }

  // draw fits a part of the stem into the canvas. Quiet passages are drawn higher than they are, so that they can be seen.
  draw(from, seconds) {
    const { canvas } = this;
    const scale = window.devicePixelRatio;
    const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
    if (!width || !seconds) return;
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(canvas).color;
    const column = seconds / width;
    for (let x = 0; x < width; x++) {
      const peak = this.peak(from + x * column, from + (x + 1) * column);
      if (peak === undefined) continue;
      const bar = Math.max(Math.min(peak, 1) ** 0.6 * height, scale);
      pen.fillRect(x, (height - bar) / 2, 1, bar);
    }
  }
}

// highest is the largest of the values from one place to another, at least of that at the first; undefined if one of them is missing.
function highest(values, from, to) {
  let most = values[Math.floor(from)];
  for (let i = Math.floor(from) + 1; i < to && most !== undefined; i++) most = values[i] === undefined ? undefined : Math.max(most, values[i]);
  return most;
}

// Drawing decodes what waveforms are drawn from, one piece at a time, so that playing has the decoder nearly for itself. Stems that came without
// an outline are decoded as a whole. The others are decoded where one looks so closely that an outline is too coarse.
class Drawing {
  // drawn is called with the number of a stem of which more can be drawn.
  constructor(stems, waveforms, drawn) {
    Object.assign(this, { stems, waveforms, drawn, close: null });
    this.next = waveforms.map((waveform) => (waveform.outline ? Infinity : 0));
    for (const stem of stems) stem.loaded.catch(() => {}).then(() => this.wake?.());
    this.run();
  }

  // lookAt tells which part is shown so large that outlines are too coarse, in seconds; null where none is.
  lookAt(close) {
    this.close = close;
    this.wake?.();
  }

  async run() {
    for (;;) {
      const work = this.choose();
      if (!work) {
        await new Promise((resolve) => (this.wake = resolve));
        continue;
      }
      const [i, number] = work;
      const piece = await this.stems[i].piece(number).catch(() => null); // the stem itself reports why
      this.waveforms[i].decoded.add(number);
      if (this.next[i] === number) this.next[i] = piece ? number + 1 : Infinity;
      if (!piece) continue;
      this.waveforms[i].add(piece);
      discard(piece);
      this.drawn(i);
    }
  }

  // choose names a stem and a piece of it, null if there is nothing to do.
  choose() {
    if (this.close) {
      for (const [i, stem] of this.stems.entries()) {
        const last = stem.pieceAt(this.close.to);
        for (let number = stem.pieceAt(this.close.from); number <= last; number++) {
          if (stem.has(number) && !this.waveforms[i].decoded.has(number)) return [i, number];
        }
      }
    }
    for (const [i, next] of this.next.entries()) {
      if (this.waveforms[i].decoded.has(next)) this.next[i]++;
    }
    const number = Math.min(...this.next);
    return number < Infinity ? [this.next.indexOf(number), number] : null;
  }
}
