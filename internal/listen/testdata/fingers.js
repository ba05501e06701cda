"use strict";

// Three fingers are on a lane, and the first of them is lifted while the second goes on.
const fs = require("node:fs");
const vm = require("node:vm");

const page = vm.createContext({});
vm.runInContext(`${fs.readFileSync(process.argv[2], "utf8")}; this.Timeline = Timeline;`, page);
const timeline = new page.Timeline({}, () => 240, () => {});
const handlers = {};
timeline.listen({
  addEventListener: (name, handler) => (handlers[name] = handler),
  setPointerCapture: () => {},
  getBoundingClientRect: () => ({ left: 0, width: 1000 }),
}, () => {});
const finger = (pointerId, clientX) => ({ pointerId, clientX, button: 0, pointerType: "touch", target: { closest: () => null } });
for (const [id, x] of [[1, 100], [2, 500], [3, 800]]) handlers.pointerdown(finger(id, x));
handlers.pointerup(finger(1, 100));
handlers.pointermove(finger(2, 520));
console.log(timeline.from, timeline.zoomed);
