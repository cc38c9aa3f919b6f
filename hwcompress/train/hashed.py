# SPDX-License-Identifier: Apache-2.0
"""HashedNets: the weights of a layer are few values, signed and placed by hashes (Chen et al., arXiv:1504.04788)."""

import numpy as np
import torch
from torch import Tensor, nn

from hwcompress.ir.fixed import Reals
from hwcompress.storage.hashing import Placement, hashed
from hwcompress.train.forms import Form


class Hashed(Form):
    """w_i = sign(i) x value[bucket(i)]; the gradient of a value is the sum of sign x dL/dw over its bucket.

    Zeros stay zero. The values start at the means of sign x weight over their buckets, as in `cluster.hash_weights`.
    """

    signs: Tensor
    bucket: Tensor

    def __init__(self, weight: Reals, place: Placement) -> None:
        super().__init__()
        bucket, sign = hashed(weight.size, place.buckets, place.seed)
        signs = np.where(weight != 0, sign.reshape(weight.shape), 0.0)
        dtype = torch.get_default_dtype()
        self.buckets = nn.Parameter(torch.tensor(place.fit(weight), dtype=dtype))
        self.register_buffer("signs", torch.tensor(signs, dtype=dtype))
        self.register_buffer("bucket", torch.tensor(bucket.reshape(weight.shape)))

    def forward(self) -> Tensor:
        return self.buckets[self.bucket] * self.signs
