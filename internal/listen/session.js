"use strict";

// The session is what the system shows of the page beside the page: on the lock screen, in the notifications, for the keys of a headset. Browsers have one
// for pages with a media element that plays. Ours plays silence.

class Session {
  // handlers are by the names that browsers have for the actions.
  constructor(metadata, handlers) {
    this.session = navigator.mediaSession;
    if (!this.session) return;
    this.session.metadata = new MediaMetadata(metadata);
    for (const [action, handler] of Object.entries(handlers)) {
      try {
        this.session.setActionHandler(action, handler);
      } catch {
        // This browser does not have the action.
      }
    }
  }

  // show must be called at once when somebody starts to play.
  show(playing, position, duration) {
    if (!this.session) return;
    this.session.playbackState = playing ? "playing" : "paused";
    if (duration > 0) this.session.setPositionState?.({ duration, position: Math.min(position, duration), playbackRate: 1 });
    if (playing === this.playing) return;
    this.playing = playing;
    if (playing) {
      this.silence ??= silence();
      this.silence.play().catch(() => {}); // then the system shows nothing, and the page plays all the same
    } else {
      this.silence?.pause();
    }
  }
}

// silence is long enough for browsers to take it for more than a notification's sound.
function silence() {
  const rate = 8000, samples = 10 * rate;
  const header = fields([[4, 0x46464952], [4, samples + 36], [4, 0x45564157], [4, 0x20746d66], [4, 16], [2, 1], [2, 1], [4, rate], [4, rate],
    [2, 1], [2, 8], [4, 0x61746164], [4, samples]]);
  const audio = new Audio(URL.createObjectURL(new Blob([header, new Uint8Array(samples).fill(128)], { type: "audio/wav" })));
  audio.loop = true;
  return audio;
}
