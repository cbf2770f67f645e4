/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The reading and printing of options by tables. */
#include "extension/guided.h"

#include "extension/host_name.h"
#include "extension/port.h"
#include "ruleset/protocol.h"

#include <errno.h>
#include <string.h>

int guided_number(struct text text, uint64_t max, uint64_t *number)
{
	return number_parse_c(text, max, number);
}

int guided_refuse(struct rule_parser *parser, const struct word *word, const char *hint)
{
	struct diagnostic *diagnostic =
	    parser_error(parser, word, "bad-value", "\"%.*s\" is no value for %.*s", (int)word->text.size,
			 word->text.data, (int)parser->option->text.size, parser->option->text.data);

	if (hint)
		diagnostic_hint(diagnostic, "%s", hint);
	return -EINVAL;
}

static bool split(struct text text, char at, struct text *first, struct text *second)
{
	const char *found = text.size ? memchr(text.data, at, text.size) : NULL;

	*first = text;
	*second = (struct text){0};
	if (!found)
		return false;
	first->size = (size_t)(found - text.data);
	*second = (struct text){found + 1, text.size - first->size - 1};
	return true;
}

static int parse_number(struct rule_parser *parser, const struct guide *guide, const struct word *word,
			struct guided_value *value)
{
	if (guided_number(word->text, guide->max, &value->number) == 0 && value->number >= guide->min)
		return 0;
	if (guide->hint)
		return guided_refuse(parser, word, guide->hint);
	diagnostic_hint(parser_error(parser, word, "bad-value", "\"%.*s\" is no value for %s",
				     (int)word->text.size, word->text.data, guide->name),
			"a whole number from %llu to %llu", (unsigned long long)guide->min,
			(unsigned long long)guide->max);
	return -EINVAL;
}

static int parse_range(struct rule_parser *parser, const struct guide *guide, const struct word *word,
		       struct guided_value *value)
{
	struct text low, high;

	value->ranged = split(word->text, ':', &low, &high);
	value->number = 0;
	value->second = guide->max;
	if ((low.size && guided_number(low, guide->max, &value->number)) ||
	    (high.size && guided_number(high, guide->max, &value->second)))
		return guided_refuse(parser, word, guide->hint ? guide->hint : "a number, or FIRST:LAST");
	if (!value->ranged)
		value->second = value->number;
	return 0;
}

static int parse_masked(struct rule_parser *parser, const struct guide *guide, const struct word *word,
			struct guided_value *value)
{
	struct text number, mask;

	value->ranged = split(word->text, '/', &number, &mask);
	value->second = guide->max;
	if (guided_number(number, guide->max, &value->number) ||
	    (value->ranged && guided_number(mask, guide->max, &value->second)))
		return guided_refuse(parser, word, guide->hint ? guide->hint : "a number, or VALUE/MASK");
	return 0;
}

static int parse_string(struct rule_parser *parser, const struct guide *guide, const struct word *word)
{
	if (word->text.size >= guide->min && word->text.size <= guide->max)
		return 0;
	if (guide->hint)
		return guided_refuse(parser, word, guide->hint);
	diagnostic_hint(
	    parser_error(parser, word, "bad-value", "the argument of %s is of wrong length", guide->name),
	    "%llu to %llu characters", (unsigned long long)guide->min, (unsigned long long)guide->max);
	return -EINVAL;
}

static int parse_address(struct rule_parser *parser, const struct guide *guide, const struct word *word,
			 struct guided_value *value)
{
	enum family family = parser->family;
	struct text own, mask;
	bool masked = guide->kind == GUIDE_ADDRESS_MASK && split(word->text, '/', &own, &mask);
	uint64_t length;

	value->mask = family_max(family);
	if (!masked)
		own = word->text;
	if (address_parse(family, own, &value->address)) {
		struct host_addresses found;
		int error = host_name_resolve(parser, word, own, false, &found);
		if (error == -ENOENT)
			goto refuse;
		if (error)
			return error;
		value->address = found.addresses[0]; /* xtopt_parse_host() takes the first one */
		host_addresses_fini(&found);
	}
	if (masked && guided_number(mask, family_bits(family), &length) == 0)
		value->mask = prefix_mask(family, (unsigned)length);
	else if (masked && address_parse(family, mask, &value->mask))
		goto refuse;
	return 0;
refuse:
	if (guide->hint)
		return guided_refuse(parser, word, guide->hint);
	return guided_refuse(
	    parser, word,
	    family == FAMILY_IPV4          ? guide->kind == GUIDE_ADDRESS
						 ? "an IPv4 address"
						 : "an IPv4 address, with /LENGTH or /MASK behind it or not"
	    : guide->kind == GUIDE_ADDRESS ? "an IPv6 address"
					   : "an IPv6 address, with /LENGTH or /MASK behind it or not");
}

/* xtopt_parse_ethermac(): up to two digits for each byte, none for 0. */
static int parse_mac(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text rest = word->text, byte;

	for (unsigned i = 0; i < 6; i++) {
		bool more = split(rest, ':', &byte, &rest);
		char hex[5] = "0x0";
		uint64_t number;

		memcpy(hex + 2, byte.data, byte.size <= 2 ? byte.size : 0);
		if (byte.size > 2 || more != (i < 5) ||
		    number_parse((struct text){hex, byte.size ? 2 + byte.size : 3}, 255, &number))
			return guided_refuse(parser, word, "a hardware address such as 00:53:00:00:00:01");
		value->mac[i] = (uint8_t)number;
	}
	return 0;
}

static int parse_argument(struct rule_parser *parser, const struct guide *guide, struct guided_value *value)
{
	struct port_match port;
	int error;

	if (guide->kind == GUIDE_PORT_RANGE) { /* takes its argument itself */
		error = port_parse(parser, PORT_GUIDED, &port);
		if (error)
			return error;
		value->text = parser->argument->text;
		value->number = port.first;
		value->second = port.last;
		value->ranged = value->text.size && memchr(value->text.data, ':', value->text.size);
		return 0;
	}
	const struct word *word = parser_argument(parser);
	if (!word)
		return -EINVAL;
	value->text = word->text;
	switch (guide->kind) {
	case GUIDE_NUMBER:
		return parse_number(parser, guide, word, value);
	case GUIDE_RANGE:
		return parse_range(parser, guide, word, value);
	case GUIDE_MASKED:
		return parse_masked(parser, guide, word, value);
	case GUIDE_STRING:
		return parse_string(parser, guide, word);
	case GUIDE_ADDRESS:
	case GUIDE_ADDRESS_MASK:
		return parse_address(parser, guide, word, value);
	case GUIDE_PORT: {
		uint16_t number = 0;
		error = port_parse_one(parser, PORT_GUIDED, word, word->text, &number);
		value->number = value->second = number;
		return error;
	}
	case GUIDE_PROTOCOL: {
		uint8_t protocol = 0;
		error = protocol_parse(word->text, &protocol);
		value->number = protocol;
		return error ? guided_refuse(parser, word, "a protocol's name or number") : 0;
	}
	case GUIDE_MAC:
		return parse_mac(parser, word, value);
	case GUIDE_OWN:
		return guide->parse(parser, word, value);
	case GUIDE_FLAG:
	case GUIDE_PORT_RANGE:
		break;
	}
	return 0;
}

static struct guided *guided_data(struct rule_parser *parser, void **data, size_t size, size_t count)
{
	struct guided *guided = option_data(parser, data, size);

	if (guided && !guided->values)
		guided->values = arena_array(parser->ruleset->arena, count, sizeof(*guided->values));
	return guided && guided->values ? guided : NULL;
}

static int guided_take(struct rule_parser *parser, void **data, size_t size, const struct guide *guides,
		       size_t count, unsigned index)
{
	const struct guide *guide = &guides[index];
	struct guided *guided = guided_data(parser, data, size, count);
	if (!guided)
		return -ENOMEM;
	if (!(guide->flags & GUIDE_INVERTIBLE) && parser_refuse_inversion(parser))
		return -EINVAL;
	if (guide->flags & GUIDE_REPEATED)
		guided->seen &= ~(1u << index);
	int error = option_once(parser, &guided->seen, 1u << index, guide->excludes);
	if (error)
		return error;
	struct guided_value *value = &guided->values[index];
	memset(value, 0, sizeof(*value));
	value->inverted = parser->inverted;
	if (guide->kind != GUIDE_FLAG)
		error = parse_argument(parser, guide, value);
	/* A "!" in front of the argument: libxtables' guided parser never takes one. */
	if (!error && parser->inverted != value->inverted)
		error = parser_refuse_inversion(parser);
	return error ? error : 1;
}

int guided_parse(struct rule_parser *parser, void **data, size_t size, const struct guide *guides,
		 size_t count)
{
	for (unsigned i = 0; i < count; i++)
		if (parser_option_is(parser, guides[i].name))
			return guided_take(parser, data, size, guides, count, i);
	return 0;
}

static void name_all(const struct guide *guides, size_t count, unsigned set, struct buffer *out)
{
	for (size_t i = 0; i < count; i++)
		if (set >> i & 1)
			buffer_printf(out, "%s%s", out->size ? ", " : "", guides[i].name);
}

static int missing(struct rule_parser *parser, struct span span, const char *what, const struct guide *guides,
		   size_t count, unsigned set, const char *because)
{
	struct buffer names = {0};

	name_all(guides, count, set, &names);
	diagnostic_hint(option_error(parser, span, "missing-option", "%s%s needs %s", because, what,
				     names.data ? names.data : "another option"),
			"iptables refuses it without");
	buffer_fini(&names);
	return -EINVAL;
}

int guided_finish(struct rule_parser *parser, void **data, size_t size, const struct guide *guides,
		  size_t count, struct span span, const char *what)
{
	const struct guided *guided = guided_data(parser, data, size, count);
	unsigned mandatory = 0;

	if (!guided)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (guides[i].flags & GUIDE_MANDATORY && !guided_seen(guided, (unsigned)i))
			mandatory |= 1u << i;
	if (mandatory)
		return missing(parser, span, what, guides, count, mandatory, "");
	for (size_t i = 0; i < count; i++)
		if (guided_seen(guided, (unsigned)i) && guides[i].needs & ~guided->seen)
			return missing(parser, span, guides[i].name, guides, count,
				       guides[i].needs & ~guided->seen, "");
	return 0;
}

static void print_mask(enum family family, address mask, struct buffer *out)
{
	int length = mask_length(family, mask);

	if (length == (int)family_bits(family))
		return;
	buffer_puts(out, "/");
	if (length >= 0)
		buffer_printf(out, "%d", length);
	else
		address_print(family, mask, out);
}

void guided_print(const struct guided *guided, const struct guide *guides, unsigned index, enum family family,
		  struct buffer *out)
{
	const struct guided_value *value = &guided->values[index];
	const struct guide *guide = &guides[index];

	if (!guided_seen(guided, index))
		return;
	buffer_printf(out, "%s %s", value->inverted ? " !" : "", guide->name);
	switch (guide->kind) {
	case GUIDE_FLAG:
		break;
	case GUIDE_NUMBER:
	case GUIDE_PORT:
	case GUIDE_PROTOCOL:
		buffer_printf(out, " %llu", (unsigned long long)value->number);
		break;
	case GUIDE_RANGE:
	case GUIDE_PORT_RANGE:
		buffer_printf(out, " %llu", (unsigned long long)value->number);
		if (value->second != value->number)
			buffer_printf(out, ":%llu", (unsigned long long)value->second);
		break;
	case GUIDE_MASKED:
		buffer_printf(out, " 0x%llx", (unsigned long long)value->number);
		if (value->second != guide->max)
			buffer_printf(out, "/0x%llx", (unsigned long long)value->second);
		break;
	case GUIDE_STRING:
		option_print_string(out, value->text);
		break;
	case GUIDE_ADDRESS:
	case GUIDE_ADDRESS_MASK:
		buffer_puts(out, " ");
		address_print(family, value->address, out);
		print_mask(family, value->mask, out);
		break;
	case GUIDE_MAC:
		buffer_puts(out, " ");
		for (unsigned i = 0; i < 6; i++)
			buffer_printf(out, "%s%02x", i ? ":" : "", value->mac[i]);
		break;
	case GUIDE_OWN:
		buffer_printf(out, " %.*s", (int)value->text.size, value->text.data ? value->text.data : "");
		break;
	}
}

void guided_print_all(const struct guided *guided, const struct guide *guides, size_t count,
		      enum family family, struct buffer *out)
{
	for (size_t i = 0; i < count; i++)
		guided_print(guided, guides, (unsigned)i, family, out);
}
