"""The text of an export in C with int8 weights, with `${places}` for what differs."""

from string import Template

SOURCE = Template("""\
/* A sparse feed-forward network, made by rlnas. C99, no allocation, no library.
 *
 * Two streams describe each hidden unit, then each output. ${name}_structure has the number of its
 * connections and, for each, how many units lie between its source and that of the one before.
 * ${name}_values has a scale, a bias in two bytes, and the weights. A hidden unit is divided by two
 * to the power of its scale, an output multiplied by its scale. */
#include "${name}.h"

${includes}

${memory}
${demand}
enum { ${NAME}_INPUTS = ${inputs}, ${NAME}_ROWS = ${rows}, ${NAME}_HIDDEN = ${hidden} };

/* What a bias of 1 adds to a sum. */
#define ${NAME}_BIAS ${bias}

${constants}

/* A stream of bits, the lowest of a byte first. */
typedef struct {
    const uint8_t *next;
    unsigned rest; /* bits that are read from memory, but not used */
    int left; /* their number */
} ${name}_bits;

static void ${name}_open(${name}_bits *from, const uint8_t *stream) {
    from->next = stream;
    from->rest = 0;
    from->left = 0;
}

/* A number in Rice code: ones and a zero are its quotient, ${width} more bits its remainder. */
static unsigned ${name}_number(${name}_bits *from) {
    unsigned rest = from->rest, number = 0, one;
    int left = from->left;
    do {
        if (left == 0) {
            rest = ${NAME}_READ_uint8_t(from->next++);
            left = 8;
        }
        one = rest & 1;
        number += one << ${width};
        rest >>= 1;
        left--;
    } while (one);
    if (left < ${width}) {
        rest |= (unsigned)${NAME}_READ_uint8_t(from->next++) << left;
        left += 8;
    }
    from->rest = rest >> ${width};
    from->left = left - ${width};
    return number + (rest & ((1u << ${width}) - 1));
}
${functions}
void ${name}_${gives}(const ${name}_feature features[${NAME}_FEATURES],
    ${sum} ${array}[${NAME}_${OUTPUTS}]) {
    ${name}_bits structure;
    const uint8_t *value = ${name}_values;
    ${unit} units[${units}];
    int row;
${load}\
    ${name}_open(&structure, ${name}_structure);
    for (row = 0; row < ${NAME}_ROWS; row++) {
        unsigned source = 0, left = ${name}_number(&structure);
        const unsigned scale = ${NAME}_READ_uint8_t(value);
        const unsigned bias = ${NAME}_READ_uint8_t(value + 1) |
            (unsigned)${NAME}_READ_uint8_t(value + 2) << 8;
        ${sum} sum = (${sum})(int16_t)bias * ${NAME}_BIAS;
        value += 3;
        for (; left > 0; left--, source++) {
            source += ${name}_number(&structure);
            sum += (${sum})(int8_t)${NAME}_READ_uint8_t(value) * (${source});
            value++;
        }
        if (row < ${NAME}_HIDDEN) {
            ${hidden_unit}
        } else {
            ${array}[row - ${NAME}_HIDDEN] = ${output};
        }
    }
${spread}\
}

${classify}${valid}""")

CLASSIFY = Template("""\
int ${name}_classify(const ${name}_feature features[${NAME}_FEATURES]) {
    ${sum} logits[${NAME}_CLASSES];
    int best = 0, k;
    ${name}_logits(features, logits);
${unknown}\
    for (k = 1; k < ${NAME}_CLASSES; k++) {
        if (logits[k] > logits[best]) {
            best = k;
        }
    }
    return best;
}
""")

FLOAT = Template("""
/* The float whose upper half is given. */
static float ${name}_float(uint16_t upper) {
    union {
        uint32_t bits;
        float value;
    } number;
    number.bits = (uint32_t)upper << 16;
    return number.value;
}
""")

CLIPPED = Template("""
/* An input beyond those of training counts as the last one. */
static float ${name}_clipped(float input, float low, float high) {
    return input > high ? high : input < low ? low : input;
}
""")

ALL_NAN = Template("""\
    for (row = 0; row < ${NAME}_${OUTPUTS}; row++) {
        if (${array}[row] != ${array}[row]) {
            ${array}[0] = NAN;
        }
    }
    for (row = 1; row < ${NAME}_${OUTPUTS} && ${array}[0] != ${array}[0]; row++) {
        ${array}[row] = NAN;
    }
""")

NO_CLASS = """\
    if (logits[0] != logits[0]) {
        return -1;
    }
"""

EACH_INPUT = Template("""\
    for (row = 0; row < ${NAME}_INPUTS; row++) {
        const unsigned place = (unsigned)row;
""")

EACH_INPUT_READ = Template("""\
    ${name}_bits inputs;
    unsigned place = 0;
    ${name}_open(&inputs, ${name}_inputs);
    for (row = 0; row < ${NAME}_INPUTS; row++, place++) {
        place += ${name}_number(&inputs);
""")

STANDARDISED = Template("""\
(${remaining} - ${name}_float(${NAME}_READ_uint16_t(&${name}_means[row]))) *
            ${name}_float(${NAME}_READ_uint16_t(&${name}_scales[row]))""")

LOAD = Template("""
/* Standardise the features that are read. */
static void ${name}_load(const ${name}_feature features[], float units[]) {
    int row;
${each}\
        const ${name}_feature feature = features[place];
        units[row] = ${name}_clipped(${standardised},
            (float)${NAME}_READ_int8_t(&${name}_bounds[2 * row]) / ${per_std}.0f,
            (float)${NAME}_READ_int8_t(&${name}_bounds[2 * row + 1]) / ${per_std}.0f);
    }
}
""")

VALID_INPUTS = Template("""
int ${name}_valid(const ${name}_feature features[${NAME}_FEATURES]) {
    int row;
${each}\
        if (!(features[place] >= -${largest} && features[place] <= ${largest})) {
            return 0;
        }
    }
    return 1;
}
""")

VALID_IN_PLACE = Template("""
int ${name}_valid(const ${name}_feature features[${NAME}_FEATURES]) {
    ${name}_bits structure;
    int row;
    ${name}_open(&structure, ${name}_structure);
    for (row = 0; row < ${NAME}_ROWS; row++) {
        unsigned source = 0, left = ${name}_number(&structure);
        for (; left > 0; left--, source++) {
            source += ${name}_number(&structure);
            if (source < ${NAME}_FEATURES &&
                !(features[source] >= -${largest} && features[source] <= ${largest})) {
                return 0;
            }
        }
    }
    return 1;
}
""")

CLIPPED_INTEGER = Template("""
/* An input beyond those of training counts as the last one. */
static int16_t ${name}_clipped(int32_t input, int row) {
    const int32_t low = ${NAME}_READ_int8_t(&${name}_bounds[2 * row]) * (int32_t)${bound};
    const int32_t high = ${NAME}_READ_int8_t(&${name}_bounds[2 * row + 1]) * (int32_t)${bound};
    return (int16_t)(input > high ? high : input < low ? low : input);
}
""")

QUANTIZE = Template("""
${linkage}int ${name}_quantize(const ${raw} raw[${n_raw}],
    ${name}_feature features[${NAME}_FEATURES]) {
    int valid = 1, row;
${each}\
        const ${raw} feature = raw[place];
        float input = ${standardised};
        valid = valid && feature >= -${largest} && feature <= ${largest};
        input = input != input ? 0.0f : input > 32767.0f ? 32767.0f
            : input < -32767.0f ? -32767.0f : input;
        features[row] = ${name}_clipped((int32_t)(input < 0.0f ? input - 0.5f : input + 0.5f), row);
    }
    return valid;
}
""")

QUANTIZE_INTEGERS = Template("""
void ${name}_quantize(const int16_t raw[${NAME}_RAW], ${name}_feature features[${NAME}_FEATURES]) {
    int row;
${each}\
        const int32_t centred = (int32_t)raw[place] - ${NAME}_READ_int16_t(&${name}_means[row]);
        const int32_t input = centred * ${NAME}_READ_int16_t(&${name}_factors[row]) >>
            ${NAME}_READ_uint8_t(&${name}_shifts[row]);
        features[row] = ${name}_clipped(input, row);
    }
}
""")

INPUT = Template("""
/* A feature in the measure of hidden units. */
static int16_t ${name}_input(${name}_feature feature) {
    return (int16_t)(${feature} << ${fraction});
}
""")

INTEGER_UNIT = """\
sum = sum < 0 ? 0 : sum >> scale;
            units[row] = (int16_t)(sum > 32767 ? 32767 : sum);"""

BYTES_INTRODUCTION = """\
Features are bytes, as they are in the data set. Those that no connection reads have no
 * influence. Nothing is computed in floating point."""

QUANTIZED_INTRODUCTION = Template("""\
${name}_quantize makes features of those in the data set:
 *
 *     ${name}_feature features[${NAME}_FEATURES];
 *     ${name}_quantize(raw, features);
 *     answer = ${name}_classify(features);
 *
 * Nothing${else_} is computed in floating point.""")

ROWS_INTRODUCTION = Template("""\
For a row of a table, given as a ${name}_row, which has the columns that the network reads:
 *
 *     ${name}_feature features[${NAME}_FEATURES];
 *     ${name}_encode(&row, features);
 *     answer = ${name}_classify(features);
 *
 * ${name}_encode computes in floating point, nothing else does.""")

LOGIT_STEP = Template("""\

/* A logit is what ${name}_logits gives times about this. */
#define ${NAME}_LOGIT_STEP ${step}
""")

DECLARE_QUANTIZE = Template("""
/* The features of raw ones, given as they are in the data set, of which those that no connection
 * reads have no influence. 1 if all others are finite; 0 if one is infinite, and counts as very
 * large, or NaN, and counts as the mean. */
int ${name}_quantize(const ${raw} raw[${NAME}_RAW], ${name}_feature features[${NAME}_FEATURES]);
""")

DECLARE_QUANTIZE_INTEGERS = Template("""
/* The features of raw ones, given as they are in the data set, of which those that no connection
 * reads have no influence. */
void ${name}_quantize(const int16_t raw[${NAME}_RAW], ${name}_feature features[${NAME}_FEATURES]);
""")

ENCODE_RESULT = """; 1 if all that are read are finite; 0 if one
 * is infinite, and counts as very large, or NaN, and counts as the mean"""

LOAD_QUANTIZED = Template("""\
        ${raw} raw[${NAME}_RAW];
        for (k = 0; k < ${NAME}_RAW; k++) {
            const size_t place = (size_t)sample * ${NAME}_RAW + (size_t)k;
            raw[k] = ${NAME}_READ_${raw}(&${name}_samples[place]);
        }
        ${name}_quantize(raw, features);""")
