"""Bounds on what one message may cost. Crossing one is named in ``defects``; the octets stay whole in the archive."""

MAX_DEPTH = 40  # levels of multipart; real mail has fewer than ten
MAX_PARTS = 1_000  # leaves read; the rest is one attachment
MAX_HEADER_BLOCK = 1_000_000  # octets of header fields read
MAX_HEADERS = 20_000  # fields read
MAX_HEADER_VALUE = 64_000  # octets of one field decoded
MAX_ADDRESS_VALUE = 32_000  # octets of an address field handed to the address scanner
MAX_ADDRESS_TOTAL = 128_000  # octets of all address fields together
MAX_RECEIVED = 100
MAX_REFERENCES = 2_000
MAX_BODY = 8_000_000  # code points of body text
MAX_HTML = 8_000_000  # code points of HTML turned to text
MAX_FILENAME = 120  # code points of a safe file name (under 255 octets of UTF-8 in any script)
MAX_ATTACHMENT_TEXT = 1_000_000  # code points of text read out of an attachment
MAX_ATTACHMENT_OCTETS = 40_000_000  # larger attachments are not opened for text
ATTACHMENT_SECONDS = 20  # wall clock of the reading child, for one message
ATTACHMENT_MEMORY = 1_000_000_000  # octets of address space of the reading child
