"use strict";

const shortestView = 4; // seconds
const zoomStep = 2;
const tickSteps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600]; // seconds
const tickDistance = 72; // pixels from one tick to the next, at least
const targetSize = 44; // pixels
const dragDistance = 8; // pixels that a finger moves before it is a drag and no tap

function clock(seconds, tenths = false) {
  const s = tenths ? Math.floor(seconds * 10 + 1e-6) / 10 : Math.floor(seconds);
  const rest = tenths ? (s % 60).toFixed(1).padStart(4, "0") : String(s % 60).padStart(2, "0");
  return `${Math.floor(s / 60)}:${rest}`;
}

// The timeline is the part of the track that is shown, the same for the ruler and all waveforms.
class Timeline {
  // length is called for the track's seconds, changed whenever another part is shown.
  constructor(ruler, length, changed) {
    Object.assign(this, { ruler, length, changed, from: 0, zoomed: 1 });
    this.follows = true; // the position, while it plays
  }

  get seconds() {
    return this.length() / this.zoomed;
  }

  get mostZoomed() {
    return Math.max(this.length() / shortestView, 1);
  }

  // show shows a part from a time on; zoomed is how many times the part fits into the track.
  show(from, zoomed = this.zoomed) {
    this.zoomed = Math.min(Math.max(zoomed, 1), this.mostZoomed);
    this.from = Math.min(Math.max(from, 0), this.length() - this.seconds);
    this.changed();
  }

  // zoom keeps the time at a place, from 0 to 1, where it is.
  zoom(by, place = 0.5) {
    const time = this.from + place * this.seconds;
    const zoomed = Math.min(Math.max(this.zoomed * by, 1), this.mostZoomed);
    this.show(time - (place * this.length()) / zoomed, zoomed);
  }

  // follow turns the page when the position leaves it.
  follow(position) {
    if (!this.follows || (position >= this.from && position < this.from + this.seconds)) return;
    this.show(position - this.seconds * 0.05);
  }

  // place is where a time is, from 0 to 1 within what is shown.
  place(time) {
    return (time - this.from) / this.seconds || 0;
  }

  // drawRuler draws the ticks.
  drawRuler() {
    const { seconds, from, ruler } = this;
    const width = ruler.clientWidth;
    if (!width || !seconds) return;
    const step = tickSteps.find((s) => (s / seconds) * width >= tickDistance) ?? tickSteps.at(-1);
    const ticks = [];
    for (let time = Math.ceil(from / step) * step; time < from + seconds; time += step) {
      const tick = document.createElement("span");
      tick.textContent = clock(time, step < 1);
      tick.style.left = `${this.place(time) * 100}%`;
      ticks.push(tick);
    }
    ruler.replaceChildren(...ticks);
  }

  // listen lets a lane be dragged over, pinched and scrolled. scrub is called with a time, and with whether that is the last of a drag.
  listen(lane, scrub) {
    const pointers = new Map(); // where each is, in pixels
    let begun = null; // where a drag began, null while none is under way
    let dragging = false;
    let pinned = null; // the times that two fingers hold
    const timeAt = (x) => {
      const { left, width } = lane.getBoundingClientRect();
      return this.from + ((x - left) / width) * this.seconds;
    };
    lane.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.target.closest("a, button, [role=slider]")) return;
      pointers.set(event.pointerId, event.clientX);
      lane.setPointerCapture(event.pointerId);
      if (pointers.size === 2) {
        begun = null;
        pinned = [...pointers].map(([id, x]) => [id, timeAt(x)]);
        return;
      }
      begun = event.clientX;
      dragging = event.pointerType === "mouse"; // a finger may be about to scroll
      if (dragging) scrub(timeAt(begun), false);
    });
    lane.addEventListener("pointermove", (event) => {
      if (!pointers.has(event.pointerId)) return;
      pointers.set(event.pointerId, event.clientX);
      if (pinned) {
        this.pinch(lane, pinned.map(([id, time]) => [pointers.get(id), time]));
      } else if (begun !== null) {
        dragging ||= Math.abs(event.clientX - begun) > dragDistance;
        if (dragging) scrub(timeAt(event.clientX), false);
      }
    });
    const end = (event, taken) => {
      if (!pointers.delete(event.pointerId)) return;
      if (taken && begun !== null) scrub(timeAt(event.clientX), true);
      if (pinned?.some(([id]) => id === event.pointerId)) pinned = null; // another finger may still be there
      begun = null;
    };
    lane.addEventListener("pointerup", (event) => end(event, true));
    lane.addEventListener("pointercancel", (event) => end(event, false));
    lane.addEventListener("wheel", (event) => {
      const { left, width } = lane.getBoundingClientRect();
      const across = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : event.shiftKey ? event.deltaY : 0;
      if (event.ctrlKey || event.metaKey) this.zoom(2 ** (-event.deltaY / 200), (event.clientX - left) / width);
      else if (across && this.zoomed > 1) this.pan((across / width) * this.seconds);
      else return;
      event.preventDefault();
    }, { passive: false });
  }

  // pan moves what is shown, and lets the position go.
  pan(seconds) {
    this.follows = false;
    this.show(this.from + seconds);
  }

  // pinch shows two times at the places where two fingers are.
  pinch(lane, [[x1, time1], [x2, time2]]) {
    const { left, width } = lane.getBoundingClientRect();
    if (Math.abs(x1 - x2) < 1 || time1 === time2) return;
    const seconds = Math.abs(((time2 - time1) / (x2 - x1)) * width);
    const zoomed = Math.min(Math.max(this.length() / seconds, 1), this.mostZoomed);
    this.show(time1 - ((x1 - left) / width) * (this.length() / zoomed), zoomed);
  }
}

// Handles are the two ends of the loop, which are dragged or moved with the arrow keys.
class Handles {
  // moved is called with the new ends, and with whether they stay so.
  constructor(a, b, timeline, moved) {
    Object.assign(this, { elements: { a, b }, timeline, moved });
    for (const end of ["a", "b"]) this.listen(end);
  }

  get length() {
    return this.timeline.length();
  }

  listen(end) {
    const element = this.elements[end];
    let grip = null; // how far from the end it was taken, in pixels
    const timeAt = (x) => {
      const { left, width } = element.parentElement.getBoundingClientRect();
      return this.timeline.from + ((x - left) / width) * this.timeline.seconds;
    };
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const { left, width } = element.parentElement.getBoundingClientRect();
      grip = event.clientX - left - this.timeline.place(this[end]) * width;
      element.setPointerCapture(event.pointerId);
    });
    const drag = (event, stays) => {
      if (grip === null) return;
      this.move(end, timeAt(event.clientX - grip), stays);
      if (stays) grip = null;
    };
    element.addEventListener("pointermove", (event) => drag(event, false));
    element.addEventListener("pointerup", (event) => drag(event, true));
    element.addEventListener("pointercancel", (event) => drag(event, true));
    element.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageDown: -5, PageUp: 5 }[event.key];
      const to = { Home: 0, End: this.length }[event.key] ?? (by && this[end] + by * (event.shiftKey ? 10 : 1));
      if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      this.move(end, to, true);
    });
  }

  // move keeps the loop as long as it has to be.
  move(end, to, stays) {
    const least = Math.min(shortestLoop, this.length);
    let { a, b } = this;
    if (end === "a") a = Math.min(Math.max(to, 0), b - least);
    else b = Math.max(Math.min(to, this.length), a + least);
    this.moved(a, b, stays);
  }

  // show shows a loop. Handles stay within the lane, and beside each other.
  show(a, b) {
    Object.assign(this, { a, b });
    const { timeline } = this;
    const width = this.elements.a.parentElement.clientWidth;
    const left = Math.min(Math.max(timeline.place(a) * width - targetSize, 0), width - 2 * targetSize);
    const right = Math.min(Math.max(timeline.place(b) * width, left + targetSize), width - targetSize);
    for (const [end, at, time] of [["a", left, a], ["b", right, b]]) {
      const element = this.elements[end];
      element.style.left = `${at}px`;
      element.setAttribute("aria-valuemax", this.length.toFixed(1));
      element.setAttribute("aria-valuenow", time.toFixed(1));
      element.setAttribute("aria-valuetext", clock(time, true));
    }
  }
}
