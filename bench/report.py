"""The machine's description and the tables, in Markdown."""

import datetime
import os
import platform
import subprocess

_FEATURES = {"avx2": "AVX2", "avx_vnni": "AVX-VNNI", "avx512f": "AVX-512", "avx512_vnni": "AVX-512 VNNI", "avx512_bf16": "AVX-512 BF16",
             "amx_bf16": "AMX BF16", "amx_int8": "AMX INT8"}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = set(fields.get("flags", "").split())
    return {"cpu": fields.get("model name", "unknown"), "cores": len(os.sched_getaffinity(0)),
            "features": [name for flag, name in _FEATURES.items() if flag in flags], "kernel": platform.release(),
            "load_average": os.getloadavg()[0], "date": datetime.date.today().isoformat(), "commit": commit()}


def commit():
    """The checkout's commit, with a + when files differ from it; None outside a checkout."""
    folder = os.path.dirname(os.path.abspath(__file__))
    try:
        name = subprocess.run(["git", "-C", folder, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changes = subprocess.run(["git", "-C", folder, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=True).stdout
        return name + ("+" if changes.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def table(headings, rows):
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    return "\n".join(lines + ["| " + " | ".join(str(value) for value in row) + " |" for row in rows])


def milliseconds(value):
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def agreement(cell):
    check = cell.get("agreement")
    if check is None:
        return "not checked"
    if check["berth"]["max_abs_error"] is None:
        return "BROKEN OUTPUT"
    text = f"{check['berth']['max_abs_error']:.1e}" if cell["precision"] == "fp32" else f"cos {check['berth']['min_cosine']:.5f}"
    if "other" in check:
        text += f" (other {check['other']['min_cosine']:.5f})"
    return text if check["agrees"] else f"DISAGREES {text}"


def cells_table(cells, other):
    rows = []
    for cell in cells:
        ratio = f"**{cell['ratio']:.2f}**" if "ratio" in cell else ""
        spread = f"{cell['ratio_min']:.2f} to {cell['ratio_max']:.2f}" if "ratio" in cell else ""
        least = f"{milliseconds(cell['other_least_ms'])} / {milliseconds(cell['least_ms'])}: {cell['least_ratio']:.2f}" if "ratio" in cell else ""
        rows.append([cell["model"], cell["precision"], cell["threads"], cell["cell"], milliseconds(cell["other_ms"]), milliseconds(cell.get("ms")),
                     ratio, spread, least, agreement(cell), cell["way"], f"{cell['bystander_cores']:.2f}"])
    return table(["model", "precision", "threads", "batch x length", f"{other} ms", "berth ms", "ratio", "over the rounds", "least passes", "difference",
                  "run as", "others' cores"], rows)


def ragged_table(cells):
    """All three ways ONNX Runtime may run the ragged batch."""
    rows = []
    for cell in cells:
        if "strategies" not in cell:
            continue
        ways = cell["strategies"]
        rows.append([cell["model"], cell["precision"], cell["threads"]]
                    + [f"{milliseconds(ways[key]['ms'])} ({ways[key]['way']})" for key in ("padded", "buckets", "rows")]
                    + [milliseconds(cell.get("ms")), f"**{cell['ratio']:.2f}**" if "ratio" in cell else ""])
    if not rows:
        return ""
    return "\n\nThe ragged batch, every way ONNX Runtime was given (ms; the ratio is to the fastest):\n\n" + table(
        ["model", "precision", "threads", "padded", "sorted into buckets", "row by row", "berth", "ratio"], rows)


def markdown(result):
    host, versions = result["machine"], result["versions"]
    lines = [f"{host['cpu']}, {host['cores']} cores ({', '.join(host['features'])}); Linux {host['kernel']}; {host['date']}.",
             f"berth {versions.get('berth') or 'not run'}"
             + (f" at {host['commit']}" if host["commit"] else "") + f", instruction set {versions.get('isa') or '-'};"
             + f" ONNX Runtime {versions.get('onnxruntime') or 'not run'}.",
             f"{result['settings']['rounds']} rounds in turn, slices of {result['settings']['slice']:g} s; medians; the ratio is the median over the rounds."
             " Least passes: the fastest of each side in all rounds, and their ratio.",
             "", cells_table(result["cells"], result["other"])]
    text = "\n".join(lines) + ragged_table(result["cells"])
    busy = [cell for cell in result["cells"] if cell["bystander_cores"] > 0.1]
    if busy:
        text += f"\n\nIn {len(busy)} of {len(result['cells'])} cells other processes kept more than a tenth of a core busy: measure again on a quiet machine."
    return text
