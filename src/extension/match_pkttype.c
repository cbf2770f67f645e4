/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m pkttype: how the link addressed the packet: pkttype_mt() in net/netfilter/xt_pkttype.c. */
#include "extension/guided.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <errno.h>
#include <linux/if_packet.h>

enum { PKTTYPE_TYPE, PKTTYPE_COUNT };

/* What iptables prints stands before its other names. */
static const struct {
	const char *name;
	unsigned type;
} names[] = {{"unicast", PACKET_HOST},        {"broadcast", PACKET_BROADCAST}, {"multicast", PACKET_MULTICAST},
	     {"otherhost", PACKET_OTHERHOST}, {"bcast", PACKET_BROADCAST},     {"mcast", PACKET_MULTICAST},
	     {"host", PACKET_HOST}};
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

