#!/usr/bin/env python3
"""The support service in examples/: after.py answers, and differs from before.py by its import alone.
usage: example_test.py BERTH REPOSITORY, with the package on the path. FastAPI is used where it is installed; else stand-ins give the handler its names."""
import asyncio
import difflib
import importlib.util
import os
import pathlib
import sys
import types
import unittest

REPOSITORY = pathlib.Path(sys.argv.pop(2)).resolve()
del sys.argv[1]
SERVICE = REPOSITORY / "examples/support_service"


def stand_in_for_fastapi():
    """The few names that the handler uses: decorators that return the function, and a record."""
    fastapi, pydantic = types.ModuleType("fastapi"), types.ModuleType("pydantic")

    class FastAPI:
        def post(self, path):
            return lambda handler: handler

    class HTTPException(Exception):
        def __init__(self, status_code, detail):
            super().__init__(status_code, detail)
            self.status_code = status_code

    class BaseModel:
        def __init__(self, **values):
            self.__dict__.update(values)

    fastapi.FastAPI, fastapi.HTTPException, pydantic.BaseModel = FastAPI, HTTPException, BaseModel
    sys.modules.update(fastapi=fastapi, pydantic=pydantic)


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if importlib.util.find_spec("fastapi") is None:
            stand_in_for_fastapi()
        os.environ["SUPPORT_MODEL"] = str(REPOSITORY / "weights/intent")
        sys.path.insert(0, str(SERVICE))
        import after
        cls.after = after

    def ask(self, text):
        return asyncio.run(self.after.answer(self.after.Question(text=text)))

    def test_every_question_finds_its_answer(self):
        from answers import ANSWERS
        for question, answer in ANSWERS:
            found = self.ask(question)
            self.assertEqual((found["question"], found["answer"]), (question, answer))
            self.assertAlmostEqual(found["score"], 1, places=5)

    def test_a_question_in_other_words(self):
        self.assertEqual(self.ask("I want to change my password")["question"], "How do I reset my password?")

    def test_several_at_once(self):
        async def all_of_them():
            return await asyncio.gather(*(self.after.answer(self.after.Question(text=f"my timetable {i}")) for i in range(20)))
        self.assertEqual({row["question"] for row in asyncio.run(all_of_them())}, {"Where do I find my timetable?"})

    def test_an_empty_question(self):
        from fastapi import HTTPException
        with self.assertRaises(HTTPException) as caught:
            self.ask("  ")
        self.assertEqual(caught.exception.status_code, 422)

    def test_only_the_import_changed(self):
        before, after = [(SERVICE / f"{name}.py").read_text().split("\n") for name in ["before", "after"]]
        changed = [line for line in difflib.ndiff(before, after) if line[0] in "+-" and '"""' not in line]
        self.assertEqual(changed, ["- from sentence_transformers import SentenceTransformer", "+ from berth import SentenceTransformer"])


if __name__ == "__main__":
    unittest.main()
