"""Classifier: labels known by examples, with rules and thresholds, as a profile says."""

import ctypes
import json
import os
import weakref

from . import _library
from ._arguments import MOST_THREADS, c_path, c_string, integer
from ._inputs import ROW, Inputs
from ._library import lib
from ._model import Model

import numpy as np

_DECIDED_BY = ("nothing", "model", "rule", "default")


class Classifier:
    """A profile (docs/triage.md), loaded: its model, its examples' embeddings, its rules.

    path: the profile, a JSON file.
    model: a directory in place of the profile's.
    precision, threads, isa, mmap: as for Model; precision None is the profile's.
    cache: False keeps no file of the examples' embeddings beside the profile.
    rules_only: True decides without the model.

    Where the profile does without an unavailable model, `model_error` says why there is none; otherwise that is an exception. Any number of threads
    may use one Classifier. Failures are berth.Error.
    """

    def __init__(self, path, *, model=None, precision=None, threads=0, isa=None, mmap=True, cache=True, rules_only=False):
        self._made_of = (os.fspath(path), {"model": None if model is None else os.fspath(model), "precision": precision, "threads": threads, "isa": isa,
                                           "mmap": mmap, "cache": cache, "rules_only": rules_only})
        options = _library.ClassifierOptions(model=c_path(model, "model"), threads=integer(threads, "threads", most=MOST_THREADS), no_mmap=not mmap,
                                             precision=c_string(precision, "precision"), isa=c_string(isa, "isa"), no_cache=not cache,
                                             rules_only=bool(rules_only))
        handle = ctypes.c_void_p()
        lib.berth_classifier_load(c_path(path, "path"), options, ctypes.byref(handle))
        self._handle = handle
        weakref.finalize(self, lib.berth_classifier_free, handle).atexit = False
        self.info = json.loads(lib.berth_classifier_info(handle))
        self.labels = [label["name"] for label in self.info["labels"]]
        self.model_error = self.info.get("model_error")

    def __reduce__(self):
        return _load, (type(self), *self._made_of)

    def __repr__(self):
        return f"berth.Classifier({self._made_of[0]!r}, labels={self.labels}, model={self.model_error is None and not self._made_of[1]['rules_only']})"

    @staticmethod
    def check(path):
        """Raises an Error that lists every mistake of a profile, without loading its model."""
        lib.berth_profile_check(c_path(path, "path"))

    def classify(self, texts):
        """{"label", "score", "margin", "nearest", "rule", "decided_by", "model", "scores", "tokens", "truncated"} of a text, or a list of them."""
        rows, single = Model._rows(texts)
        answers = []
        Inputs(rows).run(lambda pointer, begin, end: answers.extend(self._part(pointer, end - begin)))
        return answers[0] if single else answers

    def _part(self, pointer, size):
        rows, handle, count = np.empty(size, dtype=ROW), ctypes.c_void_p(), ctypes.c_size_t()
        lib.berth_classifier_run(self._handle, pointer, size, ctypes.byref(handle), rows.ctypes.data)
        try:
            answers = []
            for i in range(size):
                answer = _answer(lib.berth_decisions_get(handle, i).contents)
                values = ctypes.cast(lib.berth_decisions_scores(handle, i, ctypes.byref(count)), ctypes.POINTER(ctypes.c_float))
                # A label without examples has no score: NaN, which is not itself.
                answer["scores"] = {label: None if values[k] != values[k] else values[k] for k, label in enumerate(self.labels)}
                answer["tokens"], answer["truncated"] = int(rows[i]["tokens"]), bool(rows[i]["truncated"])
                answers.append(answer)
            return answers
        finally:
            lib.berth_decisions_free(handle)


def _answer(decision):
    scored, nearest, rule = decision.has_score != 0, decision.nearest.text(), decision.rule.text()
    return {
        "label": decision.label.text(),
        "score": decision.score if scored else None,
        "margin": decision.margin if scored else None,
        "nearest": None if nearest is None else {"label": decision.nearest_label.text(), "text": nearest, "similarity": decision.similarity},
        "rule": None if rule is None else {"name": rule, "match": decision.rule_match.text()},
        "decided_by": _DECIDED_BY[decision.decided_by],
        "model": decision.model != 0,
    }


def _load(kind, path, options):
    classifier = kind.__new__(kind)
    Classifier.__init__(classifier, path, **options)  # not a subclass's, which may take other arguments
    return classifier
