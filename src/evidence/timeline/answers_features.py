"""What in a reply could answer what was asked: typed evidence as named features.

A date for *when*, an amount for *how much*, a document for *send*, yes or no, a name for *who*, a reason for *why*, a done deed
for *do*; and what speaks against it: a question back, a deferral, a general courtesy. Both languages, no network, no model files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, pairwise

from evidence.stems import stem, words
from evidence.timeline.gates import Gate, mask_of
from evidence.timeline.requests_find import language_of, lemma, verb_form
from evidence.timeline.requests_sentences import Sentence, sentences

_I = re.I
ASK_TYPES: tuple[tuple[str, Gate], ...] = (
    (
        "when",
        Gate(
            r"\b(?:когда|во\s+сколько|до\s+скольки|с\s+какого|к\s+какому|в\s+какой\s+день|на\s+как(?:ой|ое|ую)\s+(?:день|число|дату|врем)|как\s+скоро|(?:какого|какое)\s+числ|до\s+какого|в\s+какое\s+время|when|what\s+time|what\s+date|how\s+soon|which\s+day|what\s+day|by\s+what|till\s+when|until\s+when)\b",
            _I,
        ),
    ),
    (
        "how-much",
        Gate(
            r"\b(?:сколько|скольк\w+|почём|какая\s+(?:сумма|цена|стоимость|ставка)|какую\s+сумму|how\s+(?:much|many|long|far|often|big|old|heavy|wide|deep|high)|what(?:'s|\s+is|\s+was|\s+are|\s+were)?\s+(?:the|your|our|this)?\s*(?:\w+\s+)?(?:price|cost|fee|rate|total|amount|balance|damage|figure|deposit|charge|size|weight|margin))\b",
            _I,
        ),
    ),
    (
        "why",
        Gate(
            r"\b(?:почему|зачем|отчего|по\s+какой\s+причине|в\s+связи\s+с\s+чем|на\s+каком\s+основании|why|how\s+come|what(?:'s|\s+is|\s+was)\s+the\s+reason|on\s+what\s+(?:basis|grounds))\b",
            _I,
        ),
    ),
    ("who", Gate(r"\b(?:кто|кого|кому|кем|ком|чей|чья|чьё|чьи|who|whom|whose|who's)\b", _I)),
    ("where", Gate(r"\b(?:где|куда|откуда|where|where's|whereabouts)\b", _I)),
    (
        "which",
        Gate(
            r"\b(?:как(?:ой|ая|ое|ие|ую|ого|ому|им|их|ом)|котор\w+|which|what\s+(?:kind|type|colour|color|size|model|make|version|brand|name|number|address))\b",
            _I,
        ),
    ),
    ("how", Gate(r"\b(?:как|каким\s+образом|how|how's)\b", _I)),
    ("confirm", Gate(r"\b(?:подтверд\w+|confirm|acknowledge)\b", _I)),
    ("what", Gate(r"\b(?:что|чего|чем|what|what's)\b", _I)),
)
_PAY = Gate(
    r"\b(?:оплат\w+|доплат\w+|заплат\w+|перевед\w+|перевест\w+|перечисл\w+|верн\w+|возмест\w+|компенс\w+|pay|transfer|refund|settle|reimburse|remit|credit)\b",
    _I,
)

MONTH = r"(?:январ|феврал|март|апрел|ма[йяе]\b|июн|июл|август|сентябр|октябр|ноябр|декабр|jan|feb|mar(?:ch)?\b|apr|may\b|jun|jul|aug|sep|oct|nov|dec)"
CUES: tuple[tuple[str, Gate], ...] = (
    ("date", Gate(rf"\b(?:\d{{1,2}}[./]\d{{1,2}}(?:[./]\d{{2,4}})?|\d{{1,2}}(?:-?(?:го|е|му|st|nd|rd|th))?\s+(?:of\s+)?{MONTH}\w*|{MONTH}\w*\s+\d{{1,2}}|\d{{1,2}}-?(?:го|е|му)\b|(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)\b)", _I)),
    ("day", Gate(r"\b(?:понедельник\w*|вторник\w*|сред[уыа]|четверг\w*|пятниц\w*|суббот\w*|воскресень\w*|завтра|послезавтра|сегодня|вчера|позавчера|mon(?:day)?s?|tue(?:s|sday)?|wed(?:nesday)?|thu(?:rs|rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?|today|tomorrow|tonight|yesterday)\b", _I)),
    ("period", Gate(r"\b(?:недел\w+|месяц\w*|час\w*|минут\w*|дн(?:я|ей|и)|сутк\w*|суток|год\w*|квартал\w*|weeks?|months?|hours?|minutes?|mins?|days?|years?|fortnight|weekend)\b", _I)),
    ("time", Gate(r"\b(?:\d{1,2}[:.]\d{2}|(?:в|к|до|с|после)\s+\d{1,2}\b|\d{1,2}\s*(?:am|pm|o'clock)|утр\w+|вечер\w+|обед\w*|полдень|noon|midday|midnight|morning|afternoon|evening|lunch)\b", _I)),
    ("number", Gate(r"\d|\b(?:один|одна|одно|два|две|двое|три|трое|четыре|пять|шесть|семь|восемь|девять|десять|полтор\w+|половин\w+|пара|двадцать|тридцать|сорок|пятьдесят|сто|двести|тысяч\w*|ноль|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|half|couple|twenty|thirty|forty|fifty|hundred|thousand|none|zero)\b", _I)),
    ("money", Gate(r"[£€$₽]|\d\s*(?:руб|р\.|тыс|т\.р|к\b|k\b|quid|pounds|euro|dollars)|\b(?:руб\w*|quid|pounds|bucks|grand|бесплатно|free\s+of\s+charge|no\s+charge|free)\b", _I)),
    ("yes", Gate(r"(?:^|[\s,.!—-])(?:да|ага|угу|конечно|разумеется|верно|именно|подтверждаю|подтверждаем|согласен|согласна|согласны|хорошо|ок|окей|ладно|можно|есть|договорились|принято|так\s+точно|безусловно|yes|yep|yeah|yup|aye|sure|indeed|correct|confirmed|of\s+course|absolutely|certainly|agreed|ok|okay|fine|that's\s+right|will\s+do|definitely|affirmative|deal)(?=$|[\s,.!:;—)-])", _I)),
    ("no", Gate(r"(?:^|[\s,.!—-])(?:нет|не|нельзя|никак|никогда|ни\s+в\s+коем|no|nope|not|never|nah|afraid\s+not|neither|cannot|can't|won't|don't|didn't|isn't|aren't|wasn't|haven't|hasn't|couldn't|doesn't|wouldn't)(?=$|[\s,.!:;—-])", _I)),
    ("bare-no", Gate(r"(?:^|[.!?,]\s+)(?:(?:к\s+сожалению|увы|боюсь|sorry|afraid|unfortunately|well)[,\s]+)?(?:нет|нельзя|никак|no|nope|nah|afraid\s+not|absolutely\s+not|certainly\s+not|not)(?=[\s,.!:;—-]|$)", _I)),
    ("refuse", Gate(r"\bне\s+(?:буд(?:у|ем|ет)|мож(?:ем|ет)|могу|смож(?:ем|ет)|смогу|выда[её]м|переда[её]м|предоставля\w+|вернём|верну|платим|намерен\w*|планиру\w+|готов\w*|собира\w+|станем|стану|дам|дадим|входит|входят|положен\w*|предусмотрен\w*|возвраща\w+|делаем|отда\w+|раскрыва\w+|обязан\w*)|отказыва\w+|откаж\w+|нет\s+(?:возможности|оснований|права)|(?:we|i)(?:'ll|\s+will)?\s+(?:won't|not|cannot|can't|decline|refuse)|(?:we're|i'm|we\s+are|i\s+am)\s+not\s+(?:going|willing|able|prepared|paying|sending|doing|giving)|(?:won't|will\s+not|can't|cannot)\s+be|unable\s+to|rather\s+not|not\s+(?:possible|happening|available)|against\s+(?:policy|our)|no\s+way|decline\b", _I)),
    ("defer", Gate(r"\b(?:уточн\w+|узна(?:ю|ем)|выясн\w+|спрошу|спросим|проверю|проверим|посмотр(?:ю|им)|верн(?:усь|[её]мся)\s+с|напишу|напишем|сообщу|сообщим|отпиш\w+|отвечу|ответим|дам\s+знать|дадим\s+знать|позже|попозже|чуть\s+позже|как\s+только|когда\s+верн\w+|передал\w*|передам|пришлю|пришл[её]м|вышлю|вышлем|скину|скинем|сделаю|сделаем|постараюсь|постараемся|займ\w+|подниму|поищу|поищем|свяж\w+|после\s+праздник\w*|согласу\w+|get\s+back|let\s+you\s+know|find\s+out|look\s+into|check\s+(?:with|and|on)|will\s+(?:check|ask|look|find|confirm|revert|see|dig|chase|send|do|get|come)|(?:i'll|we'll|ill)\s+(?:check|ask|look|find|confirm|have|get|send|see|dig|chase|come|drop|ring|email|let|be\s+back|do|know|sort|try|answer|reply)|going\s+to\s+(?:check|ask|look)|bear\s+with|as\s+soon\s+as|once\s+(?:i|we|the|my|he|she)|when\s+i'm\s+back|leave\s+it\s+with|more\s+(?:on|next)|not\s+sure\s+yet|waiting\s+(?:on|for|to\s+hear)|tbc|later)\b", _I)),
    ("because", Gate(r"\b(?:потому|так\s+как|из-за|поскольку|причин\w+|дело\s+в|оказал\w+|по\s+ошибке|ошибк\w+|because|since|as\s+the|due\s+to|reason|cos|mistake|error|down\s+to|turned\s+out|owing|it's\s+that|'cause)\b", _I)),
    ("done", Gate(r"\b(?:сделал[аи]?|сделано|готово|отправил[аи]?|отправлен\w*|выслал[аи]?|прислал[аи]?|оплатил[аи]?|оплачен\w*|перев[её]л[аи]?|перевели|заплатил[аи]?|поправил[аи]?|исправил[аи]?|исправлен\w*|поменял[аи]?|заменил[аи]?|убрал[аи]?|удалил[аи]?|внес\w*|внёс|поставил[аи]?|перен[её]с\w*|отменил[аи]?|записал[аи]?|добавил[аи]?|передал[аи]?|вернул[аи]?|возвра\w+ил[аи]?|получил[аи]?|отключил[аи]?|включил[аи]?|обновил[аи]?|перечисл(?:ил[аи]?|ен\w*)|подписал[аи]?|подписан\w*|заполнил[аи]?|загрузил[аи]?|выложил[аи]?|скинул[аи]?|забрал[аи]?|отдал[аи]?|сфотографировал[аи]?|нашел|наш[её]л|нашл[аи]|привез(?:л[аи])?|прив[её]з|done|paid|returned|uploaded|signed|accepted|submitted|filled|dropped|shared|found|checked|collected|sent|fixed|changed|updated|removed|moved|booked|cancelled|canceled|transferred|received|arrived|deleted|added|sorted|emailed|posted|refunded|replaced|switched|taken|put|got|went)\b", _I)),
    ("attached", Gate(r"\b(?:прикреп\w+|прилож\w+|приложен\w*|прилаг\w+|приклад\w+|вложен\w*|вкладыва\w+|во\s+вложении|прицеп\w+|направля\w+|высыла\w+|отправля\w+|держите|вот|ссылк\w+|attach\w*|enclos\w+|herewith|here(?:'s|\s+is|\s+are|\s+you\s+go)|below|link)\b", _I)),
    ("we-will", Gate(r"\b(?:привез\w+|приед\w+|будет|будут|будем|оплатим|оплачу|переведу|переведём|отправим|отправлю|отдадим|(?:we|i|he|she|they|it)(?:'ll|\s+will|\s+shall|'s\s+going|'re|\s+are)\b)", _I)),
    ("thanks", Gate(r"\b(?:спасибо|благодар\w+|thanks|thank\s+you|cheers|ta\b)", _I)),
    ("sorry", Gate(r"\b(?:извин\w+|прости\w*|сожале\w+|увы|sorry|apolog\w+|unfortunately|afraid|regret)\b", _I)),
    ("vague", Gate(r"\b(?:обычно|как\s+правило|всегда|все\s+(?:наши|клиенты)|стараемся|работаем|ценим|важн\w+|качеств\w+|опыт\w*|уважа\w+|репутац\w+|зависит|много\s+факторов|индивидуальн\w+|на\s+(?:связи|контроле)|в\s+курсе|понима\w+|usually|always|generally|pride|values?|quality|depends|various|appreciate|understand|experience|customers?|valued|policy|team|important|standards?|busy)\b", _I)),
    ("accuse", Gate(r"\b(?:вы\s+сами|сами\s+(?:вы|виноват)|надоел\w*|тон\b|претенз\w+|хамств\w*|you\s+people|your\s+(?:tone|attitude|own)|frankly|cheek|unacceptable|rude|harass\w*|honestly)\b", _I)),
    ("place", Gate(r"\b(?:ул\.|улиц\w+|проспект\w*|дом\s+\d|этаж\w*|офис\w*|склад\w*|адрес\w*|кабинет\w*|подъезд\w*|вход\w*|шкаф\w*|полк\w+|ящик\w*|road|street|st\b|lane|avenue|floor|room|desk|drawer|shelf|office|warehouse|depot|yard|garage|gate|door|next\s+to|behind|opposite|under|upstairs|downstairs|unit|bay)\b", _I)),
    ("both", Gate(r"\b(?:перв\w+|втор\w+|трет\w+|оба|обе|любой|любая|the\s+(?:first|second|latter|former|other|blue|red|white|black|green|grey|gray|big|small|larger|smaller)|either|both|neither|option)\b", _I)),
)  # fmt: skip
_NAME = re.compile(r"(?<![.!?…]\s)(?<!^)\b[А-ЯЁA-Z][а-яёa-z]{2,}")
_LOWER_START = re.compile(r"^[^\w]*[a-zа-яё]")


@lru_cache(maxsize=100_000)
def root(word: str) -> str:
    """The stem of a word's dictionary form: «заберёте» and «заберём» are one word."""
    return stem(lemma(word))


_STOP = frozenset(
    root(w)
    for w in (
        "и в на с по к у за от до из о об не что как мы вы я он она они это то так же бы ли а но или если для при вас вам нас нам наш ваш свой мой "
        "the a an of to in on at for and or is are was were be been it we you i he she they this that with your our my me us do does did have has had "
        "can could would will please when what who how why where which пожалуйста когда где кто сколько почему какой можно прошу подскажите скажите"
    ).split()
)


_FAVOUR = Gate(
    r"\b(?:(?:could|can|would|will)\s+(?:you|u)\s+(?!(?:tell|say|clarify|explain|confirm|be|have|like|want|need|take|accept|do)\b)|(?:сможете|можете|могли\s+бы)\s+(?:вы\s+)?(?!(?:ли|сказать|уточнить|объяснить|подтвердить|подсказать)\b)\w+)",
    _I,
)
_TELL = Gate(
    r"\b(?:подскажите|скажите|сообщите|напишите|уточните|напомните|ответьте|tell|know|clarify|advise|state|explain|say)\b",
    _I,
)


# What is asked without a question word: "tell us the payment date", «назовите номер», "still missing is the VAT number".
_NAMING = Gate(
    r"\b(?:tell|say|give|name|state|inform|provide|furnish|need|missing|clarify|advise|specify|know|"
    r"сообщит\w+|назов\w+|укажит\w+|скаж\w+|дайте|подскаж\w+|напиш\w+|уточн\w+|нужн\w+|жд[уе]м?|интересует|прошу|просим)\b",
    _I,
)
_WHETHER = Gate(r"\b(?:ли|whether|if)\b", _I)
_NAMED: tuple[tuple[str, Gate], ...] = (
    ("when", Gate(r"\b(?:dates?|deadline|дат[уыае]|срок\w*|день|время)\b", _I)),
    (
        "how-much",
        Gate(r"\b(?:price|rate|cost|amount|total|figure|sum|fee|цен[уы]|стоимост\w+|сумм[уы]|тариф\w*|остаток)\b", _I),
    ),
    ("where", Gate(r"\b(?:address|location|адрес\w*)\b", _I)),
    ("why", Gate(r"\b(?:reasons?|причин\w*|основани\w+)\b", _I)),
    ("which", Gate(r"\b(?:number|size|colou?r|номер\w*|инн|размер\w*|цвет\w*)\b", _I)),
    ("who", Gate(r"\b(?:names?|insurer|contact|фамили\w+|имя|фио|контакт\w*)\b", _I)),
    ("what", Gate(r"\b(?:proposal|decision|position|решени\w+|предложени\w+|позици\w+|мнени\w+)\b", _I)),
)


def _named(ask: str) -> str | None:
    """The type of what is asked for by its name; None where nothing is."""
    if not _NAMING.search(ask) or _WHETHER.search(ask):
        return None
    return min(((m.start(), name) for name, p in _NAMED if (m := p.search(ask))), default=(0, None))[1]


@lru_cache(maxsize=20_000)
def ask_type(ask: str, kind: str) -> str:
    """when, how-much, why, who, where, which, how, confirm, what, yes-no, pay, send or do."""
    if kind == "payment" or (kind == "action" and _PAY.search(ask) and "?" not in ask):
        return "pay"
    if kind == "document":
        return "send"
    if _FAVOUR.search(ask):
        return "do"
    best = min(((m.start(), i, name) for i, (name, p) in enumerate(ASK_TYPES) if (m := p.search(ask))), default=None)
    if kind == "action" and (best is None or "?" not in ask):
        return "do"
    if best is None:
        return _named(ask) or "yes-no"
    # "Can you tell me where …" asks where; «Вопросик: до скольки …?» asks when; but "Is this what you want?" asks yes or no.
    place = best[0]
    early = place <= max(20, len(ask) // 2) or ":" in ask[:place] or _TELL.search(ask[:place])
    if re.search(r"\bли\b", ask[:place], _I):
        return "yes-no"
    return best[2] if early else "yes-no"


class _Content(dict[str, tuple[str, ...]]):
    """What stands between two spaces -> the stems in it that carry meaning."""

    def __missing__(self, piece: str) -> tuple[str, ...]:
        tokens = words(piece)
        tokens += [part for w in tokens if "-" in w for part in w.split("-")]  # "sign-off" is answered by "signed off"
        found = tuple(s for w in tokens if len(w) > 2 and (s := root(w)) not in _STOP)
        if len(self) < 200_000 and len(piece) < 64:
            self[piece] = found
        return found


_CONTENT = _Content()


def stems_in(text: str) -> frozenset[str]:
    """The stems of the words that carry meaning. No word crosses a space, so each piece between two is read once in a process."""
    return frozenset(chain.from_iterable(map(_CONTENT.__getitem__, text.split())))


content = lru_cache(maxsize=20_000)(stems_in)  # of sentences, which are held against several others


@lru_cache(maxsize=50_000)
def cues(text: str) -> tuple[str, ...]:
    """The names of the kinds of evidence that stand in ``text``."""
    mask = mask_of(text)
    found = [name for name, gate in CUES if mask & gate.bit and gate.pattern.search(text)]
    if _NAME.search(text):
        found.append("name")
    if "?" in text:
        found.append("question")
    if "!" in text:
        found.append("bang")
    return tuple(found)


@lru_cache(maxsize=1024)
def parts_asked(ask: str) -> int:
    """How many things one asking holds, as far as its words show it: question marks, "and" before a question word, enumerations."""
    marks = ask.count("?")
    more = len(
        re.findall(
            r"\b(?:и|а\s+также|and|plus)\s+(?:\w+\s+)?(?:кто|что|где|когда|куда|почему|сколько|как\w*|какой|какая|до|во|на|за|когда|who|what|where|when|why|how|which|whether|if|can|could|is|are|will|do|does)\b",
            ask,
            _I,
        )
    )
    imperatives = sum(verb_form(w) == "imp" for w in words(ask)) - 1
    return max(marks, 1) + max(more, imperatives if marks == 0 else 0, 0)


def sentence_features(
    ask: str, kind: str, run: Sequence[Sentence], index: int, attachments: Sequence[str]
) -> list[str]:
    """Features of one sentence of a reply as an answer to ``ask``."""
    sentence = run[index].text
    of = ask_type(ask, kind)
    asked, said = content(ask), content(sentence)
    shared = asked & said
    tokens = words(sentence)
    lemmas = [lemma(w) for w in tokens[:50]]
    found = list(cues(sentence))
    before = set(cues(run[index - 1].text)) if index else set()
    out = [f"type:{of}", f"lang:{language_of(sentence)}"]
    out += [f"c:{c}" for c in found] + [f"{of}+{c}" for c in found]
    out += [f"w:{w}" for w in lemmas if not w.isdigit()]
    out += [f"b:{a}_{b}" for a, b in pairwise(lemmas)]
    out += [f"first:{w}" for w in lemmas[:1]] + [f"{of}+first:{w}" for w in lemmas[:1]]
    for form in {verb_form(w) for w in tokens[:50]} - {""}:
        out += [f"form:{form}", f"{of}+form:{form}"]
    near = min(len(shared), 3)
    out += [f"shared:{near}", f"{of}+shared:{near}"]
    if asked and not shared and index and asked & content(run[index - 1].text):
        out.append("shared:before")
    out += [f"shared+{c}" for c in found if shared]
    size = 0 if len(tokens) < 4 else 1 if len(tokens) < 9 else 2 if len(tokens) < 18 else 3
    out += [f"size:{size}", f"{of}+size:{size}", f"at:{min(index, 3)}"]
    if index == len(run) - 1:
        out.append("at:last")
    if len(run) == 1:
        out.append("at:only")
    if "question" in before:
        out.append("before:question")
    out += attachment_features(ask, of, attachments)
    out.append(f"parts:{min(parts_asked(ask), 3)}")
    return out


def attachment_features(ask: str, of: str, attachments: Sequence[str]) -> list[str]:
    if not attachments:
        return [f"{of}+bare"]
    out = ["files", f"{of}+files"]
    asked = [s for s in content(ask) if len(s) > 2]
    named = " ".join(re.split(r"[_\W\d]+", " ".join(attachments).casefold()))
    plain = latin(" ".join(asked))
    heads = {s[:4] for s in asked} | {s[:4] for s in plain.split()}
    # «Счет_февраль.pdf» for an asked «акт»: the name shares nothing with what was asked for.
    hit = any(word[:4] in heads for word in named.split() if len(word) > 2) or any(
        word[:4] in heads for word in latin(named).split() if len(word) > 2
    )
    out += [f"{of}+files:named" if hit else f"{of}+files:other"]
    return out


_LATIN = str.maketrans(
    {"а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y", "к": "k", "л": "l", "м": "m",
     "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch",
     "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya"}
)  # fmt: skip


def latin(text: str) -> str:
    """Russian letters as file names commonly transliterate them."""
    return text.casefold().translate(_LATIN)


@lru_cache(maxsize=20_000)
def reply_run(reply: str) -> tuple[Sentence, ...]:
    return sentences(reply, 0, len(reply))


PASSAGE = (
    3  # sentences: the length of reply on which the weights were trained; longer letters are read passage by passage
)


def passages(run: Sequence[Sentence]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of the runs of sentences that are weighed as one answer."""
    if len(run) <= PASSAGE + 1:
        yield 0, len(run)
        return
    for first in range(len(run) - PASSAGE + 1):
        yield first, first + PASSAGE


def pair_features(ask: str, kind: str, run: Sequence[Sentence], attachments: Sequence[str]) -> list[str]:
    """Features of a passage of a reply (``run``: its sentences) as an answer to ``ask``."""
    lemmas = [word for sentence in run for word in sentence_lemmas(sentence.text)]
    plain = pair_parts(ask, kind, run, attachments)
    return [*plain, *(f"w:{w}" for w in lemmas if not w.isdigit()), *(f"b:{a}_{b}" for a, b in pairwise(lemmas))]


@lru_cache(maxsize=20_000)
def sentence_lemmas(text: str) -> tuple[str, ...]:
    """The dictionary forms of the first sixty words."""
    return tuple(map(lemma, words(text)[:60]))


def pair_parts(ask: str, kind: str, run: Sequence[Sentence], attachments: Sequence[str]) -> list[str]:
    """``pair_features`` but for single words and pairs of them."""
    of = ask_type(ask, kind)
    asked = content(ask)
    said: set[str] = set()
    found: set[str] = set()
    out = [f"type:{of}"]
    for index, sentence in enumerate(run):
        here, stems = cues(sentence.text), content(sentence.text)
        found.update(here)
        said |= stems
        tokens = sentence_lemmas(sentence.text)
        if not asked.isdisjoint(stems):
            out += [f"near:{c}" for c in here] + [f"{of}+near:{c}" for c in here]
        if index == 0 and tokens:
            out += [f"first:{tokens[0]}", f"{of}+first:{tokens[0]}"] + [f"{of}+opens:{c}" for c in here]
        if len(tokens) <= 4:
            out += [f"{of}+short:{c}" for c in here]
    share = len(asked & said) / max(1, len(asked))
    out += [f"share:{round(share * 3)}", f"{of}+share:{round(share * 3)}"]
    out += [f"c:{c}" for c in found] + [f"{of}+{c}" for c in found]
    if not said.isdisjoint(alternatives(ask)):
        out.append("names an alternative")
    questions = sum(["?" in s.text for s in run])
    out.append(f"questions:{min(questions, 2)}")
    if run and questions >= len(run) / 2:
        out.append("questions:mostly")
    parts = min(parts_asked(ask), 3)
    out.append(f"parts:{parts}")
    if parts > 1:
        out += [f"parts+{c}" for c in found]
    out += attachment_features(ask, of, attachments)
    return out


_OFFERED = re.compile(r"(?<!\S)(\S+)\s+(?:или|либо|or)\s+(\S+)(?:\s+(\S+))?", _I)


@lru_cache(maxsize=1024)
def alternatives(ask: str) -> frozenset[str]:
    """The stems right beside "or": what the asker offers to choose from."""
    found: set[str] = set()
    for match in _OFFERED.finditer(ask):
        found |= {s for group in match.groups() if group for s in content(group)}
    return frozenset(found)
