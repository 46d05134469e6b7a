"""Every method by its name, and the one call that explains a photograph by any of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, TypeAlias

from mpoxlens.datasets.progress import Tell, silent
from mpoxlens.errors import DataError, MissingExtraError
from mpoxlens.explain.nouns import Explanation, Subject
from mpoxlens.explain.subject import TorchSubject, versions
from mpoxlens.schema import Floats

Needs: TypeAlias = Literal["bundle", "torch"]
DEFAULT = "cam"


@dataclass(frozen=True)
class Known:
    """A method that can be had by name, imported when it is first called; itself a `nouns.Method`."""

    place: str  # module and function; behind a second colon the entry of a mapping
    about: str
    needs: Needs = "bundle"  # "torch": reads inside the float network of a run
    options: tuple[str, ...] = ()  # of "samples" and "tell", what its function takes

    def __call__(self, subject: Subject, photo: Floats, seed: int = 0, **options: Any) -> Explanation:
        """Explain one input [3, size, size]."""
        found: Explanation = self.load()(subject, photo, seed, **options)
        return found

    def load(self) -> Any:
        """Return the function.

        Raises:
            MissingExtraError: torch is not installed.
        """
        module, name, *entry = self.place.split(":")
        try:
            found = getattr(import_module(f"mpoxlens.explain.{module}"), name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("mpoxlens"):
                raise
            raise MissingExtraError(f"method {entry[0] if entry else module}", "train", error.name) from None
        return found[entry[0]] if entry else found


def _gradient(name: str, about: str, *options: str) -> Known:
    return Known(f"gradients:GRADIENT_METHODS:{name}", about, "torch", options)


METHODS: Mapping[str, Known] = {
    "cam": Known("cam:cam", "the network's own map, exact, from the one pass that answers"),
    "occlusion": Known("occlusion:occlusion", "what the answer loses when a square is hidden", options=("tell",)),
    "rise": Known("rise:rise", "what random soft masks show when the answer rises", options=("samples", "tell")),
    "lime": Known("lime:lime", "a linear model of superpixels shown or hidden", options=("samples", "tell")),
    "kernel_shap": Known("kernel_shap:kernel_shap", "Shapley values of superpixels", options=("samples", "tell")),
    "gradcam": _gradient("gradcam", "maps of a layer, each by its mean gradient"),
    "gradcam++": _gradient("gradcam++", "maps of a layer, each by its positive gradients"),
    "hirescam": _gradient("hirescam", "maps of a layer, each place by its own gradient"),
    "layercam": _gradient("layercam", "maps of a layer, each place by its positive gradient"),
    "integrated_gradients": _gradient("integrated_gradients", "gradients from a plain photograph to this one"),
    "smoothgrad": _gradient("smoothgrad", "gradients of noisy copies, averaged", "samples"),
    "rollout": Known("rollout:ROLLOUT", "attention of a vision transformer, layer after layer", "torch"),
}


def explain(
    subject: Subject,
    photo: Floats,
    method: str = DEFAULT,
    seed: int = 0,
    *,
    samples: int | None = None,
    tell: Tell = silent,
) -> Explanation:
    """Explain why a network says what it says of one photograph.

    Args:
        subject: the network, such as `OnnxSubject(Bundle.load(path))`.
        photo: its input [3, size, size], as `bundle.spec.preprocess` makes it.
        method: a name of `METHODS`.
        seed: of whatever is random in the method.
        samples: passes of a sampling method; its own default when None.
        tell: told how many passes are done, by methods that take long.

    Returns:
        heat, method, settings, seed, contrast, passes, and the versions of what computed them.

    Raises:
        DataError: no such method, a method that needs torch for a bundle, an input of another size, or samples where
            there are none.
        MissingExtraError: torch is not installed.
    """
    known = chosen(method, samples, gradients=isinstance(subject, TorchSubject))
    if photo.shape != (3, subject.size, subject.size):
        mend = "prepare it with the bundle's spec.preprocess"
        raise DataError(f"input {photo.shape}", f"the network takes (3, {subject.size}, {subject.size})", mend)
    options = {"samples": samples, "tell": tell} if samples is not None else {"tell": tell}
    given = {name: value for name, value in options.items() if name in known.options}
    found = known(subject, photo, seed, **given)
    runtime = ("torch", "timm") if isinstance(subject, TorchSubject) else ("onnxruntime",)
    return replace(found, versions={**found.versions, **versions(*runtime)})


def chosen(method: str, samples: int | None, *, gradients: bool) -> Known:
    """Return the method, refused before any work.

    Args:
        method: a name of `METHODS`.
        samples: that it shall take, None for its own default.
        gradients: whether there is a float network.

    Raises:
        DataError: no such method, none for a bundle, or one without samples.
    """
    known, what = METHODS.get(method), f"method {method!r}"
    if known is None:
        close = difflib.get_close_matches(method, METHODS, 1)
        mend = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(METHODS)}"
        raise DataError(what, "no such method", mend)
    if known.needs == "torch" and not gradients:
        fit = ", ".join(name for name, one in METHODS.items() if one.needs == "bundle")
        mend = f"name the run that it came from with --run, or take one of {fit}"
        raise DataError(what, "it reads inside the float network, which a bundle does not hold", mend)
    if samples is not None and "samples" not in known.options:
        fit = ", ".join(name for name, one in METHODS.items() if "samples" in one.options)
        raise DataError(what, "it takes no samples", f"leave them out, or take one of {fit}")
    return known
