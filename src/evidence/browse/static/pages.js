// Reading needs none of this: it adds keys, and decisions without a reload.
"use strict";
(() => {
  const typing = (el) => el && (el.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(el.tagName));
  const plain = (e) => !e.ctrlKey && !e.metaKey && !e.altKey;

  document.addEventListener("keydown", (e) => {
    if (e.key === "/" && plain(e) && !typing(e.target)) {
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
    if (!still) all[here].scrollIntoView({ block: "nearest" });
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
      if (answer.ok && act !== "undo" && act !== "note") done.push(item.id);
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
    const id = done.pop();
    const item = id && document.getElementById(id);
    if (!item) { tell(queue.dataset.nothing, true); return; }
    await send(item, "undo");
    go(items().indexOf(item));
  };

  queue.addEventListener("submit", (e) => {
    const item = e.target.closest(".item");
    const act = e.submitter && e.submitter.value;
    if (!item || !act) return;
    e.preventDefault();
    decide(item, act);
  });
  queue.addEventListener("change", (e) => {
    if (e.target.name === "category" && e.target.value) decide(e.target.closest(".item"), "category", { category: e.target.value });
  });
  queue.addEventListener("focusin", (e) => {
    const index = items().indexOf(e.target.closest(".item"));
    if (index >= 0 && index !== here) { here = index; items().forEach((el, i) => el.classList.toggle("here", i === here)); }
  });
  document.addEventListener("keydown", (e) => {
    if (!plain(e)) return;
    if (typing(e.target)) {
      if (e.key === "Escape") { e.target.blur(); go(here); }
      else if (e.key === "Enter" && e.target.name === "note") { e.preventDefault(); decide(e.target.closest(".item"), "note"); }
      return;
    }
    const item = items()[here];
    const acts = {
      j: () => go(here + 1), ArrowDown: () => go(here + 1), k: () => go(here - 1), ArrowUp: () => go(here - 1), u: undo,
      a: () => item && decide(item, "accept"), r: () => item && decide(item, "reject"),
      c: () => item && item.querySelector("select[name=category]")?.focus(),
      n: () => item && item.querySelector("input[name=note]")?.focus(),
      o: () => item && item.querySelector("a.open").click(),
    };
    if (acts[e.key]) { e.preventDefault(); acts[e.key](); }
  });
  if (queue.querySelector("form.decide") && !location.hash) go(0, true);
})();
