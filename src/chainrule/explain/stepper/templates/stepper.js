(() => {
  "use strict";
  const passes = [...document.querySelectorAll(".pass")];
  const steps = [...document.querySelectorAll(".step")];
  const length = steps.length / passes.length;
  const buttons = Object.fromEntries(["rewind", "back", "next"].map((id) => [id, document.getElementById(id)]));
  const [where, spoken] = document.getElementById("where").children;
  let at = 0; // steps done, over all passes

  const show = () => {
    const pass = Math.max(0, Math.ceil(at / length) - 1);
    const done = at - pass * length;
    passes.forEach((section, n) => { section.hidden = n !== pass; });
    steps.forEach((step, n) => { step.hidden = n !== at - 1; });
    for (const number of passes[pass].querySelectorAll("[data-since]")) {
      const since = Number(number.dataset.since);
      number.classList.toggle("unknown", since > done);
      number.classList.toggle("new", since === done);
    }
    where.textContent = at === 0 ? "At the start" : `Pass ${pass + 1} of ${passes.length}, step ${done} of ${length}`;
    spoken.textContent = at === 0 ? ". The starting weights." : `. ${steps[at - 1].dataset.text}`;
    passes[pass].querySelector("svg").setAttribute("aria-label", `The network. ${where.textContent}`);
    buttons.rewind.setAttribute("aria-disabled", at === 0);
    buttons.back.setAttribute("aria-disabled", at === 0);
    buttons.next.setAttribute("aria-disabled", at === steps.length);
  };
  const moves = {
    rewind: () => 0,
    back: () => Math.max(0, at - 1),
    next: () => Math.min(steps.length, at + 1),
  };
  const move = (name) => { at = moves[name](); show(); };
  const keys = { ArrowRight: "next", ArrowLeft: "back", Home: "rewind" };

  for (const name of Object.keys(moves)) buttons[name].addEventListener("click", () => move(name));
  document.addEventListener("keydown", (event) => {
    const box = event.target.closest(".box");
    const scrolls = box !== null && box.scrollWidth > box.clientWidth; // there, arrows move what is seen
    if (!(event.key in keys) || scrolls || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    move(keys[event.key]);
  });
  document.querySelector(".controls").hidden = false;
  show();
})();
