"""Archive the mail of a dispute with hashes, build a timeline of both sides, produce a dated evidence bundle."""

try:
    from evidence._version import __version__ as __version__  # written by the build from the git tag
except ImportError:
    __version__ = "0.1.0"

__all__ = ["__version__"]
