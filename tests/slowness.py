"""How many times longer things take than in a Release build: sanitizers' builds say it in the environment."""
import os

SLOWNESS = float(os.environ.get("BERTH_TEST_SLOWNESS", "1"))
