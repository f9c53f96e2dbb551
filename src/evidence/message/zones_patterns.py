"""How mail programs and people mark quotes, forwards, signatures and disclaimers, in Russian and English.

Every pattern is tried on one line, cut to ``LINE`` characters, and none can backtrack far: the cost of a body is linear.
"""

from __future__ import annotations

import re

LINE = 600

# ---- quote marks

MARK = re.compile(r"[ \t]{0,3}(?:>[ \t]?)+")
# The Bat! and Fidonet style: the quoted one's initials before the sign.
INITIALS = re.compile(r"[ \t]{0,2}([A-ZА-ЯЁ][A-Za-zА-Яа-яёЁ]{0,4})>{1,4}(?:[ \t]|$)")

# ---- attribution lines

_WEEKDAY = (
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?"
    r"|понедельник|вторник|среда|среду|четверг|пятница|пятницу|суббота|субботу|воскресенье|пн|вт|ср|чт|пт|сб|вс"
)
ATTRIBUTION_START = re.compile(
    rf"(?:(?i:on\b|at\b|в\s|am\s|le\s|el\s|il\s|{_WEEKDAY}|вы\s(?:на)?писали|you\swrote|вы\sпишете|from\b|от\s)"
    r"|[\d\"«“<\[]|[*_]?[A-ZА-ЯЁ])"
)
_VERB = re.compile(
    r"(?:\bwrote|\bwrites|\bpisze|\bschrieb|\ba écrit|\bescribió|\bпишет|\bпишете|\bписал(?:\(а\)|а|и)?|"
    r"\bнаписал(?:\(а\)|а|и)?|\bсообщил(?:\(а\)|а|и)?)\s*:?$",
    re.I,
)
_BAT = re.compile(r"(?:вы\s(?:на)?писали|you\swrote)\b.{0,80}\d.{0,40}:?$", re.I)
_DATE = re.compile(r"\b(?:19|20)\d\d\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b|\b\d{4}-\d\d-\d\d\b|\b\d{1,2}:\d\d\b", re.I)
_TIME = re.compile(r"\b\d{1,2}[:.]\d\d\b")
_ADDRESS = re.compile(r"<?[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}>?")
# Mail.ru: «Понедельник, 3 марта 2025, 11:12 +03:00 от Пётр Ветров <…>:», the address not always there.
_FROM_WORD = re.compile(r"\bот\s(?:[\"«<]?[A-ZА-ЯЁ][^,;]{0,80}|[\w.+-]{1,64}@\S{1,200}):$")
_FORMAL_START = re.compile(rf"(?:on\b|\d|(?:{_WEEKDAY})\b)", re.I)
# The first line of an attribution that a program broke: a weekday or a date, never the end of a sentence («г.» is none).
BROKEN_START = re.compile(
    rf"(?:(?:on|at|в|в\sписьме\sот)\s)?(?:(?:{_WEEKDAY})[\s,.]*$|(?:(?:{_WEEKDAY})[\s,.]+)?(?:\d{{1,2}}[\s./]|[a-z]{{3,9}}\s\d{{1,2}},)"
    r".{0,20}(?:19|20)\d\d)",
    re.I,
)
ENDED = re.compile(r"(?:[!?…]|[^\W\d_]{5,}\.|\d\.|[)»”\"]\.)[\"»”')]*$")
# A sentence of the writer's own tells what «you» wrote; a program names a person.
_SPOKEN = re.compile(r"\b(?:вы|вам|вас|ваш\w{0,3}|мы|нам|нас|наш\w{0,3}|я|мне|you|your|we|us|our|i|me)\b", re.I)


def may_attribute(line: str) -> bool:
    """Whether an attribution can end with this line: a cheap question asked of every line."""
    end = line.rstrip(" \t*_\xa0")
    last = end[-1:]
    return last == ":" or (last in "esтеаил)" and bool(last) and bool(_VERB.search(end[-24:])))


def attribution_strength(text: str) -> int:
    """0: no attribution line; 1: only where a marked quote follows; 2: by itself. ``text`` is one to three lines joined."""
    text = text.strip().strip("*_ ").rstrip()
    if len(text) > 400 or len(text) < 8:
        return 0
    colon = text.endswith(":")
    verb = _VERB.search(text)
    if verb:
        dated = _DATE.search(text) and (_TIME.search(text) or _ADDRESS.search(text))
        if dated and not _SPOKEN.search(text) and (_ADDRESS.search(text) or _FORMAL_START.match(text)):
            return 2
        return 1 if colon and len(text) < 160 else 0
    if _BAT.search(text):
        return 2 if _TIME.search(text) else 1
    if colon and _DATE.search(text):
        if _ADDRESS.search(text) and _TIME.search(text):
            return 2
        if _TIME.search(text) and _FORMAL_START.match(text) and _FROM_WORD.search(text):
            return 2
        return 1 if _ADDRESS.search(text) or (_TIME.search(text) and len(text) < 160) else 0
    if colon and _ADDRESS.search(text) and len(text) < 160:
        return 1
    return 0


# ---- header blocks (Outlook, mobile programs, forwards)

_KEYS = {
    "from": "from|от кого|от|отправитель|von|de",
    "date": "sent|date|отправлено|дата|дата и время|gesendet|date sent",
    "to": "to|кому|получатель|an",
    "cc": "cc|копия|bcc|скрытая копия|reply-to|ответить|attachments|вложения|importance|важность|priority",
    "subject": "subject|тема|betreff|topic",
}
_HEADER = re.compile(
    r"[ \t]{0,3}[*_]{0,2}(?:"
    + "|".join(f"(?P<{name}>{words})" for name, words in _KEYS.items())
    + r")[*_]{0,2}[ \t]?:[*_]{0,2}(?:[ \t]|$)",
    re.I,
)


def header_key(line: str) -> str:
    """``from``, ``date``, ``to``, ``cc``, ``subject``, or empty: which field of a reply header the line shows."""
    match = _HEADER.match(line)
    return match.lastgroup or "" if match else ""


RULE = re.compile(r"[ \t]{0,3}(?:_{5,}|-{5,}|—{3,}|─{3,}|\*{5,}|={5,})[ \t]*$")
ORIGINAL = re.compile(
    r"[ \t]{0,3}[-_—=*]{2,}\s?(?:original\s(?:message|appointment)|исходное\sсообщение|оригинальное\sсообщение|"
    r"первоначальное\sсообщение|reply\smessage|original-nachricht|ursprüngliche\snachricht)\s?[-_—=*]{2,}[ \t]*$",
    re.I,
)
# Ticket systems (Zendesk, Bitrix24, marketplaces) set their letter below such a line.
REPLY_ABOVE = re.compile(
    r"[ \t]{0,3}[-—–_=#*>\s]{0,10}(?:(?:please\s)?(?:type|write|enter|put|add)?\s?(?:your\s)?reply\s(?:\w+\s)?above\sthis\s(?:line|message)"
    r"|(?:пожалуйста,?\s)?(?:пишите|напишите|введите|вводите|оставьте|добавьте|отвечайте|ответьте)\s(?:(?:ваш|свой)\s)?(?:ответ\s)?"
    r"(?:выше|над)\s(?:этой|данной)\s(?:лини|строк|черт)\w{1,3})\b.{0,40}$",
    re.I,
)
FORWARD = re.compile(
    r"[ \t]{0,3}(?:[-_—=*]{2,}\s?(?:forwarded\smessage|forwarded\sby\b.{0,80}|пересылаемое\sсообщение|пересланное\sсообщение|"
    r"пересылаемое\sписьмо|пересланное\sписьмо|перенаправленное\sсообщение|переадресованное\sсообщение|"
    r"начало\sпереадресованного\sсообщения)\s?[-_—=*]{0,40}|begin\sforwarded\smessage:?|"
    r"начало\s(?:переадресованного|переадресуемого|пересылаемого|пересланного|перенаправленного|перенаправляемого)\sсообщения:?|"
    r"(?:это\sпересылаемое\s(?:сообщение|письмо)|this\sis\sa\sforwarded\smessage)|"  # The Bat!, whose end mark comes below
    r"={2,}8<={2,}\s?(?:original\smessage\stext|исходный\sтекст\s(?:сообщения|письма))\s?={2,}|"
    r"(?:пересылаемое|пересланное)\s(?:сообщение|письмо):)[ \t]*$",
    re.I,
)
FORWARD_END = re.compile(
    r"[ \t]{0,3}[-_—=*]{2,}\s?(?:конец\s(?:пересылаемого|пересланного|переадресованного|перенаправленного)\s(?:сообщения|письма)|"
    r"end\sof\sforwarded\smessage|end\sforwarded\smessage)\s?[-_—=*]{0,40}[ \t]*$"
    r"|[ \t]{0,3}={2,}8<={2,}\s?(?:end\sof\soriginal\smessage\stext|конец\sисходного\sтекста\s(?:сообщения|письма))\s?={2,}[ \t]*$",
    re.I,
)
FORWARD_SUBJECT = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)?(?:(?:re|отв|ответ)\s*:\s*)*(?:fwd?|пер|пересл|wg)\s*(?:\[\d+\])?:", re.I
)
REPLY_SUBJECT = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|отв|ответ|на|aw|sv)\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*:", re.I
)

# ---- signatures

DELIMITER = re.compile(r"--[ \t]*$")
SOFT_DELIMITER = re.compile(r"(?:—|–|---+|___+|\*\*\*+|\*\s?\*\s?\*|={3,})[ \t]*$")
CLOSING = re.compile(
    r"(?:[-—–][ \t]?)?(?:"
    r"(?:с|cо?)\s(?:большим\s|глубоким\s|искренним\s|неизменным\s)?(?:уважением|почтением|наилучшими\sпожеланиями|признательностью)"
    r"|с\sув\.|с\sуваж\.|всего\s(?:доброго|хорошего|наилучшего)|с\sпожеланиями\b.{0,30}|искренне\sваш[аи]?|ваш[аи]?\sискренне|хорошего\sдня"
    r"|с\sлюбовью|до\sсвязи|с\s(?:наилучшими|добрыми)\sпожеланиями"
    r"|(?:best|kind|warm|kindest|warmest)(?:\s(?:best|kind|warm))?\s?(?:regards|wishes)|regards|best|all\sthe\sbest|cheers"
    r"|(?:yours|very)\s(?:sincerely|faithfully|truly)(?:\syours)?|sincerely(?:\syours)?|respectfully(?:\syours)?"
    r"|many\sthanks|thanks(?:\sagain)?|thank\syou|thanks\sand\sregards|with\s(?:best\s|kind\s)?regards|br|rgds|yours"
    r")(?=[,.!:;—–-]|\s*$|\s[A-ZА-ЯЁ«\"])[ \t]*[,.!;:—–-]{0,3}[ \t]*",
    re.I,
)
# These close a letter only when nothing but a name follows; as part of a sentence they are the writer's words.
_SOFT_CLOSING = re.compile(r"(?:best|thanks|thank\syou|cheers|many|yours|хорошего|до\sсвязи|с\sлюбовью)", re.I)
# A program or device that signs for its owner. Goods, too, are «отправлено со склада» and «sent via DHL»: it must be named.
_DEVICE = (
    r"i-?phone|i-?pad|айфон|айпад|android|андроид|samsung|самсунг|galaxy|xiaomi|redmi|poco|huawei|honor|realme|oneplus|pixel|nokia|lenovo|"
    r"motorola|xperia|tecno|vivo\b|oppo|infinix|\bhtc\b|\bzte\b|\basus|meizu|blackview|blackberry|windows|"
    r"телефон|смартфон|планшет|устройств|мобильн|приложени|(?<!-)почт[ыу](?!\sросси)|mail\b|"
    r"mail\.ru|\bspark\b|outlook|gmail|яндекс|yandex|рамблер|rambler|yahoo|icloud|thunderbird|the\sbat|phone\b|smartphone|handset|mobile|tablet|browser|"
    r"браузер|веб-интерфейс|webmail"
)
_GOODS = (
    r"склад|сдэк|курьер|ваш|вчера|сегодня|warehouse|office|factory|shop|store|account|depot|courier|royal\smail|tracked|\byour\b|yesterday|today|"
    r"\bon\s(?:mon|tue|wed|thu|fri|sat|sun)|heart"
)
MOBILE = re.compile(
    r"[ \t]{0,3}(?:"
    rf"sent\sfrom\smy\s(?!.{{0,60}}(?:{_GOODS}))(?:[\w.+-]+\s?){{1,4}}"
    rf"|sent\s(?:from|via|with|using)\s(?=.{{0,50}}(?:{_DEVICE}))(?!.{{0,50}}(?:{_GOODS})).{{1,50}}"
    r"|get\soutlook\sfor\s.{1,40}|download\soutlook\s.{1,40}|envoyé\sde\smon\s.{1,30}"
    rf"|(?:отправлено|послано)\s(?:с|со|из|через|от)\s(?=.{{0,60}}(?:{_DEVICE}))(?!.{{0,60}}(?:{_GOODS})).{{1,60}}"
    r"|с\s(?:моего\s)?(?:iphone|ipad|айфона|телефона)"
    r"|скачать\soutlook\s.{1,40}|получите?\soutlook\s.{1,40}|написано\s(?:с|на)\s(?:телефон|смартфон|планшет).{0,20}"
    r")[ \t.!]*$",
    re.I,
)
CONTACT = re.compile(
    r"(?:\+?\d[\d\s().-]{7,}\d)|\b(?:тел|моб|факс|tel|mob|phone|cell|fax|ph|m|t|e|w)\s?[.:]\s?\S|https?://|www\.|"
    r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,63}|\b(?:telegram|whatsapp|skype|viber)\b",
    re.I,
)
POSTSCRIPT = re.compile(r"[ \t]{0,3}(?:p\.?\s?p?\.?\s?s\b\.?|з\.?\s?ы\.?\b|постскриптум|ps\b)[\s.:,—–-]", re.I)
# Words of a clause; names, posts and addresses have none of them.
_CLAUSE = re.compile(
    r"\b(?:не|если|иначе|жду|жд[её]м|буду|будем|будет|прошу|просим|верните|оплатите|пришлите|вы|вас|вам|мне|меня|мы|нас|нам|завтра|сегодня|"
    r"мо(?:жем|гу)|хоч(?:у|ет)|когда|почему|чтобы|суд[уе]?|деньги|we|you|will|won'?t|your|us|me|not|don'?t|is|are|if|otherwise|please|must|tomorrow|"
    r"today|waiting|court)\b",
    re.I,
)
_SENTENCE_END = re.compile(r"[.!?…][\"»”')]*\s*$")
_WORDS = re.compile(r"[^\W\d_]{2,}")


def closing_rest(line: str) -> str | None:
    """What follows a closing phrase at the start of ``line`` (often a name); None if there is no closing phrase."""
    match = CLOSING.match(line.strip())
    if match is None:
        return None
    rest = line.strip()[match.end() :]
    words = _WORDS.findall(rest)
    if _SOFT_CLOSING.match(line.strip()):
        if len(words) > 3 or (rest[-1:] in "?!" and rest) or (rest[:1].islower()):
            return None
    elif len(words) > 9 or (rest[:1].islower() and len(words) > 3):
        return None
    return rest


def like_sentence(line: str) -> bool:
    """Running words rather than a name, a post, a telephone number or an address."""
    count = len(_WORDS.findall(line))
    if line.rstrip().endswith("?"):
        return count >= 2
    if count >= 14:
        return True
    if CONTACT.search(line):
        return count >= 4 and len(_CLAUSE.findall(line)) >= 2
    return (count >= 5 and bool(_SENTENCE_END.search(line))) or (count >= 3 and bool(_CLAUSE.search(line)))


# ---- disclaimers, footers, banners

# What a disclaimer speaks of is the letter itself: «Важно: получатель груза отказался» and «if you received the payment in
# error» are the writer's own words.
_LETTER = r"(?:e-?mail|message|communication|transmission|attachment|mail\b|сообщени|письм|вложени|переписк|рассылк)"
DISCLAIMER = re.compile(
    r"[ \t*_]{0,4}(?:"
    rf"(?:важно|внимание|(?:important\s)?notice|important)\s?[:!.—–-](?=.{{0,200}}{_LETTER})"
    r".{0,300}(?:конфиденц|адресат|предназначен|confiden|intended|privileged|disclos|unauthori)"
    rf"|(?:disclaimer|confidential(?:ity)?(?:\snotice|\snote)?|конфиденциальн(?:о|ость)|privileged)\s?[:!.—–-](?=.{{0,300}}(?:{_LETTER}|адресат|addressee))"
    r".{0,300}(?:конфиденц|адресат|получател|предназнач|confiden|recipient|privileged|intended|disclos|addressee)"
    r"|(?:this|any|the(?=.{0,100}(?:attach|addressee|recipient)))\s(?:e-?mail|message|communication|transmission|electronic\s(?:mail|message))"
    r"\s(?!(?:that\s)?(?:you|we|i|he|she|they)\b)[^.!?]{0,160}"
    r"(?:confidential|privileged|intended\s(?:only\s|solely\s)?for|intended\srecipient|legally\s(?:privileged|protected)|virus|scanned|not\sconstitute)"
    r"|(?:the\s)?information\s(?:contained|transmitted|in\sthis)\b.{0,160}(?:confidential|privileged|intended|recipient)"
    rf"|if\syou\s(?:are\snot|have\sreceived|received)\s(?:the\s|an?\s)?(?:intended\s|named\s|correct\s|proper\s)*(?:recipient|addressee)\b"
    rf"|if\syou\s(?:have\s)?(?:received|got)\s(?:it|this|(?:this|the|any)\s(?:\w+\s)?{_LETTER}\w*)\b.{{0,80}}(?:in\serror|by\smistake|erroneously)"
    r"|(?:confidentiality|disclaimer|legal)\s(?:notice|statement)\b"
    r"|please\s(?:consider|think\sof)\sthe\senvironment\b|before\sprinting\b.{0,60}environment"
    r"|(?:данн|настоящ|эт)(?:ое|ее|о|а|ая|от|ый)\s(?:электронн\w+\s)?(?:сообщени|письм|переписк)\w*\b[^.!?]{0,160}"
    r"(?:конфиденциальн|предназначен[аоы]?\s(?:только|исключительно|для)|не\sявля[ею]тся\s(?:публичной\s)?офертой|коммерческ\w+\sтайн|для\sадресата)"
    r"|(?:вся\s|данная\s|эта\s|настоящая\s)?(?:содержание|информация),?\s(?=.{0,80}(?:сообщени|письм|вложени)).{0,160}"
    r"(?:конфиденциальн|предназначен[аоы]?\s(?:только|исключительно|для)|офертой|коммерческ\w+\sтайн|для\sадресата)"
    r"|(?:если|в\sслучае,?\sесли)\s(?:вы\s)?не\sявляетесь\s(?:\w+\s){0,2}(?:адресат|получател\w+\s(?:данного|этого|настоящего|сообщени|письм|,|\.))"
    r"|(?:если|в\sслучае,?\sесли)\s(?:вы\s)?(?:не\sявляетесь\s(?:\w+\s){1,2}получател|(?:ошибочно\s)?получили\s(?=(?:его|её|ее|(?:это|данное|настоящее)\s(?:\w+\s)?(?:сообщени|письм)|сообщени|письм|по\sошибке,?\s(?:удал|уничтож|сообщ|уведом|просим)|ошибочно,?\s(?:удал|уничтож|сообщ|уведом|просим)))"
    r".{0,120}(?:адресат|получател|ошибк|ошибочно|удал|уничтож))"
    r"|(?:сообщение|письмо|электронное\sписьмо)\s(?:и\s(?:любые\s)?(?:вложения|приложения)\b.{0,80})?.{0,40}(?:явля\w+|содерж\w+|могут\sсодержать)\s.{0,80}"
    r"конфиденциальн"
    r"|(?:это\s)?(?:сообщение|письмо)\s(?:было\s)?(?:проверено|проверен)\b.{0,60}(?:вирус|антивирус|avast|dr\.?web|kaspersky|касперск)"
    r"|(?:virus-free|без\sвирусов)\b.{0,60}|(?:scanned|checked)\s(?:by|for)\s.{0,60}(?:virus|avast|avg)"
    r"|вы\sполучили\sэто\s(?:сообщение|письмо),?\s(?:поскольку|потому\sчто|так\sкак)|чтобы\sотписаться\b"
    r"|отписаться(?:\sот\s(?:этой\s|данной\s)?рассылки)?(?=\s*(?:$|[|:.<\[(]|можно|https?:|по\sссылке))"
    r"|you\s(?:received|are\sreceiving)\sthis\s(?:message|e-?mail|email)\sbecause|to\sunsubscribe\b(?!\s(?:me|us)\b)"
    r"|unsubscribe(?!\s(?:me|us)\b)(?=\s*(?:$|[|:.<\[(,]|here\b|from\b|https?:|instantly\b|at\sany))"
    r"|registered\s(?:office|in\s(?:england|scotland|ireland))\b"
    rf"|(?:no|nothing)\s(?=.{{0,80}}{_LETTER}).{{0,100}}\blegally\sbinding\b|(?:no|nothing)\sin\sthis\s.{{0,60}}\blegally\sbinding\b"
    r")",
    re.I,
)
LEGAL_WORD = re.compile(
    r"confiden|recipient|privileged|disclos|unlawful|liab|virus|delete\s(?:it|this)|in\serror|legal\saction\smay|monitor|binding|"
    r"конфиденц|адресат|получател|удалит|уничтож|ошибочно|по\sошибке|офер|вирус|ответственност|разглаш|распростран|unsubscribe|отписат",
    re.I,
)
BANNER = re.compile(
    r"[ \t*\[(]{0,4}(?:external(?:\s(?:e-?mail|sender|message))?\s?[\]:*)!—-]|caution\s?:.{0,80}|warning\s?:.{0,60}external|"
    r"(?:this|the)\s(?:e-?mail|message)\s(?:originated|was\ssent|came)\s(?:from\s)?outside\b|внимание[!:.]?\s.{0,60}внешн\w+\s(?:отправител|адрес|почт|источник)|"
    r"внешн(?:ее|яя|ий)\s(?:письмо|почта|отправитель)|письмо\s(?:получено|отправлено)\s(?:от|из)\sвнешн|you\sdon'?t\soften\sget\semail\sfrom|"
    r"\[?вы\sнечасто\sполучаете\sписьма\sот)",
    re.I,
)
