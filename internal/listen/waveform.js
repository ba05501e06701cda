"use strict";

const peaksPerSecond = 20;

// A waveform is drawn from the peaks of what was decoded so far.
class Waveform {
  constructor(canvas) {
    this.canvas = canvas;
    this.peaks = [];
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

  // draw fits so many seconds into the canvas. Quiet passages are drawn higher than they are, so that they can be seen.
  draw(seconds) {
    const { canvas, peaks } = this;
    const scale = window.devicePixelRatio;
    const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
    if (!width || !seconds) return;
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(canvas).color;
    const peaksOfColumn = (seconds * peaksPerSecond) / width;
    for (let x = 0; x < width; x++) {
      const from = Math.floor(x * peaksOfColumn);
      if (from >= peaks.length) break;
      let peak = peaks[from];
      for (let i = from + 1; i < (x + 1) * peaksOfColumn; i++) peak = Math.max(peak, peaks[i] ?? 0);
      const bar = Math.max(Math.min(peak, 1) ** 0.6 * height, scale);
      pen.fillRect(x, (height - bar) / 2, 1, bar);
    }
  }
}

// drawAsDecoded decodes all stems, one piece at a time, so that playing has the decoder nearly for itself, and hands each piece to its
// waveform.
async function drawAsDecoded(stems, waveforms, drawn) {
  for (let number = 0, more = true; more; number++) {
    more = false;
    for (const [i, stem] of stems.entries()) {
      const piece = await stem.piece(number).catch(() => null); // the stem itself reports why
      if (!piece) continue;
      more = true;
      waveforms[i].add(piece);
      discard(piece);
      drawn(i);
    }
  }
}
