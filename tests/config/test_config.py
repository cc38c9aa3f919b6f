# SPDX-License-Identifier: Apache-2.0
"""Options: what is accepted, and the whole text of what is said when it is not."""

import pytest

from hwcompress.config import Config, LayerConfig, make, merge
from hwcompress.errors import BadInput
from hwcompress.ir.fixed import FixedPoint, Format


def refusal(values, where="options"):
    with pytest.raises(BadInput) as error:
        make(values, where)
    return str(error.value)


def test_the_defaults_are_those_of_the_contract():
    config = make({})
    assert config.target == "dsp27x18"
    assert (config.mean, config.std, config.input_type) == (0.0, 1.0, None)
    assert (config.weight_bits, config.activation_bits, config.sparsity) == (8, 8, 0.0)
    assert (config.reuse, config.strategy) == ("auto", "auto")
    assert (config.max_dsp, config.max_lut, config.max_bram) == (None, None, None)
    assert (config.interval, config.latency, config.clock_mhz) == (None, None, 200.0)
    assert (config.interface, config.backend, config.verify, config.seed) == ("axis", "verilog", "none", 0)
    assert (config.data, config.metric, config.out) == (None, None, None)


def test_text_from_a_command_line_becomes_values():
    config = make(
        {"weight-bits": "4", "activation_bits": "auto", "mean": "0.5, 0.25", "std": "2", "input_type": "u8f0"}
    )
    assert (config.weight_bits, config.activation_bits) == (4, "auto")
    assert (config.mean, config.std) == ((0.5, 0.25), 2.0)
    assert config.input_type == Format(FixedPoint(8, 0, signed=False))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight_bits": 1}, "weight_bits: 2 to 16, or auto wanted, 1 found"),
        ({"weight_bits": "17"}, "weight_bits: 2 to 16, or auto wanted, '17' found"),
        ({"activation_bits": 8.5}, "activation_bits: 2 to 16, or auto wanted, 8.5 found"),
        ({"sparsity": 70}, "sparsity: share of zero weights, 0 to 1 wanted, 70 found"),
        ({"sparsity": float("nan")}, "sparsity: share of zero weights, 0 to 1 wanted, nan found"),
        ({"reuse": 0}, "reuse: 1 or more, or auto wanted, 0 found"),
        ({"reuse": True}, "reuse: 1 or more, or auto wanted, true found (a number wanted)"),
        ({"max_dsp": -1}, "max_dsp: DSP budget, 0 or more wanted, -1 found"),
        ({"clock_mhz": 0}, "clock_mhz: above 0, up to 2000 wanted, 0 found"),
        ({"seed": 2**32}, "seed: 0 to 4294967295 wanted, 4294967296 found"),
        ({"interface": "axi"}, "interface: axis or valid wanted, 'axi' found"),
        ({"std": 0}, "std: a number above 0, or one for each channel wanted, 0.0 found"),
        ({"mean": [1, "x"]}, "mean: a number, or one for each channel wanted, a list found"),
        ({"out": ""}, "out: a folder wanted, '' found"),
        ({"vectors": 0}, "vectors: frames to simulate, 1 or more wanted, 0 found"),
        (
            {"strategy": "packed"},
            "strategy: one of auto, dsp, lut wanted, 'packed' found (packed is not available in this version)",
        ),
        (
            {"input_type": "q8"},
            (
                "input_type: a fixed-point type, u8f0 or s16f8 wanted, 'q8' found "
                "(type 'q8' is not a fixed-point type; write s8f6, u8f0 or fixed<8,2,RND,SAT>)"
            ),
        ),
        ({"wieght_bits": 8}, "wieght_bits: unknown key; nearest: weight_bits"),
        ({"layers": {"dense_0": {"reus": 2}}}, "layers.'dense_0'.reus: unknown key; nearest: reuse"),
        (
            {"layers": {"dense_0": {"weight_bits": 1}}},
            "layers.'dense_0'.weight_bits: 2 to 16 wanted, 1 found",
        ),
        ({"layers": {"dense_0": 3}}, "layers.'dense_0': a table wanted, 3 found"),
        ({"prune": "threshold"}, "prune = threshold and quality belong together: give both or neither"),
    ],
)
def test_a_wrong_value_gets_one_message(values, message):
    assert refusal(values) == f"options: {message}"


def test_on_a_command_line_the_option_itself_is_named():
    assert refusal({"weight_bits": "x"}, "command line") == "--weight-bits: 2 to 16, or auto wanted, 'x' found"


def test_all_problems_are_listed_at_once():
    text = refusal({"weight_bits": 99, "bits": 4, "seed": -1})
    assert text.splitlines()[0] == "options: 3 problems"
    assert len(text.splitlines()) == 4


def test_a_target_is_checked_where_it_is_set():
    assert refusal({"target": "xczu7"}).startswith("target 'xczu7': unknown;")
    assert make({"target": "xc7z020"}).device.family == 1


@pytest.mark.parametrize("key", ["\x1b[31m", "a\nb", "[red]", "x" * 10_000])
def test_hostile_keys_and_values_stay_on_short_printable_lines(key):
    for values in ({key: 1}, {"layers": {key: {key: 1}}}, {"strategy": key}, {"input_type": key}):
        lines = refusal(values).splitlines()
        assert len(lines) == 1
        assert lines[0].isprintable()
        assert len(lines[0]) < 700


def test_the_command_line_wins_over_the_file_only_where_it_speaks():
    base = make({"weight_bits": 4, "reuse": 16, "layers": {"dense_0": {"pe": 2}}})
    merged = merge(base, {"reuse": "1"})
    assert (merged.weight_bits, merged.reuse, merged.layers["dense_0"].pe) == (4, 1, 2)


def test_a_later_pattern_wins_and_names_with_brackets_match_themselves():
    layers = {"dense_*": {"reuse": 4, "pe": 2}, "model/x[0]": {"reuse": 8}}
    config = make({"layers": layers})
    assert config.for_layer("dense_1", "model/x[0]").reuse == 8
    assert config.for_layer("dense_1", "model/x[0]").pe == 2
    assert config.for_layer("dense_1", "other").reuse == 4
    assert config.for_layer("affine_0", "other") == LayerConfig()


def test_a_pattern_without_a_layer_is_an_error_with_the_nearest_name():
    config = make({"layers": {"dense_9": {"pe": 2}}})
    with pytest.raises(BadInput) as error:
        config.check_patterns([("dense_0", "Gemm_3")])
    assert str(error.value) == (
        "layers.'dense_9': the name or pattern of a layer wanted, none matches; nearest: 'dense_0'. "
        "Try: hwcompress inspect MODEL --write-config F.toml"
    )
    make({"layers": {"Gemm_*": {"pe": 2}}}).check_patterns([("dense_0", "Gemm_3")])


def test_every_field_says_what_it_wants():
    for model in (Config, LayerConfig):
        assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize("kind", ["dense", "conv", "pool", "affine", "pointwise"])
def test_a_name_of_ours_is_never_the_models(kind: str) -> None:
    config = make({"layers": {f"{kind}_1": {"reuse": 4}, "model/*": {"segment": 2}}})
    assert config.for_layer("dense_0", f"{kind}_1").reuse is None
    assert config.for_layer(f"{kind}_1", "dense_2").reuse == 4
    assert config.for_layer("dense_0", "model/dense_1").segment == 2
