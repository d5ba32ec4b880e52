#!/usr/bin/env python3
"""Embeds a file of texts, one on each line, over the workers of a Dask cluster, through the Python package berth.

    dask-scheduler &
    dask-worker tcp://localhost:8786 --nthreads 1 --no-nanny &      # on every machine, with berth installed and the model at the same path
    dask_embed.py --scheduler tcp://localhost:8786 --model DIR --input corpus.txt --output FOLDER

Every part of the file becomes FOLDER/part-NNNNN.npy, a float32 matrix with a row for each line, written under another name first. A worker that dies takes nothing with it: the scheduler
gives its parts to others, and a part that is computed twice gives the same bits. Run it again and it computes only the parts that are not there."""
import argparse
import os
import pathlib

import numpy as np
from dask.distributed import Client, as_completed, get_worker


def model_at(path):
    """The worker's model, loaded once."""
    import berth  # where the work is done

    models = vars(get_worker()).setdefault("berth_models", {})
    if path not in models:
        models[path] = berth.Model(path, threads=1)
    return models[path]


def embed(model, source, begin, end, target):
    """Lines of the bytes [begin, end) as a file; how many there were."""
    with open(source, "rb") as file:
        file.seek(begin)
        texts = file.read(end - begin).decode("utf-8").removesuffix("\n").split("\n")
    unfinished = f"{target}.{os.getpid()}.tmp"
    with open(unfinished, "wb") as file:
        np.save(file, model_at(model).encode(texts))
    os.replace(unfinished, target)
    return len(texts)


def parts_of(source, lines):
    """Byte ranges of so many lines each."""
    begin = end = count = 0
    with open(source, "rb") as file:
        for line in file:
            end, count = end + len(line), count + 1
            if count == lines:
                yield begin, end
                begin, count = end, 0
    if end > begin:
        yield begin, end


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scheduler", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--input", required=True, type=pathlib.Path)
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--lines", type=int, default=1000, help="of a part")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    source, model = str(options.input.resolve()), str(pathlib.Path(options.model).resolve())
    wanted = [(begin, end, str((options.output / f"part-{i:05}.npy").resolve())) for i, (begin, end) in enumerate(parts_of(source, options.lines))]
    missing = [part for part in wanted if not os.path.exists(part[2])]
    with Client(options.scheduler) as client:
        # A part is lost with its worker at most so often; one that fails by itself (a damaged file) is an error.
        futures = [client.submit(embed, model, source, *part, pure=False) for part in missing]
        for done, future in enumerate(as_completed(futures), 1):
            future.result()
            print(f"{done} of {len(missing)} parts", flush=True)
    for leftover in options.output.glob("*.tmp"):  # of workers that died
        leftover.unlink()


if __name__ == "__main__":
    main()
