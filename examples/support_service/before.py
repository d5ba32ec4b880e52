"""The handler of a student-support team's service, with sentence-transformers: which answer fits a student's question?"""

import asyncio

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

from answers import ANSWERS, MODEL

app = FastAPI()
model = SentenceTransformer(MODEL, device="cpu")
questions = model.encode([question for question, _ in ANSWERS], normalize_embeddings=True)


class Question(BaseModel):
    text: str


@app.post("/answer")
async def answer(question: Question):
    if not question.text.strip():
        raise HTTPException(422, "empty question")
    embedding = await asyncio.to_thread(model.encode, question.text, normalize_embeddings=True)
    scores = questions @ embedding
    best = int(scores.argmax())
    return {"question": ANSWERS[best][0], "answer": ANSWERS[best][1], "score": float(scores[best])}
