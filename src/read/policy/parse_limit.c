/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * limit: how many packets, of which kind, in which time. `at` or a second `to` stands before the rate: limit
 * syn to @listeners to 50/s. */
#include "read/policy/parse.h"
#include "read/reader.h"

#include <errno.h>
#include <netinet/in.h>

static const char *const limit_words[] = {"on",   "from", "to",  "port", "source", "at",   "burst", "per",
					  "with", "syn",  "all", "tcp",  "udp",    "icmp", "icmp6", "ping"};

static int parse_rate(struct policy_reader *reader, struct policy_limit *limit)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "a rate, such as 50/s", NULL, 0);
	const char *wrong = value_rate(token->text, &limit->rate, &limit->second);
	if (wrong) {
		struct diagnostic *said;
		uint64_t number;
		bool bare = !value_number(token->text, 1, 1000000, &number);
		policy_error(reader, token, "bad-rate", &said, "%.*s %s", (int)token->text.size,
			     token->text.data, wrong);
		if (bare)
			diagnostic_hint(said, "at %.*s/s, or /min, /h, /d", (int)token->text.size,
					token->text.data);
		return -EINVAL;
	}
	policy_take(reader);
	return 0;
}

/* The length of a prefix, of IPv4 with the source/ before it, of IPv6 with the / alone. */
static int parse_length(struct policy_reader *reader, const char *before, uint64_t bits, const char *what,
			uint8_t *prefix)
{
	const struct policy_token *token = policy_peek(reader);
	size_t size = strlen(before);
	uint64_t length;

	if (token->kind != TOKEN_WORD || !text_starts(token->text, before))
		return policy_expected(reader, what, NULL, 0);
	if (value_number((struct text){token->text.data + size, token->text.size - size}, 1, bits, &length))
		return policy_error(reader, token, "bad-prefix", NULL,
				    "%.*s has no prefix length from 1 to %u behind the /",
				    (int)token->text.size, token->text.data, (unsigned)bits);
	*prefix = (uint8_t)length;
	policy_take(reader);
	return 0;
}

/* per source, per source/24, per source/32,/64 */
static int parse_per(struct policy_reader *reader, struct policy_limit *limit)
{
	limit->per_source = true;
	limit->prefix[FAMILY_IPV4] = 32;
	limit->prefix[FAMILY_IPV6] = 64;
	if (policy_take_word(reader, "source"))
		return 0;
	int result = parse_length(reader, "source/", 32, "source, or source/32,/64", &limit->prefix[0]);
	if (result == 0 && policy_take_kind(reader, TOKEN_COMMA))
		result = parse_length(reader, "/", 128, "a prefix length for IPv6, such as /64",
				      &limit->prefix[1]);
	return result;
}

static int parse_with(struct policy_reader *reader, struct policy_limit *limit)
{
	static const char *const names[] = {"syncookies", "synproxy"};
	struct policy_token token = *policy_peek(reader);
	size_t which;
	int result = parse_word(reader, names, COUNT_OF(names), "syncookies or synproxy", &which);

	if (result < 0)
		return result;
	if (!limit->syn)
		return policy_error(reader, &token, "needs-syn", NULL, "%s answers TCP's SYN: limit syn",
				    names[which]);
	limit->with = which == 0 ? LIMIT_SYNCOOKIES : LIMIT_SYNPROXY;
	limit->with_span = token.span;
	return 0;
}

enum limit_item { LIMIT_AT, LIMIT_BURST, LIMIT_PER, LIMIT_WITH, LIMIT_ITEMS };
static const char *const limit_items[LIMIT_ITEMS] = {"at", "burst", "per", "with"};

static int parse_limit_item(struct policy_reader *reader, struct policy_limit *limit, size_t which)
{
	uint64_t burst;
	int result;

	switch (which) {
	case LIMIT_AT:
		return parse_rate(reader, limit);
	case LIMIT_BURST:
		result = parse_number(reader, "a number of packets", 1, 1000000, &burst);
		if (result == 0)
			limit->burst = (uint32_t)burst;
		return result;
	case LIMIT_PER:
		return parse_per(reader, limit);
	default:
		return parse_with(reader, limit);
	}
}

/* Whether `to` begins a rate; it is taken then. */
static bool take_to_rate(struct policy_reader *reader, const struct policy_token *to)
{
	const struct policy_token *token = policy_peek(reader);
	uint32_t rate, second;

	return to->kind == TOKEN_WORD && token->kind == TOKEN_WORD &&
	       !value_rate(token->text, &rate, &second);
}

/* to PLACES, or to RATE. */
static int parse_limit_to(struct policy_reader *reader, struct policy_statement *statement, unsigned *seen)
{
	struct policy_selector *selector = &statement->selector;
	struct policy_token to = *policy_peek(reader);

	policy_take(reader);
	if (take_to_rate(reader, &to)) {
		if (*seen >> LIMIT_AT & 1)
			return policy_error(reader, &to, "said-twice", NULL, "there is a rate already");
		*seen |= 1u << LIMIT_AT;
		return parse_rate(reader, &statement->limit);
	}
	if (selector->to.span.source)
		return policy_expected(reader, "a rate, such as 50/s", NULL, 0);
	return parse_places(reader, &selector->to);
}

static int parse_limit_part(struct policy_reader *reader, struct policy_statement *statement, unsigned *seen,
			    bool *taken)
{
	if (policy_next_is_word(reader, "to")) {
		*taken = true;
		return parse_limit_to(reader, statement, seen);
	}
	for (size_t i = 0; i < LIMIT_ITEMS; i++) {
		struct policy_token token = *policy_peek(reader);
		if (!policy_take_word(reader, limit_items[i]))
			continue;
		*taken = true;
		if (*seen >> i & 1)
			return policy_error(reader, &token, "said-twice", NULL, "%s stands twice",
					    limit_items[i]);
		*seen |= 1u << i;
		return parse_limit_item(reader, &statement->limit, i);
	}
	return parse_clause(reader, &statement->selector, taken);
}

static int parse_limit_kind(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_selector *selector = &statement->selector;

	if (policy_take_word(reader, "all"))
		return 0;
	if (policy_take_word(reader, "syn")) {
		uint8_t *tcp = arena_push(reader->arena, (void **)&selector->protocols,
					  &selector->protocol_count, &selector->protocol_capacity, 1);
		if (!tcp)
			return -ENOMEM;
		*tcp = IPPROTO_TCP;
		statement->limit.syn = true;
		return 0;
	}
	int result = parse_protocols(reader, selector);
	if (result < 0 || selector->protocol_count)
		return result;
	return policy_expected(reader, "syn, a protocol, or all", limit_words, COUNT_OF(limit_words));
}

/* Sources are kept until their burst has come back, and a day is about what xt_hashlimit can count
 * (MAX_CPJ_v2 of net/netfilter/xt_hashlimit.c). */
#define BURST_BACK_MAX 86400u

/* The packets of the rate, at least 5, when it is left out. */
static int settle_burst(struct policy_reader *reader, struct policy_limit *limit)
{
	uint64_t most = (uint64_t)limit->rate * BURST_BACK_MAX / limit->second;

	if (!limit->burst) {
		uint64_t burst = limit->rate < 5 ? 5 : limit->rate > 1000000 ? 1000000 : limit->rate;
		limit->burst = (uint32_t)(burst < most ? burst : most);
	}
	if (limit->burst <= most)
		return 0;
	diagnostic_hint(
	    diagnostic_add(reader->sink, SEVERITY_ERROR, "bad-burst", span_join(reader->first, reader->last),
			   "a burst of %u packets takes more than a day to come back at this rate",
			   limit->burst),
	    "burst %llu is the most", (unsigned long long)most);
	return -EINVAL;
}

int parse_limit(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_limit *limit = &statement->limit;
	unsigned seen = 0;
	bool taken = true;
	int result = parse_limit_kind(reader, statement);

	while (result == 0 && taken)
		result = parse_limit_part(reader, statement, &seen, &taken);
	if (result < 0)
		return result;
	if (!policy_next_is(reader, TOKEN_LINE) && !policy_next_is(reader, TOKEN_END))
		return policy_expected(reader,
				       "on, from, to, port, at, burst, per, with or the end of the line",
				       limit_words, COUNT_OF(limit_words));
	if (!(seen >> LIMIT_AT & 1))
		return policy_expected(reader, "a rate (at 50/s)", NULL, 0);
	return settle_burst(reader, limit);
}
