/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -s and -d: addresses, networks, and names of them, as libxtables/xtables.c reads them
 * (xtables_ipparse_multiple(), xtables_ip6parse_multiple()). */
#include "extension/host_name.h"
#include "read/reader.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define ADDRESS_LIST_MAX 65536 /* each makes a rule */
#define DOTTED_TEXT_MAX 19     /* char buf[20], which cuts off the rest */

static const char *const family_names[FAMILY_COUNT] = {"IPv4", "IPv6"};

/* The parts are numbers as C has them: 010 is eight. What an address leaves out at its end is 0, 10.1 is
 * 10.1.0.0; a mask leaves out nothing (__numeric_to_ipaddr()). */
static int dotted_parse(struct text text, bool is_mask, address *value)
{
	address result = 0;
	uint64_t number;

	if (text.size > DOTTED_TEXT_MAX)
		text.size = DOTTED_TEXT_MAX;
	for (unsigned part = 0; part < 4; part++) {
		const char *dot = part < 3 ? text_find(text, '.') : NULL;
		if (!dot && part < 3 && is_mask)
			return -EINVAL;
		if (number_parse_c(dot ? text_before(text, dot) : text, UINT8_MAX, &number) < 0)
			return -EINVAL;
		result |= (address)number << (24 - 8 * part);
		if (!dot)
			break;
		text = text_behind(text, dot);
	}
	*value = result;
	return 0;
}

static int list_add(struct rule_parser *parser, struct address_list *list, address value, address mask)
{
	if (list->count == ADDRESS_LIST_MAX) {
		diagnostic_hint(parser_error(parser, parser->argument, "too-many-rules",
					     "the list of addresses is too long"),
				"use an ipset");
		return -EINVAL;
	}
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		struct address_match *grown = reallocarray(list->matches, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->matches = grown;
		list->capacity = capacity;
	}
	list->matches[list->count++] =
	    (struct address_match){.value = value & mask, .mask = mask, .inverted = parser->inverted};
	return 0;
}

static int bad_address(struct rule_parser *parser, struct text text)
{
	diagnostic_hint(parser_error(parser, parser->argument, "bad-address", "`%.*s' is not an %s address",
				     (int)text.size, text.data, family_names[parser->family]),
			"write the address, with /length or /mask for a network");
	return -EINVAL;
}

static bool looks_like_number(struct text text)
{
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] == ':')
			return true;
		else if (text.data[i] != '.' && !isdigit((unsigned char)text.data[i]))
			return false;
	return true;
}

static int unknown_name(struct rule_parser *parser, struct text text)
{
	if (looks_like_number(text))
		return bad_address(parser, text);
	diagnostic_hint(parser_error(parser, parser->argument, "bad-address",
				     "`%.*s' is neither an %s address nor a name in /etc/hosts",
				     (int)text.size, text.data, family_names[parser->family]),
			HOST_NAME_HINT ": write the address, with /length or /mask for a network");
	return -EINVAL;
}

/* What iptables asks the resolver for. */
static int name_parse(struct rule_reader *reader, struct address_list *list, struct text text, address mask)
{
	struct rule_parser *parser = &reader->parser;
	struct host_addresses found = {0};
	int error = host_name_resolve(parser, parser->argument, text, true, &found);

	if (error)
		return error == -ENOENT ? unknown_name(parser, text) : error;
	if (found.count > 1 && parser->inverted) {
		diagnostic_hint(parser_error(parser, parser->argument, "bad-inversion",
					     "`%.*s' has several addresses and cannot be inverted",
					     (int)text.size, text.data),
				"iptables would make a rule of each; use an ipset with ! --match-set");
		error = -EINVAL;
	}
	for (size_t i = 0; i < found.count && error == 0; i++)
		error = list_add(parser, list, found.addresses[i], mask);
	host_addresses_fini(&found);
	return error;
}

static int mask_parse(enum family family, struct text text, address *mask)
{
	uint64_t length;

	if ((family == FAMILY_IPV4 ? dotted_parse(text, true, mask) : address_parse(family, text, mask)) == 0)
		return 0;
	int result = number_parse_c(text, family_bits(family), &length);
	if (result == 0)
		*mask = prefix_mask(family, (unsigned)length);
	return result;
}

static int bad_mask(struct rule_parser *parser, struct text text)
{
	diagnostic_hint(parser_error(parser, parser->argument, "bad-mask",
				     "`%.*s' is neither a prefix length nor a mask", (int)text.size,
				     text.data),
			"lengths go from 0 to %u", family_bits(parser->family));
	return -EINVAL;
}

static bool refuse_other_family(struct rule_parser *parser, struct text text)
{
	enum family other = parser->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	address ignored;

	if (address_parse(other, text, &ignored) < 0)
		return false;
	diagnostic_hint(parser_error(parser, parser->argument, "wrong-family",
				     "`%.*s' is an %s address in an %s rule", (int)text.size, text.data,
				     family_names[other], family_names[parser->family]),
			"rules of %s come from %s", family_names[other],
			other == FAMILY_IPV4 ? "iptables-save" : "ip6tables-save");
	return true;
}

/* ADDRESS[/LENGTH] or ADDRESS/MASK */
static int part_parse(struct rule_reader *reader, struct address_list *list, struct text text)
{
	struct rule_parser *parser = &reader->parser;
	const char *slash = text_find(text, '/');
	struct text host = slash ? text_before(text, slash) : text;
	address mask = family_max(parser->family), value;
	int error = 0;

	if (slash)
		error = mask_parse(parser->family, text_behind(text, slash), &mask);
	if (!error && mask == 0) /* whatever stands before it: any/0 */
		return list_add(parser, list, 0, 0);
	bool number = address_parse(parser->family, host, &value) == 0 ||
		      (parser->family == FAMILY_IPV4 && dotted_parse(host, false, &value) == 0);
	if (!number && refuse_other_family(parser, host))
		return -EINVAL;
	if (error)
		return bad_mask(parser, text_behind(text, slash));
	return number ? list_add(parser, list, value, mask) : name_parse(reader, list, host, mask);
}

int header_addresses(struct rule_reader *reader, struct address_list *list)
{
	struct rule_parser *parser = &reader->parser;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct text rest = word->text;
	if (parser->inverted && text_find(rest, ',')) {
		diagnostic_hint(
		    parser_error(parser, word, "bad-inversion", "a list of addresses cannot be inverted"),
		    "iptables would make a rule of each; use an ipset with ! --match-set");
		return -EINVAL;
	}
	for (bool more = true; more;) {
		while (rest.size && isspace((unsigned char)rest.data[0])) /* "a, b" in quotes */
			rest = (struct text){rest.data + 1, rest.size - 1};
		const char *comma = text_find(rest, ',');
		int result = part_parse(reader, list, comma ? text_before(rest, comma) : rest);
		if (result < 0)
			return result;
		more = comma != NULL;
		if (more)
			rest = text_behind(rest, comma);
	}
	return 0;
}
