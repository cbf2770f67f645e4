/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m pkttype: how the link addressed the packet: pkttype_mt() in net/netfilter/xt_pkttype.c. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

enum { PKTTYPE_TYPE, PKTTYPE_COUNT };

#define OTHER_HOST 3u /* PACKET_OTHERHOST of linux/if_packet.h: such packets meet no rule */

/* What iptables prints stands before its other names. */
static const struct {
	const char *name;
	unsigned type;
} names[] = {{"unicast", PACKET_UNICAST}, {"broadcast", PACKET_BROADCAST}, {"multicast", PACKET_MULTICAST},
	     {"otherhost", OTHER_HOST},   {"bcast", PACKET_BROADCAST},     {"mcast", PACKET_MULTICAST},
	     {"host", PACKET_UNICAST}};
#define NAME_COUNT (sizeof(names) / sizeof(*names))

static int type_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (text_same(word->text, names[i].name)) {
			value->number = names[i].type;
			for (size_t j = i + 1; j-- > 0;)
				if (names[j].type == names[i].type)
					value->text = text_of(names[j].name);
			return 0;
		}
	return guided_refuse(parser, word, "unicast, broadcast or multicast");
}

static const struct guide guides[PKTTYPE_COUNT] = {
    [PKTTYPE_TYPE] = {.name = "--pkt-type",
		      .kind = GUIDE_OWN,
		      .flags = GUIDE_INVERTIBLE | GUIDE_MANDATORY,
		      .parse = type_value},
};

static int pkttype_parse(struct rule_parser *parser, struct match *match)
{
	return guided_parse(parser, &match->data, sizeof(struct guided), guides, PKTTYPE_COUNT);
}

static int pkttype_finish(struct rule_parser *parser, struct match *match)
{
	return guided_finish(parser, &match->data, sizeof(struct guided), guides, PKTTYPE_COUNT, match->span,
			     "-m pkttype");
}

static void pkttype_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	buffer_puts(out, "-m pkttype");
	guided_print_all(match->data, guides, PKTTYPE_COUNT, rule->chain->table->family, out);
}

static enum truth pkttype_evaluate(const struct match *match, const struct rule *rule,
				   const struct packet *packet, struct evaluation *evaluation)
{
	const struct guided *pkttype = match->data;
	(void)rule;
	(void)evaluation;

	if (!(packet->known & KNOWN_TYPE))
		return TRUTH_UNKNOWN;
	return guided_truth(pkttype, PKTTYPE_TYPE, packet->type == pkttype->values[PKTTYPE_TYPE].number);
}

const struct match_type match_pkttype = {
    .name = "pkttype",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_TABLE, true},
    .parse = pkttype_parse,
    .finish = pkttype_finish,
    .print = pkttype_print,
    .evaluate = pkttype_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
};
