/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m u32: 32-bit words anywhere in the packet, counted from the IP header, shifted, masked and compared:
 * u32_match_it() in net/netfilter/xt_u32.c. A test that reaches behind the end of the packet is false, which
 * "!" turns over as well. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define U32_MAX 10 /* XT_U32_MAXSIZE: tests, and numbers and values of each */

enum operation { OPERATOR_NONE, OPERATOR_AND, OPERATOR_LEFT, OPERATOR_RIGHT, OPERATOR_AT };
static const char *const operators[] = {"", "&", "<<", ">>", "@"};

struct u32_test {
	unsigned number_count, value_count;
	struct {
		enum operation operation; /* in front of it; NONE for the first */
		uint32_t number;
	} numbers[U32_MAX];
	struct {
		uint32_t min, max;
	} values[U32_MAX];
};

struct u32_program {
	unsigned count;
	struct u32_test tests[U32_MAX];
};

/* What is left of the text. */
struct scan {
	const char *at, *end;
};

static void skip_blanks(struct scan *scan)
{
	while (scan->at < scan->end && isspace((unsigned char)*scan->at))
		scan->at++;
}

static bool take(struct scan *scan, const char *token)
{
	size_t size = strlen(token);

	if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, token, size))
		return false;
	scan->at += size;
	return true;
}

/* strtoul() with base 0, as far as it goes. */
static bool take_number(struct scan *scan, uint32_t *number)
{
	uint64_t value;

	skip_blanks(scan);
	if (scan->at < scan->end && *scan->at == '+')
		scan->at++;
	const char *start = scan->at;
	if (scan->end - start > 2 && start[0] == '0' && (start[1] | 32) == 'x' &&
	    isxdigit((unsigned char)start[2])) {
		scan->at += 2;
		while (scan->at < scan->end && isxdigit((unsigned char)*scan->at))
			scan->at++;
	} else {
		bool octal = start < scan->end && *start == '0';
		while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= (octal ? '7' : '9'))
			scan->at++;
	}
	if (guided_number((struct text){start, (size_t)(scan->at - start)}, UINT32_MAX, &value))
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool take_location(struct scan *scan, struct u32_test *test)
{
	enum operation operation = OPERATOR_NONE;

	for (;;) {
		uint32_t number;
		if (test->number_count == U32_MAX || !take_number(scan, &number))
			return false;
		/* The kernel refuses longer shifts: u32_mt_checkentry(). */
		if ((operation == OPERATOR_LEFT || operation == OPERATOR_RIGHT) && number > 31)
			return false;
		test->numbers[test->number_count].operation = operation;
		test->numbers[test->number_count++].number = number;
		skip_blanks(scan);
		if (take(scan, "="))
			return true;
		if (take(scan, "&"))
			operation = OPERATOR_AND;
		else if (take(scan, "<<"))
			operation = OPERATOR_LEFT;
		else if (take(scan, ">>"))
			operation = OPERATOR_RIGHT;
		else if (take(scan, "@"))
			operation = OPERATOR_AT;
		else
			return false;
	}
}

static bool take_values(struct scan *scan, struct u32_test *test)
{
	do {
		uint32_t min, max;
		if (test->value_count == U32_MAX || !take_number(scan, &min))
			return false;
		max = min;
		skip_blanks(scan);
		if (take(scan, ":") && !take_number(scan, &max))
			return false;
		test->values[test->value_count].min = min;
		test->values[test->value_count++].max = max;
		skip_blanks(scan);
	} while (take(scan, ","));
	return true;
}

static int tests_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct scan scan = {word->text.data, word->text.data + word->text.size};
	struct u32_program *program = arena_alloc(parser->ruleset->arena, sizeof(*program));

	if (!program)
		return -ENOMEM;
	value->own = program;
	do {
		struct u32_test *test = &program->tests[program->count];
		if (program->count++ == U32_MAX || !word->text.size || !take_location(&scan, test) ||
		    !take_values(&scan, test))
			return guided_refuse(parser, word,
					     "up to 10 tests such as \"6&0xFF=1,6 && 0>>22&0x3C@0=80:90\"");
	} while (take(&scan, "&&"));
	if (scan.at == scan.end)
		return 0;
	return guided_refuse(parser, word, "a \",\" or \"&&\" is expected where a test goes on");
}

static const struct guide guides[] = {
    {.name = "--u32", .kind = GUIDE_OWN, .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY, .parse = tests_parse}};

static int u32_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, 1);
}

static int u32_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, 1, match->span, "-m u32");
}

static void u32_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *u32 = match->data;
	const struct u32_program *program = u32->values[0].own;
	(void)rule;

	buffer_printf(out, "-m u32%s --u32 \"", guided_inverted(u32, 0) ? " !" : "");
	for (unsigned i = 0; i < program->count; i++) {
		const struct u32_test *test = &program->tests[i];
		buffer_puts(out, i ? "&&" : "");
		for (unsigned j = 0; j < test->number_count; j++)
			buffer_printf(out, "%s0x%x", operators[test->numbers[j].operation],
				      test->numbers[j].number);
		for (unsigned j = 0; j < test->value_count; j++) {
			buffer_printf(out, "%s0x%x", j ? "," : "=", test->values[j].min);
			if (test->values[j].min != test->values[j].max)
				buffer_printf(out, ":0x%x", test->values[j].max);
		}
	}
	buffer_puts(out, "\"");
}

/* The word at `offset`; NO behind the end of the packet. */
static enum truth load(const struct packet *packet, const struct header_changes *changes, uint64_t offset,
		       uint32_t *word)
{
	const uint8_t *bytes;

	if (offset > UINT32_MAX - 4)
		return packet->bytes ? TRUTH_NO : TRUTH_UNKNOWN;
	switch (header_read(packet, changes, (uint32_t)offset, 4, &bytes)) {
	case PART_FOUND:
		*word = header_32(bytes);
		return TRUTH_YES;
	case PART_UNKNOWN:
		return TRUTH_UNKNOWN;
	default:
		return TRUTH_NO;
	}
}

static enum truth test_evaluate(const struct u32_test *test, const struct packet *packet,
				const struct header_changes *changes)
{
	uint32_t value;
	uint64_t base = 0; /* what "@" has added up */
	enum truth truth = load(packet, changes, test->numbers[0].number, &value);

	for (unsigned i = 1; i < test->number_count && truth == TRUTH_YES; i++) {
		uint32_t number = test->numbers[i].number;
		switch (test->numbers[i].operation) {
		case OPERATOR_AND:
			value &= number;
			break;
		case OPERATOR_LEFT:
			value <<= number;
			break;
		case OPERATOR_RIGHT:
			value >>= number;
			break;
		case OPERATOR_AT:
			base += value;
			truth = load(packet, changes, base + number, &value);
			break;
		case OPERATOR_NONE:
			break;
		}
	}
	if (truth != TRUTH_YES)
		return truth;
	for (unsigned i = 0; i < test->value_count; i++)
		if (value >= test->values[i].min && value <= test->values[i].max)
			return TRUTH_YES;
	return TRUTH_NO;
}

static enum truth u32_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *u32 = match->data;
	const struct u32_program *program = u32->values[0].own;
	struct header_changes changes;
	enum truth truth = TRUTH_YES;
	(void)rule;
	(void)evaluation;

	header_changes(packet, &changes);
	for (unsigned i = 0; i < program->count && truth != TRUTH_NO; i++)
		truth = truth_and(truth, test_evaluate(&program->tests[i], packet, &changes));
	return guided_inverted(u32, 0) ? truth_not(truth) : truth;
}

const struct match_type match_u32 = {
    .name = "u32",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = u32_parse,
    .finish = u32_finish,
    .print = u32_print,
    .evaluate = u32_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
