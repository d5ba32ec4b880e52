"""Writes the heads in this folder with scikit-learn and joblib (these are of 1.2.1 and 1.2.0), and what they say: python3 make.py

A head over embeddings of 6 values, as SetFit saves it in model_head.pkl. expected.json has for each file its classes and predict_proba of three rows.
"""

import json
import joblib
import numpy
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.svm import LinearSVC

random = numpy.random.RandomState(7)
x = random.normal(size=(60, 6)).astype(numpy.float32)
classes = (x[:, 0] > 0).astype(int) + 2 * (x[:, 1] > 0.3)
words = numpy.array(["refund", "delay", "praise", "größe"])[classes]
several = numpy.stack([x[:, 0] > 0, x[:, 1] > 0, x[:, 2] + x[:, 3] > 0], axis=1).astype(int)
rows = x[:3]

heads = {
    "four.pkl": LogisticRegression().fit(x, classes),
    "words.pkl": LogisticRegression().fit(x, words),
    "objects.pkl": LogisticRegression().fit(x, words.astype(object)),
    "two.pkl": LogisticRegression().fit(x, classes % 2),
    "double.pkl": LogisticRegression().fit(x.astype(numpy.float64), classes),
    "no_intercept.pkl": LogisticRegression(fit_intercept=False).fit(x, classes),
    "fortran.pkl": LogisticRegression().fit(x, classes),
    "multinomial_two.pkl": LogisticRegression(multi_class="multinomial").fit(x, classes % 2),
    "one_vs_rest.pkl": OneVsRestClassifier(LogisticRegression()).fit(x, several),
    "multi_output.pkl": MultiOutputClassifier(LogisticRegression()).fit(x, several),
    # for the embeddings of a model in tests/reference
    "wide.pkl": LogisticRegression().fit(random.normal(size=(60, 32)).astype(numpy.float32), classes % 3),
    # what berth refuses
    "ovr.pkl": LogisticRegression(multi_class="ovr").fit(x, classes),
    "newton.pkl": LogisticRegression(solver="newton-cholesky").fit(x, classes),
    "chain.pkl": ClassifierChain(LogisticRegression()).fit(x, several),
    "svc.pkl": LinearSVC().fit(x, classes),
}
heads["fortran.pkl"].coef_ = numpy.asfortranarray(heads["fortran.pkl"].coef_)
expected = {}
for name, head in heads.items():
    joblib.dump(head, name)
    if not hasattr(head, "predict_proba") or name == "wide.pkl":
        continue
    scores = head.predict_proba(rows)
    if isinstance(scores, list):
        scores = numpy.stack([each[:, 1] for each in scores], axis=1)
    labels = [] if name == "multi_output.pkl" else [str(each) for each in head.classes_]
    expected[name] = {"classes": labels, "scores": numpy.asarray(scores).astype(float).round(7).tolist()}
joblib.dump(heads["four.pkl"], "compressed.pkl", compress=3)
with open("expected.json", "w") as file:
    json.dump({"rows": rows.astype(float).tolist(), "heads": expected}, file)
