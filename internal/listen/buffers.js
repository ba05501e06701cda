"use strict";

// Decoding makes a new buffer every time, and browsers take their time to collect those that nobody needs any more: minutes, in which there may be
// gigabytes of them. So what is played is copied into buffers that are used again and again, and what was decoded is given away at once.

// nowhere takes in what is posted to it, and forgets it, since nobody listens.
const nowhere = new MessageChannel();
nowhere.port1.close();

// discard frees the memory of a decoded piece.
function discard({ buffer, shared }) {
  if (shared) return;
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel).buffer);
  try {
    nowhere.port2.postMessage(null, channels);
  } catch {
    // Some browsers do not let go of them, and collect them in their own time.
  }
}

const samplesOfBuffer = framesOfPiece * 1152; // no frame has more

// Buffers are lent to the pieces of one stem.
class Buffers {
  constructor() {
    this.spare = [];
  }

  // filled is a buffer with a piece in it, which is discarded.
  filled(piece) {
    const { buffer, offset, start, end, shared } = piece;
    if (shared) return buffer;
    const { numberOfChannels, sampleRate } = buffer;
    const lent = this.spare.pop() ?? new AudioBuffer({ numberOfChannels, sampleRate, length: samplesOfBuffer });
    for (let channel = 0; channel < numberOfChannels; channel++) {
      lent.copyToChannel(buffer.getChannelData(channel).subarray(offset, offset + end - start), channel);
    }
    discard(piece);
    return lent;
  }

  // takeBack takes a buffer that plays no more.
  takeBack(buffer) {
    this.spare.push(buffer);
  }
}
