"""Measure the whole program on labelled disputes: ``python tools/measure_disputes.py [--shut flags|requests | --hard | --corpus] [--errors] [--keep FOLDER]``.

Each dispute is written as mail (``tools/disputes.py``), imported into an archive of its own by ``evidence import``, and asked by
``evidence flags --json`` and ``evidence requests --json`` with its own days (by the calendar) and its own ``--as-of``. Rows are scored by
``fixtures/corpus/score.py``; shares stand with their Wilson 95 % intervals, over all, by language and by asker. Without ``--shut`` the
open disputes are measured, on which the program was built: figures in sample. ``--shut`` opens the ones held out for flags, or for
requests (in these no flags are labelled): after all tuning only.
``--corpus`` takes the three disputes of ``fixtures/corpus`` instead.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

from disputes import HARD, OPEN, SHUT, SHUT_ASKED, ZONES, read, write  # noqa: E402

CORPUS = ROOT / "fixtures" / "corpus"
ANSWERED = ("answered", "answered-late")


def scorer() -> Any:
    spec = importlib.util.spec_from_file_location("score", CORPUS / "score.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def evidence(*arguments: str) -> str:
    """Run the command line in this process; stdout. Raises RuntimeError where it failed."""
    from evidence.cli.app import run

    out, talk = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(talk):
        code = run(list(arguments))
    if code not in (0, 3):
        raise RuntimeError(f"evidence {' '.join(arguments)}: exit code {code}\n{talk.getvalue()}")
    return out.getvalue()


def corpus_place(folder: Path, name: str) -> Path:
    """A matter over one dispute of ``fixtures/corpus``, in the shape ``tools/disputes.py`` writes."""
    source, place = CORPUS / name, folder / name
    place.mkdir(parents=True, exist_ok=True)
    gold = json.loads((source / "gold.json").read_text(encoding="utf-8"))
    language = "en" if name == "studio" else "ru"

    def text(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    lines = ["[matter]", f"title = {text(name)}", f"language = {text(language)}", f"timezone = {text(ZONES[language])}"]
    lines += ["[us]", f"name = {text(gold['parties']['us']['name'])}", "addresses = []"]
    for person in gold["parties"]["us"]["people"]:
        lines += ["[[us.staff]]", f"name = {text(person['name'])}", f"addresses = {text(person['addresses'])}"]
    first, *rest = gold["parties"]["client"]["people"]
    lines += ["[client]", f"name = {text(first['name'])}", f"addresses = {text(first['addresses'])}"]
    for person in rest:
        lines += ["[[client.delegates]]", f"name = {text(person['name'])}", f"addresses = {text(person['addresses'])}"]
    lines += ["[timeline]", f"answer_within_days = {gold['reply_days']}", 'days = "calendar"', "[dkim]", 'dns = "off"']
    (place / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name in ("gold.json", "messages"):
        if not (place / name).exists():
            (place / name).symlink_to(source / name)
    return place


def rows_of(place: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(gold, rows of flags and requests) of one written dispute, through the command line."""
    gold = json.loads((place / "gold.json").read_text(encoding="utf-8"))
    config = str(place / "config.toml")
    if not (place / "archive.db").exists():
        evidence("-c", config, "import", str(place / "messages"))
    else:
        evidence("-c", config, "reindex")
    said = evidence("-c", config, "flags", "--all", "--json", "--as-of", gold["as_of"])
    said += evidence("-c", config, "requests", "--all", "--json", "--as-of", gold["as_of"])
    return gold, [json.loads(line) for line in said.splitlines()]


def share(score: Any, part: int, whole: int) -> str:
    if not whole:
        return "   -   (0 of 0)"
    low, high = score.wilson(part, whole)
    return f"{part / whole:.3f} [{low:.2f}-{high:.2f}] ({part} of {whole})"


def requests_scored(score: Any, name: str, golds: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
    """Finding and fate of requests: found, outcome right, answered against the rest, silence."""
    for asker in ("us", "client", "both"):
        askers = ("us", "client") if asker == "both" else (asker,)
        chosen = [dict(r, outcome=score.SAME_AS.get(r["outcome"], r["outcome"])) for r in rows if r["asker"] in askers]
        result = score.score(golds, chosen)
        confusion: Counter[tuple[str, str]] = Counter()
        for one in askers:
            for gold, said in result["requests"]["confusion"][one].items():
                for outcome, count in said.items():
                    confusion[gold, outcome] += count
        found = {k: v for k, v in confusion.items() if k[1] != "(missed)"}
        n = sum(found.values())
        right = sum(v for (g, p), v in found.items() if g == p)
        two = sum(v for (g, p), v in found.items() if (g in ANSWERED) == (p in ANSWERED))
        silent = confusion["no-reply", "no-reply"]
        print(f"-- {name}, asked by {asker}")
        print(f"   found            recall {share(score, n, sum(confusion.values()))}")
        print(f"                    precision {share(score, n, n + result['requests']['extra'])}")
        print(f"   outcome right    {share(score, right, n)}")
        print(f"   answered or not  {share(score, two, n)}")
        print(
            f"   no-reply         precision {share(score, silent, sum(v for (g, p), v in found.items() if p == 'no-reply'))}"
        )
        print(
            f"                    recall    {share(score, silent, sum(v for (g, p), v in found.items() if g == 'no-reply'))} of those found"
        )
        if asker == "both":
            columns = ("answered", "answered-late", "dodged", "no-reply", "pending", "(missed)")
            print("   gold\\said       " + " ".join(f"{c:>13}" for c in columns))
            for gold in columns[:-1]:
                print(f"   {gold:<15} " + " ".join(f"{confusion[gold, c]:>13}" for c in columns))


def tiers_scored(score: Any, golds: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
    """How right the stated ``no-reply`` is: what is printed without a person having looked."""
    stated = [r for r in rows if r.get("outcome") and (r["tier"] == "stated" or r["outcome"] != "no-reply")]
    result = score.score(golds, [dict(r, outcome=score.SAME_AS.get(r["outcome"], r["outcome"])) for r in stated])
    table = result["requests"]["confusion"]
    said = sum(t.get("no-reply", 0) for by in table.values() for t in by.values())
    hit = sum(by.get("no-reply", {}).get("no-reply", 0) for by in table.values())
    extra = sum(1 for e in result["errors"]["requests_extra"] if e[1] == "no-reply")
    print(
        f"   no-reply, stated tier only: precision {share(score, hit, said)}; with {extra} on what is no labelled request {share(score, hit, said + extra)}"
    )


def flags_scored(score: Any, golds: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> None:
    for tier in ("stated", "either"):
        chosen = [r for r in rows if r.get("category") and (tier == "either" or r["tier"] == tier)]
        result = score.score(golds, chosen)
        print(
            f"-- flags, tier {tier}: false alarms per 100 letters {result['false_alarms_per_100']:.1f}; hard negatives violated {result['hard_negatives']['violated']} of {result['hard_negatives']['total']}"
        )
        lines = [
            ("all", result["all"]),
            *result["by_language"].items(),
            *result["by_speaker"].items(),
            *result["by_category"].items(),
        ]
        for name, s in lines:
            if s["tp"] + s["fp"] + s["fn"]:
                print(
                    f"   {name:<20} precision {share(score, s['tp'], s['tp'] + s['fp']):<34} recall {share(score, s['tp'], s['tp'] + s['fn'])}"
                )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shut", choices=("flags", "requests"), help="open what is held out: the final measurement")
    parser.add_argument("--hard", action="store_true", help="the exchanges written to be hard instead")
    parser.add_argument("--corpus", action="store_true", help="the disputes of fixtures/corpus instead")
    parser.add_argument("--keep", type=Path, help="leave the written mail and the archives here")
    parser.add_argument("--rows", type=Path, help="store all rows as JSON lines here")
    parser.add_argument("--errors", action="store_true", help="list what was missed or is extra")
    parser.add_argument("--no-flags", action="store_true")
    a = parser.parse_args()
    os.environ.setdefault("EVIDENCE_LANG", "en")
    score = scorer()
    with tempfile.TemporaryDirectory() as scratch:
        folder = a.keep or Path(scratch)
        if a.corpus:
            places: Iterable[Path] = [corpus_place(folder, n) for n in score.DISPUTES]
        else:
            held_out = {"flags": SHUT, "requests": SHUT_ASKED}
            chosen = held_out[a.shut] if a.shut else HARD if a.hard else OPEN
            places = [write(d, folder) for d in read(chosen)]
        golds, rows = [], []
        for place in places:
            gold, said = rows_of(place)
            golds.append(gold)
            rows += said
            print(f"\r{place.name}  ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if a.rows:
        a.rows.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    asked = [r for r in rows if r.get("asker")]
    print(f"{len(golds)} disputes, {sum(len(g['messages']) for g in golds)} letters")
    requests_scored(score, "requests", golds, asked)
    tiers_scored(score, golds, asked)
    for language in ("ru", "en"):
        chosen = [g for g in golds if g["messages"][0]["lang"] == language]
        if chosen and len(chosen) < len(golds):
            requests_scored(score, f"requests {language}", chosen, asked)
    result = score.score(golds, [dict(r, outcome=score.SAME_AS.get(r["outcome"], r["outcome"])) for r in asked])
    violated = [v for v in result["hard_negatives"]["list"] if v["category"] == "request"]
    traps = sum("request" in h["must_not_be"] for g in golds for h in g["hard_negatives"])
    print(f"-- traps for requests (rhetorical, courtesies, own answers): {len(violated)} of {traps} taken for requests")
    if not a.no_flags and a.shut != "requests":
        flags_scored(score, golds, [r for r in rows if r.get("category")])
    if a.errors:
        for name in ("requests_missed", "requests_extra"):
            print(f"-- {name}")
            for entry in result["errors"][name]:
                print("   " + " | ".join(score.norm(str(x)) for x in entry))
        for v in violated:
            print("   trap", v["message"], v["quote"], v["why"])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
