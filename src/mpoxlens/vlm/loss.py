"""What is minimised: the words of the answers, and how far P(yes) lies from what it should be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mpoxlens.vlm.examples import Example
from mpoxlens.vlm.features import VisualFeatures
from mpoxlens.vlm.generate import training_batch
from mpoxlens.vlm.model import MpoxVlm
from mpoxlens.vlm.prompts import IGNORED


class Lesson(nn.Module):
    """The model with its loss."""

    def __init__(self, model: MpoxVlm, answers: tuple[int, int], weight: float) -> None:
        """Take the ids of "Yes" and "No", and the weight of how an answer begins against the words."""
        super().__init__()
        self.model, self.answers, self.weight = model, answers, weight

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        first: Tensor,
        points: Tensor,
        chance: Tensor,
        share: Tensor,
        photo_features: Tensor | None = None,
        skin_features: Tensor | None = None,
    ) -> Tensor:
        """Return the loss, a mean over examples.

        Of the words: the mean cross entropy over an answer's tokens. Where mpox is asked for, the first token counts by
        itself, as a refusal or as "a yes or a no"; which of the latter is the business of the points: at each, binary
        cross entropy against what P(yes) shall be there.

        Args:
            input_ids: [B, L].
            attention_mask: [B, L].
            labels: [B, L] the tokens to learn, IGNORED elsewhere.
            first: [B] place of the yes, the no or the refusal; -1 where mpox is not asked for.
            points: [P, 2] row and place of each token at which P(yes) is learned.
            chance: [P] what it shall be.
            share: [P] of an answer's weight.
            photo_features: [B, T, D] of CLIP; None where no photograph is shown.
            skin_features: [B, T, D] of the skin expert, likewise.
        """
        words = self.model.embed(input_ids, photo_features, skin_features)  # [B, L, W]
        shared = shared_beginning(input_ids, self.model.language.config.vocab_size)
        hidden = self._hidden(words, attention_mask, shared)  # [B, L - S, W]
        own = points[:, 1] >= shared  # what all rows begin with is the same question over and over
        at, place = points[own].unbind(1)
        odds = pair_logits(self.model, hidden[at, place - shared], self.answers)  # [P, 2] yes, no
        yes = functional.binary_cross_entropy_with_logits(
            odds[:, 0] - odds[:, 1], chance[own], share[own], reduction="sum"
        )
        words, openings = self._said(hidden, labels[:, shared:], first - shared)
        total: Tensor = (words + self.weight * (openings + yes)) / len(input_ids)
        return total

    def _said(self, hidden: Tensor, labels: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        """Return two sums over rows: of the mean cross entropy of an answer's words, and of that of its opening."""
        learned = labels[:, 1:] != IGNORED  # what the token before each place has to foretell
        row, place = learned.nonzero(as_tuple=True)  # [M]
        state = hidden[:, :-1][learned]  # [M, W]: the head is dear, so it sees only these
        logits = self.model.language.lm_head(state).float()  # [M, V]
        token = labels[:, 1:][learned]  # [M]
        nll = functional.cross_entropy(logits, token, reduction="none")  # [M]
        opening = place + 1 == first[row]  # [M]
        answered = torch.isin(token, torch.tensor(self.answers, device=token.device))  # [M]
        neither = logits.logsumexp(1) - logits[:, list(self.answers)].logsumexp(1)  # [M] -log P(yes or no)
        words = (learned.sum(1) - (first >= 0).long()).clamp(min=1)[row]  # [M]
        return (nll / words)[~opening].sum(), torch.where(answered, neither, nll)[opening].sum()

    def _hidden(self, words: Tensor, mask: Tensor, shared: int) -> Tensor:
        """Return last hidden states [B, L - S, W] after the S tokens that all rows begin with, which are read once."""
        network = self.model.language.model
        if not shared:
            alone: Tensor = network(inputs_embeds=words, attention_mask=mask, use_cache=False).last_hidden_state
            return alone
        begun = network(inputs_embeds=words[:1, :shared], use_cache=True).past_key_values
        begun.batch_repeat_interleave(len(words))
        rest: Tensor = network(
            inputs_embeds=words[:, shared:], attention_mask=mask, past_key_values=begun, use_cache=True
        ).last_hidden_state
        return rest


def shared_beginning(input_ids: Tensor, vocabulary: int) -> int:
    """Return how many tokens all rows [B, L] begin with before the first visual token, the last of a row apart."""
    same = (input_ids == input_ids[:1]).all(0) & (input_ids[0] < vocabulary)  # [L]
    return min(int(same.long().cumprod(0).sum()), input_ids.shape[1] - 1)


def pair_logits(model: MpoxVlm, state: Tensor, answers: tuple[int, int]) -> Tensor:
    """Return the logits [N, 2] of "Yes" and "No" from last hidden states [N, W], in 32 bits.

    In bfloat16 two logits of 20 could not lie nearer than an eighth.
    """
    with torch.autocast(state.device.type, enabled=False):
        return functional.linear(state.float(), model.language.lm_head.weight[list(answers)].float())


def batch_of(examples: Sequence[Example], features: VisualFeatures | None, pad: int, device: Any) -> dict[str, Tensor]:
    """Return what `Lesson` takes; without features no photograph is shown."""
    made = training_batch([(one.ids, one.labels) for one in examples], pad)
    points = [(row, point) for row, one in enumerate(examples) for point in one.points]
    made["first"] = torch.tensor([one.first for one in examples])
    made["points"] = torch.tensor([(row, point.place) for row, point in points], dtype=torch.long).reshape(-1, 2)
    made["chance"] = torch.tensor([point.chance for _, point in points])
    made["share"] = torch.tensor([point.share for _, point in points])
    if features is not None:
        made |= features.batch([one.shown for one in examples if one.shown])
    return {name: value.to(device) for name, value in made.items()}
