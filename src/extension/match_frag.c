/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m frag: the fragment header of IPv6: frag_mt6() in net/ipv6/netfilter/ip6t_frag.c. Where the kernel puts
 * fragments together before the rules (as conntrack has it) there is none left to be seen. --fraglen is kept
 * and printed, but no kernel looks at it. */
#include "extension/header.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <netinet/in.h>

enum { FRAG_ID, FRAG_LENGTH, FRAG_RESERVED, FRAG_FIRST, FRAG_MORE, FRAG_LAST, FRAG_COUNT };

static const struct guide guides[FRAG_COUNT] = {
    [FRAG_ID] = {.name = "--fragid", .kind = GUIDE_RANGE, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [FRAG_LENGTH] = {.name = "--fraglen", .kind = GUIDE_NUMBER, .flags = GUIDE_INVERTIBLE, .max = UINT32_MAX},
    [FRAG_RESERVED] = {.name = "--fragres", .kind = GUIDE_FLAG},
    [FRAG_FIRST] = {.name = "--fragfirst", .kind = GUIDE_FLAG},
    [FRAG_MORE] = {.name = "--fragmore", .kind = GUIDE_FLAG, .excludes = 1 << FRAG_LAST},
    [FRAG_LAST] = {.name = "--fraglast", .kind = GUIDE_FLAG, .excludes = 1 << FRAG_MORE},
};

static int frag_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, FRAG_COUNT);
}

static int frag_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, FRAG_COUNT, match->span,
			     "-m frag");
}

static void frag_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	(void)rule;
	buffer_puts(out, "-m frag");
	header_print_range(match->data, guides, FRAG_ID, out);
	for (unsigned i = FRAG_LENGTH; i < FRAG_COUNT; i++)
		guided_print(match->data, guides, i, FAMILY_IPV6, out);
}

static enum truth frag_evaluate(const struct match *match, const struct rule *rule,
				const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *frag = match->data;
	const uint8_t *header;
	enum truth truth =
	    header_truth(packet_header(packet, IPPROTO_FRAGMENT, 8, &header, NULL), evaluation);
	(void)rule;

	if (truth != TRUTH_YES)
		return truth;
	uint32_t offset = header_16(header + 2);
	if ((guided_seen(frag, FRAG_RESERVED) && (header[1] || (offset & 6))) ||
	    (guided_seen(frag, FRAG_FIRST) && (offset & 0xfff8)) ||
	    (guided_seen(frag, FRAG_MORE) && !(offset & 1)) || (guided_seen(frag, FRAG_LAST) && (offset & 1)))
		return TRUTH_NO;
	return header_in_range(frag, FRAG_ID, header_32(header + 4));
}

static diagram_node frag_mean(const struct match *match, const struct rule *rule, const struct fields *fields)
{
	return header_mean_range(match, rule, fields, guides, FRAG_ID);
}

const struct match_type match_frag = {
    .name = "frag",
    .modelled = true,
    .effects = header_effects,
    .unseen = &(const struct unseen){OPAQUE_PACKET, false},
    .parse = frag_parse,
    .finish = frag_finish,
    .print = frag_print,
    .evaluate = frag_evaluate,
    .declare = unseen_declare,
    .mean = frag_mean,
};
