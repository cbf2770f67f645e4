/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * HMARK: marks the packet with a hash of its addresses and ports, or of its connection's; goes on:
 * net/netfilter/xt_HMARK.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>

/* In the order in which iptables-save prints them. */
enum {
	HMARK_SOURCE,
	HMARK_DESTINATION,
	HMARK_SPORT_MASK,
	HMARK_DPORT_MASK,
	HMARK_SPI_MASK,
	HMARK_SPORT,
	HMARK_DPORT,
	HMARK_SPI,
	HMARK_PROTOCOL,
	HMARK_RANDOM,
	HMARK_MODULUS,
	HMARK_OFFSET,
	HMARK_TUPLE,
	HMARK_COUNT,
	HMARK_CONNECTION = HMARK_COUNT, /* --hmark-tuple ct */
};

/* XTTYPE_PLENMASK of libxtables: a mask with holes counts as a full one. */
static int parse_prefix(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	unsigned bits = family_bits(parser->family);

	if (guided_number(word->text, bits, &value->number) == 0)
		return 0;
	if (address_parse(parser->family, word->text, &value->mask))
		return guided_refuse(parser, word, "a prefix length, or a mask");
	int length = mask_length(parser->family, value->mask);
	value->number = length < 0 ? bits : (unsigned)length;
	return 0;
}

static const struct guide guides[HMARK_COUNT] = {
    {.name = "--hmark-src-prefix", .kind = GUIDE_OWN, .parse = parse_prefix},
    {.name = "--hmark-dst-prefix", .kind = GUIDE_OWN, .parse = parse_prefix},
    {.name = "--hmark-sport-mask", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    {.name = "--hmark-dport-mask", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    {.name = "--hmark-spi-mask", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    {.name = "--hmark-sport", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    {.name = "--hmark-dport", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    {.name = "--hmark-spi", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    {.name = "--hmark-proto-mask", .kind = GUIDE_NUMBER, .max = UINT16_MAX},
    {.name = "--hmark-rnd", .kind = GUIDE_NUMBER, .flags = GUIDE_MANDATORY, .max = UINT32_MAX},
    {.name = "--hmark-mod", .kind = GUIDE_NUMBER, .flags = GUIDE_MANDATORY, .min = 1, .max = UINT32_MAX},
    {.name = "--hmark-offset", .kind = GUIDE_NUMBER, .max = UINT32_MAX},
    {.name = "--hmark-tuple", .kind = GUIDE_STRING, .max = UINT32_MAX},
};

struct hmark_target {
	struct guided guided; /* with what --hmark-tuple stands for */
	bool connection;
};

/* hmark_parse() of iptables: a part may be abbreviated, and the first that fits is meant. */
static int parse_tuple(struct rule_parser *parser, struct hmark_target *hmark)
{
	const uint64_t bits = family_bits(parser->family);
	const struct {
		const char *name;
		unsigned option;
		uint64_t value;
	} parts[] = {{"ct", HMARK_CONNECTION, 0},
		     {"src", HMARK_SOURCE, bits},
		     {"dst", HMARK_DESTINATION, bits},
		     {"sport", HMARK_SPORT_MASK, UINT16_MAX},
		     {"dport", HMARK_DPORT_MASK, UINT16_MAX},
		     {"proto", HMARK_PROTOCOL, UINT16_MAX},
		     {"spi", HMARK_SPI_MASK, UINT32_MAX}};
	struct comma_list list = {.rest = hmark->guided.values[HMARK_TUPLE].text};
	struct text part;

	while (comma_next(&list, &part)) {
		size_t i = 0;
		while (i < sizeof(parts) / sizeof(*parts) && !text_abbreviates(part, parts[i].name))
			i++;
		if (i == sizeof(parts) / sizeof(*parts))
			return guided_refuse(parser, parser->argument,
					     "a list of src, dst, sport, dport, spi, proto, ct");
		if (parts[i].option == HMARK_CONNECTION) {
			hmark->connection = true;
			continue;
		}
		hmark->guided.seen |= 1u << parts[i].option;
		hmark->guided.values[parts[i].option].number = parts[i].value;
	}
	return 0;
}

static int hmark_parse(struct rule_parser *parser, struct target *target)
{
	unsigned before = guided_taken(target->data);
	int result = guided_parse(parser, &target->data, sizeof(struct hmark_target), guides, HMARK_COUNT);
	int error = 0;

	if (result == 1 && guided_taken(target->data) == (before | 1u << HMARK_TUPLE))
		error = parse_tuple(parser, target->data);
	return error ? error : result;
}

static int refuse(struct rule_parser *parser, const struct target *target, const char *what)
{
	diagnostic_hint(option_error(parser, target->span, "conflicting-options", "%s", what),
			"the same four bytes are either ports or an SPI");
	return -EINVAL;
}

/* HMARK_check() of iptables and hmark_tg_check() of the kernel. */
static int hmark_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct hmark_target), guides, HMARK_COUNT,
				  target->span, "HMARK");
	const struct hmark_target *hmark = target->data;
	const struct guided *guided = target->data;

	if (error)
		return error;
	if (guided_seen(guided, HMARK_SPI_MASK) &&
	    (guided_seen(guided, HMARK_SPORT_MASK) || guided_seen(guided, HMARK_DPORT_MASK)))
		return refuse(parser, target, "--hmark-spi-mask does not go together with masks of ports");
	if (guided_seen(guided, HMARK_SPI) &&
	    (guided_seen(guided, HMARK_SPORT) || guided_seen(guided, HMARK_DPORT)))
		return refuse(parser, target, "--hmark-spi does not go together with ports");
	if (hmark->connection || guided->seen & ((1u << HMARK_RANDOM) - 1))
		return 0;
	diagnostic_hint(option_error(parser, target->span, "missing-option", "HMARK needs --hmark-tuple"),
			"or an option that says what is hashed");
	return -EINVAL;
}

static void hmark_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	static const struct {
		unsigned option;
		int digits; /* hexadecimal; 0: decimal */
	} formats[] = {{HMARK_SOURCE, 0},     {HMARK_DESTINATION, 0}, {HMARK_SPORT_MASK, 4},
		       {HMARK_DPORT_MASK, 4}, {HMARK_SPI_MASK, 8},    {HMARK_SPORT, 4},
		       {HMARK_DPORT, 4},      {HMARK_SPI, 8},         {HMARK_PROTOCOL, 2},
		       {HMARK_RANDOM, 8},     {HMARK_MODULUS, 0},     {HMARK_OFFSET, 0}};
	const struct hmark_target *hmark = target->data;
	(void)rule;

	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++) {
		unsigned option = formats[i].option, value = (unsigned)hmark->guided.values[option].number;
		if (!guided_seen(&hmark->guided, option))
			continue;
		if (formats[i].digits)
			buffer_printf(out, " %s 0x%0*x", guides[option].name, formats[i].digits, value);
		else
			buffer_printf(out, " %s %u", guides[option].name, value);
	}
	if (hmark->connection)
		buffer_puts(out, " --hmark-tuple ct");
}

/* The hash is not worked out here: the mark is not known any more. */
static void hmark_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	(void)target;
	(void)evaluation;
	packet->known &= ~(uint32_t)KNOWN_MARK;
}

const struct target_type target_hmark = {
    .name = "HMARK",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = hmark_parse,
    .finish = hmark_finish,
    .print = hmark_print,
    .apply = hmark_apply,
    .rewrites = KNOWN_MARK,
};
