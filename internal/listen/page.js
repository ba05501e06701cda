"use strict";

const one = (selector, within = document) => within.querySelector(selector);
const step = 5; // seconds that an arrow key jumps
const scrubInterval = 120; // milliseconds between the places that a drag plays
const saveInterval = 1000; // milliseconds between the mixes that the address is given, which browsers count
const keysSetting = "stemflow-keys";

const rows = [...document.querySelectorAll(".stem")];
const names = rows.map((row) => one("h2", row).textContent);
const stems = rows.map((row) => new Stem({
  link: one("a", row).href,
  size: Number(row.dataset.size),
  seconds: Number(row.dataset.seconds),
  type: row.dataset.type,
}));
const waveforms = rows.map((row) => new Waveform(one("canvas", row), row.dataset.peaks, Number(row.dataset.peaksPerSecond)));
const player = new Player(stems, show);
const tracks = player.tracks; // of the rows, in their order, those too that cannot be played
const timeline = new Timeline(one("#ruler"), () => player.duration, redraw);
const handles = new Handles(one("#end-a"), one("#end-b"), timeline, moveLoop);
const drawing = new Drawing(stems, waveforms, redrawStem);
const cursors = document.querySelectorAll(".cursor");
const regions = document.querySelectorAll(".region");
const play = one("#play"), seek = one("#seek"), note = one("#status"), pan = one("#pan"), master = one("#master");
const fileName = one("main").dataset.name;
const session = new Session({ title: document.title, artist: names.join(", "), album: "stemflow" }, {
  play: () => player.state === "paused" && playOrPause(),
  pause: () => player.state !== "paused" && playOrPause(),
  stop: () => player.state !== "paused" && playOrPause(),
  seekbackward: ({ seekOffset }) => seekTo(player.position - (seekOffset || step)),
  seekforward: ({ seekOffset }) => seekTo(player.position + (seekOffset || step)),
  seekto: ({ seekTime }) => seekTo(seekTime),
  previoustrack: () => seekTo(0),
});
let saving = null; // what is being made for a download: { says, stopped }
let said = ""; // of the last download, until something else is to be said

// show brings the page to what the player does. While it plays, it goes on doing so.
function show() {
  const playing = player.state !== "paused";
  const verb = playing ? "Pause" : "Play";
  if (play.textContent !== verb) play.textContent = verb;
  note.textContent = player.state === "waiting" ? "Waiting for the audio" : loadingNote() || saving?.says || said;
  rows.forEach((row, i) => {
    row.classList.toggle("silent", !player.heard(tracks[i]));
    one(".mute", row).setAttribute("aria-pressed", tracks[i].muted);
    one(".solo", row).setAttribute("aria-pressed", tracks[i].solo);
  });
  one("#loop").setAttribute("aria-pressed", player.loop.on);
  one("#wav").textContent = saving?.mix ? "Stop" : "Mix as heard (WAV)";
  one("#zip").disabled = Boolean(saving) || !stems.some((stem) => stem.complete) || stems.some((stem) => !stem.complete && !stem.failed);
  one("#wav").disabled = play.disabled || Boolean(saving && !saving.mix);
  session.show(playing, player.position, player.duration);
  move();
}

function loadingNote() {
  const pending = stems.filter((stem) => !stem.complete && !stem.failed).length;
  return pending ? `Loading ${pending} of ${stems.length} stems` : "";
}

// move shows the position.
function move() {
  const { position, duration } = player;
  const text = `${clock(position)} of ${clock(duration)}`;
  if (text !== move.text) {
    move.text = one("#time").textContent = text;
    seek.setAttribute("aria-valuetext", text);
    if (player.state === "playing") keep();
  }
  if (duration !== Number(seek.max)) {
    seek.max = duration;
    redraw();
  }
  if (player.state === "playing") timeline.follow(position);
  if (Math.abs(seek.value - position) > duration / 2000 || position === 0) seek.value = position;
  moveCursors();
  cancelAnimationFrame(move.next);
  if (player.state === "playing") move.next = requestAnimationFrame(move);
}

// moveCursors is apart from drawing, and does something only when a pixel further: browsers keep what they paint for each change until they collect
// it, which was a megabyte or more each second.
function moveCursors() {
  const place = timeline.place(player.position);
  const left = place >= 0 && place <= 1 ? Math.round(place * one("#ruler").clientWidth) : -10;
  if (left === moveCursors.left) return;
  moveCursors.left = left;
  for (const cursor of cursors) cursor.style.transform = `translateX(${left}px)`;
}

// redraw draws all that depends on which part of the track is shown, once before the browser paints.
function redraw() {
  redraw.all = true;
  redrawStem();
}

function redrawStem(i) {
  redraw.stems ??= new Set();
  if (i !== undefined) redraw.stems.add(i);
  redraw.next ??= requestAnimationFrame(() => {
    const { all, stems: some } = redraw;
    Object.assign(redraw, { next: null, all: false, stems: new Set() });
    const { from, seconds, zoomed } = timeline;
    for (const i of all ? waveforms.keys() : some) waveforms[i].draw(from, seconds);
    if (!all) return;
    timeline.drawRuler();
    showLoop();
    moveCursors();
    pan.hidden = zoomed <= 1;
    pan.max = player.duration - seconds;
    pan.value = from;
    pan.setAttribute("aria-valuetext", `${clock(from)} to ${clock(from + seconds)}`);
    one("#zoom-out").disabled = one("#whole").disabled = zoomed <= 1;
    one("#zoom-in").disabled = zoomed >= timeline.mostZoomed;
    const columns = one("#ruler").clientWidth * window.devicePixelRatio;
    const coarse = waveforms.some((waveform) => waveform.outline && seconds * waveform.outlinePerSecond < columns / 2);
    drawing.lookAt(coarse ? { from, to: from + seconds } : null);
  });
}

function showLoop() {
  const { on, a } = player.loop, b = Math.min(player.loop.b, player.duration);
  handles.show(a, b);
  const left = Math.max(timeline.place(a), 0), right = Math.min(timeline.place(b), 1);
  for (const region of regions) {
    region.classList.toggle("on", on);
    region.style.left = `${left * 100}%`;
    region.style.width = `${Math.max(right - left, 0) * 100}%`;
  }
}

// moveLoop is what the handles do. Only when they are let go is it what is played.
function moveLoop(a, b, stays) {
  const loop = { on: player.loop.on, a, b: b >= player.duration ? Infinity : b };
  if (stays) setLoop(loop);
  else {
    player.loop = loop;
    showLoop();
  }
}

function setLoop(loop) {
  player.setLoop(loop);
  showLoop();
  show();
  keep();
}

function setEnd(end) {
  handles.show(player.loop.a, Math.min(player.loop.b, player.duration));
  const { position } = player;
  if (end === "a" && position > handles.b - shortestLoop) handles.b = player.duration;
  if (end === "b" && position < handles.a + shortestLoop) handles.a = 0;
  handles.move(end, position, true);
}

// troubled says what is wrong with a stem, and what to do about it.
function troubled(i, { kind, said }) {
  if (kind === "refused" && Date.now() > Date.parse(one("#until").dateTime)) kind = "expired";
  const row = one(".trouble", rows[i]);
  row.textContent = one(`#words [data-kind="${kind}"]`).textContent + (said && kind === "refused" ? ` (${said})` : "");
  row.hidden = false;
  rows[i].classList.add("lost");
  const advice = one(`#advice [data-kind="${kind}"]`);
  if (advice) advice.hidden = one("#advice").hidden = false;
}

function toggle(i, what) {
  tracks[i][what] = !tracks[i][what];
  mixed();
}

function mixed() {
  player.mix();
  show();
  keep();
}

// setLevel sets a level and what shows it.
function setLevel(input, text, decibels) {
  input.value = decibels;
  text.textContent = decibels > quietest ? `${decibels} dB` : "off";
  input.setAttribute("aria-valuetext", text.textContent);
}

function setStemLevel(i, decibels) {
  tracks[i].level = decibels;
  setLevel(one(".level", rows[i]), one(".decibels", rows[i]), decibels);
}

function setMaster(decibels) {
  player.master = decibels;
  setLevel(master, one("#master-decibels"), decibels);
}

function playOrPause() {
  if (play.disabled) return;
  timeline.follows = true;
  said = "";
  if (player.state === "paused") player.play();
  else player.pause();
  show();
  keep();
}

function seekTo(seconds) {
  if (play.disabled) return;
  timeline.follows = true;
  player.seek(seconds);
  timeline.follow(player.position);
  show();
  keep();
}

// scrub plays what a drag passes over, bit by bit.
function scrub(seconds, last) {
  clearTimeout(scrub.later);
  const wait = last || player.state === "paused" ? 0 : (scrub.at ?? 0) + scrubInterval - performance.now();
  if (wait > 0) {
    scrub.later = setTimeout(() => scrub(seconds, last), wait);
    return;
  }
  scrub.at = performance.now();
  seekTo(seconds);
}

// keep writes the mix into the address.
function keep() {
  keep.later ??= setTimeout(keepNow, saveInterval);
}

function keepNow() {
  clearTimeout(keep.later);
  keep.later = null;
  if (!player.rate) return; // what the address says has yet to be taken up
  const address = addressOf({
    position: player.position, loop: player.loop, master: player.master, stems: tracks.map((track, i) => ({ ...track, name: names[i] })),
  });
  keep.address = address && "#" + address;
  if (keep.address === location.hash) return;
  try {
    history.replaceState(null, "", location.pathname + location.search + keep.address);
  } catch {
    // It has been written too often, and will be again.
  }
}

// takeUp sets the mix that the address says.
function takeUp() {
  const mix = mixOf(location.hash.slice(1), names);
  mix.stems.forEach(({ level, muted, solo }, i) => {
    Object.assign(tracks[i], { muted, solo });
    setStemLevel(i, level);
  });
  setMaster(mix.master);
  if (mix.loop.a > player.duration - shortestLoop) Object.assign(mix.loop, { a: 0, b: Infinity });
  player.loop = { ...mix.loop, on: false }; // turning it on would go to its beginning
  player.seek(mix.position);
  if (mix.loop.on) player.setLoop(mix.loop);
  player.mix();
  redraw();
  show();
}

function reset() {
  for (const i of rows.keys()) {
    Object.assign(tracks[i], { muted: false, solo: false });
    setStemLevel(i, 0);
  }
  setMaster(0);
  player.setLoop({ on: false, a: 0, b: Infinity });
  timeline.follows = true;
  timeline.show(0, 1);
  mixed();
}

// save makes a file and offers it. make is given what can be said meanwhile, and returns the file, its name and what to say of it; null if stopped.
async function save(doing, make) {
  saving = doing;
  show();
  try {
    const made = await make();
    if (made) offer(made.blob, made.name);
    said = made ? made.says : "Stopped";
  } catch (error) {
    said = `The file could not be made: ${error.message}`;
  }
  saving = null;
  show();
}

function saveStems() {
  save({ says: "Making the archive" }, async () => {
    const whole = rows.map((row, i) => ({ name: row.dataset.file, bytes: stems[i].bytes })).filter((_, i) => stems[i].complete);
    const missing = rows.length - whole.length;
    return {
      blob: await zip(whole), name: `${fileName}.zip`,
      says: `${whole.length} stems are in ${fileName}.zip` + (missing ? `, and ${missing} could not be had` : ""),
    };
  });
}

function saveMix() {
  if (saving) {
    saving.stopped = true;
    return;
  }
  const { on, a } = player.loop;
  const [from, to] = on ? [a, Math.min(player.loop.b, player.duration)] : [0, player.duration];
  const doing = { mix: true, says: "Making the mix", stopped: false };
  save(doing, async () => {
    const mix = await mixdown(player, from, to, (part) => {
      doing.says = `Making the mix: ${Math.floor(part * 10) * 10} %`;
      show();
      return !doing.stopped;
    });
    const passage = on ? `-${clock(from, true)}-${clock(to, true)}`.replaceAll(":", ".") : "";
    const name = `${fileName}-mix${passage}.wav`;
    return mix && { blob: mix.blob, name, says: `The mix is in ${name}` + (mix.clipped ? ". It is too loud in places: turn the master down" : "") };
  });
}

function setKeys(on) {
  one("#keys").setAttribute("aria-pressed", on);
  one("#keys-help").classList.toggle("off", !on);
}

play.addEventListener("click", playOrPause);
seek.addEventListener("input", () => scrub(Number(seek.value), false));
pan.addEventListener("input", () => timeline.pan(pan.value - timeline.from));
master.min = quietest;
master.addEventListener("input", () => {
  setMaster(Number(master.value));
  mixed();
});
for (const [id, act] of Object.entries({
  start: () => seekTo(0),
  loop: () => setLoop({ ...player.loop, on: !player.loop.on }),
  "set-a": () => setEnd("a"),
  "set-b": () => setEnd("b"),
  "zoom-in": () => zoomBy(zoomStep),
  "zoom-out": () => zoomBy(1 / zoomStep),
  whole: () => timeline.show(0, 1),
  reset,
  zip: saveStems,
  wav: saveMix,
  keys: () => {
    const on = one("#keys").getAttribute("aria-pressed") !== "true";
    setKeys(on);
    try {
      localStorage.setItem(keysSetting, on ? "on" : "off");
    } catch {
      // This page may keep nothing.
    }
  },
})) {
  one("#" + id).addEventListener("click", act);
}

// zoomBy keeps the position where it is, if it can be seen.
function zoomBy(by) {
  const place = timeline.place(player.position);
  timeline.zoom(by, place >= 0 && place <= 1 ? place : 0.5);
}

rows.forEach((row, i) => {
  for (const what of ["muted", "solo"]) {
    const button = one(what === "muted" ? ".mute" : ".solo", row);
    button.addEventListener("click", () => toggle(i, what));
    // A click leaves the focus where it is, so that the space bar still plays and pauses.
    button.addEventListener("mousedown", (event) => event.preventDefault());
  }
  const level = one(".level", row);
  level.min = quietest;
  level.addEventListener("input", () => {
    setStemLevel(i, Number(level.value));
    mixed();
  });
  row.style.setProperty("--hue", (i * 360) / rows.length);
  timeline.listen(one(".wave", row), scrub);
});
timeline.listen(one("#ruler"), scrub);

// The keyboard is for all of the page, unless the control that has the focus takes the key itself.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || one("#keys").getAttribute("aria-pressed") === "false") return;
  const on = event.target;
  const onRange = on.matches("input, [role=slider]");
  const digit = /^Digit(\d)$/.exec(event.code);
  const key = event.key.toLowerCase();
  const click = { l: "#loop", a: "#set-a", b: "#set-b", "+": "#zoom-in", "=": "#zoom-in", "-": "#zoom-out" }[key];
  if (key === " " && !on.closest("button, a, summary")) playOrPause();
  else if (key === "arrowleft" && (!onRange || on === seek)) seekTo(player.position - step);
  else if (key === "arrowright" && (!onRange || on === seek)) seekTo(player.position + step);
  else if (key === "home" && (!onRange || on === seek)) seekTo(0);
  else if (click) one(click).click();
  else if (digit) {
    const i = (Number(digit[1]) + 9) % 10; // 0 is the tenth
    if (i >= rows.length) return;
    toggle(i, event.shiftKey ? "solo" : "muted");
  } else {
    const i = rows.indexOf(on.closest(".stem"));
    if (i < 0 || !["m", "s"].includes(key)) return;
    toggle(i, key === "m" ? "muted" : "solo");
  }
  event.preventDefault();
});

for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
new ResizeObserver(redraw).observe(one("#stems"));
for (const colours of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(colours).addEventListener("change", redraw);
addEventListener("hashchange", () => location.hash !== keep.address && takeUp());
addEventListener("pagehide", keepNow);
try {
  setKeys(localStorage.getItem(keysSetting) !== "off");
} catch {
  // This page may keep nothing.
}

stems.forEach((stem, i) => {
  stem.loaded.catch((trouble) => troubled(i, trouble)).finally(show);
});
player.ready().then(() => {
  const playable = player.tracks.length > 0;
  play.disabled = seek.disabled = one("#start").disabled = !playable;
  if (playable) takeUp();
  else show();
});
show();
redraw();
