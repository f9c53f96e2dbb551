// Reading needs none of this: it adds keys, and decisions without a reload.
"use strict";
(() => {
  const typing = (el) => el && (el.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(el.tagName));
  const plain = (e) => !e.ctrlKey && !e.metaKey && !e.altKey;
  // The letter of the key, whatever Caps Lock says; with a layout of other letters (Russian), the one that stands there in Latin.
  const letter = (e) => {
    if (/^[a-z]$/i.test(e.key)) return e.key.toLowerCase();
    return /^[^\x00-\x7f]$/.test(e.key) && /^Key[A-Z]$/.test(e.code) ? e.code[3].toLowerCase() : e.key;
  };
  const slash = (e) => e.key === "/" || (e.code === "Slash" && e.key === "."); // the same key with a Russian layout

  document.addEventListener("keydown", (e) => {
    if (slash(e) && plain(e) && !typing(e.target)) {
      const box = document.getElementById("q");
      if (box) { e.preventDefault(); box.focus(); box.select(); }
    }
  });

  const queue = document.querySelector("ol.queue");
  if (!queue) return;
  const said = document.getElementById("said");
  const items = () => [...queue.querySelectorAll(".item")];
  const done = []; // decisions of this page in order, to undo the last
  let decided = Number(queue.dataset.done);
  let here = -1;

  const go = (index, still) => {
    const all = items();
    if (!all.length) return;
    here = Math.max(0, Math.min(index, all.length - 1));
    all.forEach((el, i) => el.classList.toggle("here", i === here));
    all[here].focus({ preventScroll: true });
    if (!still) all[here].scrollIntoView({ block: "nearest", behavior: "instant" });
  };
  // Nobody decides on what is out of sight, scrolled away from with the mouse: the key then only brings it back.
  const inSight = (el) => {
    const box = el.getBoundingClientRect();
    return Math.min(box.bottom, innerHeight) - Math.max(box.top, 0) >= Math.min(box.height, innerHeight) / 2;
  };
  const tell = (text, wrong) => { said.textContent = text; said.classList.toggle("wrong", Boolean(wrong)); };
  const progress = () => {
    const bar = document.getElementById("progress");
    bar.value = decided;
    document.getElementById("progress-text").textContent =
      queue.dataset.progress.replace("{done}", decided).replace("{of}", queue.dataset.of);
  };
  const show = (item, answer) => {
    if (answer.seen !== undefined) {
      item.dataset.seen = answer.seen;
      item.querySelectorAll("input[name=seen]").forEach((i) => { i.value = answer.seen; });
    }
    if (!answer.review) return;
    const before = item.classList.contains("unreviewed") ? 0 : 1;
    item.classList.remove("unreviewed", "accepted", "rejected");
    item.classList.add(answer.review);
    decided += (answer.review === "unreviewed" ? 0 : 1) - before;
    item.querySelector(":scope > .state").textContent = answer.review_text + (answer.by ? ", " + answer.by : "");
    const name = item.querySelector(".what .tag:not(.request), .what .outcome");
    if (name) name.textContent = answer.category_text;
    progress();
  };
  const send = async (item, act, more) => {
    const form = item.querySelector("form.decide");
    if (!form || item.dataset.busy) return null;
    item.dataset.busy = "1";
    const fields = new URLSearchParams(new FormData(form));
    fields.set("act", act);
    for (const [key, value] of Object.entries(more || {})) fields.set(key, value);
    try {
      const response = await fetch(form.action, { method: "POST", body: fields, headers: { accept: "application/json" }, credentials: "same-origin" });
      if (!(response.headers.get("content-type") || "").includes("json")) throw new Error(String(response.status));
      const answer = await response.json();
      show(item, answer);
      tell(answer.message, !answer.ok);
      if (answer.ok && act !== "undo" && act !== "note") done.push({ id: item.id, row: answer.undo });
      if (answer.ok) form.querySelector("input[name=note]").value = "";
      return answer;
    } catch {
      tell(queue.dataset.failed, true);
      return null;
    } finally {
      delete item.dataset.busy;
    }
  };
  const decide = async (item, act, more) => {
    const answer = await send(item, act, more);
    const index = items().indexOf(item);
    if (answer && answer.ok && (act === "accept" || act === "reject" || act === "category")) go(index + 1);
    else go(index);
  };
  const undo = async () => {
    const last = done.pop();
    const item = last && document.getElementById(last.id);
    if (!item) { tell(queue.dataset.nothing, true); return; }
    if (!await send(item, "undo", { undone: last.row })) done.push(last);
    go(items().indexOf(item));
  };

  queue.addEventListener("submit", (e) => {
    const item = e.target.closest(".item");
    const act = e.submitter && e.submitter.value;
    if (!item || !act) return;
    e.preventDefault();
    decide(item, act);
  });
  // Picked with the mouse, a category is the decision. By keys the arrows pass over all of them: there Enter decides.
  let byKeys = false;
  const choose = (select) => { if (select.value) decide(select.closest(".item"), "category", { category: select.value }); };
  queue.addEventListener("pointerdown", () => { byKeys = false; }, true);
  queue.addEventListener("change", (e) => { if (e.target.name === "category" && !byKeys) choose(e.target); });
  queue.addEventListener("focusin", (e) => {
    const index = items().indexOf(e.target.closest(".item"));
    if (index >= 0 && index !== here) { here = index; items().forEach((el, i) => el.classList.toggle("here", i === here)); }
  });
  document.addEventListener("keydown", (e) => {
    if (!plain(e)) return;
    if (typing(e.target)) {
      if (e.key === "Escape") { e.target.blur(); go(here); }
      else if (e.key === "Enter" && e.target.name === "note") { e.preventDefault(); if (!e.repeat) decide(e.target.closest(".item"), "note"); }
      else if (e.key === "Enter" && e.target.name === "category") { e.preventDefault(); if (!e.repeat) choose(e.target); }
      else if (e.target.name === "category") byKeys = true;
      return;
    }
    const item = items()[here];
    const judge = (act) => {
      if (!item) return;
      if (inSight(item)) decide(item, act);
      else { go(here); tell(queue.dataset.look, true); }
    };
    const moves = { j: () => go(here + 1), ArrowDown: () => go(here + 1), k: () => go(here - 1), ArrowUp: () => go(here - 1) };
    const acts = {
      u: undo, a: () => judge("accept"), r: () => judge("reject"),
      c: () => item && item.querySelector("select[name=category]")?.focus(),
      n: () => item && item.querySelector("input[name=note]")?.focus(),
      o: () => item && item.querySelector("a.open").click(),
    };
    const key = letter(e);
    if (moves[key]) { e.preventDefault(); moves[key](); }
    else if (acts[key]) { e.preventDefault(); if (!e.repeat) acts[key](); } // a key held down decides once
  });
  if (queue.querySelector("form.decide") && !location.hash) go(0, true);
})();
