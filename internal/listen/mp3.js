"use strict";

// MP3 finds the frames of a stream while it comes in. Frames are what it can be cut at.

const kilobits = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0], // MPEG-1
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0], // MPEG-2 and 2.5
];
const sampleRates = [[11025, 12000, 8000, 0], [0, 0, 0, 0], [22050, 24000, 16000, 0], [44100, 48000, 32000, 0]];

// frameAt reads the header of a Layer III frame; null if there is none.
function frameAt(bytes, at) {
  if (at + 4 > bytes.length || bytes[at] !== 0xff || (bytes[at + 1] & 0xe6) !== 0xe2) return null;
  const version = (bytes[at + 1] >> 3) & 3;
  const low = version === 3 ? 0 : 1;
  const rate = sampleRates[version][(bytes[at + 2] >> 2) & 3];
  const kbps = kilobits[low][bytes[at + 2] >> 4];
  if (!rate || !kbps) return null;
  const samples = low ? 576 : 1152;
  const mono = bytes[at + 3] >> 6 === 3;
  return {
    rate,
    samples,
    size: Math.floor((samples * 125 * kbps) / rate) + ((bytes[at + 2] >> 1) & 1),
    sideInfo: low ? (mono ? 9 : 17) : mono ? 17 : 32,
    // stream is what all frames of a stream agree in.
    stream: ((bytes[at + 1] & 0xfe) << 8) | (bytes[at + 2] & 0x0c),
  };
}

// encoderDelay tells how many samples of silence encoder and decoder put before the sound, if the frame that starts at the given
// place holds a header of the whole stream; null if it is audio like the others. Browsers skip as much when they decode a whole file.
function encoderDelay(bytes, frameStart, sideInfo) {
  const at = frameStart + 4 + sideInfo;
  const text = (from) => String.fromCharCode(...bytes.subarray(from, from + 4));
  if (text(frameStart + 36) === "VBRI") return 0;
  if (text(at) !== "Xing" && text(at) !== "Info") return null;
  const flags = bytes[at + 7];
  const encoder = at + 8 + (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  if (!["LAME", "Lavf", "Lavc"].includes(text(encoder))) return 0;
  const decoderDelay = 529;
  return ((bytes[encoder + 21] << 4) | (bytes[encoder + 22] >> 4)) + decoderDelay;
}

class MP3 {
  constructor(bytes) {
    this.bytes = bytes;
    this.starts = []; // of the frames that are here
    this.end = 0; // of the last of them; of what was looked at, before there is one
    this.delay = 0;
  }

  get frames() {
    return this.starts.length;
  }

  // samples is how many the frames play.
  get samples() {
    return Math.max(this.frames * this.samplesOfFrame - this.delay, 0);
  }

  slice(from, to) {
    return this.bytes.slice(this.starts[from], to < this.frames ? this.starts[to] : this.end);
  }

  // index finds the frames in the first bytes, which are here.
  index(have) {
    const { bytes } = this;
    let at = this.end;
    if (at === 0 && bytes[0] === 0x49 && bytes[1] === 0x44 && bytes[2] === 0x33) {
      at = 10 + ((bytes[6] << 21) | (bytes[7] << 14) | (bytes[8] << 7) | bytes[9]); // an ID3v2 tag
    }
    while (at + 4 <= have) {
      const frame = frameAt(bytes, at);
      if (!frame || (this.stream && frame.stream !== this.stream)) {
        at++; // a tag, or damage
        continue;
      }
      const end = at + frame.size;
      if (Math.min(end + 4, bytes.length) > have) break; // the rest of it, and the next header, are still to come
      if (!this.stream) {
        if (frameAt(bytes, end)?.stream !== frame.stream) {
          at++; // looked like a frame by chance
          continue;
        }
        this.stream = frame.stream;
        this.rate = frame.rate;
        this.samplesOfFrame = frame.samples;
        const delay = encoderDelay(bytes, at, frame.sideInfo);
        if (delay !== null) {
          this.delay = delay;
          at = end;
          continue;
        }
      }
      if (end > bytes.length) break; // cut off
      this.starts.push(at);
      this.end = at = end;
    }
    if (!this.frames) this.end = at;
  }
}
