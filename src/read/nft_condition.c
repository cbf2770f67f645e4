/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a rule of nftables asks, as conditions that iptables has, each in the rule's segment at hand.
 *
 * Addresses, ports, protocols, ICMP and states are kept as ranges, of which two that are asked of one thing
 * become what both allow. For the others see option_of().
 *
 * Of later fragments, where nobody puts them together, what looks behind IP's header reads what stands there
 * (nft_payload_fast_eval(), seen with Linux 6.18), or ends the rule (nft_payload_eval()): what comes of it is
 * not known, but in iptables they have no ports. */
#include "read/nft_reader.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

struct nft_segment *listing_segment(struct nft_rule *rule)
{
	struct nft_segment *segment = rule->segment_count ? &rule->segments[rule->segment_count - 1] : NULL;

	if (segment && !segment->last.size && !segment->last_not.size)
		return segment;
	if (rule->segment_count == NFT_SEGMENTS_MAX) {
		rule->unknown_order = true;
		return segment;
	}
	segment = &rule->segments[rule->segment_count++];
	segment->states = 0x80;
	return segment;
}

void listing_axis_add(struct nft_rule *rule, struct nft_axis *axis, const char *options)
{
	struct arena *arena = rule->reader->arena;
	char **slot =
	    arena_push(arena, (void **)&axis->options, &axis->count, &axis->capacity, sizeof(*slot));

	if (slot)
		*slot = arena_copy(arena, options, strlen(options));
	rule->reader->failed |= !slot || !*slot;
}

void listing_match_opaque(struct nft_rule *rule, struct json_object *json, const char *more)
{
	struct nft_segment *segment = listing_segment(rule);

	buffer_puts(&segment->matches, " -m nft --expression ");
	listing_opaque(rule->reader, json, more, &segment->matches);
	rule->opaque_asked = true;
}

void listing_match_stateful(struct nft_rule *rule, const char *options, bool inverted)
{
	buffer_puts(inverted ? &listing_segment(rule)->last_not : &listing_segment(rule)->last, options);
}

/* --- What is kept as ranges */

static void ask_ranges(struct nft_rule *rule, enum nft_key key, const struct nft_ranges *ranges)
{
	struct nft_segment *segment = listing_segment(rule);
	struct arena *arena = rule->reader->arena;

	rule->asked |= 1u << key;
	if ((key == NFT_SADDR || key == NFT_DADDR) && segment->address_count[key] < NFT_ADDRESSES_MAX)
		segment->addresses[key][segment->address_count[key]++] = *ranges;
	else if (key == NFT_SADDR || key == NFT_DADDR)
		rule->unknown_order = true;
	else
		segment->ranges[key] =
		    segment->ranged[key] ? listing_ranges_and(arena, &segment->ranges[key], ranges) : *ranges;
	if (key < NFT_STATE)
		segment->ranged[key] = true;
	segment->never |= !ranges->count;
}

void listing_ask_protocol(struct nft_rule *rule, int protocol)
{
	struct nft_ranges ranges = {0};

	if (protocol < 0)
		return;
	rule->reader->failed |=
	    listing_ranges_add(rule->reader->arena, &ranges, (address)protocol, (address)protocol) < 0;
	ask_ranges(rule, NFT_PROTOCOL, &ranges);
}

static void ask_states(struct nft_rule *rule, unsigned bits)
{
	struct nft_segment *segment = listing_segment(rule);

	rule->asked |= 1u << NFT_STATE;
	segment->states = (segment->states & 0x80 ? 0x4f : segment->states) & bits;
	segment->never |= !segment->states;
}

/* --- The others, each range by itself */

static const char *const kinds[] = {"UNSPEC",    "UNICAST",   "LOCAL",       "BROADCAST", "ANYCAST",
				    "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT"};

static void put_owner(const struct nft_left *left, struct address_range range, bool inverted,
		      struct buffer *out)
{
	/* Where there is no socket it is neither in nftables; in iptables it is no match that is inverted. */
	if (inverted)
		buffer_puts(out, " -m owner --socket-exists");
	buffer_printf(out, " -m owner%s --%s-owner %lu", inverted ? " !" : "",
		      left->key == NFT_UID ? "uid" : "gid", (unsigned long)range.low);
	if (range.high != range.low)
		buffer_printf(out, "-%lu", (unsigned long)range.high);
}

static void put_ttl(enum family family, struct address_range range, bool inverted, struct buffer *out)
{
	const char *name = family == FAMILY_IPV4 ? "ttl" : "hl";

	if (range.low == range.high) {
		buffer_printf(out, " -m %s%s --%s-eq %u", name, inverted ? " !" : "", name,
			      (unsigned)range.low);
		return;
	}
	if (range.low)
		buffer_printf(out, " -m %s --%s-gt %u", name, name, (unsigned)range.low - 1);
	if (range.high < UINT8_MAX)
		buffer_printf(out, " -m %s --%s-lt %u", name, name, (unsigned)range.high + 1);
}

static bool option_number(struct nft_rule *rule, const struct nft_left *left, struct address_range range,
			  bool inverted, struct buffer *out)
{
	static const char *const packets[] = {"unicast", "broadcast", "multicast"};
	const unsigned outgoing = 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING;
	const char *not = inverted ? " !" : "";
	bool one = range.low == range.high;
	unsigned low = (unsigned)range.low;

	switch (left->key) {
	case NFT_MARK:
	case NFT_CTMARK:
		if (!one)
			return false;
		buffer_printf(out, " -m %s%s --mark 0x%x", left->key == NFT_MARK ? "mark" : "connmark", not,
			      low);
		if (left->mask != left->max)
			buffer_printf(out, "/0x%x", (unsigned)left->mask);
		return true;
	case NFT_PKTTYPE:
		if (!one || low > 2)
			return false;
		buffer_printf(out, " -m pkttype%s --pkt-type %s", not, packets[low]);
		return true;
	case NFT_UID:
	case NFT_GID:
		if (rule->copy->hooks & ~outgoing)
			return false;
		put_owner(left, range, inverted, out);
		return true;
	case NFT_TTL:
		if (!one && inverted)
			return false;
		put_ttl(rule->family, range, inverted, out);
		return true;
	case NFT_LENGTH:
		buffer_printf(out, " -m length%s --length %u:%u", not, low, (unsigned)range.high);
		return true;
	case NFT_DSCP:
		if (!one)
			return false;
		buffer_printf(out, " -m dscp%s --dscp 0x%02x", not, low);
		return true;
	default:
		return false;
	}
}

/* Of what is not a number. */
static bool option_text(struct nft_rule *rule, const struct nft_left *left, struct json_object *json,
			bool inverted, struct buffer *out)
{
	const unsigned arriving = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD;
	const char *text = listing_string(json), *not = inverted ? " !" : "";

	if (left->key == NFT_MAC) {
		if (!text || strlen(text) != 17 || strspn(text, "0123456789abcdefABCDEF:") != 17 ||
		    (rule->copy->hooks & ~arriving))
			return false;
		buffer_printf(out, " -m mac%s --mac-source %s", not, text);
		return true;
	}
	if (left->key != NFT_IN && left->key != NFT_OUT)
		return false;
	buffer_printf(out, "%s -%c ", not, left->key == NFT_IN ? 'i' : 'o');
	return listing_interface(json, out);
}

/* One of the alternatives that a condition has. */
static bool option_of(struct nft_rule *rule, const struct nft_left *left, struct json_object *json,
		      bool inverted, struct buffer *out)
{
	struct address_range range;

	if (left->key == NFT_MAC || left->key == NFT_IN || left->key == NFT_OUT)
		return left->mask == left->max && option_text(rule, left, json, inverted, out);
	if (left->mask != left->max && left->key != NFT_MARK && left->key != NFT_CTMARK)
		return false;
	return listing_value_range(left, json, &range) && option_number(rule, left, range, inverted, out);
}

/* What the host makes itself came from no device, and what comes in goes to none. What is forwarded has both
 * at POSTROUTING: ip_output(). */
static bool no_device(const struct nft_rule *rule, enum nft_key key)
{
	unsigned without = key == NFT_IN    ? 1u << HOOK_OUTPUT
			   : key == NFT_OUT ? 1u << HOOK_PREROUTING | 1u << HOOK_INPUT
					    : 0;

	return rule->copy->hooks && !(rule->copy->hooks & ~without);
}

/* One option; in a slot of its own for interfaces, of which a rule has one. */
static bool put_option(struct nft_rule *rule, enum nft_key key, const struct buffer *option)
{
	struct nft_segment *segment = listing_segment(rule);
	struct buffer *to = key == NFT_IN    ? &segment->slots[2]
			    : key == NFT_OUT ? &segment->slots[3]
					     : &segment->matches;

	if (to != &segment->matches && to->size)
		return false;
	buffer_add(to, option->data ? option->data : "", option->size);
	return true;
}

static bool ask_options(struct nft_rule *rule, const struct nft_left *left, struct json_object *const *values,
			size_t count, bool inverted)
{
	struct buffer option = {0};
	struct nft_segment *segment = listing_segment(rule);
	struct nft_axis axis = {0};
	bool done = count > 0 && count <= NFT_LINES_MAX;
	bool device = left->key == NFT_IN || left->key == NFT_OUT;

	if (no_device(rule, left->key)) {
		segment->never |= !inverted;
		return true;
	}
	for (size_t i = 0; i < count && done; i++) {
		option.size = 0;
		done = option_of(rule, left, listing_element_value(values[i]),
				 inverted && (!device || count == 1), &option);
		if (!done)
			break;
		if (count == 1 || (inverted && !device))
			done = put_option(rule, left->key, &option);
		else
			listing_axis_add(rule, inverted ? &segment->excludes : &axis,
					 option.data ? option.data : "");
	}
	done = done && (!axis.count || segment->axis_count < NFT_AXES_MAX) &&
	       !(axis.count && device && segment->slots[left->key == NFT_IN ? 2 : 3].size);
	if (done && axis.count)
		segment->axes[segment->axis_count++] = axis;
	/* Only one -i: what is said of it elsewhere would be a second. */
	if (done && axis.count && device)
		buffer_puts(&segment->slots[left->key == NFT_IN ? 2 : 3], " ");
	rule->reader->failed |= option.failed;
	buffer_fini(&option);
	return done;
}

/* --- Special ones */

static void put_flags(unsigned bits, struct buffer *out)
{
	static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
	const char *comma = "";

	for (unsigned i = 0; i < 6; i++)
		if (bits >> i & 1) {
			buffer_printf(out, "%s%s", comma, names[i]);
			comma = ",";
		}
	if (!*comma)
		buffer_puts(out, "NONE");
}

static bool ask_flags(struct nft_rule *rule, const struct nft_left *left, const char *op,
		      struct json_object *right)
{
	struct buffer *out = &listing_segment(rule)->matches;
	uint32_t bits;
	bool any = is(op, "in") || is(op, "!"), not = is(op, "!=") || is(op, "!");

	if (!listing_value_bits(left, right, &bits) || (!any && !not &&!is(op, "==")))
		return false;
	unsigned mask = any ? bits & (unsigned)left->mask : (unsigned)left->mask;
	if ((mask | bits) & ~0x3fu || !mask)
		return false;
	buffer_printf(out, " -m tcp%s --tcp-flags ", any != not ? " !" : "");
	put_flags(mask, out);
	buffer_puts(out, " ");
	put_flags(any ? 0 : bits, out);
	return true;
}

/* Of IPv6 one question has the same answer in both (nft_fib6_eval_type(), match_lookup_rt6()): whether the
 * address is the host's own. */
static bool asks_local(const struct nft_left *left, struct json_object *const *values, size_t count)
{
	const address local = 2;
	struct address_range range;

	return left->key != NFT_FIB_DESTINATION_IN && count == 1 &&
	       listing_value_range(left, listing_element_value(values[0]), &range) && range.low == local &&
	       range.high == local;
}

static bool ask_fib(struct nft_rule *rule, const struct nft_left *left, struct json_object *const *values,
		    size_t count, bool inverted)
{
	const unsigned arriving = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD;
	struct buffer *out = &listing_segment(rule)->matches;
	struct address_range range;

	if ((rule->family != FAMILY_IPV4 && !asks_local(left, values, count)) || !count || count > 16 ||
	    (left->key == NFT_FIB_DESTINATION_IN && (rule->copy->hooks & ~arriving)))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!listing_value_range(left, listing_element_value(values[i]), &range) ||
		    range.low != range.high || range.low > 8)
			return false;
	buffer_printf(out, " -m addrtype%s --%s-type ", inverted ? " !" : "",
		      left->key == NFT_FIB_SOURCE ? "src" : "dst");
	for (size_t i = 0; i < count; i++) {
		listing_value_range(left, listing_element_value(values[i]), &range);
		buffer_printf(out, "%s%s", i ? "," : "", kinds[(unsigned)range.low]);
	}
	if (left->key == NFT_FIB_DESTINATION_IN)
		buffer_puts(out, " --limit-iface-in");
	return true;
}

static bool ask_numgen(struct nft_rule *rule, const struct nft_left *left, struct json_object *const *values,
		       size_t count, bool inverted)
{
	struct nft_ranges ranges = {0};
	struct address_range range;
	struct buffer out = {0};
	unsigned hits = 0;

	for (size_t i = 0; i < count; i++) {
		if (!listing_value_range(left, listing_element_value(values[i]), &range))
			return false;
		rule->reader->failed |=
		    listing_ranges_add(rule->reader->arena, &ranges, range.low, range.high) < 0;
	}
	listing_ranges_sort(&ranges);
	for (size_t i = 0; i < ranges.count; i++)
		hits += (unsigned)(ranges.ranges[i].high - ranges.ranges[i].low) + 1;
	if (inverted || !hits || hits >= left->numgen_mod || (!left->numgen_random && hits != 1))
		return false;
	if (left->numgen_random)
		buffer_printf(&out, " -m statistic --mode random --probability %.11f",
			      (double)hits / left->numgen_mod);
	else
		buffer_printf(&out, " -m statistic --mode nth --every %u --packet %u", left->numgen_mod,
			      (unsigned)ranges.ranges[0].low);
	listing_match_stateful(rule, out.data ? out.data : "", false);
	rule->reader->failed |= out.failed;
	buffer_fini(&out);
	return true;
}

/* ip and ip6, as the family or as the number that Ethernet has. */
static bool ask_family(struct nft_rule *rule, const struct nft_left *left, struct json_object *const *values,
		       size_t count, bool inverted)
{
	bool in = false;
	struct address_range range;

	for (size_t i = 0; i < count; i++) {
		if (!listing_value_range(left, listing_element_value(values[i]), &range) ||
		    range.low != range.high)
			return false;
		bool four = range.low == 2 || range.low == 0x800,
		     six = range.low == 10 || range.low == 0x86dd;
		if (!four && !six)
			return false;
		in |= four == (rule->family == FAMILY_IPV4);
	}
	rule->never |= in == inverted;
	return true;
}

static bool ask_fragment(struct nft_rule *rule, const struct nft_left *left, const char *op,
			 struct json_object *right)
{
	struct nft_segment *segment = listing_segment(rule);
	struct address_range range;
	bool later = is(op, "!=") || is(op, ">");

	if (left->mask != 0x1fff || !listing_value_range(left, right, &range) || range.low || range.high ||
	    (!later && !is(op, "==")))
		return false;
	if (rule->family == FAMILY_IPV6) {
		/* Without a fragment header it is false either way. */
		if (rule->copy->no_late && later)
			rule->never = true;
		else if (rule->copy->late && !later)
			rule->never = true;
		else
			return rule->copy->late && later;
		return true;
	}
	int fragment = later ? FRAGMENT_LATER : FRAGMENT_NOT_LATER;
	segment->never |= segment->fragment != FRAGMENT_ANY && segment->fragment != fragment;
	segment->fragment = fragment;
	return true;
}

/* --- One condition, of one thing */

static bool kept_as_ranges(const struct nft_left *left)
{
	return left->key <= NFT_CODE;
}

static bool compare(const char *op, const struct nft_left *left, struct address_range value,
		    struct address_range *result)
{
	bool less = op && op[0] == '<', equal = op && op[1] == '=';

	if (value.low != value.high || !op || (op[0] != '<' && op[0] != '>'))
		return false;
	*result = (struct address_range){0, left->max};
	if (less && !equal && value.low == 0)
		return false;
	if (!less && !equal && value.low >= left->max)
		return false;
	if (less)
		result->high = equal ? value.low : value.low - 1;
	else
		result->low = equal ? value.low : value.low + 1;
	return true;
}

/* An address with a mask that has holes goes where the rule has room for one. */
static bool ask_masked(struct nft_rule *rule, const struct nft_left *left, struct address_range value,
		       bool inverted)
{
	struct nft_segment *segment = listing_segment(rule);
	struct buffer *slot = &segment->slots[left->key == NFT_SADDR ? 0 : 1];

	if (slot->size || value.low != value.high || (value.low & ~left->mask))
		return false;
	buffer_printf(slot, "%s -%c ", inverted ? " !" : "", left->key == NFT_SADDR ? 's' : 'd');
	address_print(left->family, value.low, slot);
	buffer_puts(slot, "/");
	address_print(left->family, left->mask, slot);
	rule->asked |= 1u << left->key;
	return true;
}

/* values: one of them, or none of them. */
static bool ask_values(struct nft_rule *rule, const struct nft_left *left, const char *op,
		       struct json_object *const *values, size_t count, bool inverted)
{
	struct arena *arena = rule->reader->arena;
	struct nft_ranges ranges = {0};
	struct address_range range;
	unsigned states = 0;

	for (size_t i = 0; i < count && kept_as_ranges(left); i++) {
		if (!listing_value_range(left, listing_element_value(values[i]), &range))
			return false;
		if (op && op[0] != '=' && op[0] != '!' && op[0] != 'i' && !compare(op, left, range, &range))
			return false;
		if (left->mask != left->max)
			return kept_as_ranges(left) && left->key <= NFT_DADDR && count == 1 &&
			       (is(op, "==") || is(op, "!=")) && ask_masked(rule, left, range, inverted);
		rule->reader->failed |= listing_ranges_add(arena, &ranges, range.low, range.high) < 0;
	}
	if (kept_as_ranges(left)) {
		listing_ranges_sort(&ranges);
		if (inverted)
			ranges = listing_ranges_not(arena, &ranges, left->max);
		listing_segment(rule)->th |=
		    left->protocol < 0 && (left->key == NFT_SPORT || left->key == NFT_DPORT);
		ask_ranges(rule, left->key, &ranges);
		return true;
	}
	switch (left->key) {
	case NFT_STATE:
		for (size_t i = 0; i < count; i++) {
			int bits = listing_state_bits(listing_element_value(values[i]));
			if (!bits || left->mask != left->max)
				return false;
			states |= (unsigned)bits;
		}
		ask_states(rule, inverted ? 0x4f & ~states : states);
		return true;
	case NFT_NFPROTO:
		return ask_family(rule, left, values, count, inverted);
	case NFT_FIB_SOURCE:
	case NFT_FIB_DESTINATION:
	case NFT_FIB_DESTINATION_IN:
		return ask_fib(rule, left, values, count, inverted);
	case NFT_NUMGEN:
		return ask_numgen(rule, left, values, count, inverted);
	case NFT_OTHER_KEY:
	case NFT_FRAGMENT:
	case NFT_FLAGS:
	case NFT_CTSTATUS:
		return false;
	default:
		return ask_options(rule, left, values, count, inverted);
	}
}

/* `meta length < 100`, of what is not kept as ranges. */
static bool ask_compared(struct nft_rule *rule, const struct nft_left *left, const char *op,
			 struct json_object *right)
{
	struct address_range range;
	struct buffer option = {0};
	bool done = left->mask == left->max && listing_value_range(left, right, &range) &&
		    compare(op, left, range, &range);

	if (done && left->key == NFT_TTL) {
		const char *name = rule->family == FAMILY_IPV4 ? "ttl" : "hl";
		buffer_printf(&option, " -m %s --%s-%s %u", name, name, op[0] == '<' ? "lt" : "gt",
			      (unsigned)(op[0] == '<' ? range.high + 1 : range.low - 1));
	} else if (done) {
		done = option_number(rule, left, range, false, &option);
	}
	if (done)
		buffer_add(&listing_segment(rule)->matches, option.data ? option.data : "", option.size);
	rule->reader->failed |= option.failed;
	buffer_fini(&option);
	return done;
}

static bool ask_one(struct nft_rule *rule, const struct nft_left *left, const char *op,
		    struct json_object *right)
{
	bool inverted = is(op, "!=") || is(op, "!");

	if (left->key == NFT_FLAGS)
		return ask_flags(rule, left, op, right);
	if (left->key == NFT_CTSTATUS)
		return false;
	if (left->key == NFT_FRAGMENT)
		return ask_fragment(rule, left, op, right);
	if ((is(op, "in") || is(op, "!")) && left->key != NFT_STATE)
		return false;
	if (is(op, "==") || is(op, "!=") || is(op, "in") || is(op, "!")) {
		/* Of several states at once no packet is. */
		if (left->key == NFT_STATE && !is(op, "in") && !is(op, "!") &&
		    json_object_is_type(right, json_type_array))
			return false;
		return ask_values(rule, left, op, &right, 1, inverted);
	}
	return kept_as_ranges(left) ? ask_values(rule, left, op, &right, 1, false)
				    : ask_compared(rule, left, op, right);
}

/* What comes before any comparison: of which packets it can be true. False: of none of this family. */
static bool looks_at(struct nft_rule *rule, const struct nft_left *left)
{
	if (!(left->families >> rule->family & 1)) {
		rule->never = true;
		return false;
	}
	rule->transport |= left->transport;
	if (left->key < NFT_OTHER_KEY)
		rule->asked |= 1u << left->key;
	return true;
}

static bool look(struct nft_rule *rule, const struct nft_left *left, const char *op,
		 struct json_object *right, struct json_object *whole)
{
	if (!looks_at(rule, left))
		return true;
	listing_ask_protocol(rule, left->protocol);
	if (left->transport && rule->late) {
		listing_match_opaque(rule, whole, " (of a later fragment)");
		return true;
	}
	return ask_one(rule, left, op, right);
}

bool listing_match_value(struct nft_rule *rule, struct json_object *key, struct json_object *value)
{
	struct json_object *keys = listing_get(key, "concat"), *values = listing_get(value, "concat");
	struct nft_left left;

	if (!keys) {
		listing_left(key, &left);
		return look(rule, &left, "==", value, key);
	}
	if (!json_object_is_type(keys, json_type_array) || !json_object_is_type(values, json_type_array) ||
	    json_object_array_length(keys) != json_object_array_length(values))
		return false;
	for (size_t i = 0; i < json_object_array_length(keys); i++) {
		listing_left(json_object_array_get_idx(keys, i), &left);
		if (!look(rule, &left, "==", json_object_array_get_idx(values, i), key))
			return false;
	}
	return true;
}

/* In a set, or not: values of one thing, where they are not addresses. */
static bool look_up_values(struct nft_rule *rule, struct json_object *key, struct json_object *elements,
			   bool inverted, struct json_object *whole)
{
	struct nft_left left;
	struct json_object **values;
	size_t count = json_object_array_length(elements);

	listing_left(key, &left);
	if (count > NFT_EXPANDED_MAX)
		return false;
	values = arena_array(rule->reader->arena, count + 1, sizeof(*values));
	if (!values) {
		rule->reader->failed = true;
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		values[i] = json_object_array_get_idx(elements, i);
		if (is(listing_string(listing_element_value(values[i])), "*"))
			return false;
	}
	if (!looks_at(rule, &left))
		return true;
	listing_ask_protocol(rule, left.protocol);
	if (left.transport && rule->late) {
		listing_match_opaque(rule, whole, " (of a later fragment)");
		return true;
	}
	return ask_values(rule, &left, NULL, values, count, inverted);
}

/* Each of what is looked at is of a family, and in a protocol's header. */
static bool look_at_key(struct nft_rule *rule, struct json_object *key, bool *transport)
{
	struct json_object *keys = listing_get(key, "concat");
	size_t count = json_object_is_type(keys, json_type_array) ? json_object_array_length(keys) : 1;

	*transport = false;
	for (size_t i = 0; i < count; i++) {
		struct nft_left left;
		listing_left(json_object_is_type(keys, json_type_array) ? json_object_array_get_idx(keys, i)
									: key,
			     &left);
		if (!looks_at(rule, &left))
			return false;
		listing_ask_protocol(rule, left.protocol);
		*transport |= left.transport;
	}
	return true;
}

/* False: nothing was asked, or not all. */
static bool look_up(struct nft_rule *rule, struct json_object *match, struct json_object *key,
		    struct json_object *right, bool inverted)
{
	struct nft_set *named = listing_find_set(rule->reader, rule->table, listing_string(right));
	struct json_object *elements = named ? listing_get(named->json, "elem") : listing_get(right, "set");
	struct nft_left left;
	bool transport;

	if (!named && !json_object_is_type(elements, json_type_array))
		return false;
	if (!elements && named) /* nothing is in it */
		elements = listing_get(rule->reader->root, "weir-nothing");
	listing_left(key, &left);
	bool whole = listing_get(key, "concat") || left.key == NFT_SADDR || left.key == NFT_DADDR;
	if (!whole && named && named->timed)
		return false; /* values by themselves have no end */
	if (!whole && !(named && named->changed) && json_object_is_type(elements, json_type_array))
		return look_up_values(rule, key, elements, inverted, match);
	bool before = rule->transport;
	if (!look_at_key(rule, key, &transport))
		return true;
	if (transport && rule->late) {
		listing_match_opaque(rule, match, " (of a later fragment)");
		return true;
	}
	if (!listing_get(key, "concat") && !named && json_object_array_length(elements) == 1 &&
	    left.mask == left.max)
		return look_up_values(rule, key, elements, inverted, match);
	bool first = !rule->not_for_late;
	bool done = listing_match_set(rule, key, elements, named, inverted);
	/* Asked of all fragments. */
	if (done && first && rule->not_for_late)
		rule->transport = before;
	return done;
}

/* The first header behind IPv6's own: the protocol, where there is no other between them. */
static void ask_next_header(struct nft_rule *rule, struct json_object *key, struct json_object *right)
{
	static const uint8_t between[] = {IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT, IPPROTO_AH,
					  IPPROTO_DSTOPTS, IPPROTO_NONE,    IPPROTO_MH};
	struct json_object *payload = listing_get(key, "payload");
	struct nft_left left = {.key = NFT_PROTOCOL, .max = UINT8_MAX, .mask = UINT8_MAX};
	struct address_range range;

	if (!is(listing_string(listing_get(payload, "protocol")), "ip6") ||
	    !is(listing_string(listing_get(payload, "field")), "nexthdr") ||
	    !listing_value_range(&left, right, &range) || range.low != range.high)
		return;
	for (size_t i = 0; i < sizeof(between); i++)
		if (range.low == between[i])
			return;
	listing_ask_protocol(rule, (int)range.low);
}

void listing_match(struct nft_rule *rule, struct json_object *match)
{
	struct json_object *key = listing_get(match, "left"), *right = listing_get(match, "right");
	const char *op = listing_string(listing_get(match, "op"));
	bool plain = is(op, "==") || is(op, "in"), done;
	struct json_object *whole = match;

	if ((plain || is(op, "!=")) &&
	    (listing_get(right, "set") || (listing_string(right) && listing_string(right)[0] == '@'))) {
		done = look_up(rule, whole, key, right, !plain);
	} else if (listing_get(key, "concat")) {
		done = is(op, "==") && listing_match_value(rule, key, right);
	} else {
		struct nft_left left;
		listing_left(key, &left);
		done = op && look(rule, &left, op, right, whole);
	}
	done = done || listing_match_special(rule, match);
	if (!done && is(op, "=="))
		ask_next_header(rule, key, right);
	if (!done)
		listing_match_opaque(rule, match, "");
}
