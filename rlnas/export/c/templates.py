"""The text of an export in C: header, source and self-test, with `${places}` for what differs."""

from string import Template

HEADER = Template("""\
/* A sparse feed-forward network, made by rlnas.
 *
 * ${introduction} */
#ifndef ${NAME}_H
#define ${NAME}_H

${header_includes}#define ${NAME}_FEATURES ${features}
#define ${NAME}_${OUTPUTS} ${outputs}
${macros}
#ifdef __cplusplus
extern "C" {
#endif

/* A feature${origin}${precision}. */
typedef ${feature} ${name}_feature;
${table}
${answering}${checks}
${naming}
${declaration}
#ifdef __cplusplus
}
#endif

#endif
""")

VALID = Template("""
/* 1 if every feature that is read is finite; 0 if one is NaN or infinite. */
int ${name}_valid(const ${name}_feature features[${NAME}_FEATURES]);
""")

FEATURES_INTRODUCTION = Template("""\
Features are given as they are in the data set, not standardised. Those that no connection reads
 * have no influence. Where one that is read is NaN, there is no answer: ${no_answer}.
 * An infinite one counts as a very large one. A compiler that is told that there are no NaNs
 * (-ffast-math) does not find them.""")

ROWS_INTRODUCTION = Template("""\
For a row of a table, given as a ${name}_row, which has the columns that the network reads:
 *
 *     ${name}_feature features[${NAME}_FEATURES];
 *     ${name}_encode(&row, features);
 *     ${call};
 *
 * Where a feature is NaN, there is no answer: ${no_answer}.
 * An infinite one counts as a very large one. A compiler that is told that there are no NaNs
 * (-ffast-math) does not find them.""")

ROW = Template("""\
/* The columns of a row that the network reads; all have to be set. */
typedef struct {
${members}
} ${name}_row;

/* Make the features of a row${encode_result}. */
${encode_type} ${name}_encode(const ${name}_row *row, ${name}_feature features[${NAME}_FEATURES]);
""")

CODE = Template("""\
/* The place of a text among others; if it is not there -1 for 0 and \"\", otherwise `other`. */
static inline int ${name}_code(const char *text, const char *const texts[], int count, int other) {
    int k;
    for (k = 0; text && k < count; k++) {
        const char *a = text, *b = texts[k];
        while (*a && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b) {
            return k;
        }
    }
    return text && *text ? other : -1;
}
""")

FROM_TEXT = Template("""\
/* The value of ${title} that a text in UTF-8 means, compared byte by byte. One that is not listed
 * gives ${other}; 0 and "" give
 * ${missing}. Texts take memory only where this is called. */
static inline ${kind} ${name}_${member}_from_text(const char *text) {
    static const char *const texts[${count}] = {
        ${texts}
    };
    return (${kind})${name}_code(text, texts, ${count}, ${other});
}
""")

PRECISION = ", in double precision: float does not tell all values apart"

DECLARATION = Template("""
/* How many samples of ${name}_test.c get another ${answer} than they had in Python. */
int ${name}_self_test(void);
""")

MEMORY = Template("""\
/* AVR copies constants to RAM unless they are placed in flash, and read from there, by name. */
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define ${NAME}_FLASH PROGMEM
#define ${NAME}_READ_uint8_t(at) pgm_read_byte(at)
#define ${NAME}_READ_int8_t(at) ((int8_t)pgm_read_byte(at))
#define ${NAME}_READ_uint16_t(at) pgm_read_word(at)
#define ${NAME}_READ_int16_t(at) ((int16_t)pgm_read_word(at))
#define ${NAME}_READ_float(at) pgm_read_float(at)
#else
#define ${NAME}_FLASH
#define ${NAME}_READ_uint8_t(at) (*(at))
#define ${NAME}_READ_int8_t(at) (*(at))
#define ${NAME}_READ_uint16_t(at) (*(at))
#define ${NAME}_READ_int16_t(at) (*(at))
#define ${NAME}_READ_float(at) (*(at))
#endif
#define ${NAME}_READ_double(at) (*(at))""")

SOURCE = Template("""\
/* A sparse feed-forward network, made by rlnas. C99, no allocation, no library.
 *
 * Units are numbered: the inputs that are read, hidden units, outputs. Row r is the unit
 * INPUTS + r; its fan_in[r] connections follow those of the row before. */
#include "${name}.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

${memory}
${demand}
enum { ${NAME}_INPUTS = ${inputs}, ${NAME}_ROWS = ${rows}, ${NAME}_HIDDEN = ${hidden} };

${constants}
${encode}
/* Compute all units; 0 if an input is NaN. */
static int ${name}_run(const ${name}_feature features[],
    float units[${NAME}_INPUTS + ${NAME}_ROWS]) {
    size_t k = 0;
    int row;
    for (row = 0; row < ${NAME}_INPUTS; row++) {
        const ${name}_feature feature = features[${place}];
        const float input = (${remaining} - ${NAME}_READ_float(&${name}_means[row])) *
            ${NAME}_READ_float(&${name}_scales[row]);
        const float low = ${NAME}_READ_float(&${name}_bounds[2 * row]);
        const float high = ${NAME}_READ_float(&${name}_bounds[2 * row + 1]);
        if (input != input) {
            return 0;
        }
        units[row] = input > high ? high : input < low ? low : input;
    }
    for (row = 0; row < ${NAME}_ROWS; row++) {
        const size_t end = k + ${NAME}_READ_uint16_t(&${name}_fan_in[row]);
        float sum = 0.0f;
        for (; k < end; k++) {
            sum += ${NAME}_READ_float(&${name}_weights[k]) *
                units[${NAME}_READ_uint16_t(&${name}_sources[k])];
        }
        sum = ${NAME}_READ_float(&${name}_biases[row]) + sum;
        units[${NAME}_INPUTS + row] = row < ${NAME}_HIDDEN && sum < 0.0f ? 0.0f : sum;
    }
    return 1;
}

${answer_functions}
int ${name}_valid(const ${name}_feature features[${NAME}_FEATURES]) {
    int row;
    for (row = 0; row < ${NAME}_INPUTS; row++) {
        const ${name}_feature feature = features[${place}];
        if (!(feature >= -${largest} && feature <= ${largest})) {
            return 0;
        }
    }
    return 1;
}
""")

FLAGS = Template("""
/* Features that are 1 if a value has a certain code, else 0. */
static void ${name}_flags(int value, const uint16_t codes[], ${raw} features[], int count) {
    int k;
    for (k = 0; k < count; k++) {
        features[k] = value == (int)${NAME}_READ_uint16_t(&codes[k]) ? 1.0f : 0.0f;
    }
}
""")

ENCODE = Template("""${flags}
${encode_type} ${name}_encode(const ${name}_row *row, ${name}_feature features[${NAME}_FEATURES]) {
${statements}
}
""")

SELF_TEST = Template("""\
/* A self-test of ${name}.c: samples, and the ${answers} that they had in Python.
 *
 * On a computer: cc ${name}_test.c ${name}.c && ./a.out
 * On a device: compile with -D${NAME}_NO_MAIN and call ${name}_self_test(). */
#include "${name}.h"

${includes}

${memory}

enum { ${NAME}_SAMPLES = ${samples} };

${samples_given}

${expected}

int ${name}_self_test(void) {
    ${name}_feature features[${NAME}_FEATURES];
    int wrong = 0, sample${counter};
    for (sample = 0; sample < ${NAME}_SAMPLES; sample++) {
${load}
${compare}
    }
    return wrong;
}

#ifndef ${NAME}_NO_MAIN
#include <stdio.h>

int main(void) {
    const int wrong = ${name}_self_test();
    printf("${name}: %d of %d samples are wrong\\n", wrong, (int)${NAME}_SAMPLES);
    return wrong;
}
#endif
""")

LOAD_FEATURES = Template("""\
        for (k = 0; k < ${NAME}_FEATURES; k++) {
            const size_t place = (size_t)sample * ${NAME}_FEATURES + (size_t)k;
            features[k] = ${NAME}_READ_${feature}(&${name}_samples[place]);
        }""")

LOAD_ROW = Template("""\
        ${name}_row row;
#if defined(__AVR__)
        memcpy_P(&row, &${name}_samples[sample], sizeof row);
#else
        row = ${name}_samples[sample];
#endif
        ${name}_encode(&row, features);""")
