"""From the bytes of a user's file to its text: compression, encoding, and files that are no text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from fastgru.cli._errors import InputError

_COMPRESSED: tuple[tuple[bytes, str, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.decompress),
    (b"BZh", "bzip2", bz2.decompress),
    (b"\xfd7zXZ\x00", "xz", lzma.decompress),
)
_OTHER_BYTES = (  # the first bytes of a file, what it is, and what to do
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first"),
    (b"\x04\x22\x4d\x18", "compressed with LZ4", "decompress it first"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it first"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office file", "save the sheet as CSV"),
    (b"%PDF", "a PDF", "export the table as CSV"),
    (b"PAR1", "a Parquet file", "write it as CSV (pandas.read_parquet, to_csv)"),
    (b"ARROW1", "an Arrow or Feather file", "write it as CSV (pandas.read_feather, to_csv)"),
    (b"\x89HDF", "an HDF5 file", "write the series as CSV"),
    (b"CDF\x01", "a NetCDF file", "write the series as CSV"),
    (b"CDF\x02", "a NetCDF file", "write the series as CSV"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"\x93NUMPY", "a NumPy array", "write it as CSV (numpy.savetxt)"),
    (b"\x80\x04\x95", "a Python pickle", "write the series as CSV"),
    (b"\x80\x05\x95", "a Python pickle", "write the series as CSV"),
    (b"\x89PNG", "a picture", "name the file with the numbers"),
    (b"\xff\xd8\xff", "a picture", "name the file with the numbers"),
)
_OTHER_TEXTS = (
    (("<!doctype html", "<html"), "an HTML page", "save the data itself, not the page that shows it"),
    (("<?xml",), "an XML file", "export the table as CSV"),
    (('{"', "[{", "{\n", "{\r"), "JSON", "write it as CSV (pandas.read_json, to_csv)"),
    (("version https://git-lfs",), "a Git LFS pointer, not the data", "fetch the file with git lfs pull"),
)
_BYTE_ORDER_MARKS = (  # UTF-32 begins like UTF-16
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def read_text(path: Path, encoding: str | None) -> str:
    """Read a text file, which may be compressed with gzip, bzip2, xz or zip.

    Parameters
    ----------
    path : Path
        The file.
    encoding : str or None
        Name of the encoding. A byte order mark comes first; None without one: UTF-16 if every other byte is
        zero, else UTF-8.

    Returns
    -------
    str
        The text, without byte order mark.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, holds no text, or has another encoding.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    raw = _decompressed(path, raw)
    for start, what, instead in _OTHER_BYTES:
        if raw.startswith(start):
            raise InputError(f"{path}: this is {what}, not CSV: {instead}")
    text = _decoded(path, raw, encoding)
    beginning = text[:100].lstrip().lower()
    for starts, what, instead in _OTHER_TEXTS:
        if beginning.startswith(starts):
            raise InputError(f"{path}: this is {what}, not CSV: {instead}")
    return text


def _decompressed(path: Path, raw: bytes) -> bytes:
    try:
        for start, name, decompress in _COMPRESSED:  # noqa: B007, the name is for the message below
            if raw.startswith(start):
                return decompress(raw)
        name = "zip"
        return _only_member(path, raw) if raw.startswith(b"PK\x03\x04") else raw
    except (
        OSError,
        EOFError,
        ValueError,
        RuntimeError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
    ) as error:
        raise InputError(f"{path}: the {name} file cannot be decompressed: {error}") from None


def _only_member(path: Path, raw: bytes) -> bytes:
    """Return the one file in a zip archive."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise InputError(
                f"{path}: this is a spreadsheet or an Office file, not CSV: save the sheet as CSV"
            )
        if len(names) != 1:
            listed = ", ".join(names[:10])
            raise InputError(
                f"{path}: one file in the zip archive is wanted, not {len(names)} ({listed}): unpack it"
            )
        return archive.read(names[0])


def _decoded(path: Path, raw: bytes, encoding: str | None) -> str:
    marked = [name for mark, name in _BYTE_ORDER_MARKS if raw.startswith(mark)]
    used = marked[0] if marked else encoding or _utf_16_without_mark(raw) or "utf-8"
    try:
        return raw.decode(used)
    except LookupError:
        raise InputError(
            f"--encoding: {used!r} is not known; usual ones are utf-8, latin-1, cp1252, cp1250, utf-16"
        ) from None
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = raw.count(b"\n", 0, start) + 1
        name = "UTF-8" if used.startswith("utf-8") else used
        raise InputError(
            f"{path}, line {line}: not {name} text (byte 0x{raw[start]:02x}); --encoding names another, "
            "such as latin-1 or cp1252"
        ) from None


def _utf_16_without_mark(raw: bytes) -> str | None:
    """Return the encoding whose zero bytes stand where those of Latin text in UTF-16 do, or None."""
    sample = raw[:4096]
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if len(sample) % 2 == 0 and max(low, high) > len(sample) // 4 and min(low, high) == 0:
        return "utf-16-le" if high else "utf-16-be"
    return None
