"""What must not be flagged as stated, and what must: the traps of business mail, each with its true counterpart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evidence.model import Flag, Side, Zone
from evidence.timeline.flags import find_flags
from evidence.timeline.rules import load_packs
from evidence.timeline.sentences import sentences
from evidence.timeline.spans import _apart
from tests.flags.letters import letter

PACKS = load_packs()

TRAPS = [
    ("negation left", "threat", "Мы не будем подавать на вас в суд."),
    ("negation left", "threat", "I am not going to report you to the police."),
    ("negation inside", "threat", "We will not take legal action against you."),
    ("negation inside", "threat", "Обращаться мы в полицию не станем."),
    ("question", "threat", "А вы обратитесь в суд?"),
    ("question about courts", "threat", "Could they take us to court over a logo?"),
    ("past", "threat", "В прошлом году я подал в суд на поставщика и выиграл."),
    ("past, forced", "threat", "Я был вынужден обратиться в полицию, когда украли велосипед."),
    ("past", "threat", "Two years ago I had a shopfitter who sued a designer over a font."),
    ("reported", "threat", "Сосед сказал, что напишет жалобу в Роспотребнадзор."),
    ("reported", "threat", "He said he will call the police."),
    ("third party's affair", "threat", "My sister will take her landlord to court, poor thing."),
    ("conditional policy", "threat", "Если не оплатите до пятницы, бронь снимется автоматически, такое правило для всех."),
    ("contract terms", "threat", "За просрочку по п. 4.3 предусмотрена неустойка 0,1 % в день."),
    ("contract terms", "demand", "Overdue amounts carry interest at 1.5% a month under clause 9."),
    ("idiom", "threat", "Убьём двух зайцев: заберу товар и подпишу акт."),
    ("idiom", "threat", "That man will be the death of me."),
    ("idiom", "threat", "Kill the green though, it looks dated."),
    ("name", "threat", "Sue will call you about the delivery to Court Road."),
    ("place", "threat", "Last time we ended up at the wrong Court and the driver was not amused."),
    ("судя", "threat", "Судя по фото, всё дошло в порядке."),
    ("искренне", "threat", "Искренне ваш, Виталий."),
    ("market demand", "demand", "Demand for the grey ones is up this month."),
    ("kind review", "threat", "Оставлю вам хороший отзыв, спасибо!"),
    ("review of a draft", "threat", "I will review the draft and post it on Friday."),
    ("courtesy apology", "admission", "Приносим извинения за доставленные неудобства."),
    ("courtesy apology", "admission", "Sorry for any inconvenience, and thank you for your patience."),
    ("courtesy no", "refusal", "Не буду больше отвлекать, хорошего дня."),
    ("courtesy no", "refusal", "I won't keep you any longer, thanks for your help."),
    ("thanks", "demand", "Спасибо, деньги вернулись, всё в порядке."),
    ("thanks", "insult", "Thank you, your lads were brilliant."),
    ("insult of nobody", "insult", "Этот принтер тупой, бумагу жуёт."),
    ("self-irony", "insult", "I felt like an idiot when I found the key in my own pocket."),
    ("unreal", "threat", "Если бы я хотел скандала, я бы пошёл в суд."),
    ("joke", "threat", "I'll call the police if the cake is all gone, only joking!"),
    ("quotation", "threat", "В вашем письме написано «мы подадим на вас в суд», поясните."),
    ("newsletter", "threat", "Читайте в нашей рассылке: как подать жалобу в Роспотребнадзор."),
    ("disclaimer", "threat", "If you are not the intended recipient, legal action may be taken."),
    ("threat withdrawn", "threat", "The bank instruction has been withdrawn and nothing will be posted anywhere."),
]  # fmt: skip

TRUE = [
    ("threat", "police", "client", "Если до вечера товар не найдётся, я напишу заявление в полицию."),
    ("threat", "court", "client", "Мы будем вынуждены обратиться в суд."),
    ("threat", "court", "us", "If it is not paid we will issue proceedings in the county court."),
    ("demand", "compensation", "client", "Требуем возместить ущерб в размере 14 900 руб."),
    ("demand", "apology", "client", "Жду письменных извинений от руководства."),
    ("refusal", None, "client", "Доплачивать за место не буду."),
    ("refusal", None, "us", "Скидку за апрель предоставить не сможем, возвращать оплату не будем."),
    ("termination_notice", None, "us", "По пункту 7.2 договор расторгаем с 17 апреля."),
    ("nonpayment", None, "us", "Invoice 1042 for £3,200 is still unpaid and overdue since 1 October."),
]  # fmt: skip


def flags(text: str, speaker: Side = "client") -> list[Flag]:
    return list(find_flags(letter(text, speaker), PACKS))


@pytest.mark.parametrize(("trap", "category", "text"), TRAPS, ids=[f"{t}: {x[:30]}" for t, _, x in TRAPS])
def test_trap_is_never_stated(trap: str, category: str, text: str) -> None:
    for speaker in ("client", "us"):
        assert [f.rule for f in flags(text, speaker) if f.category == category and f.tier == "stated"] == [], trap


@pytest.mark.parametrize(("category", "subtype", "speaker", "text"), TRUE, ids=[x[3][:40] for x in TRUE])
def test_plain_case_is_found_and_quoted(category: str, subtype: str | None, speaker: Side, text: str) -> None:
    found = [f for f in flags(text, speaker) if f.category == category]
    assert found, f"nothing found in «{text}»"
    if subtype:
        assert subtype in {f.subtype for f in found}
    assert all(text[f.start : f.end] == f.quote for f in found)


@pytest.mark.parametrize("text", [t for c, _, _, t in TRUE if not c.endswith("_notice")])
def test_both_sides_are_flagged_alike(text: str) -> None:
    ours, theirs = flags(text, "us"), flags(text, "client")
    shape = [(f.category, f.start, f.end, f.tier, f.rule) for f in ours if not f.category.endswith("_notice")]
    assert shape == [(f.category, f.start, f.end, f.tier, f.rule) for f in theirs]


def test_notices_are_ours_only() -> None:
    assert not [f for f in flags("Договор расторгаем с 17 апреля.", "client") if f.category == "termination_notice"]


@pytest.mark.parametrize("kind", ["quoted", "forwarded", "signature", "disclaimer"])
def test_text_of_other_zones_raises_nothing(kind: str) -> None:
    own, other = "Спасибо, получил.\n", "Я напишу заявление в полицию. Вы вор. Требую вернуть 14 900 рублей!\n"
    zones = [Zone("body", 0, 0, len(own), "own"), Zone("body", 1, len(own), len(own) + len(other), kind)]  # type: ignore[arg-type]
    assert find_flags(letter(own + other, zones=zones), PACKS) == ()
    assert find_flags(letter(other), PACKS)


@pytest.mark.parametrize("kind", ["auto", "bounce", "list"])
def test_machines_raise_nothing(kind: str) -> None:
    assert find_flags(letter("Я напишу заявление в полицию.", kind=kind), PACKS) == ()


def test_withheld_letter_is_not_read() -> None:
    assert find_flags(letter("Я напишу заявление в полицию.", withheld=True), PACKS) == ()


def test_words_of_a_reply_subject_are_those_of_its_first_writer() -> None:
    body = "Добрый день."
    text = "Подаю на вас заявление в полицию"
    zones = (Zone("body", 0, 0, len(body), "own"),)
    fresh = find_flags(letter(body, zones=zones, texts={"body": body, "subject": text}), PACKS)
    assert {(f.part, f.quote) for f in fresh if f.category == "threat"} == {("subject", text)}
    assert find_flags(letter(body, zones=zones, texts={"body": body, "subject": "Re: " + text}), PACKS) == ()


def test_attachment_text_is_read_but_never_stated() -> None:
    body, text = "См. вложение.", "Требуем возместить ущерб в размере 14 900 руб.\n"
    zones = (Zone("body", 0, 0, len(body), "own"),)
    found = find_flags(letter(body, zones=zones, texts={"body": body, "attachment:1": text}), PACKS)
    assert {f.part for f in found} == {"attachment:1"}
    assert {f.tier for f in found} == {"possible"}


def test_ultimatum_keeps_condition_and_consequence() -> None:
    text = "Если вы не вернёте деньги до пятницы, я подам заявление в полицию."
    (threat,) = [f for f in flags(text) if f.category == "threat"]
    roles = {str(one["role"]): str(one["quote"]) for one in threat.links}
    assert roles == {"condition": "Если вы не вернёте деньги до пятницы", "consequence": "я подам заявление в полицию"}
    assert all(text[one["start"] : one["end"]] == one["quote"] for one in threat.links)


def test_several_demands_of_one_sentence_stand_apart() -> None:
    text = "Требуем возместить ущерб в размере 14 900 руб. в течение трёх рабочих дней, а также принести официальные извинения."
    demands = {f.subtype: f.quote for f in flags(text) if f.category == "demand"}
    assert "apology" in demands
    assert "извинения" in demands["apology"]
    assert "ущерб" not in demands["apology"]


def test_a_quote_begins_with_a_word() -> None:
    text = "Требую вернуть предоплату, костюмы заберите до пятницы, и принесите извинения в письменной форме всем нашим сотрудникам."
    quotes = [f.quote for f in flags(text) if f.category == "demand"]
    assert len(quotes) > 1
    assert quotes == [q.strip() for q in quotes]


def test_internal_mail_is_never_stated() -> None:
    found = find_flags(letter("Я подам на него заявление в полицию.", "us", addressees=("us",)), PACKS)
    assert "stated" not in {f.tier for f in found}


def test_a_number_is_never_cut_in_a_quote() -> None:
    text = "I want the whole fee returned, £2,400 of it, by noon on Friday, and a written apology from the owner."
    quotes = [f.quote for f in flags(text) if f.category == "demand"]
    assert any("£2,400 of it" in q for q in quotes)
    assert not any(q.endswith("£2") for q in quotes)
    text = (
        "Требуем возместить ущерб в размере 14 900 руб. в срок до 12 августа, а также принести официальные извинения."
    )
    assert any(
        q.endswith("14 900 руб. в срок до 12 августа") for q in (f.quote for f in flags(text) if f.category == "demand")
    )


@pytest.mark.parametrize(
    "text",
    [
        "Требую в срок до 10 июня устранить недостаток за ваш счет.",
        "Деньги за партию верните в течение трёх дней.",
        "I want the £1,140 back on my account by Friday noon.",
        "I hereby require repayment of £128 within 14 days of this letter.",
    ],
)
def test_a_demand_with_its_date_is_one_demand(text: str) -> None:
    assert [f.quote for f in flags(text) if f.category == "demand"] == [text]


def test_what_an_and_adds_is_quoted_by_itself() -> None:
    text = "Ожидаем перечисления 14 900 руб. и возврата арендной платы за март в полном объёме, поскольку услуга оказана плохо."
    quotes = [f.quote for f in flags(text) if f.category == "demand"]
    assert quotes == ["Ожидаем перечисления 14 900 руб.", "возврата арендной платы за март в полном объёме"]


def test_demands_do_not_lie_within_each_other() -> None:
    (sentence,) = sentences("Pay the whole fee back by Friday noon, the full 2400 pounds.", 0, 60)

    def match(subtype: str, *places: int) -> Any:
        return SimpleNamespace(rule=SimpleNamespace(subtype=subtype), places=places)

    refund, deadline, sum_named = match("refund", 0, 4), match("deadline", 5, 6), match("compensation", 10)
    spans = [(0, 59, refund), (23, 37, deadline), (39, 59, sum_named)]
    assert _apart(sentence, spans) == [(0, 59, refund)]
