/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m hbh and -m dst: the hop-by-hop and the destination options header of IPv6, its length and the options
 * that it begins with: hbh_mt6() in net/ipv6/netfilter/ip6t_hbh.c. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define OPTIONS_MAX 16 /* IP6T_OPTS_OPTSNR */
#define ANY_LENGTH 255

enum { OPTS_LENGTH, OPTS_LIST, OPTS_COUNT };

struct option_list {
	unsigned count;
	struct {
		uint8_t type, length;
	} options[OPTIONS_MAX];
};

/* strtoul() with base 0, of which the low byte is kept: so does ip6tables. */
static bool byte_parse(struct text text, uint8_t *byte)
{
	bool negative = text.size && text.data[0] == '-';
	uint64_t number;

	if (negative)
		text = (struct text){text.data + 1, text.size - 1};
	if (guided_number(text, UINT64_MAX, &number))
		return false;
	*byte = (uint8_t)(negative ? -number : number);
	return true;
}

static int list_parse(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	static const char hint[] = "up to 16 of TYPE or TYPE:LENGTH with commas between; 0 has no length";
	struct comma_list list = {.rest = word->text};
	struct option_list *options = arena_alloc(parser->ruleset->arena, sizeof(*options));
	struct text part;

	if (!options)
		return -ENOMEM;
	value->own = options;
	while (comma_next(&list, &part)) {
		const char *colon = part.size ? memchr(part.data, ':', part.size) : NULL;
		struct text type = {part.data, colon ? (size_t)(colon - part.data) : part.size};
		unsigned i = options->count;
		if (i == OPTIONS_MAX || (colon && i == OPTIONS_MAX - 1) ||
		    !byte_parse(type, &options->options[i].type))
			return guided_refuse(parser, word, hint);
		options->options[i].length = ANY_LENGTH;
		if (colon && (options->options[i].type == 0 ||
			      !byte_parse((struct text){colon + 1, part.size - type.size - 1},
					  &options->options[i].length)))
			return guided_refuse(parser, word, hint);
		options->count++;
	}
	return 0;
}

#define GUIDES(prefix)                                                                                       \
	{                                                                                                    \
		[OPTS_LENGTH] = {.name = prefix "-len",                                                      \
				 .kind = GUIDE_NUMBER,                                                       \
				 .flags = GUIDE_INVERTIBLE,                                                  \
				 .max = UINT32_MAX},                                                         \
		[OPTS_LIST] = {.name = prefix "-opts", .kind = GUIDE_OWN, .parse = list_parse},              \
	}

static const struct guide hbh_guides[OPTS_COUNT] = GUIDES("--hbh"), dst_guides[OPTS_COUNT] = GUIDES("--dst");

static void options_print(const struct guided *options, const struct guide *guides, struct buffer *out)
{
	const struct option_list *list = options->values[OPTS_LIST].own;

	guided_print(options, guides, OPTS_LENGTH, FAMILY_IPV6, out);
	if (!guided_seen(options, OPTS_LIST))
		return;
	buffer_printf(out, " %s", guides[OPTS_LIST].name);
	for (unsigned i = 0; i < list->count; i++) {
		buffer_printf(out, "%c%u", i ? ',' : ' ', list->options[i].type);
		if (list->options[i].length != ANY_LENGTH)
			buffer_printf(out, ":%u", list->options[i].length);
	}
}

/* The header's first options against the list; `left` bytes of it are at `offset`. An option that claims to
 * be longer than the header ends the comparison, but for the last one of the list. */
static enum truth list_evaluate(const struct option_list *list, const struct packet *packet, uint32_t offset,
				uint32_t left)
{
	for (unsigned i = 0; i < list->count; i++) {
		const uint8_t *option;
		uint32_t size = 1;
		if (left < 1)
			return TRUTH_NO;
		if (packet_read(packet, offset, 1, &option) != PART_FOUND)
			return TRUTH_UNKNOWN;
		if (*option != list->options[i].type)
			return TRUTH_NO;
		if (*option != 0) {
			if (left < 2)
				return TRUTH_NO;
			if (packet_read(packet, offset, 2, &option) != PART_FOUND)
				return TRUTH_UNKNOWN;
			if (list->options[i].length != ANY_LENGTH && option[1] != list->options[i].length)
				return TRUTH_NO;
			size = option[1] + 2u;
		}
		if (i + 1 == list->count)
			return TRUTH_YES;
		if (left < size || offset + size > packet->length)
			return TRUTH_NO;
		offset += size;
		left -= size;
	}
	return TRUTH_YES;
}

static enum truth options_evaluate(const struct guided *options, uint8_t protocol,
				   const struct packet *packet, struct evaluation *evaluation)
{
	const uint8_t *header;
	uint32_t offset;
	enum truth truth = header_truth(packet_header(packet, protocol, 2, &header, &offset), evaluation);

	if (truth != TRUTH_YES)
		return truth;
	uint32_t length = (header[1] + 1u) * 8;
	if (header_fits(packet, offset, length, evaluation) == TRUTH_NO)
		return TRUTH_NO;
	if (guided_seen(options, OPTS_LENGTH))
		truth = guided_truth(options, OPTS_LENGTH, length == options->values[OPTS_LENGTH].number);
	if (guided_seen(options, OPTS_LIST))
		truth = truth_and(
		    truth, list_evaluate(options->values[OPTS_LIST].own, packet, offset + 2, length - 2));
	return truth;
}

static int hbh_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), hbh_guides, OPTS_COUNT);
}

static int hbh_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), hbh_guides, OPTS_COUNT, match->span,
			     "-m hbh");
}

static void hbh_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_puts(out, "-m hbh");
	options_print(match->data, hbh_guides, out);
}

static enum truth hbh_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	return options_evaluate(match->data, IPPROTO_HOPOPTS, packet, evaluation);
}

const struct match_type match_hbh = {
    .name = "hbh",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = hbh_parse,
    .finish = hbh_finish,
    .print = hbh_print,
    .evaluate = hbh_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};

static int dst_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), dst_guides, OPTS_COUNT);
}

static int dst_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), dst_guides, OPTS_COUNT, match->span,
			     "-m dst");
}

static void dst_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_puts(out, "-m dst");
	options_print(match->data, dst_guides, out);
}

static enum truth dst_evaluate(const struct match *match, const struct rule *rule,
			       const struct packet *packet, struct evaluation *evaluation)
{
	(void)rule;
	return options_evaluate(match->data, IPPROTO_DSTOPTS, packet, evaluation);
}

const struct match_type match_dst = {
    .name = "dst",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = dst_parse,
    .finish = dst_finish,
    .print = dst_print,
    .evaluate = dst_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
