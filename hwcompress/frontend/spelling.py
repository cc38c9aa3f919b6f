# SPDX-License-Identifier: Apache-2.0
"""Which ONNX operators exist, and where they run: the table of contents of the frontend."""

from collections.abc import Callable, Mapping

from hwcompress.frontend import linear, pointwise, wiring
from hwcompress.frontend.use import Step, Use

HARDWARE: Mapping[str, Callable[[Use], Step]] = {
    "Add": pointwise.add,
    "BatchNormalization": pointwise.batch_normalization,
    "Cast": wiring.cast,
    "Clip": pointwise.clip,
    "Div": pointwise.div,
    "Dropout": wiring.dropout,
    "Flatten": wiring.flatten,
    "Gemm": linear.gemm,
    "HardSigmoid": pointwise.hard_sigmoid,
    "Identity": wiring.identity,
    "LeakyRelu": pointwise.leaky_relu,
    "MatMul": linear.matmul,
    "Max": pointwise.maximum,
    "Min": pointwise.minimum,
    "Mul": pointwise.mul,
    "Neg": pointwise.neg,
    "PRelu": pointwise.prelu,
    "Relu": pointwise.relu,
    "Reshape": wiring.reshape,
    "Sigmoid": pointwise.sigmoid,
    "Squeeze": wiring.squeeze,
    "Sub": pointwise.sub,
    "Tanh": pointwise.tanh,
    "Transpose": wiring.transpose,
    "Unsqueeze": wiring.unsqueeze,
    "ai.onnx.ml.Scaler": pointwise.scaler,
}

# Possible after the last hardware operator: normalisation of scores, labels, and small arithmetic between them.
HOST = frozenset(
    """
    Abs Add And ArgMax ArgMin Cast CastLike Clip Concat Div Dropout Equal Exp Expand Flatten Floor Gather GatherElements
    Greater GreaterOrEqual HardSigmoid Hardmax Identity LeakyRelu Less LessOrEqual Log LogSoftmax Max Min Mul Neg Not Or
    Pow ReduceL2 ReduceMax ReduceMean ReduceMin ReduceSum Relu Reshape Round Shape Sigmoid Sign Slice Softmax Sqrt
    Squeeze Sub Sum Tanh TopK Transpose Unsqueeze Where
    ai.onnx.ml.ArrayFeatureExtractor ai.onnx.ml.Binarizer ai.onnx.ml.LabelEncoder ai.onnx.ml.Normalizer
    ai.onnx.ml.Scaler ai.onnx.ml.ZipMap
    """.split()
)

# Not built, but the shape of the result is that of operand 0: the search for further problems goes on behind them.
SAME_SHAPE = frozenset(
    """
    Abs Celu Elu Erf Exp Gelu HardSwish Hardmax LayerNormalization Log LogSoftmax LpNormalization Mish Round Selu Sign
    Softmax Softplus Softsign Sqrt Swish ThresholdedRelu
    """.split()
)
