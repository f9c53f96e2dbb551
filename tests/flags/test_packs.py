"""Every rule keeps its own examples; a pack with a mistake is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.errors import UsageError
from evidence.timeline import flags
from evidence.timeline.explain import check_pack, explain_text, matches
from evidence.timeline.flags import find_flags
from evidence.timeline.ranker import load_ranker
from evidence.timeline.rules import PACKS, Rule, load_packs, packs_of, read_pack
from evidence.timeline.rules_blockers import Context
from evidence.timeline.sentences import sentences
from tests.flags.letters import letter

ALL = load_packs()
OWN_PACK = """
[pack]
name = "shelf-words"
version = "1"
language = "ru"
category = "threat"

[[rule]]
id = "mine.photo-on-door"
subtype = "reputation"
slots = ["повесить{verb,1per,futr}", "..3", "фото|фотография"]
must_match = ["Я повешу ваше фото на двери."]
must_not_match = ["Не повешу ваше фото на двери."]
"""


@pytest.mark.parametrize("rule", ALL.rules, ids=lambda r: r.id)
def test_rule_matches_what_it_is_for_and_leaves_alone_what_it_must(rule: Rule) -> None:
    packs = packs_of([rule])
    assert rule.must_match and rule.must_not_match
    for text in rule.must_match:
        assert matches(packs, text), f"{rule.id} misses «{text}»"
    for text in rule.must_not_match:
        assert not matches(packs, text), f"{rule.id} matches «{text}»"


@pytest.mark.parametrize("path", sorted(PACKS.glob("*/*.toml")), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_shipped_packs_pass_their_own_check(path: Path) -> None:
    assert check_pack(path) == []


def test_every_category_has_a_pack_in_both_languages() -> None:
    there = {(r.language, r.category) for r in ALL.rules}
    assert {c for lang, c in there if lang == "ru"} == {c for lang, c in there if lang == "en"}
    assert len({c for _, c in there}) == 10


def test_own_pack_is_loaded_and_named_with_version_and_hash(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(OWN_PACK, "utf-8")
    packs = load_packs([tmp_path])
    (rule,) = [r for r in packs.rules if r.id == "mine.photo-on-door"]
    name, _, digest = rule.pack.partition("#")
    assert name == "shelf-words@1"
    assert len(digest) == 12
    assert check_pack(tmp_path / "mine.toml") == []


def test_altered_pack_has_another_hash(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN_PACK, "utf-8")
    before = load_packs([tmp_path]).rules[-1].pack
    path.write_text(OWN_PACK + "# a remark\n", "utf-8")
    assert load_packs([tmp_path]).rules[-1].pack != before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('"..3", ', '"..x", '), "mine.photo-on-door"),
        (('category = "threat"', 'category = "rudeness"'), "category"),
        (('subtype = "reputation"', 'subtype = "gossip"'), "gossip"),
        (('slots = ["повесить', 'slots = ["@nowhere", "повесить'), "@nowhere"),
        (('must_match = ["Я повешу', 'must_mach = ["Я повешу'), "must_mach"),
        (("[[rule]]", "[[rule"), "mine.toml"),
    ],
)
def test_mistake_in_a_pack_is_named(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN_PACK.replace(*change), "utf-8")
    problems = check_pack(path)
    assert problems
    assert says in "\n".join(problems)


def test_example_that_does_not_hold_is_reported_with_what_stopped_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        OWN_PACK.replace('must_match = ["Я повешу', 'must_match = ["Не повешу ваше фото.", "Я повешу'), "utf-8"
    )
    (problem,) = check_pack(path)
    assert "negation" in problem


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN_PACK, "utf-8")
    (tmp_path / "b.toml").write_text(OWN_PACK.replace("shelf-words", "others"), "utf-8")
    with pytest.raises(UsageError, match=r"mine\.photo-on-door"):
        load_packs([tmp_path])


def test_rules_explain_names_the_rule_and_what_blocked_it() -> None:
    told = explain_text("Я напишу заявление в полицию. Я не напишу заявление в полицию.", ALL)
    assert "✓ ru.threat.police.step" in told
    assert "✗ ru.threat.police.step" in told
    assert "negation “не”" in told
    assert "отрицание «не»" in explain_text("Я не напишу заявление в полицию.", ALL, "ru")


WIDE = """
[pack]
name = "wide"
version = "1"
language = "ru"
category = "threat"

[[rule]]
id = "mine.office"
tier = "seconded"
slots = ["прокуратура|роспотребнадзор"]
must_match = ["Прокуратура рядом с нами."]
must_not_match = ["Мы рядом с вами."]
"""


def test_wide_rule_counts_only_where_the_learned_reader_is_sure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wide.toml").write_text(WIDE, "utf-8")
    reader = load_ranker()
    assert reader is not None
    russian = reader.models["ru"]
    lines = replace(russian.thresholds, agree={**russian.thresholds.agree, "threat": 100})
    easier = replace(reader, models={**reader.models, "ru": replace(russian, thresholds=lines)})
    monkeypatch.setattr(flags, "load_ranker", lambda: easier)
    _label, rules = read_pack(tmp_path / "wide.toml")
    packs = packs_of(rules)
    sure, harmless = (
        "У меня зять в прокуратуре, и ваша вывеска ему очень не нравится.",
        "Раньше здесь была прокуратура.",
    )
    (sentence,) = sentences(sure)
    assert packs.match(sentence, Context()) == []
    (match,) = packs.second(sentence, "threat", Context())
    assert match.rule.id == "mine.office" and not match.blocked
    assert packs.second(sentence, "demand", Context()) == []
    (flag,) = [f for f in find_flags(letter(sure), packs) if f.rule == "mine.office"]
    assert (flag.tier, flag.quote) == ("stated", sure)
    assert flag.detail["words"] and "the learned reader is sure: " in flag.why
    assert not [f for f in find_flags(letter(harmless), packs) if f.rule == "mine.office"]
    assert find_flags(letter(sure), replace(packs, ranked=False)) == ()
    assert check_pack(tmp_path / "wide.toml") == []


def test_shipped_wide_rules_raise_nothing_by_themselves() -> None:
    wide = [rule for rule in ALL.rules if rule.tier == "seconded"]
    assert {rule.language for rule in wide} == {"ru", "en"}
    for rule in wide:
        for text in rule.must_match:
            assert all(m.rule.tier != "seconded" for s in sentences(text) for m in ALL.match(s, Context()))


def test_unknown_tier_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wide.toml").write_text(WIDE.replace("seconded", "certain"), "utf-8")
    with pytest.raises(UsageError, match="certain"):
        read_pack(tmp_path / "wide.toml")
