"""The floor plan: what may include or import what, and how long a file may be (see ARCHITECTURE.md)."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]

# C++: for each folder, the other folders its files may include.
CPP_BELOW: dict[str, set[str]] = {
    "runtime": set(),
    "simd": {"runtime"},
    "io": {"runtime"},
    "kernels": {"runtime", "simd"},
    "engine": {"runtime"},
    "engine_f32": {"runtime", "simd", "kernels", "engine"},
    "reference": {"runtime", "engine"},
    "nn": {"runtime", "kernels", "engine"},
    "spec": {"runtime", "engine", "nn", "io"},
    "model": {"runtime", "engine", "nn", "io", "spec"},
    "capi": {"runtime", "kernels", "io", "model", "include"},
    "include": set(),
    "bindings": {"runtime", "kernels", "engine", "engine_f32", "reference", "nn", "io", "spec", "model"},
}

# What a file compiled for one instruction set may include besides the project's own headers: intrinsics, and
# C headers. Anything with C++ inline functions in it could be merged by the linker into code that runs on
# CPUs without that instruction set.
ISA_SYSTEM_HEADERS = {
    "immintrin.h",
    "arm_neon.h",
    "emmintrin.h",
    "stddef.h",
    "stdint.h",
    "string.h",
}

CODELESS = "cpp/runtime/exact.h"  # for the preprocessor alone

# Python: the floor of each module or subpackage of fastgru, lowest first.
PYTHON_FLOORS = [
    {"_version", "_core", "_paths", "_whole_file"},
    {
        "gru",
        "config",
        "windows",
        "frames",
        "metrics",
        "_containers",
        "_conversion",
        "_gaps",
        "_int8",
        "_tables",
        "_targets",
        "_texts",
        "_model_file",
        "_self_test",
        "datasets",
    },
    {"estimators", "inspection"},
    {"anomalies", "forecasting", "plot", "sequences"},
    {"adapters", "convert", "torch", "cli", "__main__"},
]
# Third-party packages that a floor may import when it is imported itself. More only inside functions.
# scikit-learn brings scipy, joblib and threadpoolctl with it.
# A file whose class has a base class of another package imports that, too: it is loaded by those who have it.
PYTHON_OWN_PACKAGES = {
    "python/fastgru/adapters/sktime.py": {"sktime"},
    **{f"python/fastgru/torch/{p.name}": {"torch"} for p in (REPO / "python/fastgru/torch").glob("*.py")},
}
PYTHON_PACKAGES: list[set[str]] = [
    set(),
    {"numpy"},
    {"numpy", "sklearn", "scipy", "joblib", "threadpoolctl"},
    {"numpy", "sklearn", "scipy", "joblib", "threadpoolctl"},
    {"numpy"},
]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def cpp_files() -> list[Path]:
    found = [
        p
        for root in ("cpp", "python/bindings")
        for p in (REPO / root).rglob("*")
        if p.suffix in {".h", ".hpp", ".cpp", ".inl"}
    ]
    return sorted(found)


def python_files() -> list[Path]:
    return sorted((REPO / "python" / "fastgru").rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(REPO).as_posix()


def cpp_folder(path: Path) -> str:
    return path.relative_to(REPO).parts[1]


def includes(path: Path) -> list[tuple[bool, str]]:
    """(quoted, name) of each #include of a file."""
    return [(kind == '"', name) for kind, name in INCLUDE.findall(path.read_text(encoding="utf-8"))]


def project_header(name: str, origin: Path) -> Path | None:
    for base in (REPO / "cpp", REPO / "cpp" / "include", REPO / "python", origin.parent):
        if (base / name).is_file():
            return (base / name).resolve()
    return None


def test_sources_were_found() -> None:
    folders = {cpp_folder(p) for p in cpp_files()}
    assert {"runtime", "kernels", "engine", "nn", "io", "reference", "bindings"} <= folders
    assert any(p.name == "gru.py" for p in python_files())


def listed_sources(folder: Path) -> set[str]:
    return set(re.findall(r"[\w/]+\.cpp", (folder / "CMakeLists.txt").read_text(encoding="utf-8")))


def test_every_cpp_source_is_built() -> None:
    assert listed_sources(REPO) == {relative(p) for p in cpp_files() if p.suffix == ".cpp"}


def test_every_cpp_test_is_built() -> None:
    tests = REPO / "tests" / "cpp"
    assert listed_sources(tests) == {p.relative_to(tests).as_posix() for p in tests.rglob("*.cpp")}


@pytest.mark.parametrize("path", cpp_files(), ids=relative)
def test_cpp_file_includes_only_lower_floors(path: Path) -> None:
    folder = cpp_folder(path)
    assert folder in CPP_BELOW, f"{relative(path)}: folder {folder!r} has no floor in this test"
    for quoted, name in includes(path):
        header = project_header(name, path)
        if header is None:
            assert not quoted, f'{relative(path)} includes "{name}", which is not in the project'
            continue
        target = cpp_folder(header)
        assert target == folder or target in CPP_BELOW[folder], (
            f"{relative(path)} ({folder}) includes {name} ({target}), which does not stand below it"
        )


@pytest.mark.parametrize("path", cpp_files(), ids=relative)
def test_eigen_lives_in_the_reference_alone(path: Path) -> None:
    if path.name == "eigen.hpp":  # optional: no other file of ours includes it
        return
    eigen = [name for _, name in includes(path) if name.startswith(("Eigen/", "unsupported/Eigen"))]
    assert not eigen or cpp_folder(path) == "reference", f"{relative(path)} includes {eigen}"


def isa_files() -> list[Path]:
    return sorted((REPO / "cpp" / "kernels").glob("isa_*.cpp"))


@pytest.mark.parametrize("path", isa_files(), ids=relative)
def test_isa_file_includes_only_intrinsics_and_its_own(path: Path) -> None:
    waiting, seen = [path], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        own = cpp_folder(current) in {"kernels", "simd"} or relative(current) == CODELESS
        assert own, f"{relative(path)} reaches {relative(current)}"
        for _, name in includes(current):
            header = project_header(name, current)
            if header is not None:
                waiting.append(header)
            else:
                assert name in ISA_SYSTEM_HEADERS, (
                    f"{relative(path)} reaches <{name}> through {relative(current)}"
                )


def python_floor(module: str) -> int | None:
    for floor, names in enumerate(PYTHON_FLOORS):
        if module in names:
            return floor
    return None


def imported_modules(path: Path, tree: ast.AST) -> list[tuple[ast.AST, str]]:
    """Absolute dotted names of all imports in `tree`, at any depth."""
    package = ["fastgru", *path.relative_to(REPO / "python" / "fastgru").parts[:-1]]
    found: list[tuple[ast.AST, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if name == "fastgru":
                found += [(node, f"fastgru.{alias.name}") for alias in node.names]
            else:
                found.append((node, name))
    return found


def runs_at_import(tree: ast.Module) -> list[ast.AST]:
    """The import statements that run on import: not those in functions or under TYPE_CHECKING."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            found.append(node)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found


@pytest.mark.parametrize("path", python_files(), ids=relative)
def test_python_file_imports_only_lower_floors(path: Path) -> None:
    parts = path.relative_to(REPO / "python" / "fastgru").with_suffix("").parts
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_import = runs_at_import(tree)
    if parts == ("__init__",):  # the facade: on import it may reach the layer, never the estimators
        floor = 1
    else:
        named = python_floor(parts[0])
        assert named is not None, f"{relative(path)}: module {parts[0]!r} has no floor in this test"
        floor = named
    for node, name in imported_modules(path, tree):
        head, *rest = name.split(".")
        if head == "fastgru":
            if parts == ("__init__",) and node not in at_import:
                continue
            target = python_floor(rest[0]) if rest else None
            if target is None:  # the facade or a name of it: for its users, on the top floor
                assert floor == len(PYTHON_FLOORS) - 1, f"{relative(path)} imports {name}: import its module"
                continue
            assert target <= floor, f"{relative(path)} (floor {floor}) imports {name} (floor {target})"
        elif head not in sys.stdlib_module_names and node in at_import:
            allowed = PYTHON_PACKAGES[floor] | PYTHON_OWN_PACKAGES.get(relative(path), set())
            assert head in allowed, f"{relative(path)} imports {name} when it is imported"


def written_by_hand() -> list[Path]:
    tests = [
        p
        for root in ("tests", "bench")
        for p in (REPO / root).rglob("*")
        if p.suffix in {".py", ".cpp", ".h"}
    ]
    return sorted([*cpp_files(), *python_files(), *tests])


@pytest.mark.parametrize("path", written_by_hand(), ids=relative)
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{relative(path)} has {lines} lines: split it"


@pytest.mark.parametrize("path", written_by_hand(), ids=relative)
def test_file_leaves_nothing_open(path: Path) -> None:
    marks = re.findall(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b", path.read_text(encoding="utf-8"))
    assert not marks, f"{relative(path)} contains {marks}"
