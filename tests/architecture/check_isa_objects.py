#!/usr/bin/env python3
"""Checks an object file that was compiled for one instruction set. usage: check_isa_objects.py ISA TYPE OBJECT...

Such an object may contain instructions that a CPU lacks, which is harmless as long as nothing but its own kernels runs them. So:
  weak symbols     every one carries the ISA's type (`Avx2`) in its name; else the linker might keep this copy for the whole program.
                   Another ISA's type does not count: the two copies would be compiled with different flags.
  undefined ones   only the memory functions that compilers call by themselves: a kernel calls nobody
  initialisers     none: they would run before main() on any CPU
  baseline         no ymm, zmm, tmm or mask registers in any instruction

Exits with 1 and a line per violation."""
import re
import subprocess
import sys

MAY_CALL = {"memcpy", "memset", "memmove"}
# Set up by the linker itself; position-independent code refers to it.
LINKER_SYMBOLS = {"_GLOBAL_OFFSET_TABLE_"}
WIDE_REGISTER = re.compile(r"%(?:[yzt]mm\d|k[0-7]\b)")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weak_problems(isa, type_name, listing):
    for line in listing.splitlines():
        match = re.match(r"[0-9a-f]*\s+([WVuvw])\s+(.*)", line)
        if not match:
            continue
        name = match[2]
        if re.search(rf"\bberth::kernels::{type_name}\b", name):
            continue
        # The baseline's own library: named after the architecture it was instantiated for, and compiled for every CPU.
        if isa == "baseline" and re.search(r"\bxsimd::.*\bsse2\b", name):
            continue
        yield f"weak symbol without {type_name}: {name}"


def problems(isa, type_name, path):
    yield from weak_problems(isa, type_name, output("nm", "--demangle", path))
    for line in output("nm", "--undefined-only", "--format=posix", path).splitlines():
        name = line.split()[0]
        if name not in MAY_CALL | LINKER_SYMBOLS and not line.split()[1] in "wv":
            yield f"undefined symbol {name}"
    for line in output("readelf", "--sections", "--wide", path).splitlines():
        section = re.search(r"\.(?:init_array|ctors|preinit_array)\S*", line)
        if section:
            yield f"section {section[0]}: something runs before main()"
    if isa == "baseline":
        wide = [line for line in output("objdump", "--disassemble", "--no-show-raw-insn", path).splitlines() if WIDE_REGISTER.search(line)]
        if wide:
            yield f"{len(wide)} instructions beyond the baseline, the first: {wide[0].strip()}"


def main():
    isa, type_name, objects = sys.argv[1], sys.argv[2], sys.argv[3:]
    found = 0
    for path in objects:
        if not re.search(rf"\b{type_name}\b", output("nm", "--demangle", path)):
            print(f"{path}: nothing in it is named after {type_name}: not the object that was meant?")
            found += 1
        for problem in problems(isa, type_name, path):
            print(f"{path}: {problem}")
            found += 1
    print(f"{isa}: {len(objects)} objects, {found} violations")
    return 1 if found or not objects else 0


if __name__ == "__main__":
    sys.exit(main())
