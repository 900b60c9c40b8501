// The picture of a trace opens with the lot in question in sight, not at its far end.

for (const box of document.querySelectorAll(".trace-box")) {
  const focus = box.querySelector(".box.focus");
  if (!focus) continue;
  const outer = box.getBoundingClientRect();
  const inner = focus.getBoundingClientRect();
  box.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
  box.scrollTop += inner.top - outer.top - (outer.height - inner.height) / 2;
}
