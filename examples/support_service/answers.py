"""What the team has answers for, and the model that compares questions."""

import os

MODEL = os.environ.get("SUPPORT_MODEL", "weights/intent")

ANSWERS = [
    ("How do I reset my password?", "Open the account page and choose \"New password\". The link arrives by mail within a few minutes."),
    ("When is the deadline for enrolment?", "Enrolment for the next term closes on the last Friday of the month before it begins."),
    ("How can I pay my tuition fees?", "By bank transfer or card, on the payments page; in instalments after a word with the fees office."),
    ("Where do I find my timetable?", "In the student portal under \"My week\". Changes are shown in red for two days."),
    ("How do I book a room for a study group?", "On the library's page: choose a floor and a time. A booking holds for fifteen minutes."),
]
