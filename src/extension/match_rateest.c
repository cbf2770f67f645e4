/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m rateest: the rate of an estimator that the target RATEEST feeds, compared with numbers or with another
 * one: xt_rateest_mt() in net/netfilter/xt_rateest.c. It reads estimators only; their rates are not known.
 *
 * With --rateest-bps and --rateest-pps both, iptables-save says lt, gt or eq twice, which iptables-restore
 * refuses: here the same one may stand again. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_SIZE_MAX 15 /* IFNAMSIZ */

enum {
	RATEEST_FIRST,
	RATEEST_SECOND,
	RATEEST_BPS1,
	RATEEST_PPS1,
	RATEEST_BPS2,
	RATEEST_PPS2,
	RATEEST_DELTA,
	RATEEST_LT,
	RATEEST_GT,
	RATEEST_EQ,
};

static const struct {
	const char *name;
	unsigned option;
} options[] = {
    {"--rateest1", RATEEST_FIRST},      {"--rateest", RATEEST_FIRST},     {"--rateest2", RATEEST_SECOND},
    {"--rateest-bps1", RATEEST_BPS1},   {"--rateest-pps1", RATEEST_PPS1}, {"--rateest-bps2", RATEEST_BPS2},
    {"--rateest-pps2", RATEEST_PPS2},   {"--rateest-bps", RATEEST_BPS2},  {"--rateest-pps", RATEEST_PPS2},
    {"--rateest-delta", RATEEST_DELTA}, {"--rateest-lt", RATEEST_LT},     {"--rateest-gt", RATEEST_GT},
    {"--rateest-eq", RATEEST_EQ},
};
#define OPTION_COUNT (sizeof(options) / sizeof(*options))

struct rateest_match {
	unsigned seen; /* 1 << RATEEST_... */
	bool inverted;
	unsigned mode; /* RATEEST_LT, _GT, _EQ; 0: none */
	struct text names[2];
	uint32_t bytes[2], packets[2]; /* a second */
};

static const struct {
	const char *name;
	double bits;
} units[] = {
    {"", 1},
    {"bit", 1},
    {"Kibit", 1024},
    {"kbit", 1e3},
    {"mibit", 1048576},
    {"mbit", 1e6},
    {"gibit", 1073741824},
    {"gbit", 1e9},
    {"tibit", 1099511627776},
    {"tbit", 1e12},
    {"Bps", 8},
    {"KiBps", 8192},
    {"KBps", 8e3},
    {"MiBps", 8388608},
    {"MBps", 8e6},
    {"GiBps", 8589934592},
    {"GBps", 8e9},
    {"TiBps", 8796093022208},
    {"TBps", 8e12},
};

/* rateest_get_rate(): bits a second without a unit, kept as bytes. */
static int parse_bytes(struct rule_parser *parser, const struct word *word, uint32_t *bytes)
{
	char copy[64], *end;

	if (word->text.size > 0 && word->text.size < sizeof(copy) &&
	    isdigit((unsigned char)word->text.data[0])) {
		memcpy(copy, word->text.data, word->text.size);
		copy[word->text.size] = '\0';
		double bits = strtod(copy, &end);
		for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
			if (strcasecmp(end, units[i].name) != 0 ||
			    bits * units[i].bits / 8 > (double)UINT32_MAX)
				continue;
			*bytes = (uint32_t)(bits * units[i].bits / 8);
			return 0;
		}
	}
	return guided_refuse(parser, word, "bits a second, or with a unit: 500kbit, 2mbit, 10KBps");
}

/* The number behind --rateest-bps and its kind, which may be missing: 0 then. */
static int parse_rate(struct rule_parser *parser, struct rateest_match *rateest, unsigned option)
{
	unsigned index = option == RATEEST_BPS2 || option == RATEEST_PPS2;
	bool bytes = option == RATEEST_BPS1 || option == RATEEST_BPS2;
	const struct word *word = parser->next < parser->count ? &parser->words[parser->next] : NULL;
	uint64_t number;

	if (!word || (word->text.size && strchr("-!", word->text.data[0])))
		return 0;
	parser->next++;
	if (bytes)
		return parse_bytes(parser, word, &rateest->bytes[index]);
	if (guided_number(word->text, UINT32_MAX, &number))
		return guided_refuse(parser, word, "packets a second");
	rateest->packets[index] = (uint32_t)number;
	return 0;
}

static int parse_name(struct rule_parser *parser, struct text *name)
{
	const struct word *word = parser_argument(parser);

	if (!word)
		return -EINVAL;
	if (!word->text.size)
		return guided_refuse(parser, word, "the name of an estimator");
	*name = word->text;
	if (name->size > NAME_SIZE_MAX)
		name->size = NAME_SIZE_MAX;
	return 0;
}

static int rateest_parse(struct rule_parser *parser, struct match *match)
{
	struct rateest_match *rateest = option_data(parser, &match->data, sizeof(*rateest));
	size_t i = 0;

	if (!rateest)
		return -ENOMEM;
	while (i < OPTION_COUNT && !parser_option_is(parser, options[i].name))
		i++;
	if (i == OPTION_COUNT)
		return 0;
	unsigned option = options[i].option;
	if (option < RATEEST_LT && parser_refuse_inversion(parser))
		return -EINVAL;
	bool again = option >= RATEEST_LT && rateest->mode == option && rateest->inverted == parser->inverted;
	int error = again ? 0 : option_once(parser, &rateest->seen, 1u << option, 0);
	if (error)
		return error;
	if (option == RATEEST_FIRST || option == RATEEST_SECOND)
		error = parse_name(parser, &rateest->names[option]);
	else if (option < RATEEST_DELTA)
		error = parse_rate(parser, rateest, option);
	if (option >= RATEEST_LT) {
		rateest->mode = option;
		rateest->inverted |= parser->inverted;
	}
	return error ? error : 1;
}

static bool has(const struct rateest_match *rateest, unsigned one, unsigned other)
{
	return rateest->seen & (1u << one | 1u << other);
}

/* xt_rateest_mt_checkentry() */
static int rateest_finish(struct rule_parser *parser, struct match *match)
{
	const struct rateest_match *rateest = option_data(parser, &match->data, sizeof(*rateest));
	const char *missing = NULL;

	if (!rateest)
		return -ENOMEM;
	if (!(rateest->seen & 1u << RATEEST_FIRST))
		missing = "--rateest";
	else if (!rateest->mode)
		missing = "--rateest-lt, --rateest-gt or --rateest-eq";
	else if (!has(rateest, RATEEST_BPS1, RATEEST_BPS2) && !has(rateest, RATEEST_PPS1, RATEEST_PPS2))
		missing = "--rateest-bps or --rateest-pps";
	if (!missing)
		return 0;
	diagnostic_hint(option_error(parser, match->span, "missing-option", "-m rateest needs %s", missing),
			"iptables refuses it without");
	return -EINVAL;
}

static void print_rate(bool bytes, uint32_t rate, struct buffer *out)
{
	uint64_t bits = (uint64_t)rate * 8;

	if (!bytes)
		buffer_printf(out, " %u", rate);
	else if (bits >= 1000000000)
		buffer_printf(out, " %.0fMbit", (double)bits / 1e6);
	else if (bits >= 1000000)
		buffer_printf(out, " %.0fKbit", (double)bits / 1e3);
	else
		buffer_printf(out, " %llubit", (unsigned long long)bits);
}

static void print_rates(const struct rateest_match *rateest, bool bytes, struct buffer *out)
{
	const char *unit = bytes ? "bps" : "pps";
	const uint32_t *rates = bytes ? rateest->bytes : rateest->packets;
	bool delta = rateest->seen & 1u << RATEEST_DELTA;

	if (delta) {
		buffer_printf(out, " --rateest-%s1", unit);
		print_rate(bytes, rates[0], out);
	}
	buffer_printf(out, "%s --rateest-%s", rateest->inverted ? " !" : "",
		      rateest->mode == RATEEST_LT   ? "lt"
		      : rateest->mode == RATEEST_GT ? "gt"
						    : "eq");
	buffer_printf(out, " --rateest-%s%s", unit, delta ? "2" : "");
	if (delta || !(rateest->seen & 1u << RATEEST_SECOND))
		print_rate(bytes, rates[1], out);
}

static void rateest_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct rateest_match *rateest = match->data;
	bool both = rateest->seen & 1u << RATEEST_SECOND;
	(void)rule;

	buffer_printf(out, "-m rateest%s --rateest%s %.*s",
		      rateest->seen & 1u << RATEEST_DELTA ? " --rateest-delta" : "", both ? "1" : "",
		      (int)rateest->names[0].size, rateest->names[0].data);
	if (has(rateest, RATEEST_BPS1, RATEEST_BPS2))
		print_rates(rateest, true, out);
	if (has(rateest, RATEEST_PPS1, RATEEST_PPS2))
		print_rates(rateest, false, out);
	if (both)
		buffer_printf(out, " --rateest2 %.*s", (int)rateest->names[1].size, rateest->names[1].data);
}

const struct match_type match_rateest = {
    .name = "rateest",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = rateest_parse,
    .finish = rateest_finish,
    .print = rateest_print,
    .evaluate = unseen_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
