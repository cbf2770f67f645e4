/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A segment's conditions as options of iptables: some that all its lines have, and axes, of each of which a
 * line has one. Alternatives of an axis exclude each other, so that a packet is matched by one line at most.
 */
#include "read/nft_reader.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#define PORTS_MAX 15     /* of multiport; a range counts as two */
#define PROTOCOLS_MAX 32 /* alternatives */

struct printing {
	struct nft_rule *rule;
	struct nft_segment *segment;
	struct nft_printed *out;
	bool inlined; /* no option of the rule's own may be used */
	int protocol; /* inlined: what the rule has asked for; -1: nothing */
	bool failed;  /* not sayable */
};

void listing_printed_fini(struct nft_printed *printed)
{
	buffer_fini(&printed->header);
	buffer_fini(&printed->matches);
}

static struct nft_axis *axis_new(struct printing *printing)
{
	if (printing->out->axis_count == NFT_AXES_MAX) {
		printing->failed = true;
		return NULL;
	}
	struct nft_axis *axis = &printing->out->axes[printing->out->axis_count++];
	*axis = (struct nft_axis){0};
	return axis;
}

/* --- Addresses */

static void put_range(enum family family, const char *side, struct address_range range, bool inverted,
		      struct buffer *out)
{
	buffer_printf(out, " -m iprange%s --%s-range ", inverted ? " !" : "", side);
	address_print(family, range.low, out);
	buffer_puts(out, "-");
	address_print(family, range.high, out);
}

/* All but one range: it, inverted. */
static bool all_but_one(struct nft_rule *rule, const struct nft_ranges *ranges, address max,
			struct nft_ranges *rest)
{
	*rest = listing_ranges_not(rule->reader->arena, ranges, max);
	return rest->count == 1;
}

/* -s or -d: a prefix, or all but one. */
static bool put_prefix(struct printing *printing, int side, const struct nft_ranges *ranges)
{
	enum family family = printing->rule->family;
	struct buffer *out = &printing->out->header;
	struct nft_ranges rest;
	bool inverted = false;

	if (printing->inlined || printing->segment->slots[side].size)
		return false;
	if (ranges->count != 1 || listing_range_prefix(family, ranges->ranges[0]) < 0) {
		inverted = all_but_one(printing->rule, ranges, family_max(family), &rest);
		if (!inverted || listing_range_prefix(family, rest.ranges[0]) < 0)
			return false;
		ranges = &rest;
	}
	buffer_printf(out, "%s -%c ", inverted ? " !" : "", side == NFT_SADDR ? 's' : 'd');
	address_print(family, ranges->ranges[0].low, out);
	buffer_printf(out, "/%d", listing_range_prefix(family, ranges->ranges[0]));
	return true;
}

static bool put_one_range(struct printing *printing, int side, const struct nft_ranges *ranges)
{
	enum family family = printing->rule->family;
	struct nft_ranges rest;
	bool inverted = false;

	if (ranges->count != 1) {
		inverted = all_but_one(printing->rule, ranges, family_max(family), &rest);
		if (!inverted)
			return false;
		ranges = &rest;
	}
	put_range(family, side == NFT_SADDR ? "src" : "dst", ranges->ranges[0], inverted,
		  &printing->out->matches);
	return true;
}

static void put_address_axis(struct printing *printing, int side, const struct nft_ranges *ranges)
{
	struct nft_axis *axis = axis_new(printing);

	printing->failed |= ranges->count > NFT_LINES_MAX;
	for (size_t i = 0; axis && i < ranges->count && !printing->failed; i++) {
		struct buffer option = {0};
		put_range(printing->rule->family, side == NFT_SADDR ? "src" : "dst", ranges->ranges[i], false,
			  &option);
		listing_axis_add(printing->rule, axis, option.data ? option.data : "");
		printing->rule->reader->failed |= option.failed;
		buffer_fini(&option);
	}
}

static bool is_all(const struct nft_ranges *ranges, address max)
{
	return ranges->count == 1 && !ranges->ranges[0].low && ranges->ranges[0].high == max;
}

static void print_addresses(struct printing *printing, int side)
{
	struct nft_segment *segment = printing->segment;
	struct arena *arena = printing->rule->reader->arena;
	struct nft_ranges *list = segment->addresses[side], all;
	size_t count = segment->address_count[side];

	/* One as -s, one as a range, as a rule of iptables may have both. */
	if (count == 2 && !is_all(&list[0], family_max(printing->rule->family)) &&
	    !is_all(&list[1], family_max(printing->rule->family))) {
		for (int i = 0; i < 2; i++) {
			struct nft_ranges rest;
			const struct nft_ranges *other = &list[1 - i];
			bool one =
			    other->count == 1 ||
			    all_but_one(printing->rule, other, family_max(printing->rule->family), &rest);
			if (one && put_prefix(printing, side, &list[i])) {
				put_one_range(printing, side, other);
				return;
			}
		}
	}
	if (!count)
		return;
	all = list[0];
	for (size_t i = 1; i < count; i++)
		all = listing_ranges_and(arena, &all, &list[i]);
	if (!all.count)
		printing->out->never = true;
	else if (!is_all(&all, family_max(printing->rule->family)) && !put_prefix(printing, side, &all) &&
		 !put_one_range(printing, side, &all))
		put_address_axis(printing, side, &all);
}

/* --- Ports */

static size_t slots_of(const struct nft_ranges *ranges)
{
	size_t slots = 0;

	for (size_t i = 0; i < ranges->count; i++)
		slots += ranges->ranges[i].low == ranges->ranges[i].high ? 1 : 2;
	return slots;
}

static void put_port_list(const char *side, const struct nft_ranges *ranges, size_t from, size_t to,
			  bool inverted, struct buffer *out)
{
	buffer_printf(out, " -m multiport%s --%ss ", inverted ? " !" : "", side);
	for (size_t i = from; i < to; i++) {
		buffer_printf(out, "%s%u", i > from ? "," : "", (unsigned)ranges->ranges[i].low);
		if (ranges->ranges[i].high != ranges->ranges[i].low)
			buffer_printf(out, ":%u", (unsigned)ranges->ranges[i].high);
	}
}

/* Lists of as many as multiport takes, as alternatives. */
static void put_port_axis(struct printing *printing, const char *side, const struct nft_ranges *ranges)
{
	struct nft_axis *axis = axis_new(printing);

	for (size_t i = 0, from = 0, slots = 0; axis && i <= ranges->count; i++) {
		size_t more = i < ranges->count && ranges->ranges[i].low != ranges->ranges[i].high ? 2 : 1;
		if (i == ranges->count || slots + more > PORTS_MAX) {
			struct buffer option = {0};
			put_port_list(side, ranges, from, i, false, &option);
			listing_axis_add(printing->rule, axis, option.data ? option.data : "");
			printing->rule->reader->failed |= option.failed;
			buffer_fini(&option);
			from = i;
			slots = 0;
		}
		slots += more;
	}
}

/* The ports as the match of the protocol itself has them: one range, or all but one. */
static bool put_single_ports(struct nft_rule *rule, const char *side, const struct nft_ranges *ranges,
			     struct buffer *out)
{
	struct nft_ranges rest;
	bool inverted = false;

	if (is_all(ranges, UINT16_MAX))
		return true;
	if (ranges->count != 1) {
		inverted = all_but_one(rule, ranges, UINT16_MAX, &rest);
		if (!inverted)
			return false;
		ranges = &rest;
	}
	buffer_printf(out, "%s --%s %u", inverted ? " !" : "", side, (unsigned)ranges->ranges[0].low);
	if (ranges->ranges[0].high != ranges->ranges[0].low)
		buffer_printf(out, ":%u", (unsigned)ranges->ranges[0].high);
	return true;
}

static void print_port_list(struct printing *printing, enum nft_key key)
{
	const struct nft_ranges *ranges = &printing->segment->ranges[key];
	const char *side = key == NFT_SPORT ? "sport" : "dport";
	struct nft_ranges rest = listing_ranges_not(printing->rule->reader->arena, ranges, UINT16_MAX);

	if (slots_of(ranges) <= PORTS_MAX &&
	    (slots_of(ranges) <= slots_of(&rest) || slots_of(&rest) > PORTS_MAX))
		put_port_list(side, ranges, 0, ranges->count, false, &printing->out->matches);
	else if (slots_of(&rest) <= PORTS_MAX)
		put_port_list(side, &rest, 0, rest.count, true, &printing->out->matches);
	else
		put_port_axis(printing, side, ranges);
}

/* Of one protocol, or of several: of each the header must be there. What is for all of them is in
 * out->matches and its axes; `option` is for this one. */
static void put_header_match(struct printing *printing, unsigned protocol, struct buffer *option)
{
	struct nft_segment *segment = printing->segment;
	bool tcp_or_udp = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;

	if (!tcp_or_udp) {
		if (!segment->ranged[NFT_SPORT] || is_all(&segment->ranges[NFT_SPORT], UINT16_MAX))
			if (!segment->ranged[NFT_DPORT] || is_all(&segment->ranges[NFT_DPORT], UINT16_MAX))
				buffer_puts(option, " -m multiport --dports 0:65535");
		return;
	}
	buffer_printf(option, " -m %s", protocol == IPPROTO_TCP ? "tcp" : "udp");
	if (segment->ranged[NFT_SPORT])
		put_single_ports(printing->rule, "sport", &segment->ranges[NFT_SPORT], option);
	if (segment->ranged[NFT_DPORT])
		put_single_ports(printing->rule, "dport", &segment->ranges[NFT_DPORT], option);
}

static bool single_ports(struct nft_rule *rule, const struct nft_ranges *ranges)
{
	struct nft_ranges rest;

	return ranges->count == 1 || all_but_one(rule, ranges, UINT16_MAX, &rest);
}

static bool port_protocol(unsigned protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP ||
	       protocol == IPPROTO_UDPLITE || protocol == IPPROTO_DCCP;
}

/* The protocols asked for as a list; false: too many, or not asked. */
static bool protocol_list(const struct printing *printing, unsigned list[PROTOCOLS_MAX], size_t *count)
{
	const struct nft_ranges *ranges = &printing->segment->ranges[NFT_PROTOCOL];

	*count = 0;
	if (printing->inlined && printing->protocol >= 0 && !printing->segment->ranged[NFT_PROTOCOL]) {
		list[(*count)++] = (unsigned)printing->protocol;
		return true;
	}
	if (!printing->segment->ranged[NFT_PROTOCOL])
		return false;
	for (size_t i = 0; i < ranges->count; i++)
		for (address value = ranges->ranges[i].low; value <= ranges->ranges[i].high; value++) {
			if (*count == PROTOCOLS_MAX)
				return false;
			list[(*count)++] = (unsigned)value;
		}
	return true;
}

/* What stands for a protocol before its matches: nothing where the rule has asked for it already. */
static void put_protocol(struct printing *printing, unsigned protocol, struct buffer *option)
{
	if (!printing->inlined)
		buffer_printf(option, " -p %u", protocol);
	else if (printing->protocol != (int)protocol)
		printing->failed = true;
	printing->failed |= !protocol; /* -p 0 is any protocol */
}

static void print_ports(struct printing *printing)
{
	struct nft_segment *segment = printing->segment;
	unsigned protocols[PROTOCOLS_MAX];
	size_t count;
	bool other = false;

	if (!protocol_list(printing, protocols, &count)) {
		printing->failed = true;
		return;
	}
	struct nft_axis *axis = count > 1 ? axis_new(printing) : NULL;
	for (size_t i = 0; i < count && !printing->failed; i++) {
		struct buffer option = {0};
		printing->failed |= !port_protocol(protocols[i]) || (count > 1 && !axis);
		other |= protocols[i] != IPPROTO_TCP && protocols[i] != IPPROTO_UDP;
		put_protocol(printing, protocols[i], &option);
		put_header_match(printing, protocols[i], &option);
		if (axis)
			listing_axis_add(printing->rule, axis, option.data ? option.data : "");
		else
			buffer_add(printing->inlined ? &printing->out->matches : &printing->out->header,
				   option.data ? option.data : "", option.size);
		printing->rule->reader->failed |= option.failed;
		buffer_fini(&option);
	}
	printing->out->never |= !count;
	for (enum nft_key key = NFT_SPORT; key <= NFT_DPORT; key++)
		if (segment->ranged[key] && !is_all(&segment->ranges[key], UINT16_MAX) &&
		    (other || !single_ports(printing->rule, &segment->ranges[key])))
			print_port_list(printing, key);
}

/* --- ICMP */

static void put_type(struct printing *printing, const char *option, unsigned type, int code, bool inverted,
		     struct nft_axis *axis)
{
	struct buffer text = {0};
	bool six = printing->rule->family == FAMILY_IPV6;

	buffer_printf(&text, " -m icmp%s%s --icmp%s-type %u", six ? "6" : "", inverted ? " !" : "",
		      six ? "v6" : "", type);
	if (code >= 0)
		buffer_printf(&text, "/%d", code);
	(void)option;
	if (axis)
		listing_axis_add(printing->rule, axis, text.data ? text.data : "");
	else
		buffer_add(&printing->out->matches, text.data ? text.data : "", text.size);
	printing->rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

static void print_icmp(struct printing *printing)
{
	struct nft_segment *segment = printing->segment;
	struct nft_rule *rule = printing->rule;
	struct arena *arena = rule->reader->arena;
	struct nft_ranges types = segment->ranges[NFT_TYPE], codes = segment->ranges[NFT_CODE], rest;
	bool some = segment->ranged[NFT_CODE] && !is_all(&codes, UINT8_MAX);

	if (!segment->ranged[NFT_TYPE])
		listing_ranges_add(arena, &types, 0, UINT8_MAX);
	put_protocol(printing, rule->family == FAMILY_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6,
		     printing->inlined ? &printing->out->matches : &printing->out->header);
	if (!some && is_all(&types, UINT8_MAX) && rule->family == FAMILY_IPV4) {
		buffer_puts(&printing->out->matches, " -m icmp --icmp-type any");
		return;
	}
	if (!some && all_but_one(rule, &types, UINT8_MAX, &rest) &&
	    rest.ranges[0].low == rest.ranges[0].high) {
		put_type(printing, "", (unsigned)rest.ranges[0].low, -1, true, NULL);
		return;
	}
	bool one = types.count == 1 && types.ranges[0].low == types.ranges[0].high &&
		   (!some || (codes.count == 1 && codes.ranges[0].low == codes.ranges[0].high));
	struct nft_axis *axis = one ? NULL : axis_new(printing);
	for (size_t i = 0; i < types.count && !printing->failed; i++)
		for (address type = types.ranges[i].low; type <= types.ranges[i].high; type++) {
			if (!some)
				put_type(printing, "", (unsigned)type, -1, false, axis);
			for (size_t k = 0; some && k < codes.count; k++)
				for (address code = codes.ranges[k].low; code <= codes.ranges[k].high; code++)
					put_type(printing, "", (unsigned)type, (int)code, false, axis);
			printing->failed |= axis && axis->count > NFT_LINES_MAX;
			if (printing->failed)
				return;
		}
}

/* --- The protocol alone, states, the rest */

static void print_protocol(struct printing *printing)
{
	struct nft_ranges *ranges = &printing->segment->ranges[NFT_PROTOCOL], rest;
	unsigned protocols[PROTOCOLS_MAX];
	size_t count;
	struct buffer option = {0};

	if (!printing->segment->ranged[NFT_PROTOCOL] || is_all(ranges, UINT8_MAX))
		return;
	if (all_but_one(printing->rule, ranges, UINT8_MAX, &rest) &&
	    rest.ranges[0].low == rest.ranges[0].high) {
		printing->failed |= printing->inlined || !rest.ranges[0].low;
		buffer_printf(&printing->out->header, " ! -p %u", (unsigned)rest.ranges[0].low);
		return;
	}
	const struct nft_rule *rule = printing->rule;
	const struct nft_target *last = rule->target_count ? &rule->targets[rule->target_count - 1] : NULL;
	bool leaves = last && (last->is_return || last->is_goto);
	/* There is no -p 0; nor is there such a header of IPv6 that would be the last one. */
	if (leaves && rule->family == FAMILY_IPV6 && !protocol_list(printing, protocols, &count)) {
		struct nft_axis *axis = printing->inlined ? NULL : axis_new(printing);
		printing->failed |= !axis;
		for (size_t i = 0; axis && i < ranges->count; i++)
			for (address value = ranges->ranges[i].low; value <= ranges->ranges[i].high;
			     value++) {
				option.size = 0;
				buffer_printf(&option, " -p %u", (unsigned)value);
				if (value)
					listing_axis_add(printing->rule, axis,
							 option.data ? option.data : "");
			}
	} else if (!protocol_list(printing, protocols, &count)) {
		/* All but some: rules in front of it let these go. */
		rest = listing_ranges_not(printing->rule->reader->arena, ranges, UINT8_MAX);
		for (size_t i = 0; i < rest.count && !printing->failed; i++)
			for (address value = rest.ranges[i].low; value <= rest.ranges[i].high; value++) {
				option.size = 0;
				buffer_printf(&option, " -p %u", (unsigned)value);
				printing->failed |= !value;
				listing_axis_add(printing->rule, &printing->segment->excludes,
						 option.data ? option.data : "");
			}
		printing->failed |= printing->inlined;
	} else if (count == 1) {
		put_protocol(printing, protocols[0], &printing->out->header);
	} else {
		struct nft_axis *axis = axis_new(printing);
		for (size_t i = 0; axis && i < count; i++) {
			option.size = 0;
			put_protocol(printing, protocols[i], &option);
			listing_axis_add(printing->rule, axis, option.data ? option.data : "");
		}
		printing->out->never |= !count;
	}
	printing->rule->reader->failed |= option.failed;
	buffer_fini(&option);
}

static void print_states(struct printing *printing)
{
	static const struct {
		unsigned bit;
		const char *name;
	} states[] = {{8, "NEW"}, {2, "ESTABLISHED"}, {4, "RELATED"}, {1, "INVALID"}, {64, "UNTRACKED"}};
	unsigned bits = printing->segment->states;
	const char *comma = " ";

	const struct buffer *options = &printing->segment->connection;
	bool asked = !(bits & 0x80) && bits != 0x4f;

	if (!asked && !options->size)
		return;
	buffer_puts(&printing->out->matches, asked ? " -m conntrack --ctstate" : " -m conntrack");
	for (size_t i = 0; i < 5 && asked; i++)
		if (bits & states[i].bit) {
			buffer_printf(&printing->out->matches, "%s%s", comma, states[i].name);
			comma = ",";
		}
	/* A packet without a connection xt_conntrack asks for its state alone, and nftables ends the rule at
	 * what else is asked: so does a match of its own. */
	if (asked && options->size && (bits & (1 | 64)))
		buffer_puts(&printing->out->matches, " -m conntrack");
	buffer_puts(&printing->out->matches, options->data ? options->data : "");
}

static void print_slots(struct printing *printing)
{
	struct nft_segment *segment = printing->segment;

	for (size_t i = 0; i < 4; i++) {
		const struct buffer *slot = &segment->slots[i];
		printing->failed |= printing->inlined && slot->size;
		if (slot->size > 1) /* one blank: an axis has it */
			buffer_add(&printing->out->header, slot->data, slot->size);
	}
	if (segment->fragment != FRAGMENT_ANY) {
		buffer_puts(&printing->out->header, segment->fragment == FRAGMENT_LATER ? " -f" : " ! -f");
		printing->failed |= printing->inlined;
	}
}

bool listing_print_segment(struct nft_rule *rule, struct nft_segment *segment, bool inlined, int protocol,
			   struct nft_printed *out)
{
	struct printing printing = {rule, segment, out, inlined, protocol, false};
	bool ports = segment->ranged[NFT_SPORT] || segment->ranged[NFT_DPORT] || segment->th;
	bool icmp = segment->ranged[NFT_TYPE] || segment->ranged[NFT_CODE];

	*out = (struct nft_printed){.never = segment->never};
	for (int i = 0; i < NFT_STATE; i++)
		out->never |= segment->ranged[i] && i > NFT_DADDR && !segment->ranges[i].count;
	if (out->never)
		return true;
	print_addresses(&printing, NFT_SADDR);
	print_addresses(&printing, NFT_DADDR);
	print_slots(&printing);
	printing.failed |= ports && icmp;
	if (ports)
		print_ports(&printing);
	else if (icmp)
		print_icmp(&printing);
	else
		print_protocol(&printing);
	print_states(&printing);
	buffer_add(&out->matches, segment->matches.data ? segment->matches.data : "", segment->matches.size);
	for (size_t i = 0; i < segment->axis_count; i++) {
		struct nft_axis *axis = axis_new(&printing);
		if (axis)
			*axis = segment->axes[i];
	}
	rule->reader->failed |= out->header.failed || out->matches.failed;
	return !printing.failed;
}

/* The header that these protocols have: with it a fragment is no later one. */
void listing_not_late(struct nft_rule *rule, struct nft_segment *segment)
{
	static const struct {
		unsigned protocol;
		const char *options[2];
	} headers[] = {
	    {IPPROTO_TCP, {" -p 6 -m tcp"}},
	    {IPPROTO_UDP, {" -p 17 -m udp"}},
	    {IPPROTO_ICMPV6, {" -p 58 -m icmp6 --icmpv6-type 0", " -p 58 -m icmp6 ! --icmpv6-type 0"}},
	    {IPPROTO_SCTP, {" -p 132 -m multiport --dports 0:65535"}},
	    {IPPROTO_UDPLITE, {" -p 136 -m multiport --dports 0:65535"}},
	    {IPPROTO_DCCP, {" -p 33 -m multiport --dports 0:65535"}},
	};
	const struct nft_ranges *ranges = &segment->ranges[NFT_PROTOCOL];

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
		bool asked = !segment->ranged[NFT_PROTOCOL];
		for (size_t k = 0; !asked && k < ranges->count; k++)
			asked = headers[i].protocol >= ranges->ranges[k].low &&
				headers[i].protocol <= ranges->ranges[k].high;
		for (size_t k = 0; asked && k < 2 && headers[i].options[k]; k++)
			listing_axis_add(rule, &segment->excludes, headers[i].options[k]);
	}
}
