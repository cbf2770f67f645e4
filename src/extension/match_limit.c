/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m limit: a token bucket, limit_mt() in net/netfilter/xt_limit.c. It is full when the rules are loaded,
 * which is when the capture begins. Arithmetic is in 32 bits, as there: what wraps there wraps here, and what
 * cannot be counted is refused. iptables-nft makes an nft_limit of it, which has 64 bits. */
#include "extension/guided.h"
#include "extension/option.h"
#include "extension/rate.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>

#define LIMIT_SCALE 10000u /* XT_LIMIT_SCALE */
#define LIMIT_BURST 5u
#define LIMIT_BURST_MAX 10000u
/* CREDITS_PER_JIFFY: the power of two below what lets a day's jiffies fit in 32 bits. */
#define LIMIT_CREDITS 128u

enum { LIMIT_RATE, LIMIT_BURST_OPTION, LIMIT_COUNT };

struct limit_match {
	struct guided guided;
	uint32_t average; /* as it goes to the kernel */
	uint32_t burst;
	bool wide; /* counted in 64 bits */
};

struct limit_memory {
	struct rate_memory common;
	uint64_t before; /* jiffies */
	uint64_t credit;
};

static int rate_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	uint32_t seconds;
	/* iptables reads it with atoi() into 32 bits. */
	uint64_t period;
	int64_t number = rate_integer(word->text);
	int error = (uint32_t)number ? rate_parse(word->text, LIMIT_SCALE, &period, &seconds) : -EINVAL;

	if (error)
		return guided_refuse(parser, word,
				     error == -ERANGE ? "at most 10000/sec"
						      : "a number, and /sec, /min, /hour or /day behind it");
	value->number = period;
	return 0;
}

static const struct guide guides[LIMIT_COUNT] = {
    [LIMIT_RATE] = {.name = "--limit", .kind = GUIDE_OWN, .parse = rate_value},
    [LIMIT_BURST_OPTION] = {.name = "--limit-burst", .kind = GUIDE_NUMBER, .max = LIMIT_BURST_MAX},
};

static int limit_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct limit_match), guides, LIMIT_COUNT);
}

static uint32_t credits_of(uint32_t user)
{
	const uint32_t second = RATE_HZ * LIMIT_CREDITS;

	if (user > UINT32_MAX / second)
		return user / LIMIT_SCALE * second;
	return user * second / LIMIT_SCALE;
}

static int limit_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct limit_match), guides, LIMIT_COUNT,
				  match->span, "-m limit");
	if (error)
		return error;
	struct limit_match *limit = match->data;
	limit->average = guided_seen(&limit->guided, LIMIT_RATE)
			     ? (uint32_t)limit->guided.values[LIMIT_RATE].number
			     : LIMIT_SCALE * 3600 / 3;
	limit->burst = guided_seen(&limit->guided, LIMIT_BURST_OPTION)
			   ? (uint32_t)limit->guided.values[LIMIT_BURST_OPTION].number
			   : LIMIT_BURST;
	limit->wide = option_is_nft(parser);
	if (limit->wide && limit->burst == 0) /* nft_limit_init() */
		limit->burst = LIMIT_BURST;
	if (limit->wide ||
	    (limit->burst && credits_of(limit->average * limit->burst) >= credits_of(limit->average)))
		return 0;
	diagnostic_hint(
	    option_error(parser, match->span, "bad-value",
			 "the kernel cannot count so slow a rate with a burst of %u", limit->burst),
	    limit->burst ? "a smaller --limit-burst, or more in a shorter time" : "at least --limit-burst 1");
	return -EINVAL;
}

static void limit_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct limit_match *limit = match->data;
	(void)rule;

	buffer_puts(out, "-m limit --limit");
	rate_print(limit->average, LIMIT_SCALE, out);
	if (limit->burst != LIMIT_BURST)
		buffer_printf(out, " --limit-burst %u", limit->burst);
}

static enum truth limit_evaluate(const struct match *match, const struct rule *rule,
				 const struct packet *packet, struct evaluation *evaluation)
{
	const struct limit_match *limit = match->data;
	uint32_t cost = credits_of(limit->average);
	uint64_t cap =
	    limit->wide ? (uint64_t)cost * limit->burst : credits_of(limit->average * limit->burst);
	struct limit_memory *memory =
	    rate_memory(match, rule, NULL, sizeof(*memory), packet->known & KNOWN_TIME, evaluation);

	if (!memory)
		return TRUTH_UNKNOWN;
	uint64_t now = rate_jiffies(packet);
	if (!memory->common.begun) {
		memory->common.begun = true;
		memory->before = now;
		memory->credit = cap;
	}
	/* A capture may step back in time, which jiffies never do. */
	if (now > memory->before) {
		memory->credit += (now - memory->before) * LIMIT_CREDITS;
		if (!limit->wide)
			memory->credit = (uint32_t)memory->credit;
		memory->before = now;
	}
	if (memory->credit > cap)
		memory->credit = cap;
	if (memory->credit < cost)
		return TRUTH_NO;
	memory->credit -= cost;
	return TRUTH_YES;
}

static unsigned limit_effects(const struct match *match)
{
	(void)match;
	return EFFECT_STATE;
}

const struct match_type match_limit = {
    .name = "limit",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = limit_parse,
    .finish = limit_finish,
    .print = limit_print,
    .evaluate = limit_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = limit_effects,
};
