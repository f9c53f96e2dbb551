"""Finds what a writer asks of the other side: questions, documents, actions, payments, with exact spans.

A sentence is asking when an explicit cue stands in it (a question mark with nothing rhetorical about it, "please" or
«прошу» with a verb, an imperative) or when the trained weights say so; each finding says which. Rhetorical questions,
courtesies ("let me know if you have any questions", «будьте здоровы») and invitations are left out by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from itertools import chain, pairwise
from operator import or_
from typing import NamedTuple

from evidence.model import RequestKind
from evidence.stems import words
from evidence.timeline.answers_model import models
from evidence.timeline.gates import Gate, mask_of
from evidence.timeline.morph import analyser
from evidence.timeline.requests_sentences import Sentence, sentences

ASK_AT = 0.42  # at this probability a sentence counts as asking …
CUED_AT = 0.3  # … or at this one, where it says "please", «прошу» or the like
SURE_AT = 0.8  # … and at this one it needs no person's confirmation

_CYRILLIC = re.compile(r"[а-яё]", re.I)
_LATIN = re.compile(r"[a-z]", re.I)
_CLAUSE = re.compile(r"[,:;—–-]\s+|\b(?:and|so|then|but|also|or)\b")
_WORDS_AT_MOST = 60  # of a sentence

RHETORICAL = Gate(
    r"\b(?:кто\s+б(?:ы)?\s+сомневал|вы\s+(?:это\s+)?серь[её]зно\b|(?:вы|ты)\s+(?:там\s+)?(?:вообще|хоть|в\s+своём\s+уме|издеваетесь|смеётесь|шутите)"
    r"|(?:как(?:ое|ие|ой|ая)|что)\s+(?:ещё|еще)\b|разве\b|неужели\b|сколько\s+можно\b|доколе\b|до\s+каких\s+пор\b|ну\s+и\s+что\b|и\s+что\s+(?:теперь|с\s+того)"
    r"|кому\s+(?:это\s+)?нужн|зачем\s+мне\b|(?:ты|вы)\s+видел[аи]?\b|где\s+(?:ваша\s+)?(?:совесть|логика)|а\s+что\s+такого|понима(?:ете|ешь)\s*\?"
    r"|are\s+you\s+(?:serious|kidding|joking|having\s+a\s+laugh)|(?:who|what|why)\s+(?:hasn't|doesn't|wouldn't|isn't)|seriously\s*\?|really\s*\?"
    r"|how\s+(?:dare|hard\s+can)|what\s+(?:kind|sort)\s+of\s+(?:a\s+)?(?:business|company|people|outfit)|do\s+you\s+think\s+(?:i|we)(?:'m|'re|\s+am|\s+are)"
    r"|who\s+(?:do\s+you\s+think|knows|cares)|what's\s+the\s+point|isn't\s+it\s*\?$|,\s*are\s+(?:we|you)\s*\?\W*$|\bwhat\s+next\s*[,?]|don't\s+you\s+think)",
    re.I,
)
COURTESY = Gate(
    r"(?:как\s+(?:ваши\s+)?дела|как\s+(?:вы\s+)?поживаете|(?:если|коли)\s+(?:у\s+вас\s+)?(?:есть|будут|возникнут|остались|что)\b.{0,40}\b(?:пишите|звоните|обращайтесь|спрашивайте)"
    r"|(?:обращайтесь|пишите|звоните|заходите|приходите)[!.\s]*$|не\s+(?:переживайте|волнуйтесь|беспокойтесь|сердитесь|обижайтесь)|хорошего\s+дня|будьте\s+здоровы"
    r"|(?:прошу|просим|приносим|примите)\s+(?:прощени|извинени|наши|мои)|(?:извините|простите)\b[^?]*$|how\s+are\s+(?:you|things)|hope\s+you"
    r"|if\s+you\s+have\s+any\s+(?:other\s+|further\s+)?(?:questions|queries|concerns)|(?:don't|do\s+not|please\s+don't)\s+hesitate|feel\s+free|если\s+(?:считаете\s+нужным|вам\s+угодно|так\s+хочется)|if\s+you\s+(?:must|see\s+fit|think\s+fit|so\s+wish)|(?:please\s+)?accept\s+(?:my|our)\s+apolog"
    r"|let\s+(?:me|us)\s+know\s+if\s+(?:you\s+(?:need|have)|anything|there's\s+anything|there\s+is\s+anything)|take\s+care|have\s+a\s+(?:good|nice|great|lovely))",
    re.I,
)
_EXPLICIT = Gate(
    r"\b(?:прошу|просим|просьба|просил[аи]?\s+бы|пожалуйста|плиз|пож|будьте\s+(?:добры|любезны)|подскажите|скажите|уточните|сообщите|пришлите|вышлите|направьте"
    r"|подтвердите|напомните|скиньте|ответьте|напишите|ж[дш]у\s+(?:от\s+вас|ответа|вашего)|хотел(?:ось|и|а)?\s+бы|был[ои]?\s+бы\s+(?:хорошо|здорово|благодар|признател)|можно\s+ли"
    r"|please|pls|plz|kindly|could\s+(?:you|u|somebody|someone|we|i)|can\s+(?:you|u|we|i|somebody|someone)|would\s+you|will\s+you|grateful\s+if|appreciate\s+(?:it\s+)?if"
    r"|let\s+(?:me|us)\s+know|send\s+(?:me|us)|i(?:'d|\s+would)\s+like|we(?:'d|\s+would)\s+like|may\s+(?:i|we)|we\s+(?:need|require)|i\s+need)\b",
    re.I,
)
# Forms that ask without asking; the weights have seen too few of them.
_INDIRECT = Gate(
    r"\b(?:повтор(?:ю|им|яю|яем)\s+(?:просьбу|вопрос|запрос)|(?:было\s+бы|был[аи]?\s+бы)\s+(?:хорошо|здорово|неплохо|удобно|кстати|полезно|благодар\w+|признател\w+)|хотел(?:ось|и|а)?\s+бы\s+(?:увидеть|видеть|посмотреть|получить|узнать|уточнить|знать|понять)"
    r"|(?:be\s+)?grateful\s+(?:if\s+you|for\s+(?:a|the|your)\s+(?:copy|answer|reply|date|list))|(?:appreciate\s+it|obliged|helpful|good|great|useful)\s+if\s+you\s+(?:could|would)|(?:would|'d)\s+be\s+(?:good|great|useful|helpful|nice)\s+to\s+(?:see|have|get|know))",
    re.I,
)
_SMALL_TALK = Gate(
    r"\W*(?:(?:and\s+)?how\s+are\s+(?:you|things)\b[^.]{0,12}|как\s+(?:ваши\s+|твои\s+)?дела|как\s+(?:вы\s+)?поживаете"
    r"|надеюсь,?\s+(?:что\s+)?(?:у\s+(?:вас|тебя)\s+)?вс[её]\s+(?:у\s+(?:вас|тебя)\s+)?(?:хорошо|нормально|в\s+порядке|благополучно)|(?:вы|ты)?\s*(?:меня|нас)\s+(?:вообще\s+|там\s+)?слыш(?:ите|ишь)"
    r"|(?:i\s+|we\s+)?(?:trust|hope)\s+(?:you(?:'re|\s+are)?|all(?:\s+is|'s)?|this\s+finds\s+you)\s+(?:keeping\s+|doing\s+)?(?:well|fine|ok|okay)"
    r"|дай(?:те)?\s+(?:мне\s+|нам\s+)?знать,?\s+если\s+(?:у\s+(?:вас|тебя)\s+)?(?:будут|есть|возникнут|появятся|останутся|остались)\b.{0,20}\bвопрос\w*|кто\s+(?:же\s+)?так\s+(?:работает|делает|поступает|ведёт\s+дела|ведет\s+дела)"
    r"|(?:so\s+)?please\s+(?:be\s+(?:advised|aware)|note)\b.*|(?:и\s+)?(?:имейте\s+в\s+виду|обратите\s+внимание|примите\s+к\s+сведению)\b.*)\W*$",
    re.I | re.S,
)
# Reproaches in the form of questions. No feature of the weights: those were learned with ``RHETORICAL`` as it is.
_REPROACH = Gate(
    r"\b(?:(?:вам|тебе)\s+(?:самим\s+|самому\s+|самой\s+)?(?:не\s+)?(?:стыдно|совестно)|(?:как\s+)?(?:вам|тебе)\s+не\s+стыдно|(?:и\s+)?это\s+(?:вы\s+)?называ(?:ется|ете)\b"
    r"|is\s+(?:that|this)\s+how\s+you\s+(?:treat|do|run|work)|have\s+you\s+no\s+shame|aren't\s+you\s+ashamed|(?:who|what|why|how)\s+on\s+earth)\b",
    re.I,
)
_DOCUMENT = Gate(
    r"\b(?:акт|сч[её]т|накладн|чек|договор|скан|копи|фото|документ|реквизит|выписк|справк|паспорт|смет|сертификат|упд|прайс|отч[её]т|файл|схем|чертеж|макет|видео|запис|подтвержден|реестр|график|каталог|квитанци|претензи"
    r"|invoice|receipt|copy|copies|scan|photo|picture|document|contract|statement|certificate|file|report|quote|proof|drawing|remittance|form|schedule|list|footage|recording|screenshot|register|sheet|cert|evidence|paperwork|spec|logo|link|report)",
    re.I,
)
_SEND = Gate(
    r"\b(?:прис(?:ыл|л)|пришл|высл|вышл|скин|скид|направ|отправ|прилож|прикреп|предостав|покаж|передай|дайте|нужн|жд|переш|предъяв|верн|send|forward|email|attach|provide|share|supply|show|resend|reissue|issue|get|let\s+(?:me|us)\s+have|can\s+i\s+have|need|require|return|give)",
    re.I,
)
_PAY = Gate(
    r"\b(?:оплат(?:ите|ить|и\b)|доплат(?:ите|ить)|заплат|перевед(?:ите|и\b)|перевести|перечисл(?:ите|ить)|верн(?:ите|уть)\s+.{0,30}(?:деньг|руб|\d|оплат|депозит|залог|предоплат|аванс|сумм|средств)|возврат\w*\s+(?:денег|средств)|внес(?:ите|ти)|погас(?:ите|ить)|возмест(?:ите|ить)|компенсир"
    r"|pay\b|payment\s+of|transfer\b.{0,20}(?:£|€|\$|\d|money|balance|deposit)|refund|settle|reimburse|credit\s+(?:us|me|the)|remit)",
    re.I,
)
_WH = Gate(
    r"^(?:\W|и|а|но|ну|ещё|so|and|but|also|скажите|подскажите)*\b(?:кто|что|где|когда|куда|откуда|почему|зачем|как|какой|какая|какие|какое|какую|каком|сколько|чей|почём|во\s+сколько|до\s+скольки|who|what|where|when|why|how|which|whose)\b",
    re.I,
)


_CUES = (
    ("explicit", _EXPLICIT), ("rhetorical", RHETORICAL), ("courtesy", COURTESY), ("wh", _WH), ("send", _SEND),
)  # fmt: skip
_CUED = reduce(or_, (gate.bit for _, gate in _CUES), _PAY.bit)


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing asked: its span, kind, how sure, and why."""

    start: int
    end: int
    quote: str
    kind: RequestKind
    probability: float
    explicit: bool
    why: str


@lru_cache(maxsize=100_000)
def verb_form(word: str) -> str:
    """``imp`` for a form that can only be, or most likely is, an imperative to one's reader; ``1`` / ``2`` person; "" else."""
    if not _CYRILLIC.search(word) or len(word) < 3:
        return ""
    parse = analyser().parse(word.casefold())[0]
    tag = parse.tag
    if tag.mood == "impr" and tag.involvement != "incl":
        return "imp"
    if tag.POS == "VERB" and tag.person in ("1per", "2per"):
        return str(tag.person)[0]
    return str(tag.POS or "").lower() if tag.POS in ("INFN", "GRND") else ""


@lru_cache(maxsize=100_000)
def lemma(word: str) -> str:
    """The dictionary form of a Russian word (the likeliest reading), or the English word in lower case."""
    folded = word.casefold().replace("’", "'")
    if not _CYRILLIC.search(folded):
        return folded
    return str(analyser().parse(folded)[0].normal_form).replace("ё", "е")


class _Balance(dict[str, int]):
    """What stands between two spaces -> its Cyrillic letters less its Latin ones."""

    def __missing__(self, piece: str) -> int:
        found = len(_CYRILLIC.findall(piece)) - len(_LATIN.findall(piece))
        if len(self) < 200_000 and len(piece) < 64:
            self[piece] = found
        return found


_BALANCE = _Balance()


def language_of(text: str) -> str:
    """``ru`` or ``en`` by counting letters."""
    return "ru" if sum(map(_BALANCE.__getitem__, text.split())) >= 0 else "en"


class Said(NamedTuple):
    """A word as written, its ``lemma``, the name under which single words are weighed ("0": any number), and its ``verb_form``."""

    word: str
    lemma: str
    name: str
    form: str


class _Said(dict[str, tuple[Said, ...]]):
    """What stands between two spaces -> its words; no word crosses a space."""

    def __missing__(self, piece: str) -> tuple[Said, ...]:
        found = tuple(Said(w, lemma(w), "0" if lemma(w).isdigit() else lemma(w), verb_form(w)) for w in words(piece))
        if len(self) < 100_000 and len(piece) < 64:
            self[piece] = found
        return found


_SAID = _Said()


@lru_cache(maxsize=512)  # a sentence is read for itself, beside the one before it, and again where it asks
def said_in(text: str) -> tuple[Said, ...]:
    return tuple(chain.from_iterable(map(_SAID.__getitem__, text.split())))


def features(run: Sequence[Sentence], index: int) -> list[str]:
    """Named features of the sentence at ``index`` among its neighbours."""
    said = said_in(run[index].text)
    some = said[:_WORDS_AT_MOST]
    return [
        *_plain_features(run, index, said),
        *(f"w:{one.name}" for one in some),
        *(f"b:{a.lemma}_{b.lemma}" for a, b in pairwise(some)),
    ]


def asking(run: Sequence[Sentence], index: int) -> float:
    """The probability that the sentence asks: of ``features``, without writing each word's name down."""
    said = said_in(run[index].text)
    some = said[:_WORDS_AT_MOST]
    pairs = pairwise([one.lemma for one in some])
    return models()["ask"].score_text(_plain_features(run, index, said), [one.name for one in some], pairs)


def _plain_features(run: Sequence[Sentence], index: int, said: Sequence[Said]) -> list[str]:
    """All but single words and pairs of them."""
    sentence = run[index]
    text = sentence.text
    language = language_of(text)
    lemmas = [one.lemma for one in said[:_WORDS_AT_MOST]]
    last = text.rstrip(")»”\"'")[-1:]
    out = [f"lang:{language}", f"end:{last if last in '?!.…:,' else 'none'}"]
    asks = "?" in text
    if asks:
        out.append(f"mark:?{language}")
    out += [f"first:{w}" for w in lemmas[:1]] + [f"second:{w}" for w in lemmas[1:2]]
    out.append(f"pair:{'_'.join(lemmas[:2])}")
    if language == "ru":
        forms = [one.form for one in said[:_WORDS_AT_MOST]]
        imperatives = [i for i, f in enumerate(forms) if f == "imp"]
        out += [f"form:{f}" for f in set(forms) if f]
        if imperatives:
            out.append("imp:first" if imperatives[0] < 2 else "imp:later")
            out += [f"imp:{lemmas[i]}" for i in imperatives]
            if any(i and lemmas[i - 1] == "не" for i in imperatives):
                out.append("imp:negated")
    else:
        for clause in _CLAUSE.split(text)[:8]:
            head = words(clause)[:2]
            if head:
                out.append(f"head:{head[0].casefold()}")
    count = len(said)
    out.append(f"long:{0 if count < 3 else 1 if count < 6 else 2 if count < 12 else 3 if count < 25 else 4}")
    mask = mask_of(text)
    if mask & _CUED:  # one question for six patterns
        for name, gate in _CUES:
            if mask & gate.bit and gate.pattern.search(text):
                out.append(f"cue:{name}")
                if asks:
                    out.append(f"cue:{name}?")
        if "cue:send" in out and _DOCUMENT.search(text):
            out.append("cue:send-document")
        if _PAY.search(text):
            out.append("cue:pay")
    if index + 1 == len(run):
        out.append("place:last")
    if index == 0:
        out.append("place:first")
    if index and "?" in run[index - 1].text:
        out.append("before:?")
    if index + 1 < len(run) and "?" in run[index + 1].text:
        out.append("after:?")
    if index + 1 < len(run):
        out += [f"after:{one.lemma}" for one in said_in(run[index + 1].text)[:1]]
    if sentence.item:
        out.append("item")
    if sentence.lead is not None:
        out.append("item:asked" if _EXPLICIT.search(run[sentence.lead].text) else "item:led")
    return out


def find_asks(text: str, start: int, end: int) -> tuple[Ask, ...]:
    """What ``text[start:end]`` (one run of a writer's own words) asks of its reader, in order."""
    run = sentences(text, start, end)
    model = models()["ask"]
    found = []
    asked_leads: set[int] = set()
    for index, sentence in enumerate(run):
        probability = asking(run, index)
        if sentence.lead is not None and (sentence.lead in asked_leads or _asks_for_list(run[sentence.lead].text)):
            asked_leads.add(sentence.lead)
            lead = run[sentence.lead]
            found.append(
                Ask(
                    sentence.start,
                    sentence.end,
                    sentence.text,
                    kind_of(lead.text + " " + sentence.text),
                    0.9,
                    True,
                    "item of a list that is asked for",
                )
            )
            continue
        if _opens_list(run, index) and _asks_for_list(sentence.text):
            continue  # its items are the requests
        indirect = bool(_INDIRECT.search(sentence.text))
        least = 0.0 if indirect else CUED_AT if _EXPLICIT.search(sentence.text) else ASK_AT
        if probability < least or _no_request(sentence.text):
            continue
        explicit = indirect or bool("?" in sentence.text or _EXPLICIT.search(sentence.text))
        found.append(
            Ask(
                sentence.start,
                sentence.end,
                sentence.text,
                kind_of(sentence.text),
                probability,
                explicit,
                ", ".join(model.reasons(features(run, index))),
            )
        )
    return tuple(found)


def _no_request(text: str) -> bool:
    """Rhetorical questions and courtesies, by name, where nothing is asked for in so many words."""
    if (COURTESY.search(text) and "?" not in text) or _SMALL_TALK.match(text):
        return True
    return bool(RHETORICAL.search(text) or _REPROACH.search(text)) and not _EXPLICIT.search(text)


def _opens_list(run: Sequence[Sentence], index: int) -> bool:
    return index + 1 < len(run) and run[index + 1].lead == index


# "For the shoot we need the following:" asks for its items, though the sentence by itself asks for nothing.
_NEEDED = Gate(
    r"\b(?:(?:нам|мне)\s+(?:\w+\s+)?(?:нуж(?:ен|на|но|ны)(?!\s+был)|необходим[аоы]?(?!\s+был)|потребу[ею]тся|понадоб[ия]тся)|от\s+вас\s+(?:\w+\s+)?(?:нуж(?:ен|на|но|ны)|требу[ею]тся|жд[её]м)"
    r"|(?:нуж(?:ен|на|но|ны)|требу[ею]тся|жд[её]м)\s+от\s+вас)\b",
    re.I,
)


def _asks_for_list(lead: str) -> bool:
    return bool(
        lead.rstrip().endswith(":")
        and (_EXPLICIT.search(lead) or _NEEDED.search(lead) or any(verb_form(w) == "imp" for w in words(lead)))
    )


_TO_BE_TOLD = Gate(
    r"\b(?:let\s+(?:me|us)\s+know|tell\s+(?:me|us)|advise|сообщите|подскажите|напишите|уточните|скажите)\b[^.?!]{0,25}\b(?:who|what|when|where|why|how|which|whether|if|кто|что|где|когда|куда|почему|зачем|как|какой|какая|какие|какое|сколько|чей)\b",
    re.I,
)


def kind_of(text: str) -> RequestKind:
    """What kind of thing is asked for."""
    if _TO_BE_TOLD.search(text):
        return "question"
    kinds: tuple[RequestKind, ...] = ("question", "document", "action", "payment")
    named = kind_features(text)
    scores = {kind: models()[f"kind-{kind}"].score(named) for kind in kinds}
    return max(scores, key=lambda k: (scores[k], k))


def kind_features(text: str) -> list[str]:
    tokens = list(map(lemma, words(text)[:_WORDS_AT_MOST]))
    out = [f"w:{w}" for w in tokens] + [f"first:{w}" for w in tokens[:1]] + [f"b:{a}_{b}" for a, b in pairwise(tokens)]
    for name, pattern in (
        ("document", _DOCUMENT),
        ("send", _SEND),
        ("pay", _PAY),
        ("wh", _WH),
        ("explicit", _EXPLICIT),
    ):
        if pattern.search(text):
            out.append(f"cue:{name}")
    if "cue:send" in out and "cue:document" in out:
        out.append("cue:send-document")
    out.append("mark:?" if "?" in text else "mark:none")
    return out
