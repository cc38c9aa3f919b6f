# SPDX-License-Identifier: Apache-2.0
"""docs/compression.md from the rows. See compression.py."""

import json
from pathlib import Path
from typing import Any

import compression_post
import compression_quantized
import compression_ratios
import compression_storage

Row = dict[str, Any]
VALIDATED = 1000  # images
TITLES = {"lenet300_mnist": "LeNet-300-100", "lenet5_caffe_mnist": "LeNet-5 (Caffe)"}
PAPERS = {  # kept share of each layer in percent (arXiv:1506.02626, tables 3 and 4), bits of a kept weight and index (1510.00149)
    "lenet300_mnist": {"han": (8, 9, 26), "han_ratio": 12, "deep_ratio": 40, "soft_ratio": 64,
                       "sizes": (235200, 30000, 1000),
                       "deep": ((4.4, 3.7), (4.4, 4.3), (4.3, 3.2))},
    "lenet5_caffe_mnist": {"han": (66, 12, 8, 19), "han_ratio": 12, "deep_ratio": 39, "soft_ratio": 162,
                           "sizes": (500, 25000, 400000, 5000),
                           "deep": ((7.2, 1.5), (7.2, 3.9), (4.5, 4.5), (5.2, 3.7))},
}  # fmt: skip


def page(folder: Path, versions: str) -> str:
    """The whole page."""
    rows = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    parts = [HEAD.format(versions=versions)]
    for model, title in TITLES.items():
        parts += [f"## {title}\n", *ratios(model, rows), *layers(model, rows)]
    parts += storage(rows)
    parts += post(rows)
    parts += quantized(rows)
    parts += claims(rows)
    parts += hardware(rows)
    return "\n".join(parts).rstrip() + "\n"


HEAD = """# Compression, measured

Made by `python benchmarks/compression.py PART` (rows: `benchmarks/rows/compression/*.json`; {versions}). MNIST as it lies beside the
repository: 10,000 training images, of which a random tenth is kept apart for choices (*validation*), and 5,000 test images, looked at once for
each row and never for a choice. The float models were trained on all 10,000 before, so their own validation score flatters them.
One standard error of a score near 98 %: 0.44 points of validation, 0.20 of test data.
**Bytes** are the size of `model.hwc` on disk: weights, biases, topology, the part for the host. **Ratio**: 4 bytes for each parameter of the original over that.
"""


def ratios(model: str, rows: dict[str, Row]) -> list[str]:
    """Bytes against accuracy."""
    papers = PAPERS[model]
    out = ["| Recipe | Zeros % | Bytes | Ratio | Validation % | Test % | Seconds |", "|---|---|---|---|---|---|---|"]
    base = rows.get(f"{model}_float")
    if base:
        out.append(
            f"| given, float | 0 | {4 * base['parameters_before']:,} | 1 | {100 * base['float_validation']:.2f} | {base['float_test']:.2f} | |"
            if "parameters_before" in base
            else f"| given, float | 0 | | 1 | {100 * base['float_validation']:.2f} | {base['float_test']:.2f} | |"
        )
    named = [("float, retrained with the same budget", f"{model}_float"), ("Han 2015: quality x std, three rounds", f"{model}_han2015"),
             *deep(model), ("soft weight sharing", f"{model}_soft")]  # fmt: skip
    named += [(f"smallest, {100 * s:g} %", f"{model}_smallest_{s}") for s in compression_ratios.SPARSITIES[model]]
    for title, key in named:
        if key in rows:
            r = rows[key]
            out.append(
                f"| {title} | {100 * r['sparsity']:.2f} | {r['bytes']:,} | {r['ratio']:.1f} | {100 * r['validation'][-1]:.2f} | "
                f"{r['test']:.2f} | {r['seconds']:.0f} |"
            )
    out += ["", *chosen(model, rows, papers), ""]
    return out


def deep(model: str) -> list[tuple[str, str]]:
    """Titles and keys."""
    sparsities = sorted((compression_ratios.DEEP, *compression_ratios.MILDER[model]))
    return [(f"Deep Compression, {100 * s:g} %", compression_ratios.deep_name(model, s)) for s in sparsities]


def chosen(model: str, rows: dict[str, Row], papers: Row) -> list[str]:
    """The smallest file whose validation score is not below that of a reference, or within one standard error of it."""
    keys = [f"{model}_han2015", f"{model}_soft", *(key for _, key in deep(model))]
    keys += [f"{model}_smallest_{s}" for s in compression_ratios.SPARSITIES[model]]
    found, base = [rows[k] for k in keys if k in rows], rows.get(f"{model}_float")
    if not found or base is None:
        return []
    out = []
    for what, score, test in (
        ("the model given", base["float_validation"], base["float_test"]),
        ("the float model retrained with the same budget", base["validation"][-1], base["test"]),
    ):
        error = (score * (1 - score) / VALIDATED) ** 0.5
        for how, limit in (("at least that", score), ("within one standard error of that", score - error)):
            good = [r for r in found if r["validation"][-1] >= limit]
            text = f"- Smallest file with a validation score {how} of {what} ({100 * limit:.2f} %): "
            if good:
                best = max(good, key=lambda r: r["ratio"])
                out.append(f"{text}**{best['ratio']:.1f} x**, test {best['test']:.2f} % against {test:.2f} %.")
            else:
                out.append(f"{text}none of these.")
    out.append(
        f"- Papers (60,000 training images, other float models): Han 2015 {papers['han_ratio']} x (parameters), Deep Compression "
        f"{papers['deep_ratio']} x, soft weight sharing {papers['soft_ratio']} x."
    )
    return out


def layers(model: str, rows: dict[str, Row]) -> list[str]:
    """Tables as in the papers."""
    out: list[str] = []
    papers = PAPERS[model]
    if (key := f"{model}_han2015") in rows:
        out += [
            "Kept weights, layer by layer (Han 2015, tables 3 and 4):",
            "",
            "| Layer | Weights | Kept % | Paper % |",
            "|---|---|---|---|",
        ]
        out += [
            f"| {x['name']} | {n:,} | {x['kept']:.1f} | {p} |"
            for x, p, n in zip(rows[key]["layers"], papers["han"], papers["sizes"], strict=True)
        ]
        r = rows[key]
        out += [
            "",
            f"All parameters, biases too: {4 * r['bytes'] and r['parameters'] / r['nonzero']:.1f} x fewer (paper: {papers['han_ratio']} x).",
            "",
        ]
    if (key := f"{model}_deep_compression") in rows:
        out += ["Bits of a kept weight, plain and coded, and of its position (Deep Compression, tables 2 to 4):", "",
                "| Layer | Kept % | Weight | coded | paper | Index | coded | paper | Entropy of values | Ratio |",
                "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
        out += [
            f"| {x['name']} | {x['kept']:.1f} | {x['bits']:.0f} | {x['coded_bits']:.2f} | {p[0]} | {x['index_bits']:.0f} | "
            f"{x['coded_index_bits']:.2f} | {p[1]} | {x['value_entropy']:.2f} | {x['ratio']:.1f} |"
            for x, p in zip(rows[key]["layers"], papers["deep"], strict=True)
        ]
        out.append("")
    return out


def storage(rows: dict[str, Row]) -> list[str]:
    """Ways to write the same network."""
    ways = ("xz", *compression_storage.METHODS, compression_storage.SHUFFLED, "best")
    out = ["| Network | " + " | ".join(WAYS.get(w, w) for w in ways) + " |", "|---" * (len(ways) + 1) + "|"]
    for model, networks in compression_storage.NETWORKS.items():
        for title, name, _ in networks:
            r = rows.get(f"{name}_storage")
            if r:
                cells = [f"{r[w]:,} ({r['float'] / r[w]:.1f} x)" for w in ways]
                out.append(f"| {TITLES[model]}, {title} | " + " | ".join(cells) + " |")
    if len(out) == 2:
        return []
    return ["## Storage: bytes of the whole file, and ratio\n", *out, "", STORAGE]


WAYS = {
    "xz": "model.onnx, xz -9e",
    "relative": "relative index (Deep Compression)",
    "huffman": "the same, Huffman",
    "arithmetic": "contexts, mixed",
    compression_storage.SHUFFLED: "best, channels shuffled",
    "best": "**model.hwc**",
}
STORAGE = """`storage = "..."` in a recipe names one way; by default the shortest is taken for each matrix. All hold the same network, bit for bit.
"""


def post(rows: dict[str, Row]) -> list[str]:
    """Without training."""
    out = ["## Without training: half of the weights zero, the rest of few bits\n",
           "One exponent for each row, 512 calibration samples, numpy alone. Test accuracy (validation):\n"]  # fmt: skip
    heads = [(m, b) for m in compression_post.MODELS for b in (4, 3)]
    out.append("| Way | " + " | ".join(f"{TITLES[m]}, {b} bits" for m, b in heads) + " |")
    out.append("|---" * (len(heads) + 1) + "|")
    for way in compression_post.ways(4):
        cells = []
        for model, bits in heads:
            key = f"{model}_post_{bits}_{way.split('(')[0].strip().replace(', ', '_').replace(' ', '-')}"
            r = rows.get(key)
            cells.append(f"{r['test']:.2f} ({100 * r['validation'][-1]:.1f}), {r['seconds']:.0f} s" if r else "-")
        out.append(f"| {way} | " + " | ".join(cells) + " |")
    base = {m: next((r["float_test"] for k, r in rows.items() if k.startswith(f"{m}_post")), None) for m in TITLES}
    out.append("| float, as given | " + " | ".join(f"{base[m]:.2f}" if base[m] else "-" for m, _ in heads) + " |")
    return [*out, ""]


def quantized(rows: dict[str, Row]) -> list[str]:
    """Few bits."""
    out: list[str] = []
    for model, epochs in compression_quantized.MODELS.items():
        found = {k: r for k, r in rows.items() if k.startswith(f"{model}_bits_")}
        if not found:
            continue
        plan = compression_quantized.BITS, compression_quantized.WAYS, compression_quantized.PRICES
        bits, ways, prices = compression_quantized.FEWER.get(model, plan)
        out += [
            f"### {TITLES[model]}\n",
            "| Way | " + " | ".join(f"{w} / {a}" for w, a in bits) + " |",
            "|---" * (len(bits) + 1) + "|",
        ]
        for way in ways:
            title = compression_quantized.NAMES[way]
            cells = [found.get(f"{model}_bits_{w}_{a}_{way}") for w, a in bits]
            out.append(f"| {title} | " + " | ".join(_cell(r) for r in cells) + " |")
        out += [
            "",
            *(_learned(found[k], price) for price in prices if (k := f"{model}_bits_hgq_{price:g}") in found),
        ]
        out += [
            f"- 4 / 4, straight-through: {r['ebops']:,.0f} EBOPs."
            for k, r in found.items()
            if k.endswith("4_4_ste") and r["ebops"]
        ]
        out.append(f"\n{2 * epochs} epochs each, one seed.\n")
    if not out:
        return []
    head = [
        "## Few bits: weights / values\n",
        "Test accuracy (validation) of the integer network, as `compile` builds it; 2 bits are ternary, 1 bit two values; one exponent a row.\n",
    ]
    return [*head, *out]


def _cell(row: Row | None) -> str:
    return f"{row['test']:.2f} ({100 * row['validation'][-1]:.1f})" if row else "-"


def _learned(row: Row, price: float) -> str:
    return f"- HGQ, {price:g} a bit x bit: {row['test']:.2f} ({100 * row['validation'][-1]:.1f}) with {row['ebops']:,.0f} EBOPs."


def claims(rows: dict[str, Row]) -> list[str]:
    """Tables of text that the part made."""
    found = [r for k, r in rows.items() if k.startswith("claim_")]
    return ["## What the surveys say, checked\n", *[line for r in found for line in (*r["text"], "")]] if found else []


def hardware(rows: dict[str, Row]) -> list[str]:
    """As hardware."""
    found = [r for k, r in rows.items() if k.startswith("hardware_")]
    return ["## As hardware\n", *[line for r in found for line in (*r["text"], "")]] if found else []
