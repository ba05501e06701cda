"use strict";

// What can be saved of a page: the stems as they are stored, in one archive, and the mix as it is heard.

const chunkSeconds = 5; // of a mix that are made at a time

// crcTable is of the CRC-32 that ZIP has.
const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

// crc32 lets the page go on meanwhile.
async function crc32(bytes) {
  let crc = ~0;
  for (let at = 0; at < bytes.length; ) {
    for (const end = Math.min(at + (1 << 22), bytes.length); at < end; at++) crc = crcTable[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return ~crc >>> 0;
}

// zip makes an archive of files, each with a name and bytes, without compressing them: audio is compressed.
async function zip(files) {
  const parts = [], entries = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const path = new TextEncoder().encode(name);
    const crc = await crc32(bytes);
    // What both headers say: version 2.0, names in UTF-8, stored, 1 January 1980.
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, crc], [4, bytes.length], [4, bytes.length], [2, path.length], [2, 0]];
    const header = fields([[4, 0x04034b50], ...common]);
    entries.push(fields([[4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]), path);
    parts.push(header, path, bytes);
    offset += header.length + path.length + bytes.length;
  }
  const size = entries.reduce((sum, part) => sum + part.length, 0);
  const end = fields([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, size], [4, offset], [2, 0]]);
  return new Blob([...parts, ...entries, end], { type: "application/zip" });
}

// fields writes numbers of two or four bytes, the lowest first.
function fields(list) {
  const bytes = new Uint8Array(list.reduce((sum, [size]) => sum + size, 0));
  let at = 0;
  for (const [size, value] of list) {
    for (let i = 0; i < size; i++) bytes[at++] = value >>> (8 * i);
  }
  return bytes;
}

// mixdown makes a WAV of 16 bits of the passage between two times, as the player is set when it begins. It returns the file, and how many samples were
// louder than it can hold. progress is called with a number from 0 to 1, and stops it by returning false: then there is no file.
async function mixdown(player, from, to, progress) {
  const { rate } = player;
  const first = Math.round(from * rate), end = Math.round(to * rate);
  const voices = player.tracks
    .map((track) => ({ stem: track.stem, gain: player.gainOf(track) * factor(player.master), number: track.stem.pieceAt(from), piece: undefined }))
    .filter((voice) => voice.gain > 0);
  const chunks = [];
  let clipped = 0;
  for (let at = first; at < end; ) {
    if (!progress((at - first) / (end - first))) return null;
    const length = Math.min(Math.round(chunkSeconds * rate), end - at);
    const sum = [new Float32Array(length), new Float32Array(length)];
    for (const voice of voices) await addVoice(voice, sum, at, length, rate);
    const chunk = new Int16Array(2 * length);
    for (let i = 0; i < length; i++) {
      for (let channel = 0; channel < 2; channel++) {
        const sample = Math.round(sum[channel][i] * 32768);
        if (sample > 32767 || sample < -32768) clipped++;
        chunk[2 * i + channel] = Math.min(Math.max(sample, -32768), 32767);
      }
    }
    chunks.push(chunk);
    at += length;
    await new Promise((resolve) => setTimeout(resolve));
  }
  const bytes = (end - first) * 4;
  const header = fields([[4, 0x46464952], [4, bytes + 36], [4, 0x45564157], [4, 0x20746d66], [4, 16], [2, 1], [2, 2], [4, rate], [4, rate * 4],
    [2, 4], [2, 16], [4, 0x61746164], [4, bytes]]);
  return { blob: new Blob([header, ...chunks], { type: "audio/wav" }), clipped };
}

// addVoice adds what a stem plays from a sample on. It decodes each piece once, and keeps the one that goes on.
async function addVoice(voice, sum, at, length, rate) {
  for (;;) {
    voice.piece = voice.piece === undefined ? await voice.stem.piece(voice.number) : voice.piece;
    const { piece } = voice;
    if (!piece) return; // the stem has ended
    const scale = rate / piece.rate;
    const start = Math.round(piece.start * scale), end = Math.round(piece.end * scale);
    if (start >= at + length) return;
    const from = Math.max(start, at), to = Math.min(end, at + length);
    for (let channel = 0; channel < 2; channel++) {
      const samples = piece.buffer.getChannelData(Math.min(channel, piece.buffer.numberOfChannels - 1));
      const out = sum[channel];
      for (let i = from; i < to; i++) {
        out[i - at] += voice.gain * sampleAt(samples, piece.offset + (scale === 1 ? i - start : (i - start) / scale));
      }
    }
    if (end > at + length) return;
    discard(piece);
    voice.number++;
    voice.piece = undefined;
  }
}

// sampleAt is between two samples where stems have different rates.
function sampleAt(samples, at) {
  const i = Math.floor(at);
  return i === at ? samples[i] : samples[i] + (at - i) * ((samples[i + 1] ?? samples[i]) - samples[i]);
}

// offer hands a file to the browser's downloads.
function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // when it has been taken
}
