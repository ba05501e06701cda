"use strict";

const one = (selector, within = document) => within.querySelector(selector);
const step = 5; // seconds that an arrow key jumps
const places = 2000; // that can be told apart on a waveform

const rows = [...document.querySelectorAll(".stem")];
const stems = rows.map((row) => new Stem({
  link: one("a", row).href,
  size: Number(row.dataset.size),
  seconds: Number(row.dataset.seconds),
  type: row.dataset.type,
}));
const waveforms = rows.map((row) => new Waveform(one("canvas", row)));
const player = new Player(stems, show);
const tracks = player.tracks; // of the rows, in their order, those too that cannot be played
const cursors = document.querySelectorAll(".cursor");
const play = one("#play"), seek = one("#seek"), note = one("#status");

function clock(seconds) {
  const s = Math.floor(seconds);
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

// show brings the page to what the player does. While it plays, it goes on doing so.
function show() {
  const playing = player.state !== "paused";
  const verb = playing ? "Pause" : "Play";
  if (play.textContent !== verb) play.textContent = verb;
  note.textContent = player.state === "waiting" ? "Waiting for the audio" : loadingNote();
  rows.forEach((row, i) => {
    row.classList.toggle("silent", !player.heard(tracks[i]));
    one(".mute", row).setAttribute("aria-pressed", tracks[i].muted);
    one(".solo", row).setAttribute("aria-pressed", tracks[i].solo);
  });
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
  }
  const place = Math.round((position / duration) * places) || 0;
  if (place !== move.place || duration !== Number(seek.max)) {
    move.place = place;
    seek.max = duration;
    seek.value = position;
    for (const cursor of cursors) cursor.style.left = `${(place / places) * 100}%`;
  }
  cancelAnimationFrame(move.next);
  if (player.state === "playing") move.next = requestAnimationFrame(move);
}

function draw(i) {
  if (draw.seconds !== player.duration) drawAll(); // more is known of how long the stems play
  else waveforms[i].draw(player.duration);
}

function drawAll() {
  draw.seconds = player.duration;
  for (const waveform of waveforms) waveform.draw(player.duration);
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
  player.mix();
  show();
}

function playOrPause() {
  if (play.disabled) return;
  if (player.state === "paused") player.play();
  else player.pause();
  show();
}

function seekTo(seconds) {
  if (play.disabled) return;
  player.seek(seconds);
  show();
}

play.addEventListener("click", playOrPause);
seek.addEventListener("input", () => seekTo(Number(seek.value)));

rows.forEach((row, i) => {
  for (const what of ["muted", "solo"]) {
    const button = one(what === "muted" ? ".mute" : ".solo", row);
    button.addEventListener("click", () => toggle(i, what));
    // A click leaves the focus where it is, so that the space bar still plays and pauses.
    button.addEventListener("mousedown", (event) => event.preventDefault());
  }
  const level = one(".level", row);
  level.min = quietest;
  const setLevel = () => {
    tracks[i].level = Number(level.value);
    const text = tracks[i].level > quietest ? `${level.value} dB` : "off";
    one(".decibels", row).textContent = text;
    level.setAttribute("aria-valuetext", text);
    player.mix();
  };
  level.addEventListener("input", setLevel);
  setLevel(); // a browser that goes back to the page may have kept it

  row.style.setProperty("--hue", (i * 360) / rows.length);
  const wave = one(".wave", row);
  wave.addEventListener("click", (event) => {
    const { left, width } = wave.getBoundingClientRect();
    seekTo(((event.clientX - left) / width) * player.duration);
  });
});

// The keyboard is for all of the page, unless the control that has the focus takes the key itself.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const on = event.target;
  const onLevel = on.matches(".level");
  const digit = /^Digit(\d)$/.exec(event.code);
  if (event.key === " " && !on.closest("button, a, summary")) playOrPause();
  else if (event.key === "ArrowLeft" && !onLevel) seekTo(player.position - step);
  else if (event.key === "ArrowRight" && !onLevel) seekTo(player.position + step);
  else if (event.key === "Home" && !onLevel) seekTo(0);
  else if (digit) {
    const i = (Number(digit[1]) + 9) % 10; // 0 is the tenth
    if (i >= rows.length) return;
    toggle(i, event.shiftKey ? "solo" : "muted");
  } else {
    const i = rows.indexOf(on.closest(".stem"));
    if (i < 0 || !["m", "s"].includes(event.key)) return;
    toggle(i, event.key === "m" ? "muted" : "solo");
  }
  event.preventDefault();
});

for (const time of document.querySelectorAll("time")) {
  time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
new ResizeObserver(drawAll).observe(one("#stems"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);

stems.forEach((stem, i) => {
  stem.loaded.catch((trouble) => troubled(i, trouble)).finally(show);
});
drawAsDecoded(stems, waveforms, draw);
player.ready().then(() => {
  play.disabled = seek.disabled = player.tracks.length === 0;
  show();
});
show();
