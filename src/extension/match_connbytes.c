/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m connbytes: how much a connection has carried, this packet included: connbytes_mt() in
 * net/netfilter/xt_connbytes.c. Of a packet without connection nothing is true, negated or not. */
#include "extension/guided.h"
#include "extension/state.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { CONNBYTES_RANGE, CONNBYTES_MODE, CONNBYTES_DIRECTION, CONNBYTES_COUNT };

static const char *const modes[] = {"packets", "bytes", "avgpkt"};
static const char *const directions[] = {"original", "reply", "both"};
enum { MODE_PACKETS, MODE_BYTES, MODE_AVERAGE };
enum { DIRECTION_ORIGINAL, DIRECTION_REPLY, DIRECTION_BOTH };

static int one_of(struct rule_parser *parser, const struct word *word, const char *const names[3],
		  struct guided_value *value)
{
	for (value->number = 0; value->number < 3; value->number++)
		if (text_is(word->text, names[value->number]))
			return 0;
	return guided_refuse(parser, word,
			     names == modes ? "packets, bytes or avgpkt" : "original, reply or both");
}

static int mode_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	return one_of(parser, word, modes, value);
}

static int direction_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	return one_of(parser, word, directions, value);
}

/* FROM, FROM:, FROM:TO, :TO; without a TO there is no end. */
static int range_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text from = word->text, to = {0};
	const char *colon = from.size ? memchr(from.data, ':', from.size) : NULL;

	if (colon) {
		from.size = (size_t)(colon - from.data);
		to = (struct text){colon + 1, word->text.size - from.size - 1};
	}
	value->second = UINT64_MAX;
	if (((from.size || !colon) && guided_number(from, UINT64_MAX, &value->number)) ||
	    (to.size && guided_number(to, UINT64_MAX, &value->second)) || value->number > value->second)
		return guided_refuse(parser, word, "a number, or FROM:TO");
	return 0;
}

static const struct guide guides[CONNBYTES_COUNT] = {
    [CONNBYTES_RANGE] = {.name = "--connbytes",
			 .kind = GUIDE_OWN,
			 .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
			 .parse = range_value},
    [CONNBYTES_MODE] = {.name = "--connbytes-mode",
			.kind = GUIDE_OWN,
			.flags = GUIDE_MANDATORY,
			.parse = mode_value},
    [CONNBYTES_DIRECTION] = {.name = "--connbytes-dir",
			     .kind = GUIDE_OWN,
			     .flags = GUIDE_MANDATORY,
			     .parse = direction_value},
};

static int connbytes_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, CONNBYTES_COUNT);
}

static int connbytes_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct guided), guides, CONNBYTES_COUNT,
				  match->span, "-m connbytes");
	struct guided *connbytes = match->data;

	/* Negated the kernel gets the ends the other way round: where they are equal, the "!" is lost. */
	if (!error && connbytes->values[CONNBYTES_RANGE].number == connbytes->values[CONNBYTES_RANGE].second)
		connbytes->values[CONNBYTES_RANGE].inverted = false;
	return error;
}

static void connbytes_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct guided *connbytes = match->data;
	const struct guided_value *range = &connbytes->values[CONNBYTES_RANGE];
	(void)rule;

	buffer_printf(out, "-m connbytes%s --connbytes %llu", range->inverted ? " !" : "",
		      (unsigned long long)range->number);
	if (range->second != UINT64_MAX)
		buffer_printf(out, ":%llu", (unsigned long long)range->second);
	buffer_printf(out, " --connbytes-mode %s --connbytes-dir %s",
		      modes[connbytes->values[CONNBYTES_MODE].number],
		      directions[connbytes->values[CONNBYTES_DIRECTION].number]);
}

static uint64_t amount(const struct guided *connbytes, const struct connection *connection)
{
	uint64_t direction = connbytes->values[CONNBYTES_DIRECTION].number;
	uint64_t packets = 0, bytes = 0;

	for (unsigned i = 0; i < 2; i++)
		if (direction == DIRECTION_BOTH || direction == i) {
			packets += connection->packets[i];
			bytes += connection->bytes[i];
		}
	switch (connbytes->values[CONNBYTES_MODE].number) {
	case MODE_PACKETS:
		return packets;
	case MODE_BYTES:
		return bytes;
	default:
		return packets ? bytes / packets : 0;
	}
}

static enum truth connbytes_evaluate(const struct match *match, const struct rule *rule,
				     const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *connbytes = match->data;
	const struct guided_value *range = &connbytes->values[CONNBYTES_RANGE];
	unsigned possible = state_possible(evaluation);
	(void)rule;
	(void)packet;

	if (!(possible & STATES_TRACKED))
		return TRUTH_NO;
	if (possible & STATES_WITHOUT || !evaluation->connection)
		return TRUTH_UNKNOWN;
	uint64_t value = amount(connbytes, evaluation->connection);
	return guided_truth(connbytes, CONNBYTES_RANGE, value >= range->number && value <= range->second);
}

static diagram_node connbytes_mean(const struct match *match, const struct rule *rule,
				   const struct fields *fields)
{
	return diagram_and(fields->diagram, state_list_mean(fields, STATES_TRACKED),
			   unseen_mean(match, rule, fields));
}

/* A connection that is older than the counting has none and matches nothing: not exact. */
const struct match_type match_connbytes = {
    .name = "connbytes",
    .modelled = true,
    .reads_state = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, false},
    .parse = connbytes_parse,
    .finish = connbytes_finish,
    .print = connbytes_print,
    .evaluate = connbytes_evaluate,
    .declare = unseen_declare,
    .mean = connbytes_mean,
};
