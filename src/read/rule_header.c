/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Options of a rule itself: addresses, protocol, interfaces. libxtables/xtables.c says what iptables takes.
 */
#include "read/reader.h"
#include "ruleset/protocol.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_LIST_MAX 65536 /* each makes a rule */

static bool has_character(struct text text, char c)
{
	return text.size && memchr(text.data, c, text.size);
}

/* "10.1" stands for 10.1.0.0 (numeric_to_ipaddr()). */
static int short_address_parse(struct text text, address *value)
{
	char full[32];
	size_t size = 0, dots = 0;
	if (text.size == 0 || text.size > 15)
		return -EINVAL;
	for (; size < text.size; size++) {
		if (text.data[size] != '.' && (text.data[size] < '0' || text.data[size] > '9'))
			return -EINVAL;
		dots += text.data[size] == '.';
		full[size] = text.data[size];
	}
	for (; dots < 3; dots++) {
		full[size++] = '.';
		full[size++] = '0';
	}
	return address_parse(FAMILY_IPV4, (struct text){full, size}, value);
}

/* Forms that getaddrinfo() takes for numbers, which iptables asks last: 0xc0000201, 0300.0.2.1, 3221225985.
 */
static int odd_address_parse(struct text text, address *value)
{
	char copy[64];
	struct in_addr found;
	if (text.size == 0 || text.size >= sizeof(copy) || !isdigit((unsigned char)text.data[0]))
		return -EINVAL;
	for (size_t i = 0; i < text.size; i++) {
		if (!isxdigit((unsigned char)text.data[i]) && !strchr(".xX", text.data[i]))
			return -EINVAL;
		copy[i] = text.data[i];
	}
	copy[text.size] = '\0';
	if (!inet_aton(copy, &found))
		return -EINVAL;
	*value = ntohl(found.s_addr);
	return 0;
}

static int address_error(struct rule_parser *parser, const struct word *word, struct text text)
{
	static const char *const families[FAMILY_COUNT] = {"IPv4", "IPv6"};
	enum family other = parser->family == FAMILY_IPV4 ? FAMILY_IPV6 : FAMILY_IPV4;
	address value;
	if (address_parse(other, text, &value) == 0) {
		diagnostic_hint(parser_error(parser, word, "wrong-family",
					     "`%.*s' is an %s address in an %s rule", (int)text.size,
					     text.data, families[other], families[parser->family]),
				"rules of %s come from %s", families[other],
				other == FAMILY_IPV4 ? "iptables-save" : "ip6tables-save");
		return -EINVAL;
	}
	diagnostic_hint(parser_error(parser, word, "bad-address", "`%.*s' is not an %s address",
				     (int)text.size, text.data, families[parser->family]),
			"names are not looked up: write the address, with /length or /mask for a network");
	return -EINVAL;
}

static int mask_parse(struct rule_parser *parser, const struct word *word, struct text text, address *mask)
{
	enum family family = parser->family;
	uint64_t length;
	bool dotted = has_character(text, family == FAMILY_IPV4 ? '.' : ':');
	if (dotted && address_parse(family, text, mask) == 0)
		return 0;
	if (!dotted && number_parse_c(text, family_bits(family), &length) == 0) {
		*mask = prefix_mask(family, (unsigned)length);
		return 0;
	}
	diagnostic_hint(parser_error(parser, word, "bad-mask", "`%.*s' is neither a prefix length nor a mask",
				     (int)text.size, text.data),
			"lengths go from 0 to %u", family_bits(family));
	return -EINVAL;
}

static int address_match_parse(struct rule_parser *parser, const struct word *word, struct text text,
			       struct address_match *match)
{
	const char *slash = text.size ? memchr(text.data, '/', text.size) : NULL;
	struct text host = {text.data, slash ? (size_t)(slash - text.data) : text.size};
	address mask = family_max(parser->family), value;
	if (address_parse(parser->family, host, &value) < 0 &&
	    (parser->family != FAMILY_IPV4 ||
	     (short_address_parse(host, &value) < 0 && odd_address_parse(host, &value) < 0)))
		return address_error(parser, word, host);
	if (slash) {
		struct text rest = {slash + 1, text.size - host.size - 1};
		int result = mask_parse(parser, word, rest, &mask);
		if (result < 0)
			return result;
	}
	*match = (struct address_match){.value = value & mask, .mask = mask, .inverted = parser->inverted};
	return 0;
}

static int list_add(struct address_list *list, struct address_match match)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 8;
		struct address_match *grown = reallocarray(list->matches, capacity, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->matches = grown;
		list->capacity = capacity;
	}
	list->matches[list->count++] = match;
	return 0;
}

static int list_too_long(struct rule_parser *parser, const struct word *word)
{
	diagnostic_hint(parser_error(parser, word, "too-many-rules", "the list of addresses is too long"),
			"use an ipset");
	return -EINVAL;
}

int header_addresses(struct rule_reader *reader, struct address_list *list)
{
	struct rule_parser *parser = &reader->parser;
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct text rest = word->text;
	if (parser->inverted && has_character(rest, ',')) {
		diagnostic_hint(
		    parser_error(parser, word, "bad-inversion", "a list of addresses cannot be inverted"),
		    "iptables would make a rule of each; use an ipset with ! --match-set");
		return -EINVAL;
	}
	for (bool more = true; more;) {
		while (rest.size && isspace((unsigned char)rest.data[0])) /* "a, b" in quotes */
			rest = (struct text){rest.data + 1, rest.size - 1};
		const char *comma = rest.size ? memchr(rest.data, ',', rest.size) : NULL;
		struct text part = {rest.data, comma ? (size_t)(comma - rest.data) : rest.size};
		struct address_match match;
		int result = address_match_parse(parser, word, part, &match);
		if (result == 0)
			result = list->count < ADDRESS_LIST_MAX ? list_add(list, match)
								: list_too_long(parser, word);
		if (result < 0)
			return result;
		more = comma != NULL;
		if (more)
			rest = (struct text){comma + 1, rest.size - part.size - 1};
	}
	return 0;
}

int header_protocol(struct rule_parser *parser)
{
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct rule *rule = parser->rule;
	if (protocol_parse(word->text, &rule->protocol) < 0) {
		diagnostic_hint(parser_error(parser, word, "unknown-protocol", "`%.*s' is not a protocol",
					     (int)word->text.size, word->text.data),
				"a name as in /etc/protocols, a number from 0 to 255, or all");
		return -EINVAL;
	}
	rule->protocol_inverted = parser->inverted;
	if (rule->protocol == 0 && parser->inverted) {
		diagnostic_hint(
		    parser_error(parser, word, "bad-inversion", "this matches no protocol at all"),
		    "iptables refuses it; leave out the rule");
		return -EINVAL;
	}
	return 0;
}

int header_interface(struct rule_parser *parser, struct interface_match *match)
{
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	struct text name = word->text;
	if (name.size == 0 || memchr(name.data, '\0', name.size)) {
		diagnostic_hint(parser_error(parser, word, "bad-interface", "not a name of an interface"),
				"leave out the option to match any");
		return -EINVAL;
	}
	if (name.size >= INTERFACE_NAME_MAX) {
		diagnostic_hint(parser_error(parser, word, "bad-interface",
					     "the interface name `%.*s' is too long", (int)name.size,
					     name.data),
				"names have up to %d characters; a + at the end stands for any rest",
				INTERFACE_NAME_MAX - 1);
		return -EINVAL;
	}
	*match = (struct interface_match){.inverted = parser->inverted};
	match->wildcard = name.data[name.size - 1] == '+';
	memcpy(match->name, name.data, name.size - match->wildcard);
	if (!match->name[0] && !match->inverted)
		match->wildcard = false; /* -i + is no condition */
	return 0;
}

static int refuse_interface(struct rule_parser *parser, const struct chain *chain, const char *option)
{
	diagnostic_hint(
	    diagnostic_add(parser->sink, SEVERITY_ERROR, "wrong-chain", parser->rule->span,
			   "%s cannot be used in %.*s", option, (int)chain->name.size, chain->name.data),
	    "there a packet %s; iptables refuses the rule",
	    option[1] == 'i' ? "did not come in by an interface" : "does not have an interface to go out by");
	return -EINVAL;
}

int header_check(struct rule_parser *parser, const struct chain *chain)
{
	const struct rule *rule = parser->rule;
	if (!chain->builtin)
		return 0;
	bool in = rule->in.name[0] || rule->in.inverted, out = rule->out.name[0] || rule->out.inverted;
	if (in && (chain->hook == HOOK_OUTPUT || chain->hook == HOOK_POSTROUTING))
		return refuse_interface(parser, chain, "-i");
	if (out && (chain->hook == HOOK_PREROUTING || chain->hook == HOOK_INPUT))
		return refuse_interface(parser, chain, "-o");
	return 0;
}
