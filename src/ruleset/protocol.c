/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset/protocol.h"

#include <ctype.h>
#include <errno.h>

struct protocol {
	const char *name;
	uint8_t number;
};

/* The first name of a number is the one that is printed. */
static const struct protocol protocols[] = {
    {"ip", 0},
    {"hopopt", 0},
    {"icmp", 1},
    {"igmp", 2},
    {"ggp", 3},
    {"ipencap", 4},
    {"st", 5},
    {"tcp", 6},
    {"egp", 8},
    {"igp", 9},
    {"pup", 12},
    {"udp", 17},
    {"hmp", 20},
    {"xns-idp", 22},
    {"rdp", 27},
    {"iso-tp4", 29},
    {"dccp", 33},
    {"xtp", 36},
    {"ddp", 37},
    {"idpr-cmtp", 38},
    {"ipv6", 41},
    {"ipv6-route", 43},
    {"ipv6-frag", 44},
    {"idrp", 45},
    {"rsvp", 46},
    {"gre", 47},
    {"esp", 50},
    {"ah", 51},
    {"skip", 57},
    {"ipv6-icmp", 58},
    {"ipv6-nonxt", 59},
    {"ipv6-opts", 60},
    {"rspf", 73},
    {"vmtp", 81},
    {"eigrp", 88},
    {"ospf", 89},
    {"ax.25", 93},
    {"ipip", 94},
    {"etherip", 97},
    {"encap", 98},
    {"pim", 103},
    {"ipcomp", 108},
    {"vrrp", 112},
    {"l2tp", 115},
    {"isis", 124},
    {"sctp", 132},
    {"fc", 133},
    {"mobility-header", 135},
    {"udplite", 136},
    {"mpls-in-ip", 137},
    {"manet", 138},
    {"hip", 139},
    {"shim6", 140},
    {"wesp", 141},
    {"rohc", 142},
    {"ethernet", 143},
    /* libxtables/xtables.c: xtables_chain_protos */
    {"icmpv6", 58},
    {"ipv6-mh", 135},
    {"mh", 135},
    {"all", 0},
};
static const struct protocol common[] = {{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"ipv6-icmp", 58}};
#define COMMON_COUNT (sizeof(common) / sizeof(common[0]))
#define PROTOCOL_COUNT (sizeof(protocols) / sizeof(protocols[0]))

static bool name_equal(struct text text, const char *name)
{
	for (size_t i = 0; i < text.size; i++)
		if (!name[i] || tolower((unsigned char)text.data[i]) != name[i])
			return false;
	return name[text.size] == '\0';
}

int protocol_parse(struct text text, uint8_t *protocol)
{
	uint64_t number;
	for (size_t i = 0; i < COMMON_COUNT; i++) /* most rules have one of these */
		if (text_is(text, common[i].name)) {
			*protocol = common[i].number;
			return 0;
		}
	if (number_parse_c(text, UINT8_MAX, &number) == 0) {
		*protocol = (uint8_t)number;
		return 0;
	}
	for (size_t i = 0; i < PROTOCOL_COUNT; i++)
		if (name_equal(text, protocols[i].name)) {
			*protocol = protocols[i].number;
			return 0;
		}
	return -EINVAL;
}

const char *protocol_name(uint8_t protocol)
{
	for (size_t i = 0; protocol && i < PROTOCOL_COUNT; i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	return NULL;
}
