#!/usr/bin/env python3
"""empty_root.py SHOWN[:SHOWN...] PROGRAM [ARG...]: runs a program in a root directory that holds the program and the paths SHOWN, each where it is outside, and
nothing else: no libraries, no /etc, no /proc, no /dev. As root, or in a user namespace. The process stays the same one (exec), so signals and streams do."""
import ctypes
import os
import pathlib
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE, MS_REMOUNT, MS_RDONLY = 4096, 16384, 1 << 18, 32, 1
UNAVAILABLE = 77  # what CTest takes for skipped

libc = ctypes.CDLL(None, use_errno=True)


def checked(what, result):
    if result != 0:
        print(f"empty_root: {what}: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
        sys.exit(UNAVAILABLE)


def mount(source, target, kind, flags):
    checked(f"mount {target}", libc.mount(os.fsencode(source), os.fsencode(target), kind, flags, None))


def leave_namespaces():
    user, group = os.geteuid(), os.getegid()
    checked("unshare", libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)))
    if user:
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    mount("none", "/", None, MS_REC | MS_PRIVATE)


def main():
    shown = [pathlib.Path(path).resolve() for path in sys.argv[1].split(":") if path]
    program = pathlib.Path(sys.argv[2]).absolute()
    if not any(program.is_relative_to(path) for path in shown):
        shown.append(program)
    here = os.getcwd()
    leave_namespaces()
    root = pathlib.Path(__file__).resolve().parent  # any directory would do: only this process sees what is mounted on it
    mount("none", root, b"tmpfs", 0)
    for path in shown:
        inside = root / path.relative_to("/")
        if path.is_dir():
            inside.mkdir(parents=True, exist_ok=True)
        else:
            inside.parent.mkdir(parents=True, exist_ok=True)
            inside.touch()
        mount(path, inside, None, MS_BIND | MS_REC)
    mount("none", root, None, MS_REMOUNT | MS_RDONLY)
    os.chroot(root)
    os.chdir(here if os.path.isdir(here) else "/")
    os.execv(program, [str(program), *sys.argv[3:]])


if __name__ == "__main__":
    main()
