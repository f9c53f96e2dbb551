#!/usr/bin/env python3
"""Checks a hand-over package without the program that made it. Python 3.8 or newer, standard library only, no network.

    python3 -I verify.py [--ru | --en] [FOLDER or package.zip]      default: the folder this file lies in
    exit code 0: everything fits; 20: something does not, and it is named; 2: there is no package

What it checks: every file against manifest-sha256.txt and manifest-sha512.txt (BagIt, RFC 8493), no file missing, none
added; each original against the hash printed in the bundle; each original's event in the custody log against the log's
root (RFC 9162); that an earlier bundle's log is the beginning of this one; that each time-stamp token is over this
archive's root. The signature of a token is checked by openssl; the line to run is shown.
"""

import hashlib
import json
import locale
import os
import re
import sys
import zipfile

RUSSIAN = {
    "%s: appears twice in the zip": "%s: встречается в zip дважды",
    "%s: missing": "%s: нет в пакете",
    "%s: is not what it was (%s differs)": "%s: файл изменён (не сходится %s)",
    "%s: was added; no manifest names it": "%s: файл добавлен; ни в одном перечне его нет",
    "%d files against SHA-256 and SHA-512": "файлы по SHA-256 и SHA-512: %d",
    "log: cannot be read: %s": "журнал: не читается: %s",
    "data/log/leaves.txt: its root is not the one stated in data/log/head.json": "data/log/leaves.txt: корень не тот, что указан в data/log/head.json",
    "exhibit %d": "приложение %d",
    "%s: %s is not the original with the printed SHA-256": "%s: %s — не тот оригинал, SHA-256 которого напечатан",
    "%s: %s is missing": "%s: нет файла %s",
    "%s: %s does not prove that the original stands in the log": "%s: %s не доказывает, что оригинал записан в журнале",
    "the log's root over %d events, and the proofs of %d originals": "корень журнала (событий: %d) и доказательства (оригиналов: %d)",
    "nothing in the log at %d events was changed before %d": "прежний журнал (событий: %d) вошёл в нынешний (событий: %d) без изменений",
    "%s: the earlier log is not the beginning of this one": "%s: прежний журнал — не начало этого",
    "%s: does not cover this log": "%s: к этому журналу не относится",
    "time stamp %s states %s, covering %d events": "метка времени %s: указано %s, охвачено событий: %d",
    "The signature of %s is checked with: openssl ts -verify -in %s -data %s/statement.json -CAfile %s/chain.pem": "Подпись в %s проверяется так: openssl ts -verify -in %s -data %s/statement.json -CAfile %s/chain.pem",
    "No trusted time stamp is in the package: nothing outside the maker's machine vouches for the time.": "Внешней метки времени в пакете нет: время не удостоверено никем, кроме компьютера составителя.",
    "Whether bundle.pdf is the one you were given: compare its SHA-256 with the receipt: %s": "Тот ли это bundle.pdf, который вам передан: сравните его SHA-256 с распиской: %s",
    "Who wrote a message, and what was said by telephone or in messaging apps.": "Кто написал письмо и что говорилось по телефону или в мессенджерах.",
    "Cannot be read: %s": "Не читается: %s",
    "%s is not a package: bagit.txt is missing.": "%s — не пакет: нет файла bagit.txt.",
    "NOT SOUND. The following does not match:": "ЦЕЛОСТНОСТЬ НАРУШЕНА. Не сходится следующее:",
    "SOUND. Everything matches.": "ЦЕЛО. Всё сходится.",
    "Checked:": "Проверено:",
    "Cannot be known from the package alone:": "По одному пакету узнать нельзя:",
}


def phrases(language):
    """phrase(text, values…): the sentence in that language ("ru"; else English) with the values put in."""

    def phrase(text, *values):
        text = RUSSIAN[text] if language == "ru" else text
        return text % values if values else text

    return phrase


def language_of_the_machine():
    for name in ("EVIDENCE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if os.environ.get(name):
            return "ru" if os.environ[name].lower().startswith("ru") else "en"
    return "ru" if (locale.getlocale()[0] or "").lower().startswith(("ru", "russian")) else "en"


GENERALIZED_TIME, SEQUENCE, OCTET_STRING = 0x18, 0x30, 0x04


class Folder:
    def __init__(self, root):
        self.root = root

    def names(self):
        for folder, _folders, files in os.walk(self.root):
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), self.root).replace(os.sep, "/")

    def open(self, name):
        return open(os.path.join(self.root, *name.split("/")), "rb")


class Zip:
    def __init__(self, path):
        self.zip = zipfile.ZipFile(path)
        names = [n for n in self.zip.namelist() if not n.endswith("/")]
        # One top folder is allowed, as when the folder itself was packed.
        tops = {n.partition("/")[0] for n in names}
        self.prefix = tops.pop() + "/" if len(tops) == 1 and "bagit.txt" not in names else ""
        self.doubled = sorted({n for n in names if names.count(n) > 1})

    def names(self):
        for name in self.zip.namelist():
            if not name.endswith("/") and name.startswith(self.prefix):
                yield name[len(self.prefix) :]

    def open(self, name):
        return self.zip.open(self.prefix + name)


def read(package, name):
    with package.open(name) as stream:
        return stream.read()


def digests(package, name):
    one, two = hashlib.sha256(), hashlib.sha512()
    with package.open(name) as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            one.update(block)
            two.update(block)
    return {"sha256": one.hexdigest(), "sha512": two.hexdigest()}


def manifest(package, name):
    rows = {}
    for line in read(package, name).decode("utf-8").splitlines():
        match = re.match(r"([0-9a-f]+)[ *]+(.+)$", line)
        if match:
            # BagIt (RFC 8493, 2.1.3) writes line breaks and percent signs of file names percent-encoded.
            rows[re.sub("%(0[AaDd]|25)", lambda m: chr(int(m[1], 16)), match[2])] = match[1]
    return rows


# ---- RFC 9162 ----


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        level = [node(level[i], level[i + 1]) if i + 1 < len(level) else level[i] for i in range(0, len(level), 2)]
    return level[0]


def included(leaf, index, size, path, root):
    """RFC 9162, 2.1.3.2."""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node(p, r)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            r = node(r, p)
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def consistent(first, second, first_root, second_root, path):
    """RFC 9162, 2.1.4.2."""
    if first == second:
        return not path and first_root == second_root
    if first < 1 or first > second:
        return False
    path = list(path)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        return False
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            sr = node(sr, c)
        fn >>= 1
        sn >>= 1
    return fr == first_root and sr == second_root and sn == 0


# ---- RFC 3161: imprint and time out of a token, without checking its signature ----


def elements(octets, start=0, end=None):
    """(tag, content start, content end) of each DER element."""
    end = len(octets) if end is None else end
    while start + 2 <= end:
        tag, length, start = octets[start], octets[start + 1], start + 2
        if length & 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(octets[start : start + count], "big"), start + count
        if start + length > end:
            return
        yield tag, start, start + length
        start += length


def token_states(octets, depth=0):
    """(imprint hexadecimal, time) of a TimeStampResp, or None. TSTInfo: version, policy, messageImprint, serial, genTime."""
    if depth > 12:
        return None
    children = list(elements(octets))
    tags = [tag for tag, _a, _b in children]
    if tags[:5] == [0x02, 0x06, SEQUENCE, 0x02, GENERALIZED_TIME]:
        imprint = [octets[a:b] for tag, a, b in elements(octets, children[2][1], children[2][2]) if tag == OCTET_STRING]
        return imprint[0].hex(), octets[children[4][1] : children[4][2]].decode("ascii", "replace")
    for tag, a, b in children:
        if tag & 0x20 or tag == OCTET_STRING:
            found = token_states(octets[a:b], depth + 1)
            if found:
                return found
    return None


def check(package, language="en"):
    """Returns (problems, what was checked, what cannot be known), in English or Russian."""
    phrase = phrases(language)
    problems, checked, unknown = [], [], []
    names = set(package.names())
    if "bagit.txt" not in names or "manifest-sha256.txt" not in names:
        return None
    for name in getattr(package, "doubled", []):
        problems.append(phrase("%s: appears twice in the zip", name))
    known, files = {}, 0
    for algorithm in ("sha256", "sha512"):
        for kind in ("manifest", "tagmanifest"):
            listed = "%s-%s.txt" % (kind, algorithm)
            if listed not in names:
                problems.append(phrase("%s: missing", listed))
                continue
            for name, digest in manifest(package, listed).items():
                if name not in names:
                    problems.append(phrase("%s: missing", name))
                    continue
                if name not in known:
                    known[name] = digests(package, name)
                    files += 1
                if known[name][algorithm] != digest:
                    problems.append(phrase("%s: is not what it was (%s differs)", name, algorithm.upper()))
    for name in sorted(names - set(known)):
        if not re.match(r"tagmanifest-\w+\.txt$", name):
            problems.append(phrase("%s: was added; no manifest names it", name))
    checked.append(phrase("%d files against SHA-256 and SHA-512", files))

    try:
        head = json.loads(read(package, "data/log/head.json").decode("utf-8"))
        exhibits = json.loads(read(package, "data/exhibits.json").decode("utf-8"))
        leaves = [bytes.fromhex(x) for x in read(package, "data/log/leaves.txt").decode("ascii").split()]
        root = bytes.fromhex(head["root"])
        labels = [(int(exhibit["number"]), exhibit.get("attachments") or []) for exhibit in exhibits]
        if not isinstance(head["size"], int) or not all(isinstance(x, dict) for _n, found in labels for x in found):
            raise ValueError("data/exhibits.json, data/log/head.json")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        problems.append(phrase("log: cannot be read: %s", error))
        return problems, checked, unknown
    if len(leaves) != head["size"] or root_of(leaves) != root:
        problems.append(phrase("data/log/leaves.txt: its root is not the one stated in data/log/head.json"))
    proofs = 0
    for exhibit in exhibits:
        label = phrase("exhibit %d", exhibit["number"])
        if exhibit.get("file") and exhibit["file"] in known and known[exhibit["file"]]["sha256"] != exhibit["sha256"]:
            problems.append(phrase("%s: %s is not the original with the printed SHA-256", label, exhibit["file"]))
        if exhibit.get("file") and exhibit["file"] not in names:
            problems.append(phrase("%s: %s is missing", label, exhibit["file"]))
        for attached in exhibit.get("attachments") or []:
            place = attached.get("file")
            if place and place not in names:
                problems.append(phrase("%s: %s is missing", label, place))
            elif place and known.get(place, {}).get("sha256") != attached.get("sha256"):
                problems.append(phrase("%s: %s is not the original with the printed SHA-256", label, place))
        if not exhibit.get("proof"):
            if exhibit.get("file"):  # an original that nothing binds to the log could be any
                problems.append(
                    phrase("%s: %s does not prove that the original stands in the log", label, "data/log/proofs")
                )
            continue
        if exhibit["proof"] not in names:
            problems.append(phrase("%s: %s is missing", label, exhibit["proof"]))
            continue
        try:
            proof = json.loads(read(package, exhibit["proof"]).decode("utf-8"))
            event = json.loads(proof["event"])
            leaf = hashlib.sha256(b"\x00" + proof["event"].encode("utf-8")).digest()
            path = [bytes.fromhex(x) for x in proof["path"]]
            fits = (
                event["seq"] == proof["seq"]
                and event["row"]["sha256"] == exhibit["sha256"]
                and proof["size"] == head["size"]
                and proof["root"] == head["root"]
                and included(leaf, proof["seq"], proof["size"], path, root)
            )
        except (KeyError, ValueError, TypeError):
            fits = False
        if not fits:
            problems.append(
                phrase("%s: %s does not prove that the original stands in the log", label, exhibit["proof"])
            )
        proofs += 1
    checked.append(phrase("the log's root over %d events, and the proofs of %d originals", head["size"], proofs))
    for name in sorted(n for n in names if re.match(r"data/log/consistency-.*\.json$", n)):
        try:
            proof = json.loads(read(package, name).decode("utf-8"))
            fits = consistent(
                proof["first"],
                proof["second"],
                bytes.fromhex(proof["first_root"]),
                bytes.fromhex(proof["second_root"]),
                [bytes.fromhex(x) for x in proof["path"]],
            )
            fits = fits and proof["second_root"] == head["root"]
        except (KeyError, ValueError, TypeError):
            fits = False
        if fits:
            checked.append(
                phrase("nothing in the log at %d events was changed before %d", proof["first"], proof["second"])
            )
        else:
            problems.append(phrase("%s: the earlier log is not the beginning of this one", name))

    anchors = 0
    for name in sorted(n for n in names if re.match(r"data/anchors/[^/]+/token\.tsr$", n)):
        folder = name.rpartition("/")[0]
        try:
            stated = read(package, folder + "/statement.json")
            made = json.loads(stated.decode("utf-8"))
            states = token_states(read(package, name))
            over = leaves[: made["size"]]
            fits = (
                states is not None
                and states[0] == hashlib.sha256(stated).hexdigest()
                and made["archive"] == head["archive"]
                and len(over) == made["size"]
                and root_of(over).hex() == made["root"]
            )
        except (KeyError, ValueError, TypeError):
            fits, states = False, None
        if not fits or states is None:
            problems.append(phrase("%s: does not cover this log", name))
            continue
        anchors += 1
        checked.append(
            phrase("time stamp %s states %s, covering %d events", folder.rpartition("/")[2], states[1], made["size"])
        )
        unknown.append(
            phrase(
                "The signature of %s is checked with: openssl ts -verify -in %s -data %s/statement.json -CAfile %s/chain.pem",
                name,
                name,
                folder,
                folder,
            )
        )
    if not anchors:
        unknown.append(
            phrase("No trusted time stamp is in the package: nothing outside the maker's machine vouches for the time.")
        )
    unknown.append(
        phrase(
            "Whether bundle.pdf is the one you were given: compare its SHA-256 with the receipt: %s",
            known.get("data/bundle.pdf", {}).get("sha256", "-"),
        )
    )
    unknown.append(phrase("Who wrote a message, and what was said by telephone or in messaging apps."))
    return problems, checked, unknown


def main(arguments):
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    chosen = [word for word in arguments if word in ("--ru", "--en")]
    language = chosen[-1][2:] if chosen else language_of_the_machine()
    phrase = phrases(language)
    places = [word for word in arguments if word not in chosen]
    target = places[0] if places else os.path.dirname(os.path.abspath(__file__))
    try:
        package = Folder(target) if os.path.isdir(target) else Zip(target)
        result = check(package, language)
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        print(phrase("Cannot be read: %s", error))
        return 20 if os.path.exists(target) else 2
    if result is None:
        print(phrase("%s is not a package: bagit.txt is missing.", target))
        return 2
    problems, checked, unknown = result
    print(phrase("NOT SOUND. The following does not match:" if problems else "SOUND. Everything matches."))
    for line in problems:
        print("  x " + line)
    print(phrase("Checked:"))
    for line in checked:
        print("  - " + line)
    print(phrase("Cannot be known from the package alone:"))
    for line in unknown:
        print("  - " + line)
    return 20 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
