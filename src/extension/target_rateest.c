/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * RATEEST: counts the packet in a rate estimator, which -m rateest reads; goes on:
 * net/netfilter/xt_RATEEST.c. The kernel knows intervals of 1/4 to 8 seconds and averages over 2^n of them:
 * iptables rounds. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_SIZE 15 /* IFNAMSIZ with the NUL; iptables cuts off what is longer */
#define SECOND 1000000u  /* times are in microseconds */
#define INTERVAL_MAX 5   /* SECOND / 4 << 5 */
#define AVERAGE_END 32

enum { RATEEST_NAME, RATEEST_INTERVAL, RATEEST_AVERAGE, RATEEST_COUNT };

/* RATEEST_get_time() of iptables: a number as strtod() takes it, with a unit or none; its conversion to 32
 * bits wraps around. */
static int parse_time(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		double factor;
	} units[] = {{"", 1},       {"s", 1e6},     {"sec", 1e6}, {"secs", 1e6}, {"ms", 1e3},
		     {"msec", 1e3}, {"msecs", 1e3}, {"us", 1},    {"usec", 1},   {"usecs", 1}};
	char text[64], *end;
	double time;

	if (word->text.size >= sizeof(text))
		goto refuse;
	memcpy(text, word->text.data, word->text.size);
	text[word->text.size] = '\0';
	time = strtod(text, &end);
	if (end == text)
		goto refuse;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcasecmp(end, units[i].name) != 0)
			continue;
		time *= units[i].factor;
		value->number = time > -9e18 && time < 9e18 ? (uint32_t)(int64_t)time : 0;
		return 0;
	}
refuse:
	return guided_refuse(parser, word, "a time such as 250ms or 2s");
}

static const struct guide guides[RATEEST_COUNT] = {
    {.name = "--rateest-name", .kind = GUIDE_STRING, .flags = GUIDE_MANDATORY, .max = UINT32_MAX},
    {.name = "--rateest-interval", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_time},
    {.name = "--rateest-ewmalog", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_time},
};

struct rateest_target {
	struct guided guided;
	unsigned interval; /* SECOND / 4 << interval */
	unsigned average;  /* over 2^average of them */
};

static int rateest_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct rateest_target), guides, RATEEST_COUNT);
}

/* -log(1 - 1 / 2^n) */
static double decay(unsigned n)
{
	double x = 1.0 / (double)(1ull << n), power = x, sum = 0;

	for (unsigned i = 1; i < 64; i++, power *= x)
		sum += power / i;
	return sum;
}

static int rateest_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct rateest_target), guides, RATEEST_COUNT,
				  target->span, "RATEEST");
	struct rateest_target *rateest = target->data;

	if (error)
		return error;
	uint64_t interval = rateest->guided.values[RATEEST_INTERVAL].number;
	uint64_t average = rateest->guided.values[RATEEST_AVERAGE].number;
	struct text *name = &rateest->guided.values[RATEEST_NAME].text;
	if (name->size > NAME_MAX_SIZE)
		name->size = NAME_MAX_SIZE;
	while (rateest->interval <= INTERVAL_MAX && interval > SECOND / 4 << rateest->interval)
		rateest->interval++;
	if (rateest->interval > INTERVAL_MAX) {
		diagnostic_hint(
		    option_error(parser, target->span, "bad-value", "the interval of RATEEST is too long"),
		    "at most 8s");
		return -EINVAL;
	}
	/* RATEEST_final_check() of iptables: with the interval as it was written, not as it was rounded. */
	unsigned n = 1;
	while (n < AVERAGE_END - 1 && (double)interval / decay(n) <= (double)average)
		n++;
	if (n == 1 || n == AVERAGE_END - 1) {
		diagnostic_hint(option_error(parser, target->span, "bad-value",
					     "--rateest-ewmalog does not fit --rateest-interval"),
				"twice the interval, or more");
		return -EINVAL;
	}
	rateest->average = n - 1;
	return 0;
}

static void print_time(const char *option, uint32_t time, struct buffer *out)
{
	if (time >= SECOND)
		buffer_printf(out, " %s %.1fs", option, (double)time / SECOND);
	else if (time >= SECOND / 1000)
		buffer_printf(out, " %s %.1fms", option, (double)time * 1000 / SECOND);
	else
		buffer_printf(out, " %s %uus", option, time);
}

static void rateest_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct rateest_target *rateest = target->data;
	struct text name = rateest->guided.values[RATEEST_NAME].text;
	uint32_t interval = SECOND / 4 << rateest->interval;
	(void)rule;

	/* As it is: iptables-save does not quote it. */
	buffer_printf(out, " --rateest-name %.*s", (int)name.size, name.data);
	print_time("--rateest-interval", interval, out);
	print_time("--rateest-ewmalog", interval << rateest->average, out);
}

const struct target_type target_rateest = {
    .name = "RATEEST",
    .modelled = true,
    .kind = TARGET_CONTINUE,
    .effects = EFFECT_COUNTER,
    .parse = rateest_parse,
    .finish = rateest_finish,
    .print = rateest_print,
};
