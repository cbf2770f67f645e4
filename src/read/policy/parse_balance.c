/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * balance: a listener, and the backends among which its new connections are shared out. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "read/words.h"

#include <errno.h>
#include <netinet/in.h>

static const char *const balance_words[] = {"round-robin", "hash", "masquerade", "snat", "check",
					    "on",          "from", "to",         "port"};

static int parse_port(struct policy_reader *reader, uint16_t *port)
{
	uint64_t number;
	int result = parse_number(reader, "a port", 1, UINT16_MAX, &number);

	if (result == 0)
		*port = (uint16_t)number;
	return result;
}

/* The family of a listener is that of its address, which all others have. */
static int same_family(struct policy_reader *reader, const struct policy_balance *balance, enum family family,
		       struct span listener)
{
	struct diagnostic *said;
	struct policy_token token = {.kind = TOKEN_WORD, .span = reader->last};

	if (family == balance->family)
		return 0;
	policy_error(reader, &token, "wrong-family", &said, "this address is of the other family");
	diagnostic_label(said, listener, "as the listener is");
	return -EINVAL;
}

static int parse_backend(struct policy_reader *reader, struct policy_statement *statement)
{
	static const char *const words[] = {"port", "weight"};
	struct policy_balance *balance = &statement->balance;
	const struct policy_selector *selector = &statement->selector;
	struct policy_backend fresh = {.port = selector->ports.ranges[0].low, .weight = 1};
	struct span begin = policy_peek(reader)->span;
	uint64_t weight = 1;
	enum family family;
	int result = parse_address(reader, &family, &fresh.address);

	if (result == 0)
		result = same_family(reader, balance, family, selector->to.span);
	if (result == 0 && policy_take_word(reader, "port"))
		result = parse_port(reader, &fresh.port);
	if (result == 0 && policy_take_word(reader, "weight"))
		result = parse_number(reader, "a weight", 1, POLICY_WEIGHT_MAX, &weight);
	if (result < 0)
		return result;
	if (policy_next_is(reader, TOKEN_WORD))
		return policy_expected(reader, "port, weight, ; or }", words, 2);
	fresh.weight = (uint32_t)weight;
	fresh.span = span_join(begin, reader->last);
	for (size_t i = 0; i < balance->backend_count; i++)
		if (balance->backends[i].address == fresh.address &&
		    balance->backends[i].port == fresh.port) {
			diagnostic_label(diagnostic_add(reader->sink, SEVERITY_ERROR, "said-twice",
							fresh.span, "this backend stands twice"),
					 balance->backends[i].span, "here it is first; give it a weight");
			return -EINVAL;
		}
	if (balance->backend_count == POLICY_BACKENDS_MAX) {
		diagnostic_add(reader->sink, SEVERITY_ERROR, "too-many-backends", fresh.span,
			       "a listener has at most %d backends", POLICY_BACKENDS_MAX);
		return -EINVAL;
	}
	struct policy_backend *slot =
	    arena_push(reader->arena, (void **)&balance->backends, &balance->backend_count,
		       &balance->backend_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	*slot = fresh;
	return 0;
}

static int parse_backends(struct policy_reader *reader, struct policy_statement *statement)
{
	if (!policy_take_kind(reader, TOKEN_OPEN))
		return policy_expected(reader, "{ and the backends", balance_words, COUNT_OF(balance_words));
	int result;
	while ((result = policy_item(reader)) > 0) {
		result = parse_backend(reader, statement);
		if (result < 0)
			return result;
	}
	if (result < 0 || statement->balance.backend_count)
		return result;
	diagnostic_add(reader->sink, SEVERITY_ERROR, "no-backends", reader->last,
		       "there is no backend in it");
	return -EINVAL;
}

/* Before the braces: one protocol, one address, one port. */
static int check_listener(struct policy_reader *reader, struct policy_statement *statement)
{
	const struct policy_selector *selector = &statement->selector;
	const struct policy_places *to = &selector->to;
	const struct policy_ports *ports = &selector->ports;
	struct policy_token here = *policy_peek(reader);
	const char *missing = NULL;

	if (selector->protocol_count != 1 ||
	    (selector->protocols[0] != IPPROTO_TCP && selector->protocols[0] != IPPROTO_UDP))
		missing = "one protocol, tcp or udp";
	else if (to->count != 1 || to->places[0].kind != PLACE_RANGE ||
		 to->places[0].range.low != to->places[0].range.high)
		missing = "one address behind to";
	else if (ports->count != 1 || ports->ranges[0].low != ports->ranges[0].high || !ports->ranges[0].low)
		missing = "one port";
	if (!missing) {
		statement->balance.family = to->places[0].family;
		return 0;
	}
	if (to->span.source && here.kind != TOKEN_BAD) {
		here.span = span_join(reader->first, reader->last);
		here.kind = TOKEN_WORD;
	}
	struct diagnostic *said;
	policy_error(reader, &here, "bad-listener", &said, "what is balanced has %s", missing);
	diagnostic_hint(said, "balance tcp to 192.0.2.10 port 25 round-robin { 192.0.2.21; 192.0.2.22 }");
	return -EINVAL;
}

static int parse_check(struct policy_reader *reader, struct policy_balance *balance)
{
	static const char *const every[] = {"every"};
	size_t which;
	int result = parse_word(reader, every, 1, "every and a length of time", &which);

	if (result == 0)
		result = parse_duration(reader, 1, 86400, &balance->check_every);
	if (result < 0)
		return result;
	balance->check_timeout = balance->check_every < 2 ? balance->check_every : 2;
	if (policy_take_word(reader, "timeout"))
		return parse_duration(reader, 1, balance->check_every, &balance->check_timeout);
	return 0;
}

/* What stands behind the braces. */
static int parse_tail(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_balance *balance = &statement->balance;
	enum family family;
	int result = 0;

	while (result == 0 && !policy_next_is(reader, TOKEN_LINE) && !policy_next_is(reader, TOKEN_END)) {
		bool source = balance->source != BALANCE_KEEPS_SOURCE;
		if (!source && policy_take_word(reader, "masquerade")) {
			balance->source = BALANCE_MASQUERADE;
		} else if (!source && policy_take_word(reader, "snat")) {
			balance->source = BALANCE_SNAT;
			result = parse_address(reader, &family, &balance->snat);
			if (result == 0)
				result = same_family(reader, balance, family, statement->selector.to.span);
		} else if (!balance->check_every && policy_take_word(reader, "check")) {
			result = parse_check(reader, balance);
		} else {
			result =
			    policy_expected(reader, "masquerade, snat, check every or the end of the line",
					    balance_words, COUNT_OF(balance_words));
		}
	}
	return result;
}

int parse_balance(struct policy_reader *reader, struct policy_statement *statement)
{
	static const char *const source_word[] = {"source"};
	struct policy_balance *balance = &statement->balance;
	bool taken = true;
	size_t which;
	int result = parse_protocols(reader, &statement->selector);

	while (result == 0 && taken)
		result = parse_clause(reader, &statement->selector, &taken);
	if (result == 0)
		result = check_listener(reader, statement);
	if (result < 0)
		return result;
	if (policy_take_word(reader, "hash")) {
		balance->method = BALANCE_HASH_SOURCE;
		result = parse_word(reader, source_word, 1, "source", &which);
	} else {
		policy_take_word(reader, "round-robin");
	}
	if (result == 0)
		result = parse_backends(reader, statement);
	return result < 0 ? result : parse_tail(reader, statement);
}
