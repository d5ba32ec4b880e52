"""What heads find in texts, with the names of Hugging Face's pipelines: the part of Model that needs no embeddings."""

import ctypes

import numpy as np

from . import _library
from ._arguments import c_string, integer, words
from ._inputs import Inputs, strings
from ._library import lib


class Tasks:
    def tag(self, texts, aggregation_strategy="none", *, stride=0, ignore_labels=("O",), max_length=None):
        """Entities as Hugging Face's token-classification pipeline finds them: for each text a list of dicts.

        aggregation_strategy: "none" (with "entity" and "index"), "simple", "first", "average" or "max" (with "entity_group").
        stride: long texts run as windows that share so many tokens; 0: they are cut."""
        ignored = strings(words(ignore_labels), "ignore_labels")
        strategy = c_string("none" if aggregation_strategy is None else aggregation_strategy, "aggregation_strategy")
        options = _library.TagOptions(max_length=self._limit(max_length), aggregation=strategy, stride=integer(stride, "stride"),
                                      ignore_labels=ignored if len(ignored) else (_library.String * 1)(), ignore_labels_size=len(ignored))

        def entity(item):
            first = {"entity": item.label.text()} if strategy == b"none" else {"entity_group": item.label.text()}
            index = {"index": item.first_token} if strategy == b"none" else {}
            return {**first, "score": item.score, **index, "word": item.text.text(), "start": item.begin, "end": item.end}

        return self._findings(lib.berth_tag, texts, options, entity)

    def fill_mask(self, texts, top_k=5, *, targets=None, max_length=None):
        """Tokens for the mask tokens of texts as Hugging Face's fill-mask pipeline gives them: for each text [{"score", "token", "token_str",
        "sequence"}], best first; for a text with several masks a list for each. targets: only these; a str is one of them."""
        wanted = strings(words(targets), "targets") if targets is not None else None
        options = _library.FillMaskOptions(max_length=self._limit(max_length), top_k=-1 if top_k is None else integer(top_k, "top_k", 1),
                                           targets=wanted, targets_size=0 if wanted is None else len(wanted))

        def token(item):
            return item.first_token, {"score": item.score, "token": item.id, "token_str": item.text.text(), "sequence": item.sequence.text()}

        def by_mask(found):
            masks = {}
            for mask, value in found:
                masks.setdefault(mask, []).append(value)
            lists = list(masks.values())
            return lists[0] if len(lists) == 1 else lists

        found = self._findings(lib.berth_fill_mask, texts, options, token)
        return by_mask(found) if isinstance(texts, str) else [by_mask(row) for row in found]

    def answer(self, question, context, top_k=1, *, max_answer_tokens=15, stride=0, impossible=False, max_length=None):
        """Stretches of a context that answer a question as Hugging Face's question-answering pipeline finds them: [{"score", "start", "end",
        "answer"}], best first. impossible: that there is no answer is one, too."""
        options = _library.AnswerOptions(max_length=0 if max_length is None else integer(max_length, "max_length", 1), top_k=integer(top_k, "top_k", 1),
                                         max_answer_tokens=integer(max_answer_tokens, "max_answer_tokens", 1), stride=integer(stride, "stride"),
                                         impossible=bool(impossible))
        return self._findings(lib.berth_answer, [(question, context)], options, lambda item: {
            "score": item.score, "start": item.begin, "end": item.end, "answer": item.text.text() or ""})[0]

    def zero_shot(self, texts, labels, *, hypothesis_template=None, multi_label=False, max_length=None):
        """How well labels that the model was not trained on fit, as Hugging Face's zero-shot-classification pipeline scores them:
        {"sequence", "labels", "scores"}, best first; for several texts a list of them. labels: several, or a str with commas between them."""
        rows, single = self._rows(texts)
        names = [name.strip() for name in labels.split(",") if name.strip()] if isinstance(labels, str) else list(labels)
        candidates = strings(names, "labels")
        options = _library.ZeroShotOptions(max_length=self._limit(max_length), multi_label=bool(multi_label),
                                           hypothesis_template=c_string(hypothesis_template, "hypothesis_template"))
        values = np.empty((len(rows), len(names)), dtype=np.float32)
        Inputs(rows).run(lambda pointer, begin, end: lib.berth_zero_shot(
            self._handle, pointer, end - begin, candidates, len(candidates), options, values[begin:end].ctypes.data, None))
        found = []
        for text, row in zip(rows, values):
            order = np.argsort(-row, kind="stable")
            found.append({"sequence": text, "labels": [names[i] for i in order], "scores": [float(row[i]) for i in order]})
        return found[0] if single else found

    def _findings(self, function, texts, options, convert):
        (rows, single), found = self._rows(texts), []
        handle, count = ctypes.c_void_p(), ctypes.c_size_t()

        def call(pointer, begin, end):
            function(self._handle, pointer, end - begin, options, ctypes.byref(handle), None)
            try:
                for i in range(end - begin):
                    items = lib.berth_findings_row(handle, i, ctypes.byref(count))
                    found.append([convert(items[k]) for k in range(count.value)])
            finally:
                lib.berth_findings_free(handle)

        Inputs(rows).run(call)
        return found[0] if single else found
