#!/usr/bin/env python3
"""Checks the order of the folders (HACKING.md) over every #include line. usage: check_layers.py REPOSITORY

    base < { kernels, tokenizer, loaders } < engine < { apps, bindings, examples }

Prints one line per violation and exits with 1 when there is any."""
import pathlib
import re
import sys

# folder -> folders whose headers it may include, besides its own. "berth" stands for the public headers, <berth/...>.
MAY_INCLUDE = {
    "include": set(),
    "base": set(),
    "kernels": {"base"},
    "tokenizer": {"base"},
    "loaders": {"base"},
    "engine": {"base", "kernels", "tokenizer", "loaders", "berth"},
    "apps": {"base", "berth"},
    "bindings": {"berth"},
    "examples": {"berth"},
}
# These see everything; nothing outside of them sees them.
OBSERVERS = {"tests", "bench", "fuzz"}

# Takes long to compile, and the rest of the server is none of its business.
MAY_INCLUDE_BOOST = {"apps/server/connection.hpp", "apps/server/connection.cpp", "apps/server/http_server.cpp"}

# What the translation units that are compiled for one instruction set may see of the system. An inline function of a standard header,
# compiled there with -mavx512f, could become the one copy that the linker keeps for the whole program.
ISA_SYSTEM_HEADERS = {"cstddef", "cstdint", "cstring", "immintrin.h", "emmintrin.h", "type_traits", "concepts", "xsimd/xsimd.hpp"}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
SUFFIXES = {".cpp", ".hpp", ".c", ".h"}


def includes(path):
    """(quoted, system) names that a file includes."""
    pairs = INCLUDE.findall(path.read_text(encoding="utf-8"))
    return [q for q, _ in pairs if q], [s for _, s in pairs if s]


def folder_problems(root, path):
    name = path.relative_to(root).as_posix()
    folder = name.split("/")[0]
    quoted, system = includes(path)
    for header in quoted:
        if not (root / header).is_file():
            if folder == "bindings" and (path.parent / header).is_file():
                continue
            yield f'{name}: "{header}" is not a file of the repository, named from its top'
            continue
        target = header.split("/")[0]
        if folder in OBSERVERS or target == folder:
            continue
        if target not in MAY_INCLUDE[folder]:
            yield f'{name}: {folder} may not include "{header}"'
    for header in system:
        if header.startswith("berth/"):
            if folder not in OBSERVERS | {"include"} and "berth" not in MAY_INCLUDE[folder]:
                yield f"{name}: {folder} may not include <{header}>"
            if not (root / "include" / header).is_file():
                yield f"{name}: there is no <{header}>"
        if re.match(r"(oneapi/)?tbb/|tbb\.h", header) and name != "base/parallel.cpp" and folder not in OBSERVERS:
            yield f"{name}: only base/parallel.cpp may include <{header}>"
        if header.startswith("boost/") and name not in MAY_INCLUDE_BOOST and folder not in OBSERVERS:
            yield f"{name}: only {', '.join(sorted(MAY_INCLUDE_BOOST))} may include <{header}>"


def isa_problems(root):
    """The headers that kernels/isa/*.cpp see, through any number of steps."""
    for unit in sorted((root / "kernels/isa").glob("*.cpp")):
        todo, seen = [unit.relative_to(root).as_posix()], set()
        while todo:
            name = todo.pop()
            if name in seen or not (root / name).is_file():
                continue
            seen.add(name)
            quoted, system = includes(root / name)
            todo += quoted
            for header in system:
                if header not in ISA_SYSTEM_HEADERS:
                    yield f"{name}: <{header}> reaches {unit.relative_to(root)}, which is compiled for one instruction set"


def problems(root):
    root = pathlib.Path(root).resolve()
    found, files = [], 0
    for folder in [*MAY_INCLUDE, *sorted(OBSERVERS)]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and "node_modules" not in path.parts:
                files += 1
                found += folder_problems(root, path)
    return found + sorted(set(isa_problems(root))), files


def main():
    found, files = problems(sys.argv[1])
    print("\n".join(found + [f"{files} files, {len(found)} violations of the order of the folders"]))
    return 1 if found or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
