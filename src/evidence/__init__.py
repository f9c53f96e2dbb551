"""Archive the mail of a dispute with hashes, build a timeline of both sides, produce a dated evidence bundle."""

__version__ = "0.1.0"
