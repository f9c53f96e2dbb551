"""Just enough of DER (X.690) to put the certificates of a CMS SignedData in order."""

from __future__ import annotations


def sorted_certificates(response: bytes) -> bytes:
    """A TimeStampResp with its set of certificates sorted as X.690 section 11.6 wants. Raises ValueError for other octets.

    The set is outside what the authority signed, so the order bears on no check; OpenSSL's ``-chain`` leaves it unsorted.
    """
    status, token = _fields(_only(response, 0x30))[:2]
    content_type, wrapped = _fields(_only(token, 0x30))[:2]
    fields = _fields(_only(_only(wrapped, 0xA0), 0x30))
    fields = [_wrap(0xA0, b"".join(sorted(_fields(f[_start(f) :])))) if f[0] == 0xA0 else f for f in fields]
    signed = _wrap(0xA0, _wrap(0x30, b"".join(fields)))
    return _wrap(0x30, status + _wrap(0x30, content_type + signed))


def _start(element: bytes) -> int:
    """Where the content of an element begins."""
    if len(element) < 2:
        raise ValueError("a DER element is cut short")
    return 2 if element[1] < 0x80 else 2 + (element[1] & 0x7F)


def _length(octets: bytes) -> int:
    """How long the first element of ``octets`` is, header included."""
    start = _start(octets)
    size = octets[1] if start == 2 else int.from_bytes(octets[2:start], "big")
    if start + size > len(octets):
        raise ValueError("a DER element is cut short")
    return start + size


def _only(octets: bytes, tag: int) -> bytes:
    """The content of the one element of ``octets``, which must have ``tag``."""
    if not octets or octets[0] != tag or _length(octets) != len(octets):
        raise ValueError(f"no DER element {tag:#x} where one must be")
    return octets[_start(octets) :]


def _fields(content: bytes) -> list[bytes]:
    fields = []
    while content:
        length = _length(content)
        fields.append(content[:length])
        content = content[length:]
    if len(fields) < 1:
        raise ValueError("an empty DER sequence")
    return fields


def _wrap(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content
