/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * mirror: copies of packets to another host. There may be two `to`: the one with `via` behind it is where the
 * copies go. */
#include "read/policy/parse.h"
#include "read/reader.h"

#include <errno.h>

static const char *const mirror_words[] = {"on",     "from",     "to",  "port", "source", "via",  "both",
					   "sample", "truncate", "tcp", "udp",  "icmp",   "icmp6"};

/* Copies go to the addresses as they stand: a name, a set or a network is no next hop. */
static int take_gateway(struct policy_reader *reader, struct policy_statement *statement,
			const struct policy_places *places, const struct policy_token *to)
{
	struct policy_mirror *mirror = &statement->mirror;

	for (size_t i = 0; i < places->count; i++) {
		const struct policy_place *place = &places->places[i];
		struct policy_token token = {.kind = TOKEN_WORD, .span = place->span};
		if (place->kind != PLACE_RANGE || place->range.low != place->range.high)
			return policy_error(reader, &token, "bad-gateway", NULL,
					    "the receiver of a mirror is an address itself");
		if (mirror->has_gateway[place->family])
			return policy_error(reader, &token, "bad-gateway", NULL,
					    "a mirror has one receiver of each family");
		mirror->has_gateway[place->family] = true;
		mirror->gateway[place->family] = place->range.low;
		mirror->gateway_span[place->family] = place->span;
	}
	if (places->count == 0)
		return policy_error(reader, to, "bad-gateway", NULL,
				    "the receiver of a mirror is an address itself");
	return 0;
}

/* The device behind via: a name, or a group of one device. */
static int parse_via(struct policy_reader *reader, struct policy_mirror *mirror)
{
	const struct policy_token *token = policy_peek(reader);

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "a device", NULL, 0);
	const struct policy_interface *group = name_index_find(reader->interfaces, token->text);
	if (group && (group->device_count != 1 || group->devices[0].wildcard))
		return policy_error(reader, token, "bad-interface", NULL,
				    "%.*s is more than one device; copies leave through one",
				    (int)token->text.size, token->text.data);
	if (!group &&
	    (token->text.size >= INTERFACE_NAME_MAX || text_find(token->text, '*') ||
	     text_find(token->text, '/') || text_find(token->text, ':') || text_find(token->text, '+')))
		return policy_error(reader, token, "bad-interface", NULL, "%.*s is no device's name",
				    (int)token->text.size, token->text.data);
	if (group)
		memcpy(mirror->device, group->devices[0].name, sizeof(mirror->device));
	else
		memcpy(mirror->device, token->text.data, token->text.size);
	policy_take(reader);
	return 0;
}

/* to PLACES, or to GATEWAY via DEVICE. */
static int parse_mirror_to(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_token to = *policy_peek(reader);
	struct policy_places places = {0};
	struct policy_selector *selector = &statement->selector;

	policy_take(reader);
	int result = parse_places(reader, &places);
	if (result < 0)
		return result;
	if (policy_take_word(reader, "via")) {
		if (statement->mirror.device[0])
			return policy_error(reader, &to, "said-twice", NULL, "there is a receiver already");
		result = take_gateway(reader, statement, &places, &to);
		return result < 0 ? result : parse_via(reader, &statement->mirror);
	}
	if (selector->to.span.source)
		return policy_expected(reader, "via and a device", NULL, 0);
	selector->to = places;
	return 0;
}

static int parse_sample(struct policy_reader *reader, struct policy_mirror *mirror)
{
	const struct policy_token *token = policy_peek(reader);
	uint64_t of;

	if (token->kind != TOKEN_WORD || !text_starts(token->text, "1/") ||
	    value_number((struct text){token->text.data + 2, token->text.size - 2}, 1, 1u << 30, &of))
		return policy_expected(reader, "which part of the packets, such as 1/100", NULL, 0);
	mirror->sample = (uint32_t)of;
	policy_take(reader);
	return 0;
}

static int parse_mirror_part(struct policy_reader *reader, struct policy_statement *statement, bool *taken)
{
	static const char *const directions[] = {"directions"};
	struct policy_mirror *mirror = &statement->mirror;
	uint64_t bytes;
	size_t which;

	*taken = true;
	if (policy_next_is_word(reader, "to"))
		return parse_mirror_to(reader, statement);
	if (!statement->both_directions && policy_take_word(reader, "both")) {
		statement->both_directions = true;
		return parse_word(reader, directions, 1, "directions", &which);
	}
	if (!mirror->sample && policy_take_word(reader, "sample"))
		return parse_sample(reader, mirror);
	if (!mirror->truncate && policy_take_word(reader, "truncate")) {
		int result = parse_number(reader, "a number of bytes", 64, 65535, &bytes);
		if (result == 0)
			mirror->truncate = (uint32_t)bytes;
		return result;
	}
	return parse_clause(reader, &statement->selector, taken);
}

int parse_mirror(struct policy_reader *reader, struct policy_statement *statement)
{
	struct policy_mirror *mirror = &statement->mirror;
	bool taken = true;
	int result = parse_protocols(reader, &statement->selector);

	while (result == 0 && taken)
		result = parse_mirror_part(reader, statement, &taken);
	if (result < 0)
		return result;
	if (!policy_next_is(reader, TOKEN_LINE) && !policy_next_is(reader, TOKEN_END))
		return policy_expected(
		    reader,
		    "on, from, to, port, via, both directions, sample, truncate or the end of the line",
		    mirror_words, COUNT_OF(mirror_words));
	if (!mirror->device[0])
		return policy_expected(reader, "where the copies go (to ADDRESS via DEVICE)", NULL, 0);
	if (!mirror->sample)
		mirror->sample = 1;
	return 0;
}
