# SPDX-License-Identifier: Apache-2.0
"""Soft weight sharing: a Gaussian mixture as prior of all weights, learned with them (Ullrich, arXiv:1702.04008).

One component stands at zero with a fixed share; what it takes is pruned. After training each weight becomes the mean of
the component that most likely made it. One mixture is for all layers: each is seen in a unit of its own, a power of
two, so that its weights are about as large as those that the priors of the precisions are made for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcompress.ir.fixed import Reals
from hwcompress.train.forms import Masked
from hwcompress.train.loop import Hooks
from hwcompress.train.module import NetworkModule

CHUNK = 1 << 14  # weights at a time: they stay in the cache with all components
USUAL = 0.25  # root mean square of weights that the priors suit: of the LeNets, pruned
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Hyper:
    """Gamma priors on precisions 1 / variance: shape alpha, rate beta. Their mode is (alpha - 1) / beta."""

    zero_alpha: float = 5e3  # of the component at zero
    zero_beta: float = 2.0
    alpha: float = 2.5e2  # of the others
    beta: float = 0.1


@dataclass(frozen=True, eq=False)
class Components:
    """Gaussians, the first at zero."""

    means: Reals  # [k]
    precisions: Reals  # 1 / variance [k]
    shares: Reals  # [k]; they sum to 1

    def most_likely(self, weights: Reals) -> NDArray[np.int64]:
        """The component with the largest share x density at each weight."""
        best = np.full(weights.shape, -np.inf)
        found = np.zeros(weights.shape, dtype=np.int64)
        for k in range(len(self.means)):
            with np.errstate(divide="ignore"):
                height = np.log(self.shares[k]) + 0.5 * np.log(self.precisions[k])
            each = height - 0.5 * self.precisions[k] * (weights - self.means[k]) ** 2
            found[each > best] = k
            best = np.maximum(best, each)
        return found

    def shared(self, weights: Reals) -> Reals:
        """Every weight at the mean of its most likely component; zeros stay."""
        return np.where(weights == 0, 0.0, self.means[self.most_likely(weights)])

    def merged(self, distance: float) -> "Components":
        """Pairs with means nearer than this become one, nearest first; with the zero component they become zero.

        The distance is in deviations, those of the wider of the two; mean and precision are averaged by share. (The
        paper's code averages so too, but only components that are the same to 1e-10.)
        """
        means, precisions, shares = (list(map(float, v)) for v in (self.means, self.precisions, self.shares))
        while len(means) > 1:
            apart = _distances(np.array(means), np.array(precisions))
            i, j = sorted(map(int, np.unravel_index(int(apart.argmin()), apart.shape)))
            if not apart[i, j] < distance:
                break
            total = shares[i] + shares[j]
            a, b = (shares[i] / total, shares[j] / total) if total > 0 else (0.5, 0.5)
            means[i] = a * means[i] + b * means[j] if i else 0.0
            precisions[i] = a * precisions[i] + b * precisions[j]
            shares[i] = total
            del means[j], precisions[j], shares[j]
        return Components(np.array(means), np.array(precisions), np.array(shares))


def _distances(means: Reals, precisions: Reals) -> Reals:
    """|mean i - mean j| over the larger deviation, of every pair [k, k]; infinite on the diagonal."""
    apart = np.abs(means[:, None] - means[None]) * np.sqrt(np.minimum(precisions[:, None], precisions[None]))
    np.fill_diagonal(apart, np.inf)
    return apart


class Mixture(nn.Module):
    """The prior. Its numbers learn with the weights; precisions and shares in the log domain."""

    def __init__(self, low: float, high: float, components: int, zero_share: float, hyper: Hyper | None = None) -> None:
        """Means are even from low to high, deviations half of their spacing, shares equal.

        components: beside that at zero.
        """
        super().__init__()
        dtype = torch.get_default_dtype()
        spacing = max((high - low) / max(1, components - 1), 1e-6)
        self.zero_share, self.hyper = zero_share, hyper or Hyper()
        self.means = nn.Parameter(torch.linspace(low, high, components, dtype=dtype))
        start = -2.0 * math.log(0.5 * spacing)
        self.log_precisions = nn.Parameter(torch.full((components + 1,), start, dtype=dtype))
        self.log_shares = nn.Parameter(torch.zeros(components, dtype=dtype))

    def log_mixing(self) -> Tensor:
        """Logarithms of the shares [k + 1]; that of zero is fixed."""
        rest = math.log1p(-self.zero_share) + self.log_shares.log_softmax(0)
        return torch.cat([rest.new_full((1,), math.log(self.zero_share)), rest])

    def centres(self) -> Tensor:
        """All means [k + 1]."""
        return torch.cat([self.means.new_zeros(1), self.means])

    def minus_log_density(self, weights: Tensor) -> Tensor:
        """Sum over the weights [n] of -log sum_k share_k N(w; mean_k, 1 / precision_k) (equation 5)."""
        result: Tensor = MinusLogMixture.apply(weights, self.centres(), self.log_precisions, self.log_mixing())
        return result

    def minus_log_hyper(self) -> Tensor:
        """-log of the Gamma priors at the precisions, constants left out."""
        h, log = self.hyper, self.log_precisions
        zero = (1.0 - h.zero_alpha) * log[:1] + h.zero_beta * log[:1].exp()
        rest = (1.0 - h.alpha) * log[1:] + h.beta * log[1:].exp()
        return zero.sum() + rest.sum()

    def components(self) -> Components:
        """As numbers."""
        with torch.no_grad():
            parts = (self.centres(), self.log_precisions.exp(), self.log_mixing().exp())
            return Components(*(p.double().cpu().numpy() for p in parts))


class MinusLogMixture(torch.autograd.Function):
    """-sum log sum_k exp(log share_k) N(w; mean_k, exp(-log precision_k)), chunk by chunk, gradients on the way."""

    @staticmethod
    def forward(ctx: Any, weights: Tensor, means: Tensor, log_precisions: Tensor, log_shares: Tensor) -> Tensor:
        precisions = log_precisions.exp()
        heights = log_shares + 0.5 * log_precisions - HALF_LOG_2PI
        total = weights.new_zeros(())
        by_weight = torch.empty_like(weights)
        by_mean, by_precision, by_share = (torch.zeros_like(means) for _ in range(3))
        for at, w in zip(by_weight.split(CHUNK), weights.split(CHUNK), strict=True):
            apart = w[:, None] - means
            pull = apart * precisions
            logits = torch.addcmul(heights, apart, pull, value=-0.5)
            log_density = logits.logsumexp(1)
            total -= log_density.sum()
            part = logits.sub_(log_density[:, None]).exp_()  # responsibilities
            by_share -= part.sum(0)
            by_precision += 0.5 * ((part * pull * apart).sum(0) - part.sum(0))
            pull = part * pull
            at.copy_(pull.sum(1))
            by_mean -= pull.sum(0)
        ctx.save_for_backward(by_weight, by_mean, by_precision, by_share)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        return tuple(grads[0] * saved for saved in ctx.saved_tensors)


def unit(weight: Reals) -> float:
    """The power of two in which weights are about USUAL, by the root mean square of those that are not zero."""
    kept = weight[weight != 0]
    return 2.0 ** round(math.log2(float(np.sqrt(np.mean(kept**2))) / USUAL)) if kept.size else 1.0


def attach(
    module: NetworkModule, units: Mapping[str, float], components: int, zero_share: float, hyper: Hyper
) -> Mixture:
    """A mixture over the weights of these nodes in their units, kept with the module: checkpoints have it too."""
    weights = [module.products()[name].form.values() / each for name, each in units.items()]
    kept = np.concatenate([w[w != 0] for w in weights]) if weights else np.zeros(0)
    low, high = (float(kept.min()), float(kept.max())) if kept.size else (-1.0, 1.0)
    mixture = Mixture(low, high, components, zero_share, hyper)
    module.add_module("mixture", mixture)
    return mixture


def mixture_hooks(
    module: NetworkModule,
    mixture: Mixture,
    units: Mapping[str, float],
    strength: float,
    rates: tuple[float, float, float],
) -> Hooks:
    """Loss + strength x (-log p(weights) - log p(precisions)) (equation 3, tau there over the number of samples).

    Args:
        module: the network.
        mixture: what `attach` gave.
        units: of the weights of the nodes that it is for; their forms are `Masked`. Pruned weights count as they are:
            at zero.
        strength: tau over the number of training samples, as the loss is a mean.
        rates: learning rates of means, log precisions and log shares over that of the weights.
    """
    forms = [(form, each) for n, each in units.items() if isinstance(form := module.products()[n].form, Masked)]

    def penalty(_module: NetworkModule) -> Tensor:
        weights = torch.cat([form.weight[form.mask != 0] / each for form, each in forms])
        zeros = sum(form.mask.numel() for form, _ in forms) - len(weights)
        density = mixture.minus_log_density(weights) + zeros * mixture.minus_log_density(weights.new_zeros(1))
        return strength * (density + mixture.minus_log_hyper())

    numbers = (mixture.means, mixture.log_precisions, mixture.log_shares)
    parameters = [{"params": [p], "factor": rate} for p, rate in zip(numbers, rates, strict=True)]
    return Hooks(penalty, counts_from=1.0, parameters=parameters)
