#!/usr/bin/env python3
"""What has to agree with something else: the structs and prototypes with berth.h, the stubs with the code.
usage: interface_test.py BERTH REPOSITORY, with the package on the path; CC names the C compiler."""
import ast
import ctypes
import inspect
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import berth
from berth import _inputs, _library

REPOSITORY, CC = pathlib.Path(sys.argv.pop(2)), os.environ.get("CC", "cc")
del sys.argv[1]
HEADER = (REPOSITORY / "include/berth/berth.h").read_text(encoding="utf-8")


class Header(unittest.TestCase):
    def test_structs(self):
        """The C compiler's sizes and offsets are those of ctypes, and no field is missing."""
        checks = []
        for struct in _library.STRUCTS:
            name = struct._c_name_
            checks.append(f"_Static_assert(sizeof({name}) == {ctypes.sizeof(struct)}, \"{name}\");")
            for field, _ in struct._fields_:
                size = f"sizeof((({name}*)0)->{field}) == {getattr(struct, field).size}"
                checks.append(f"_Static_assert(offsetof({name}, {field}) == {getattr(struct, field).offset} && {size}, \"{name}.{field}\");")
            body = re.search(r"typedef struct %s \{(.*?)\} %s;" % (name, name), HEADER, re.DOTALL).group(1)
            declared = re.findall(r"(\w+);", re.sub(r"/\*.*?\*/", "", body, flags=re.DOTALL))
            self.assertEqual([field for field, _ in struct._fields_], declared, name)
        self.assertGreater(len(checks), 40)
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / "structs.c"
            source.write_text("#include <berth/berth.h>\n" + "\n".join(checks) + "\n", encoding="utf-8")
            done = subprocess.run([CC, "-std=c11", "-I", REPOSITORY / "include", "-fsyntax-only", "-x", "c", source], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_prototypes(self):
        """Every function has as many arguments as in the header, and returns a status where it says so."""
        text = re.sub(r"/\*.*?\*/", "", HEADER, flags=re.DOTALL)
        declared = {name: (result.strip(), arguments) for result, name, arguments in re.findall(r"BERTH_API ([^;(]*?)(berth_\w+)\(([^)]*)\);", text)}
        for name, (_, arguments) in _library._PLAIN.items():
            self.assertNotEqual(declared[name][0], "berth_status", name)
            self.assertEqual(self.count(declared[name][1]), len(arguments), name)
        for name, arguments in _library._CHECKED.items():
            self.assertEqual(declared[name][0], "berth_status", name)
            self.assertEqual(self.count(declared[name][1]), len(arguments), name)

    def count(self, arguments):
        return 0 if arguments.strip() in ("", "void") else arguments.count(",") + 1

    def test_statuses(self):
        names = dict(re.findall(r"BERTH_([A-Z_]+) = (\d+)", HEADER[HEADER.index("typedef enum berth_status"):HEADER.index("} berth_status")]))
        self.assertEqual(sorted(int(value) for value in names.values()), [0, *sorted(_library.BY_STATUS)])
        for name, value in names.items():
            if name == "OK":
                continue
            error = _library.BY_STATUS[int(value)]
            expected = {"INVALID_ARGUMENT": "Argument"}.get(name, "".join(word.capitalize() for word in name.split("_")))
            self.assertEqual(error.__name__, expected + "Error")
            self.assertTrue(issubclass(error, berth.Error))

    def test_inputs(self):
        inputs = _inputs.Inputs(["naïve", ("", "b"), "", ("a\0c", "")])
        rows = ctypes.cast(inputs.array.ctypes.data, ctypes.POINTER(_library.Input))
        self.assertEqual([rows[i].text.text() for i in range(4)], ["naïve", "", "", "a\0c"])
        self.assertEqual([rows[i].text_pair.text() for i in range(4)], [None, "b", None, ""])
        self.assertEqual([rows[i].ids for i in range(4)], [None] * 4)


class Stubs(unittest.TestCase):
    tree = ast.parse((pathlib.Path(berth.__file__).with_suffix(".pyi")).read_text(encoding="utf-8"))

    def test_names(self):
        declared = {node.name for node in self.tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        declared |= {target.id for node in self.tree.body if isinstance(node, ast.Assign) for target in node.targets}
        self.assertEqual(set(berth.__all__) - declared, set())
        # What a type checker lets through can be imported.
        self.assertEqual([name for name in declared if not name.startswith("_") and not hasattr(berth, name)], [])
        self.assertTrue((pathlib.Path(berth.__file__).parent / "py.typed").is_file())

    def test_model(self):
        model = next(node for node in self.tree.body if isinstance(node, ast.ClassDef) and node.name == "Model")
        stubs = {node.name: node.args for node in model.body if isinstance(node, ast.FunctionDef)}
        own = {name: member for part in reversed(berth.Model.__mro__[:-1]) for name, member in vars(part).items()}  # but for object's
        public = {name: member for name, member in own.items() if not name.startswith("_")} | {"__init__": berth.Model.__init__}
        self.assertEqual(set(stubs), set(public))
        for name, member in public.items():
            if isinstance(member, property):
                self.assertTrue(member.__doc__, name)
                continue
            parameters = inspect.signature(member).parameters.values()
            stub = stubs[name]
            for kind, arguments, defaults in [(inspect.Parameter.POSITIONAL_OR_KEYWORD, stub.args, [None] * (len(stub.args) - len(stub.defaults)) + stub.defaults),
                                              (inspect.Parameter.KEYWORD_ONLY, stub.kwonlyargs, stub.kw_defaults)]:
                wanted = [(p.name, p.default) for p in parameters if p.kind == kind]
                told = [(a.arg, inspect.Parameter.empty if d is None else ast.literal_eval(d)) for a, d in zip(arguments, defaults)]
                self.assertEqual(told, wanted, name)
            self.assertTrue(name == "__init__" or member.__doc__, f"{name} has no docstring")

    def test_errors(self):
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                self.assertEqual([base.id for base in node.bases], [base.__name__ for base in getattr(berth, node.name).__bases__], node.name)


if __name__ == "__main__":
    unittest.main()
