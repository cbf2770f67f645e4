/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * DSCP and TOS change the same byte of the header, the type of service or traffic class:
 * net/netfilter/xt_DSCP.c. */
#include "extension/guided.h"
#include "extension/types.h"

#include <errno.h>
#include <string.h>

/* (tos & ~mask) ^ value, of both targets. */
struct tos_target {
	struct guided guided;
	uint8_t value, mask;
};

#define GUIDE_COUNT(guides) (sizeof(guides) / sizeof(*(guides)))

static void tos_apply(const struct target *target, struct packet *packet, struct evaluation *evaluation)
{
	const struct tos_target *tos = target->data;
	uint8_t old = packet->tos;
	bool was_known = packet->known & KNOWN_TOS;
	(void)evaluation;

	if (tos->mask == UINT8_MAX)
		packet->known |= KNOWN_TOS;
	packet->tos = (uint8_t)((old & ~tos->mask) ^ tos->value);
	if (!was_known || packet->tos != old) /* the header's checksum, too */
		packet_forget_bytes(packet);
}

/* --- DSCP */

enum { DSCP_NUMBER, DSCP_CLASS };

/* RFC 2474, 2597, 3246, by the names that iptables has. */
static int parse_class(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		uint8_t dscp;
	} classes[] = {{"CS0", 0x00},  {"CS1", 0x08},  {"CS2", 0x10},  {"CS3", 0x18},  {"CS4", 0x20},
		       {"CS5", 0x28},  {"CS6", 0x30},  {"CS7", 0x38},  {"BE", 0x00},   {"AF11", 0x0a},
		       {"AF12", 0x0c}, {"AF13", 0x0e}, {"AF21", 0x12}, {"AF22", 0x14}, {"AF23", 0x16},
		       {"AF31", 0x1a}, {"AF32", 0x1c}, {"AF33", 0x1e}, {"AF41", 0x22}, {"AF42", 0x24},
		       {"AF43", 0x26}, {"EF", 0x2e}};

	for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
		if (text_same(word->text, classes[i].name)) {
			value->number = classes[i].dscp;
			return 0;
		}
	return guided_refuse(parser, word, "BE, EF, AF11 to AF43 or CS0 to CS7");
}

static const struct guide dscp_guides[] = {
    {.name = "--set-dscp", .kind = GUIDE_NUMBER, .max = 0x3f, .excludes = 1 << DSCP_CLASS},
    {.name = "--set-dscp-class", .kind = GUIDE_OWN, .excludes = 1 << DSCP_NUMBER, .parse = parse_class},
};

static int dscp_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct tos_target), dscp_guides,
			    GUIDE_COUNT(dscp_guides));
}

static int dscp_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct tos_target), dscp_guides,
				  GUIDE_COUNT(dscp_guides), target->span, "DSCP");
	if (error)
		return error;
	struct tos_target *dscp = target->data;
	if (!dscp->guided.seen) {
		diagnostic_hint(
		    option_error(parser, target->span, "missing-option", "DSCP does not say what to set"),
		    "--set-dscp or --set-dscp-class");
		return -EINVAL;
	}
	unsigned option = guided_seen(&dscp->guided, DSCP_NUMBER) ? DSCP_NUMBER : DSCP_CLASS;
	dscp->value = (uint8_t)(dscp->guided.values[option].number << 2);
	dscp->mask = 0xfc;
	return 0;
}

static void dscp_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_printf(out, " --set-dscp 0x%02x", ((const struct tos_target *)target->data)->value >> 2);
}

const struct target_type target_dscp = {
    .name = "DSCP",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = dscp_parse,
    .finish = dscp_finish,
    .print = dscp_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = tos_apply,
    .rewrites = KNOWN_TOS | KNOWN_BYTES,
};

/* --- TOS */

enum { TOS_SET, TOS_AND, TOS_OR, TOS_XOR, TOS_COUNT };

/* VALUE, VALUE/MASK, or a name of RFC 1349's, which leaves the precedence bits alone. */
static int parse_tos(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const struct {
		const char *name;
		uint8_t tos;
	} names[] = {{"Minimize-Delay", 0x10},
		     {"Maximize-Throughput", 0x08},
		     {"Maximize-Reliability", 0x04},
		     {"Minimize-Cost", 0x02},
		     {"Normal-Service", 0x00}};
	struct text number = word->text;
	const char *slash = number.size ? memchr(number.data, '/', number.size) : NULL;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (text_same(word->text, names[i].name)) {
			value->number = names[i].tos;
			value->second = 0x3f;
			return 0;
		}
	value->second = UINT8_MAX;
	if (slash) {
		struct text mask = {slash + 1, number.size - (size_t)(slash - number.data) - 1};
		number.size = (size_t)(slash - number.data);
		if (guided_number(mask, UINT8_MAX, &value->second))
			goto refuse;
	}
	if (guided_number(number, UINT8_MAX, &value->number) == 0)
		return 0;
refuse:
	return guided_refuse(parser, word,
			     "VALUE or VALUE/MASK up to 255, Minimize-Delay, Maximize-Throughput, "
			     "Maximize-Reliability, Minimize-Cost or Normal-Service");
}

#define TOS_GUIDE(index, option, option_kind, reader)                                                        \
	[index] = {.name = (option),                                                                         \
		   .kind = (option_kind),                                                                    \
		   .max = UINT8_MAX,                                                                         \
		   .excludes = ((1u << TOS_COUNT) - 1) & ~(1u << (index)),                                   \
		   .parse = (reader)}

static const struct guide tos_guides[] = {
    TOS_GUIDE(TOS_SET, "--set-tos", GUIDE_OWN, parse_tos),
    TOS_GUIDE(TOS_AND, "--and-tos", GUIDE_NUMBER, NULL),
    TOS_GUIDE(TOS_OR, "--or-tos", GUIDE_NUMBER, NULL),
    TOS_GUIDE(TOS_XOR, "--xor-tos", GUIDE_NUMBER, NULL),
};

static int tos_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct tos_target), tos_guides,
			    GUIDE_COUNT(tos_guides));
}

static int tos_finish(struct rule_parser *parser, struct target *target)
{
	int error = guided_finish(parser, &target->data, sizeof(struct tos_target), tos_guides,
				  GUIDE_COUNT(tos_guides), target->span, "TOS");
	if (error)
		return error;
	struct tos_target *tos = target->data;
	const struct guided_value *values = tos->guided.values;
	switch (tos->guided.seen) {
	case 1u << TOS_SET:
		tos->value = (uint8_t)values[TOS_SET].number;
		tos->mask = (uint8_t)values[TOS_SET].second;
		return 0;
	case 1u << TOS_AND:
		tos->mask = (uint8_t)~values[TOS_AND].number;
		return 0;
	case 1u << TOS_OR:
		tos->value = tos->mask = (uint8_t)values[TOS_OR].number;
		return 0;
	case 1u << TOS_XOR:
		tos->value = (uint8_t)values[TOS_XOR].number;
		return 0;
	}
	diagnostic_hint(option_error(parser, target->span, "missing-option", "TOS does not say what to set"),
			"--set-tos, --and-tos, --or-tos or --xor-tos");
	return -EINVAL;
}

static void tos_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct tos_target *tos = target->data;
	(void)rule;

	buffer_printf(out, " --set-tos 0x%02x/0x%02x", tos->value, tos->mask);
}

const struct target_type target_tos = {
    .name = "TOS",
    .modelled = true,
    .kind = TARGET_CHANGE,
    .parse = tos_parse,
    .finish = tos_finish,
    .print = tos_print,
    .tables = 1 << TABLE_MANGLE,
    .apply = tos_apply,
    .rewrites = KNOWN_TOS | KNOWN_BYTES,
};
