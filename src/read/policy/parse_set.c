/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * set NAME [: TYPE] { ... }: members, and where more of them come from. What is excepted counts for all of
 * the set, wherever in the braces it stands. A wrong item is told and passed over, so that a set of many
 * members shows all that is wrong with it. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "read/reader.h"

#include <errno.h>

static const char *const set_words[] = {"file", "feed", "except", "counters", "timeout", "self", "private"};

/* --- Members ------------------------------------------------------------------------------------- */

static int add_place(struct policy_reader *reader, struct policy_places *places,
		     const struct policy_token *token)
{
	struct policy_place *place = arena_push(reader->arena, (void **)&places->places, &places->count,
						&places->capacity, sizeof(*place));
	if (!place)
		return -ENOMEM;
	*place = (struct policy_place){
	    .kind = PLACE_SET, .span = token->span, .name = {token->text.data + 1, token->text.size - 1}};
	if (!text_is(token->text, "private") && !text_is(token->text, "@private"))
		return 0;
	place->name = TEXT("private");
	place->set = policy_private(reader);
	return place->set ? 0 : -ENOMEM;
}

static int address_of(struct policy_reader *reader, const struct policy_token *token,
		      enum policy_set_type type, enum family *family, struct policy_element *element)
{
	struct address_range range;
	struct diagnostic *said;
	const char *hint;
	bool masked;
	int size = (int)token->text.size;
	const char *wrong = value_addresses(token->text, family, &range, &masked);

	if (wrong) {
		policy_error(reader, token, "bad-address", &said, "%.*s %s", size, token->text.data, wrong);
		const char *near = nearest_name(token->text, set_words, COUNT_OF(set_words));
		if (near)
			diagnostic_hint(said, "did you mean %s?", near);
		else if (name_index_find(reader->sets, token->text))
			diagnostic_hint(said, "the members of another set are @%.*s", size, token->text.data);
		else if ((hint = policy_hint_address(reader, token->text, true)))
			diagnostic_hint(said, "%s", hint);
		return -EINVAL;
	}
	if (masked) {
		struct buffer text = {0};
		address_print(*family, range.low, &text);
		policy_error(reader, token, "host-bits", &said, "%.*s has bits set behind its prefix", size,
			     token->text.data);
		diagnostic_hint(said, "the network begins at %s", text.data);
		buffer_fini(&text);
		return -EINVAL;
	}
	wrong = policy_range_fits(type, range);
	if (wrong) {
		policy_error(reader, token, "range-too-wide", &said, "%.*s %s", size, token->text.data,
			     wrong);
		return -EINVAL;
	}
	element->low = range.low;
	element->high = range.high;
	return 0;
}

/* . tcp 443, . udp { 53, 853 }; the ports come to stand in *ports. */
static int member_ports(struct policy_reader *reader, struct policy_element *element,
			struct policy_ports *ports)
{
	static const char *const names[] = {"tcp", "udp", "sctp", "udplite"};

	if (!policy_take_word(reader, "."))
		return policy_expected(reader, "the port (ADDRESS . tcp 443)", NULL, 0);
	const struct policy_token *token = policy_peek(reader);
	if (token->kind != TOKEN_WORD || !value_port_protocol(token->text, &element->protocol))
		return policy_expected(reader, "tcp, udp, sctp or udplite", names, COUNT_OF(names));
	policy_take(reader);
	/* a comma behind a single port begins the next member */
	if (policy_next_is(reader, TOKEN_OPEN))
		return parse_ports(reader, ports);
	token = policy_peek(reader);
	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "a port, a range of ports, or some in braces", NULL, 0);
	struct policy_port_range *range = arena_push(reader->arena, (void **)&ports->ranges, &ports->count,
						     &ports->capacity, sizeof(*range));
	if (!range)
		return -ENOMEM;
	const char *wrong = value_ports(token->text, range);
	if (wrong)
		return policy_error(reader, token, "bad-port", NULL, "%.*s %s", (int)token->text.size,
				    token->text.data, wrong);
	policy_take(reader);
	return 0;
}

/* "office" until 2026-12-01 */
static int member_tail(struct policy_reader *reader, struct policy_element *element)
{
	static const char *const words[] = {"until"};
	const struct policy_token *token = policy_peek(reader);

	if (token->kind == TOKEN_STRING) {
		if (token->text.size > POLICY_COMMENT_MAX)
			return policy_error(reader, token, "comment-too-long", NULL,
					    "a comment has at most %d bytes", POLICY_COMMENT_MAX);
		if (memchr(token->text.data, '"', token->text.size))
			return policy_error(reader, token, "bad-comment", NULL,
					    "the kernel's sets take no \" in a comment");
		element->comment = arena_copy(reader->arena, token->text.data, token->text.size);
		if (!element->comment)
			return -ENOMEM;
		policy_take(reader);
	}
	if (policy_take_word(reader, "until")) {
		token = policy_peek(reader);
		if (token->kind != TOKEN_WORD)
			return policy_expected(reader, "a time", NULL, 0);
		const char *wrong = value_time(token->text, &element->expires);
		if (wrong)
			return policy_error(reader, token, "bad-time", NULL, "%.*s %s", (int)token->text.size,
					    token->text.data, wrong);
		policy_take(reader);
	}
	if (policy_next_is_word(reader, "except"))
		return 0;
	if (policy_next_is(reader, TOKEN_WORD) || policy_next_is(reader, TOKEN_STRING))
		return policy_expected(reader, "a comma, a line's end or }", words, 1);
	return 0;
}

static int too_many(struct policy_reader *reader, const struct policy_set *set)
{
	diagnostic_add(reader->sink, SEVERITY_ERROR, "set-too-large", reader->last,
		       "the set %.*s has more than %zu members", (int)set->name.size, set->name.data,
		       POLICY_ELEMENTS_MAX);
	return -EINVAL;
}

int parse_member(struct policy_reader *reader, struct policy_set *set, struct policy_elements *into)
{
	struct policy_token token = *policy_peek(reader);
	struct policy_element element = {.begin = token.span.begin};
	struct policy_port_range none = {0, 0};
	struct policy_ports ports = {0};
	enum family family;
	int result = address_of(reader, &token, set->type, &family, &element);

	if (result < 0)
		return result;
	policy_take(reader);
	/* `except` is of addresses, with all their ports */
	if (policy_set_has_ports(set->type) && into == set->parts->members)
		result = member_ports(reader, &element, &ports);
	else if (policy_next_is_word(reader, "."))
		result = policy_error(reader, policy_peek(reader), "no-ports", NULL,
				      "this set has no ports; one with ports is declared as set %.*s : "
				      "address . port",
				      (int)set->name.size, set->name.data);
	if (result == 0 && into == set->parts->members)
		result = member_tail(reader, &element);
	if (result < 0)
		return result;
	element.source = reader->number;
	element.length = reader->last.end - element.begin > UINT16_MAX
			     ? UINT16_MAX
			     : (uint16_t)(reader->last.end - element.begin);
	if (element.expires && element.expires <= reader->options->now)
		return 0;
	const struct policy_port_range *ranges = ports.count ? ports.ranges : &none;
	for (size_t i = 0; i < (ports.count ? ports.count : 1); i++) {
		if (into[family].count >= POLICY_ELEMENTS_MAX)
			return too_many(reader, set);
		struct policy_element *slot =
		    arena_push(reader->arena, (void **)&into[family].elements, &into[family].count,
			       &into[family].capacity, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = element;
		slot->port_low = ranges[i].low;
		slot->port_high = ranges[i].high;
	}
	return 0;
}

/* @admins, private, self, or an address. */
static int parse_excepted(struct policy_reader *reader, struct policy_set *set)
{
	struct policy_token token = *policy_peek(reader);

	if (token.kind != TOKEN_WORD)
		return policy_expected(reader, "@SET, private, self or an address", NULL, 0);
	if (token.text.data[0] == '@' || text_is(token.text, "private")) {
		policy_take(reader);
		return add_place(reader, &set->parts->except_sets, &token);
	}
	if (policy_take_word(reader, "self")) {
		set->parts->excepts_self = token.span;
		return 0;
	}
	return parse_member(reader, set, set->parts->excepted);
}

/* The names up to the end of the line: a comma does not end them. */
static int parse_except(struct policy_reader *reader, struct policy_set *set)
{
	do {
		while (policy_take_kind(reader, TOKEN_LINE))
			;
		int result = parse_excepted(reader, set);
		if (result < 0)
			return result;
	} while (policy_take_kind(reader, TOKEN_COMMA));
	return 0;
}

/* --- The braces ---------------------------------------------------------------------------------- */

static int parse_item(struct policy_reader *reader, struct policy_set *set)
{
	struct policy_token token = *policy_peek(reader);

	if (token.kind != TOKEN_WORD)
		return policy_expected(reader, "a member, @SET, file, feed, except, counters, timeout or }",
				       NULL, 0);
	if (policy_take_word(reader, "file"))
		return parse_file(reader, set);
	if (policy_take_word(reader, "feed"))
		return parse_feed(reader, set);
	if (policy_take_word(reader, "except"))
		return parse_except(reader, set);
	if (policy_take_word(reader, "counters")) {
		set->counters = true;
		return 0;
	}
	if (policy_take_word(reader, "timeout")) {
		set->has_timeout = true;
		/* ipset's limit: a timer of 32 bits of milliseconds */
		return parse_duration(reader, 0, 2147483, &set->timeout);
	}
	if (token.text.data[0] == '@' || text_is(token.text, "private")) {
		policy_take(reader);
		return add_place(reader, &set->parts->sets, &token);
	}
	if (policy_take_word(reader, "self")) {
		set->parts->includes_self = token.span;
		return 0;
	}
	return parse_member(reader, set, set->parts->members);
}

static int parse_items(struct policy_reader *reader, struct policy_set *set, bool *wrong)
{
	if (!policy_take_kind(reader, TOKEN_OPEN))
		return policy_expected(reader, "{", NULL, 0);
	size_t outside = reader->braces;
	int result;
	while ((result = policy_item(reader)) > 0) {
		result = parse_item(reader, set);
		if (result == 0 && !policy_next_is(reader, TOKEN_LINE) &&
		    !policy_next_is(reader, TOKEN_COMMA) && !policy_next_is(reader, TOKEN_CLOSE) &&
		    !policy_next_is(reader, TOKEN_END) && !policy_next_is_word(reader, "except"))
			result = policy_expected(reader, "a comma, a line's end or }", NULL, 0);
		if (result == -ENOMEM || reader->no_memory)
			return -ENOMEM;
		if (result < 0) {
			*wrong = true;
			policy_recover_item(reader, outside);
		}
	}
	return result;
}

/* ": address . port", or nothing: net. */
static int parse_type(struct policy_reader *reader, struct policy_set *set, bool colon)
{
	static const char *const names[] = {"address", "net"}, *const port[] = {"port"};
	size_t which, ignored;

	set->type = POLICY_SET_NET;
	if (!colon && !policy_take_word(reader, ":"))
		return 0;
	int result = parse_word(reader, names, 2, "address, net, address . port or net . port", &which);
	if (result < 0)
		return result;
	set->type = which == 0 ? POLICY_SET_ADDRESS : POLICY_SET_NET;
	if (!policy_take_word(reader, "."))
		return 0;
	set->type = which == 0 ? POLICY_SET_ADDRESS_PORT : POLICY_SET_NET_PORT;
	return parse_word(reader, port, 1, "port", &ignored);
}

/* "listeners", or "listeners:" with the colon of the type. */
static int parse_set_name(struct policy_reader *reader, struct text *name, bool *colon)
{
	const struct policy_token *token = policy_peek(reader);

	*colon = token->kind == TOKEN_WORD && token->text.size > 1 &&
		 token->text.data[token->text.size - 1] == ':';
	if (*colon)
		reader->token.text.size--;
	if (token->kind == TOKEN_WORD && token->text.data[0] == '@')
		return policy_error(reader, token, "bad-name", NULL, "a set is declared without @: set %.*s",
				    (int)token->text.size - 1, token->text.data + 1);
	if (token->kind == TOKEN_WORD &&
	    (text_is(token->text, "private") || text_is(token->text, "self") || text_is(token->text, "any")))
		return policy_error(reader, token, "bad-name", NULL, "%.*s has a meaning of its own",
				    (int)token->text.size, token->text.data);
	return parse_name(reader, "a name for the set", name);
}

int parse_set(struct policy_reader *reader)
{
	struct policy_set *set = arena_alloc(reader->arena, sizeof(*set));
	struct policy_tree *tree = reader->tree;
	bool colon, wrong = false;

	if (!set)
		return -ENOMEM;
	set->parts = arena_alloc(reader->arena, sizeof(*set->parts));
	if (!set->parts)
		return -ENOMEM;
	int result = parse_set_name(reader, &set->name, &colon);
	if (result < 0)
		return result;
	const struct policy_set *first = name_index_find(reader->sets, set->name);
	struct span name = reader->last;
	if (first) {
		diagnostic_label(diagnostic_add(reader->sink, SEVERITY_ERROR, "defined-twice", name,
						"there is a set called %.*s already", (int)set->name.size,
						set->name.data),
				 first->span, "here");
		return -EINVAL;
	}
	result = parse_type(reader, set, colon);
	if (result == 0)
		result = parse_items(reader, set, &wrong);
	if (result == -ENOMEM)
		return result;
	/* one that is broken is still declared: what names it is not wrong */
	set->span = span_join(reader->first, name);
	if (result < 0 || wrong)
		set->parts->state = PARTS_FAILED;
	struct policy_set **slot = arena_push(reader->arena, (void **)&tree->sets, &tree->set_count,
					      &tree->set_capacity, sizeof(struct policy_set *));
	if (!slot || name_index_add(reader->arena, &reader->sets, set->name, set) < 0)
		return -ENOMEM;
	*slot = set;
	return result;
}
