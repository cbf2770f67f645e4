/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lists in statements: addresses and sets behind from and to, ports behind port. Items are parted by commas,
 * with braces around them or without. */
#include "read/names.h"
#include "read/policy/parse.h"
#include "read/words.h"

#include <errno.h>
#include <stdlib.h>

/* Goes through a list: start with {0}. */
struct list_walk {
	bool braces, begun;
};

static bool take_lines(struct policy_reader *reader)
{
	bool taken = false;

	while (policy_take_kind(reader, TOKEN_LINE))
		taken = true;
	return taken;
}

/* Takes the signs before the next item: 1; 0: there is none; -EINVAL. */
static int list_next(struct policy_reader *reader, struct list_walk *walk)
{
	if (!walk->begun) {
		walk->begun = true;
		walk->braces = policy_take_kind(reader, TOKEN_OPEN);
		if (walk->braces)
			take_lines(reader);
		return 1;
	}
	bool line = walk->braces && take_lines(reader);
	if (walk->braces && policy_take_kind(reader, TOKEN_CLOSE))
		return 0;
	if (policy_take_kind(reader, TOKEN_COMMA)) {
		take_lines(reader); /* a comma at the end of a line: the list goes on */
		return !(walk->braces && policy_take_kind(reader, TOKEN_CLOSE));
	}
	if (walk->braces && !line)
		return policy_expected(reader, "a comma or }", NULL, 0);
	return walk->braces;
}

static const char *const place_words[] = {"any", "self", "private"};

static int host_bits(struct policy_reader *reader, const struct policy_token *token, enum family family,
		     struct address_range range)
{
	struct buffer text = {0};
	struct diagnostic *said;
	const char *slash = memchr(token->text.data, '/', token->text.size);

	address_print(family, range.low, &text);
	buffer_add(&text, slash, (size_t)(token->text.data + token->text.size - slash));
	policy_error(reader, token, "host-bits", &said, "%.*s has bits set behind its prefix",
		     (int)token->text.size, token->text.data);
	diagnostic_hint(said, "%s is the network; without the / it is the one address", text.data);
	buffer_fini(&text);
	return -EINVAL;
}

static int parse_literal(struct policy_reader *reader, struct policy_place *place)
{
	const struct policy_token *token = policy_peek(reader);
	struct diagnostic *said;
	bool masked;

	place->kind = PLACE_RANGE;
	const char *wrong = value_addresses(token->text, &place->family, &place->range, &masked);
	if (wrong) {
		policy_error(reader, token, "bad-address", &said, "%.*s %s", (int)token->text.size,
			     token->text.data, wrong);
		const char *near = nearest_name(token->text, place_words, COUNT_OF(place_words));
		const char *hint;
		struct text name = token->text;
		if (near)
			diagnostic_hint(said, "did you mean %s?", near);
		else if (name_index_find(reader->sets, name))
			diagnostic_hint(said, "the set is @%.*s", (int)name.size, name.data);
		else if (name.size && name.data[0] == '!')
			diagnostic_hint(said, "%s", policy_hint_word(reader, name));
		else if ((hint = policy_hint_address(reader, name, false)))
			diagnostic_hint(said, "%s", hint);
		return -EINVAL;
	}
	return masked ? host_bits(reader, token, place->family, place->range) : 0;
}

/* `any` is no place at all: *any. */
static int parse_place(struct policy_reader *reader, struct policy_place *place, bool *any)
{
	const struct policy_token *token = policy_peek(reader);

	*any = false;
	*place = (struct policy_place){.span = token->span};
	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "an address, a prefix, a range, @SET, self, private or any",
				       NULL, 0);
	if (text_is(token->text, "any")) {
		*any = true;
	} else if (text_is(token->text, "self")) {
		place->kind = PLACE_SELF;
	} else if (text_is(token->text, "private") || text_is(token->text, "@private")) {
		place->kind = PLACE_SET;
		place->name = TEXT("private");
		place->set = policy_private(reader);
		if (!place->set)
			return -ENOMEM;
	} else if (token->text.data[0] == '@') {
		place->kind = PLACE_SET;
		place->name = (struct text){token->text.data + 1, token->text.size - 1};
	} else {
		int result = parse_literal(reader, place);
		if (result < 0)
			return result;
	}
	policy_take(reader);
	return 0;
}

int parse_places(struct policy_reader *reader, struct policy_places *places)
{
	struct list_walk walk = {0};
	struct policy_token begin = *policy_peek(reader);
	struct policy_place place;
	bool any = false, one_any;
	int result;

	while ((result = list_next(reader, &walk)) > 0) {
		result = parse_place(reader, &place, &one_any);
		if (result < 0)
			return result;
		any |= one_any;
		if (one_any)
			continue;
		if (places->count == POLICY_ITEMS_MAX)
			return policy_error(reader, &begin, "too-many-items", NULL,
					    "more than %d addresses are a set: set NAME { ... }",
					    POLICY_ITEMS_MAX);
		struct policy_place *slot = arena_push(reader->arena, (void **)&places->places,
						       &places->count, &places->capacity, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = place;
	}
	if (result < 0)
		return result;
	places->span = span_join(begin.span, reader->last);
	if (any && places->count)
		return policy_error(reader, &begin, "any-and-more", NULL, "any and something else");
	return 0;
}

int parse_address(struct policy_reader *reader, enum family *family, address *value)
{
	const struct policy_token *token = policy_peek(reader);
	struct address_range range;
	bool masked;

	if (token->kind != TOKEN_WORD)
		return policy_expected(reader, "an address", NULL, 0);
	if (value_addresses(token->text, family, &range, &masked) || range.low != range.high) {
		struct diagnostic *said;
		const char *hint = policy_hint_address(reader, token->text, false);
		policy_error(reader, token, "bad-address", &said, "%.*s is not one address",
			     (int)token->text.size, token->text.data);
		if (hint)
			diagnostic_hint(said, "%s", hint);
		return -EINVAL;
	}
	*value = range.low;
	policy_take(reader);
	return 0;
}

/* --- Ports --------------------------------------------------------------------------------------- */

static int compare_ports(const void *left, const void *right)
{
	const struct policy_port_range *a = left, *b = right;

	return a->low != b->low ? (a->low < b->low ? -1 : 1) : (int)a->high - (int)b->high;
}

/* Sorted, and those that touch are one. */
static void join_ports(struct policy_ports *ports)
{
	size_t kept = 0;

	qsort(ports->ranges, ports->count, sizeof(*ports->ranges), compare_ports);
	for (size_t i = 1; i < ports->count; i++) {
		struct policy_port_range *last = &ports->ranges[kept];
		if (ports->ranges[i].low > (uint32_t)last->high + 1)
			ports->ranges[++kept] = ports->ranges[i];
		else if (ports->ranges[i].high > last->high)
			last->high = ports->ranges[i].high;
	}
	ports->count = kept + 1;
}

int parse_ports(struct policy_reader *reader, struct policy_ports *ports)
{
	struct list_walk walk = {0};
	struct span begin = policy_peek(reader)->span;
	int result;

	while ((result = list_next(reader, &walk)) > 0) {
		const struct policy_token *token = policy_peek(reader);
		struct policy_port_range range;
		if (token->kind != TOKEN_WORD)
			return policy_expected(reader, "a port or a range of ports", NULL, 0);
		if (ports->count == POLICY_ITEMS_MAX)
			return policy_error(reader, token, "too-many-items", NULL,
					    "more than %d ports in one list", POLICY_ITEMS_MAX);
		const char *wrong = value_ports(token->text, &range);
		if (wrong) {
			struct diagnostic *said;
			policy_error(reader, token, "bad-port", &said, "%.*s %s", (int)token->text.size,
				     token->text.data, wrong);
			if (text_is(token->text, "tcp") || text_is(token->text, "udp"))
				diagnostic_hint(said, "other ports of another protocol are a statement of "
						      "their own");
			else if (token->text.data[0] > '9')
				diagnostic_hint(said, "ports are numbers here; a name can be given to them: "
						      "define web = 80, 443 and then port $web");
			return -EINVAL;
		}
		struct policy_port_range *slot = arena_push(reader->arena, (void **)&ports->ranges,
							    &ports->count, &ports->capacity, sizeof(*slot));
		if (!slot)
			return -ENOMEM;
		*slot = range;
		policy_take(reader);
	}
	if (result < 0)
		return result;
	ports->span = span_join(begin, reader->last);
	join_ports(ports);
	return 0;
}
