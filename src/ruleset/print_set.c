/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets as `ipset save` prints them: ipset 7.17, lib/session.c (list_create(), list_adt()) and lib/print.c.
 * Options stand in the order of the type's arguments there; what the kernel rounds is rounded as it does
 * (net/netfilter/ipset/ip_set_hash_gen.h, mtype_create()). */
#include "ruleset/icmp_names.h"
#include "ruleset/protocol.h"
#include "ruleset/ruleset.h"

#include <netinet/in.h>

#define HASHSIZE_MIN 64   /* IPSET_MIMINAL_HASHSIZE */
#define BUCKETSIZE_MIN 2  /* AHASH_INIT_SIZE */
#define BUCKETSIZE_MAX 12 /* AHASH_MAX_SIZE */
#define LIST_SIZE_MIN 4   /* IP_SET_LIST_MIN_SIZE */

static uint64_t round_hashsize(uint32_t hashsize)
{
	uint64_t rounded = HASHSIZE_MIN;

	while (rounded < hashsize)
		rounded *= 2;
	return rounded;
}

static unsigned round_bucketsize(uint8_t bucketsize)
{
	unsigned rounded = bucketsize + bucketsize % 2u;

	return rounded < BUCKETSIZE_MIN   ? BUCKETSIZE_MIN
	       : rounded > BUCKETSIZE_MAX ? BUCKETSIZE_MAX
					  : rounded;
}

static void print_range(const struct set *set, struct buffer *out)
{
	if (set->type == SET_BITMAP_PORT) {
		buffer_printf(out, " range %u-%u", (unsigned)set->low, (unsigned)set->high);
		return;
	}
	buffer_puts(out, " range ");
	address_print(set->family, set->low, out);
	buffer_puts(out, "-");
	address_print(set->family, set->high, out);
}

static void print_mask(const struct set *set, struct buffer *out)
{
	if (set->has_netmask && set->netmask != family_bits(set->family))
		buffer_printf(out, " netmask %u", set->netmask);
	if (set->has_bitmask && set->mask != family_max(set->family)) {
		buffer_puts(out, " bitmask ");
		address_print(set->family, set->mask, out);
	}
}

static void print_extensions(const struct set *set, struct buffer *out)
{
	if (set->has_timeout)
		buffer_printf(out, " timeout %u", set->timeout);
	if (set->counters)
		buffer_puts(out, " counters");
	if (set->comment)
		buffer_puts(out, " comment");
	if (set->skbinfo)
		buffer_puts(out, " skbinfo");
}

static void print_hash(const struct set *set, struct buffer *out)
{
	if (!set_types[set->type].any_family)
		buffer_printf(out, " family %s", set->family == FAMILY_IPV4 ? "inet" : "inet6");
	if (set->type == SET_HASH_IP_MARK)
		buffer_printf(out, " markmask 0x%08x", set->markmask);
	buffer_printf(out, " hashsize %llu maxelem %u", (unsigned long long)round_hashsize(set->hashsize),
		      set->maxelem);
	if (set->type == SET_HASH_IP)
		print_mask(set, out);
	print_extensions(set, out);
	buffer_printf(out, " bucketsize %u", round_bucketsize(set->bucketsize));
	if (set->has_initval)
		buffer_printf(out, " initval 0x%08x", set->initval);
	if (set->type != SET_HASH_IP)
		print_mask(set, out);
}

static void print_create(const struct set *set, struct buffer *out)
{
	buffer_puts(out, "create ");
	buffer_add(out, set->name.data, set->name.size);
	buffer_printf(out, " %s", set_types[set->type].name);
	switch (set->type) {
	case SET_BITMAP_IP:
	case SET_BITMAP_IP_MAC:
	case SET_BITMAP_PORT:
		print_range(set, out);
		print_mask(set, out);
		print_extensions(set, out);
		break;
	case SET_LIST:
		buffer_printf(out, " size %u", set->size < LIST_SIZE_MIN ? LIST_SIZE_MIN : set->size);
		print_extensions(set, out);
		break;
	default:
		print_hash(set, out);
		break;
	}
	buffer_puts(out, "\n");
}

static void print_net(enum family family, address low, unsigned prefix, struct buffer *out)
{
	address_print(family, low, out);
	if (prefix != family_bits(family))
		buffer_printf(out, "/%u", prefix);
}

static void print_port(const struct set_member *member, struct buffer *out)
{
	const char *name = protocol_name(member->protocol);

	if (name)
		buffer_puts(out, name);
	else
		buffer_printf(out, "%u", member->protocol);
	buffer_puts(out, ":");
	if (member->protocol != IPPROTO_ICMP && member->protocol != IPPROTO_ICMPV6) {
		buffer_printf(out, "%u", member->port);
		return;
	}
	name = icmp_set_name(member->protocol == IPPROTO_ICMP ? FAMILY_IPV4 : FAMILY_IPV6, member->port);
	if (name)
		buffer_puts(out, name);
	else
		buffer_printf(out, "%u/%u", member->port >> 8, member->port & 255);
}

static void print_mac(const uint8_t *mac, struct buffer *out)
{
	buffer_printf(out, "%02X:%02X:%02X:%02X:%02X:%02X", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void print_part(const struct set *set, const struct set_member *member, enum set_part part,
		       bool second, struct buffer *out)
{
	switch (part) {
	case SET_PART_NONE:
		break;
	case SET_PART_ADDRESS:
		address_print(set->family, second ? member->low2 : member->low, out);
		break;
	case SET_PART_NET:
		print_net(set->family, second ? member->low2 : member->low,
			  second ? member->prefix2 : member->prefix, out);
		break;
	case SET_PART_PORT:
		print_port(member, out);
		break;
	case SET_PART_BARE_PORT:
		buffer_printf(out, "%u", member->port);
		break;
	case SET_PART_MAC:
		print_mac(member->mac, out);
		break;
	case SET_PART_MARK:
		buffer_printf(out, "0x%08x", member->mark);
		break;
	case SET_PART_INTERFACE:
		buffer_printf(out, "%s%s", member->physdev ? "physdev:" : "", member->interface);
		break;
	case SET_PART_SET:
		buffer_add(out, member->set->name.data, member->set->name.size);
		break;
	}
}

void set_member_print(const struct set *set, const struct set_member *member, struct buffer *out)
{
	bool second = false;

	for (int i = 0; i < set->dimensions; i++) {
		enum set_part part = set_types[set->type].parts[i];
		if (part == SET_PART_MAC && set->type == SET_BITMAP_IP_MAC && !member->has_mac)
			break;
		if (i)
			buffer_puts(out, ",");
		print_part(set, member, part, second, out);
		second |= part == SET_PART_ADDRESS || part == SET_PART_NET;
	}
}

/* The kernel sends no mark without mask and value, no priority 0 and no queue 0 (ip_set_put_skbinfo()). */
static void print_skbinfo(const struct set_member *member, struct buffer *out)
{
	if (member->skb_mark || member->skb_mask) {
		buffer_printf(out, " skbmark 0x%x", member->skb_mark);
		if (member->skb_mask != UINT32_MAX)
			buffer_printf(out, "/0x%x", member->skb_mask);
	}
	if (member->skb_priority)
		buffer_printf(out, " skbprio %x:%x", member->skb_priority >> 16,
			      member->skb_priority & 0xffff);
	if (member->skb_queue)
		buffer_printf(out, " skbqueue %u", member->skb_queue);
}

static void print_add(const struct set *set, const struct set_member *member, struct buffer *out)
{
	buffer_puts(out, "add ");
	buffer_add(out, set->name.data, set->name.size);
	buffer_puts(out, " ");
	set_member_print(set, member, out);
	if (set->has_timeout)
		buffer_printf(out, " timeout %u", member->timed ? member->timeout : 0);
	if (member->nomatch)
		buffer_puts(out, " nomatch");
	if (member->wildcard)
		buffer_puts(out, " wildcard");
	if (set->counters)
		buffer_printf(out, " packets %llu bytes %llu", (unsigned long long)member->packets,
			      (unsigned long long)member->bytes);
	if (member->comment)
		buffer_printf(out, " comment \"%s\"", member->comment);
	if (set->skbinfo)
		print_skbinfo(member, out);
	buffer_puts(out, "\n");
}

void ruleset_print_set(const struct set *set, struct buffer *out)
{
	print_create(set, out);
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		print_add(set, &member, out);
	}
}

void ruleset_print_sets(const struct ruleset *ruleset, struct buffer *out)
{
	for (int lists = 0; lists < 2; lists++)
		for (size_t i = 0; i < ruleset->set_count; i++)
			if ((ruleset->sets[i]->type == SET_LIST) == lists)
				ruleset_print_set(ruleset->sets[i], out);
}
