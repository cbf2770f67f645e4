/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conntrack { ... }: the sysctls of connection tracking, by shorter names. */
#include "read/policy/parse.h"
#include "read/words.h"

#include <errno.h>

/* What can stand behind `timeout`, and the sysctl under net.netfilter: nf_conntrack_standalone.c. */
static const struct {
	const char *name, *sysctl;
} timeouts[] = {
    {"generic", "nf_conntrack_generic_timeout"},
    {"icmp", "nf_conntrack_icmp_timeout"},
    {"icmp6", "nf_conntrack_icmpv6_timeout"},
    {"tcp-close", "nf_conntrack_tcp_timeout_close"},
    {"tcp-close-wait", "nf_conntrack_tcp_timeout_close_wait"},
    {"tcp-established", "nf_conntrack_tcp_timeout_established"},
    {"tcp-fin-wait", "nf_conntrack_tcp_timeout_fin_wait"},
    {"tcp-last-ack", "nf_conntrack_tcp_timeout_last_ack"},
    {"tcp-max-retrans", "nf_conntrack_tcp_timeout_max_retrans"},
    {"tcp-syn-recv", "nf_conntrack_tcp_timeout_syn_recv"},
    {"tcp-syn-sent", "nf_conntrack_tcp_timeout_syn_sent"},
    {"tcp-time-wait", "nf_conntrack_tcp_timeout_time_wait"},
    {"tcp-unacknowledged", "nf_conntrack_tcp_timeout_unacknowledged"},
    {"udp", "nf_conntrack_udp_timeout"},
    {"udp-stream", "nf_conntrack_udp_timeout_stream"},
};

enum item { ITEM_MAX, ITEM_BUCKETS, ITEM_LIBERAL, ITEM_LOOSE, ITEM_TIMEOUT, ITEM_WARN, ITEMS };
static const char *const items[ITEMS] = {
    [ITEM_MAX] = "max",         [ITEM_BUCKETS] = "buckets", [ITEM_LIBERAL] = "tcp-be-liberal",
    [ITEM_LOOSE] = "tcp-loose", [ITEM_TIMEOUT] = "timeout", [ITEM_WARN] = "warn",
};

static int parse_size(struct policy_reader *reader, uint32_t *size)
{
	uint64_t number;
	int result = parse_number(reader, "a number of connections", 1, INT32_MAX, &number);

	if (result == 0)
		*size = (uint32_t)number;
	return result;
}

/* on, off, or nothing, which is on. */
static void take_switch(struct policy_reader *reader, enum policy_switch *place)
{
	*place = SWITCH_ON;
	if (policy_take_word(reader, "off"))
		*place = SWITCH_OFF;
	else
		policy_take_word(reader, "on");
}

static int parse_timeout(struct policy_reader *reader, struct policy_conntrack *conntrack)
{
	const char *names[COUNT_OF(timeouts)];
	struct span begin = reader->last;
	size_t which;

	for (size_t i = 0; i < COUNT_OF(timeouts); i++)
		names[i] = timeouts[i].name;
	int result = parse_word(reader, names, COUNT_OF(names),
				"which timeout (tcp-established, udp, udp-stream ...)", &which);
	if (result < 0)
		return result;
	struct policy_timeout fresh = {.sysctl = timeouts[which].sysctl};
	result = parse_duration(reader, 1, INT32_MAX, &fresh.seconds);
	if (result < 0)
		return result;
	fresh.span = span_join(begin, reader->last);
	for (size_t i = 0; i < conntrack->timeout_count; i++)
		if (strcmp(conntrack->timeouts[i].sysctl, fresh.sysctl) == 0) {
			diagnostic_label(diagnostic_add(reader->sink, SEVERITY_ERROR, "said-twice",
							fresh.span, "this timeout is set twice"),
					 conntrack->timeouts[i].span, "here it is first");
			return -EINVAL;
		}
	struct policy_timeout *slot =
	    arena_push(reader->arena, (void **)&conntrack->timeouts, &conntrack->timeout_count,
		       &conntrack->timeout_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = fresh;
	return 0;
}

static int parse_warn(struct policy_reader *reader, uint32_t *warn)
{
	static const char *const at[] = {"at"};
	size_t which;
	int result = parse_word(reader, at, 1, "at", &which);

	if (result < 0)
		return result;
	const struct policy_token *token = policy_peek(reader);
	const char *wrong =
	    token->kind == TOKEN_WORD ? value_percent(token->text, warn) : "is no percentage, such as 80%";
	if (!wrong && *warn == 0)
		wrong = "would always warn";
	if (wrong)
		return policy_error(reader, token, "bad-number", NULL, "%.*s %s", (int)token->text.size,
				    token->text.data, wrong);
	policy_take(reader);
	return 0;
}

static int parse_item(struct policy_reader *reader, struct policy_conntrack *conntrack, unsigned *seen)
{
	size_t which;
	struct policy_token token = *policy_peek(reader);
	int result = parse_word(reader, items, ITEMS,
				"max, buckets, tcp-be-liberal, tcp-loose, timeout, warn or }", &which);

	if (result < 0)
		return result;
	if (which != ITEM_TIMEOUT && *seen >> which & 1)
		return policy_error(reader, &token, "said-twice", NULL, "%s stands twice", items[which]);
	*seen |= 1u << which;
	switch (which) {
	case ITEM_MAX:
		return parse_size(reader, &conntrack->max);
	case ITEM_BUCKETS:
		return parse_size(reader, &conntrack->buckets);
	case ITEM_LIBERAL:
		take_switch(reader, &conntrack->tcp_be_liberal);
		return 0;
	case ITEM_LOOSE:
		take_switch(reader, &conntrack->tcp_loose);
		return 0;
	case ITEM_TIMEOUT:
		return parse_timeout(reader, conntrack);
	default:
		return parse_warn(reader, &conntrack->warn);
	}
}

int parse_conntrack(struct policy_reader *reader)
{
	struct policy_conntrack fresh = {0}, *conntrack = &reader->tree->conntrack;
	unsigned seen = 0;

	if (conntrack->span.source) {
		diagnostic_label(diagnostic_add(reader->sink, SEVERITY_ERROR, "said-twice", reader->last,
						"there is a conntrack statement already"),
				 conntrack->span, "here");
		return -EINVAL;
	}
	if (!policy_take_kind(reader, TOKEN_OPEN))
		return policy_expected(reader, "{", NULL, 0);
	int result;
	while ((result = policy_item(reader)) > 0) {
		result = parse_item(reader, &fresh, &seen);
		if (result == 0 && !policy_next_is(reader, TOKEN_LINE) &&
		    !policy_next_is(reader, TOKEN_COMMA) && !policy_next_is(reader, TOKEN_CLOSE))
			result = policy_expected(reader, "; or }", NULL, 0);
		if (result < 0)
			return result;
	}
	if (result < 0)
		return result;
	fresh.span = span_join(reader->first, reader->last);
	*conntrack = fresh;
	return 0;
}
