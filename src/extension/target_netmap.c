/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * NETMAP: puts the first bits of the destination address (in POSTROUTING and INPUT: of the source address) in
 * place, the rest stays: net/netfilter/xt_NETMAP.c. */
#include "extension/guided.h"
#include "extension/types.h"
#include "packet/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

struct netmap_target {
	struct guided guided;
};

/* getaddrinfo() takes the short and octal forms of IPv4 addresses: 192.0.2 is 192.0.0.2. Names are not looked
 * up here. */
static int netmap_address(enum family family, struct text text, address *value)
{
	char copy[INET6_ADDRSTRLEN];
	struct in_addr parsed;

	if (family == FAMILY_IPV6)
		return address_parse(family, text, value);
	if (!text.size || text.size >= sizeof(copy) || memchr(text.data, 0, text.size) ||
	    memchr(text.data, ' ', text.size)) /* behind a blank inet_aton() takes anything */
		return -EINVAL;
	memcpy(copy, text.data, text.size);
	copy[text.size] = '\0';
	if (!inet_aton(copy, &parsed))
		return -EINVAL;
	*value = ntohl(parsed.s_addr);
	return 0;
}

/* ADDRESS, ADDRESS/LENGTH or ADDRESS/MASK. iptables has no way to say a mask with holes in it to itself: it
 * takes the whole address then. */
static int parse_to(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	enum family family = parser->family;
	struct text text = word->text, mask = {0};
	const char *slash = text.size ? memchr(text.data, '/', text.size) : NULL;
	uint64_t length;

	value->mask = family_max(family);
	if (slash) {
		text.size = (size_t)(slash - text.data);
		mask = (struct text){slash + 1, word->text.size - text.size - 1};
	}
	if (netmap_address(family, text, &value->address))
		goto refuse;
	if (slash && guided_number(mask, family_bits(family), &length) == 0)
		value->mask = prefix_mask(family, (unsigned)length);
	else if (slash && netmap_address(family, mask, &value->mask))
		goto refuse;
	if (mask_length(family, value->mask) < 0)
		value->mask = family_max(family);
	value->address &= value->mask;
	return 0;
refuse:
	return guided_refuse(parser, word,
			     family == FAMILY_IPV4 ? "an IPv4 address with /LENGTH or /MASK behind it"
						   : "an IPv6 address with /LENGTH or /MASK behind it");
}

static const struct guide guides[] = {
    {.name = "--to", .kind = GUIDE_OWN, .flags = GUIDE_MANDATORY, .parse = parse_to},
};

static int netmap_parse(struct rule_parser *parser, struct target *target)
{
	return guided_parse(parser, &target->data, sizeof(struct netmap_target), guides, 1);
}

static int netmap_finish(struct rule_parser *parser, struct target *target)
{
	return guided_finish(parser, &target->data, sizeof(struct netmap_target), guides, 1, target->span,
			     "NETMAP");
}

static void netmap_print(const struct target *target, const struct rule *rule, struct buffer *out)
{
	const struct guided_value *to = &((const struct netmap_target *)target->data)->guided.values[0];
	enum family family = rule->chain->table->family;

	buffer_puts(out, " --to ");
	address_print(family, to->address, out);
	buffer_printf(out, "/%d", mask_length(family, to->mask));
}

static void netmap_nat(const struct target *target, struct nat_range *range)
{
	const struct guided_value *to = &((const struct netmap_target *)target->data)->guided.values[0];
	uint8_t prefix = 0;

	for (address mask = to->mask; mask; mask &= mask - 1)
		prefix++;
	*range = (struct nat_range){
	    .map = true,
	    .has_address = true,
	    .prefix = prefix,
	    .low = to->address,
	    .high = to->address,
	};
}

const struct target_type target_netmap = {
    .name = "NETMAP",
    .modelled = true,
    .kind = TARGET_REWRITE,
    .parse = netmap_parse,
    .finish = netmap_finish,
    .print = netmap_print,
    .tables = 1 << TABLE_NAT,
    .hooks = 1 << HOOK_PREROUTING | 1 << HOOK_INPUT | 1 << HOOK_OUTPUT | 1 << HOOK_POSTROUTING,
    .nat = netmap_nat,
};
