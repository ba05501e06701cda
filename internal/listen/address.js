"use strict";

// The mix is kept in the page's address, behind its "#", which no browser sends to a server: it is there after a reload, and who gets the address
// gets the mix.

// addressOf writes a mix down. What is as it was at the beginning is left out.
function addressOf({ position, loop, master, stems }) {
  const fields = new URLSearchParams();
  if (position > 0) fields.set("at", position.toFixed(2));
  if (loop.a > 0 || loop.b < Infinity) fields.set("loop", `${loop.a.toFixed(2)}-${loop.b < Infinity ? loop.b.toFixed(2) : ""}`);
  if (loop.on) fields.set("loops", "yes");
  if (master !== 0) fields.set("master", master);
  for (const { name, level, muted, solo } of stems) {
    if (level !== 0) fields.append("level", `${name}:${level}`);
    if (muted) fields.append("mute", name);
    if (solo) fields.append("solo", name);
  }
  return fields.toString();
}

// mixOf reads what addressOf has written. The address may be anybody's: what makes no sense is left out.
function mixOf(address, names) {
  const fields = new URLSearchParams(address);
  const number = (text, least, most, otherwise) => (/^-?\d+(\.\d+)?$/.test(text ?? "") ? Math.min(Math.max(Number(text), least), most) : otherwise);
  const levels = new Map();
  for (const text of fields.getAll("level")) {
    const at = text.lastIndexOf(":");
    levels.set(text.slice(0, at), number(text.slice(at + 1), quietest, 0, 0));
  }
  const [a, b] = (fields.get("loop") ?? "").split("-");
  const loop = { on: fields.get("loops") === "yes", a: number(a, 0, Infinity, 0), b: number(b, 0, Infinity, Infinity) };
  if (loop.b - loop.a < shortestLoop) Object.assign(loop, { a: 0, b: Infinity });
  return {
    position: number(fields.get("at"), 0, Infinity, 0),
    loop,
    master: number(fields.get("master"), quietest, 0, 0),
    stems: names.map((name) => ({
      level: Math.round(levels.get(name) ?? 0), muted: fields.getAll("mute").includes(name), solo: fields.getAll("solo").includes(name),
    })),
  };
}
