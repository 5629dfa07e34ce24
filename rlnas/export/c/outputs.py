"""What C code says of its outputs: the functions for classes, or for numbers that are predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

import numpy as np

from rlnas.export.c.constants import Arrays
from rlnas.export.c.integers import IntegerNetwork
from rlnas.export.c.names import string_literal
from rlnas.export.inference import Inference

CLOSE = 1e-3
"""Largest difference of a number in a self-test, as a share of its range."""

_CLASSES = Template("""\
/* The class with the largest logit, from 0${or_none}. */
int ${name}_classify(const ${name}_feature features[${NAME}_FEATURES]);

/* The logits of all classes. */
void ${name}_logits(const ${name}_feature features[${NAME}_FEATURES],
    ${logit} logits[${NAME}_CLASSES]);
""")

_CLASSIFY = Template("""\
int ${name}_classify(const ${name}_feature features[${NAME}_FEATURES]) {
    float units[${NAME}_INPUTS + ${NAME}_ROWS];
    const float *const logits = units + ${NAME}_INPUTS + ${NAME}_HIDDEN;
    int best = 0, k;
    if (!${name}_run(features, units)) {
        return -1;
    }
    for (k = 1; k < ${NAME}_CLASSES; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    return best;
}

void ${name}_logits(const ${name}_feature features[${NAME}_FEATURES],
    float logits[${NAME}_CLASSES]) {
    float units[${NAME}_INPUTS + ${NAME}_ROWS];
    const int known = ${name}_run(features, units);
    int k;
    for (k = 0; k < ${NAME}_CLASSES; k++) {
        logits[k] = known ? units[${NAME}_INPUTS + ${NAME}_HIDDEN + k] : NAN;
    }
}
""")

_VALUES = Template("""\
/* The numbers that are predicted, in the units of the data. */
void ${name}_predict(const ${name}_feature features[${NAME}_FEATURES],
    float values[${NAME}_TARGETS]);
""")

_PREDICT = Template("""\
void ${name}_predict(const ${name}_feature features[${NAME}_FEATURES],
    float values[${NAME}_TARGETS]) {
    float units[${NAME}_INPUTS + ${NAME}_ROWS];
    const int known = ${name}_run(features, units);
    int k;
    for (k = 0; k < ${NAME}_TARGETS; k++) {
        values[k] = known ? units[${NAME}_INPUTS + ${NAME}_HIDDEN + k] : NAN;
    }
}
""")

_IN_UNITS = Template("""\
    for (row = 0; row < ${NAME}_TARGETS; row++) {
        values[row] = values[row] * ${NAME}_READ_float(&${name}_spreads[row]) +
            ${NAME}_READ_float(&${name}_centres[row]);
    }
""")

_NAMES = Template("""\
/* The name of a ${thing} in UTF-8, "" for -1. Names take memory only where this is called. */
static inline const char *${name}_${thing}_name(int number) {
    static const char *const names[${NAME}_${OUTPUTS}] = {
        ${names}
    };
    return number >= 0 && number < ${NAME}_${OUTPUTS} ? names[number] : "";
}""")

_SAME_CLASS = Template("""\
        wrong += ${name}_classify(features) !=
            (int)${NAME}_READ_uint16_t(&${name}_expected[sample]);""")

_SAME_VALUES = Template("""\
        float values[${NAME}_TARGETS];
        int target, far = 0;
        ${name}_predict(features, values);
        for (target = 0; target < ${NAME}_TARGETS; target++) {
            const float most = ${NAME}_READ_float(&${name}_tolerances[target]);
            const float difference = values[target] -
                ${NAME}_READ_float(&${name}_expected[sample * ${NAME}_TARGETS + target]);
            far += !(difference >= -most && difference <= most);
        }
        wrong += far > 0;""")


@dataclass(frozen=True)
class SelfTest:
    """Samples of a self-test, and what is known of their outputs.

    Attributes:
        arrays: Constants by name, each with its C type.
        compare: The code that compares what a sample gets with them.
    """

    arrays: Arrays
    compare: Template


def words_of_outputs(inference: Inference, name: str) -> dict[str, str]:
    """The words of the templates that say what the outputs of a network of this name are."""
    if inference.target_names:
        thing, names = "target", inference.target_names
        answer, no_answer, call = "value", "every value is NaN", "{}_predict(features, values)"
    else:
        thing, names = "class", inference.class_names
        answer, no_answer = "class", "the class is -1, every\n * logit is NaN"
        call = "answer = {}_classify(features)"
    return {
        "thing": thing,
        "outputs": str(inference.layer_sizes[-1]),
        "OUTPUTS": "TARGETS" if inference.target_names else "CLASSES",
        "names": ",\n        ".join(map(string_literal, names)),
        "answer": answer,
        "answers": "values" if inference.target_names else "classes",
        "no_answer": no_answer,
        "call": call.format(name),
        "gives": "predict" if inference.target_names else "logits",
        "array": "values" if inference.target_names else "logits",
    }


def code_of_outputs(inference: Inference, words: dict[str, str]) -> dict[str, str]:
    """The declarations and functions that give answers, by the places of the templates."""
    declared, defined = (_VALUES, _PREDICT) if inference.target_names else (_CLASSES, _CLASSIFY)
    return {
        "answering": declared.substitute(words),
        "answer_functions": defined.substitute(words),
        "naming": _NAMES.substitute(words),
    }


def arrays_of_outputs(inference: Inference) -> Arrays:
    """Constants with which code makes numbers in the units of the data of its outputs."""
    if inference.targets is None:
        return {}
    return {
        "spreads": ("float", inference.targets.scale.astype(np.float32)),
        "centres": ("float", inference.targets.mean.astype(np.float32)),
    }


def in_units(inference: Inference, words: Mapping[str, str]) -> str:
    """The statements that use them; none for classes."""
    return _IN_UNITS.substitute(words) if inference.target_names else ""


def self_test(computed: Inference | IntegerNetwork, numbers: bool, samples: np.ndarray) -> SelfTest:
    """What a self-test compares.

    Numbers may differ by a thousandth of their range in the samples, for all that compilers do.

    Args:
        computed: The network that the code computes.
        numbers: Whether it predicts numbers.
        samples: Raw samples `[chosen, n_columns]`.
    """
    outputs = computed.logits(samples)
    if not numbers:
        return SelfTest({"expected": ("uint16_t", outputs.argmax(axis=1))}, _SAME_CLASS)
    tolerances = CLOSE * (np.ptp(outputs, axis=0) + np.abs(outputs).max(axis=0) * CLOSE)
    arrays = {
        "expected": ("float", outputs.ravel()),
        "tolerances": ("float", np.maximum(tolerances, np.float32(1e-30)).astype(np.float32)),
    }
    return SelfTest(arrays, _SAME_VALUES)


def spread_samples(inference: Inference | IntegerNetwork, raw: np.ndarray, most: int) -> np.ndarray:
    """Samples from the one with the smallest first output to that with the largest.

    Args:
        inference: The network.
        raw: Raw samples `[samples, n_columns]`, all finite.
        most: Largest number of samples.
    """
    order = np.argsort(inference.logits(raw)[:, 0], kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    return raw[order[places]] if len(order) else raw
