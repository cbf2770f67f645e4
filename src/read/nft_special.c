/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Conditions for which iptables has matches of their own, one by one: of connections, of TCP's options, of
 * the octet of service, of routes and devices, and those that count by themselves. */
#include "read/nft_reader.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define IPV6_HEADER 40
#define STATISTIC_SCALE 2147483648.0 /* of get_random_u32() & INT32_MAX */

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

struct special {
	struct nft_rule *rule;
	const char *kind;          /* "ct", "meta", ... */
	struct json_object *value; /* what stands there */
	const char *key;
	const char *op;
	struct json_object *right;
	bool inverted;
	struct buffer out; /* options */
	bool counts;       /* they are to stand where the condition does */
	bool connection;   /* they are -m conntrack's */
};

static const char * not(const struct special *special)
{
	return special->inverted ? " !" : "";
}

/* One number, or a range of them; for == and != alone. */
static bool read_range(const struct special *special, uint64_t max, uint64_t *low, uint64_t *high)
{
	struct json_object *range = listing_get(special->right, "range");

	if (!is(special->op, "==") && !is(special->op, "!="))
		return false;
	if (!range) {
		*high = 0;
		return listing_number(special->right, max, low) && (*high = *low, true);
	}
	return json_object_is_type(range, json_type_array) && json_object_array_length(range) == 2 &&
	       listing_number(json_object_array_get_idx(range, 0), max, low) &&
	       listing_number(json_object_array_get_idx(range, 1), max, high) && *low <= *high;
}

/* --- connections */

static bool special_status(struct special *special)
{
	static const char *const names[] = {"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SNAT", "DNAT"};
	struct nft_left left = {.key = NFT_CTSTATUS, .max = UINT32_MAX, .mask = UINT32_MAX};
	uint32_t bits;
	const char *comma = "";
	bool none = is(special->op, "!");

	if ((!none && !is(special->op, "in")) || !listing_value_bits(&left, special->right, &bits) || !bits ||
	    ((bits & ~0xfu) && (bits & ~0x30u)))
		return false;
	bool nat = bits & 0x30;
	special->connection = !nat;
	buffer_printf(&special->out, "%s%s --%s ", nat ? " -m conntrack" : "", none ? " !" : "",
		      nat ? "ctstate" : "ctstatus");
	for (unsigned i = 0; i < 6; i++)
		if (bits >> i & 1) {
			buffer_printf(&special->out, "%s%s", comma, names[i]);
			comma = ",";
		}
	/* Without a connection nftables ends the rule; in iptables one is asked for then. */
	if (nat && none)
		buffer_puts(&special->out, ",INVALID,UNTRACKED");
	return true;
}

static const char *direction_of(const struct special *special)
{
	const char *direction = listing_string(listing_get(special->value, "dir"));

	return is(direction, "original") ? "orig" : is(direction, "reply") ? "repl" : NULL;
}

static bool special_tuple(struct special *special)
{
	static const char *const keys[][3] = {{"ip saddr", "ip6 saddr", "src"},
					      {"ip daddr", "ip6 daddr", "dst"},
					      {"proto-src", "proto-src", "srcport"},
					      {"proto-dst", "proto-dst", "dstport"}};
	enum family family = special->rule->family;
	const char *direction = direction_of(special);
	struct nft_left left = {.key = NFT_SADDR, .family = family, .max = family_max(family)};
	struct address_range range;
	uint64_t low, high;
	size_t i = 0;

	while (i < 4 && !is(special->key, keys[i][family == FAMILY_IPV6]))
		i++;
	if (i == 4 || !direction)
		return false;
	special->connection = true;
	buffer_printf(&special->out, "%s --ct%s%s ", not(special), direction, keys[i][2]);
	if (i >= 2) {
		if (!read_range(special, UINT16_MAX, &low, &high))
			return false;
		buffer_printf(&special->out, "%" PRIu64, low);
		if (high != low)
			buffer_printf(&special->out, ":%" PRIu64, high);
		return true;
	}
	left.mask = left.max;
	if ((!is(special->op, "==") && !is(special->op, "!=")) ||
	    !listing_value_range(&left, special->right, &range) || listing_range_prefix(family, range) < 0)
		return false;
	address_print(family, range.low, &special->out);
	buffer_printf(&special->out, "/%d", listing_range_prefix(family, range));
	return true;
}

static bool special_bytes(struct special *special)
{
	const char *direction = listing_string(listing_get(special->value, "dir"));
	uint64_t low, high;
	bool above = is(special->op, ">"), from = is(special->op, ">=");

	if (direction && !direction_of(special))
		return false;
	if (above || from) {
		if (!listing_number(special->right, UINT64_MAX - 1, &low))
			return false;
		high = UINT64_MAX;
	} else if (special->inverted || !read_range(special, UINT64_MAX - 1, &low, &high)) {
		return false;
	}
	/* A connection that is not counted has 0 here, and is matched by none in iptables. */
	if (!low && !above)
		return false;
	buffer_printf(&special->out, " -m connbytes%s --connbytes ", above ? " !" : "");
	if (above)
		buffer_printf(&special->out, "0:%" PRIu64, low);
	else if (from)
		buffer_printf(&special->out, "%" PRIu64, low);
	else
		buffer_printf(&special->out, "%" PRIu64 ":%" PRIu64, low, high);
	buffer_printf(&special->out, " --connbytes-mode %s --connbytes-dir %s", special->key,
		      direction ? direction : "both");
	return true;
}

static bool special_connection(struct special *special)
{
	uint64_t number;
	const char *helper = listing_string(special->right);
	bool equal = is(special->op, "==");

	if (is(special->key, "status"))
		return special_status(special);
	if (is(special->key, "bytes") || is(special->key, "packets") || is(special->key, "avgpkt"))
		return special_bytes(special);
	if (is(special->key, "direction")) {
		bool known = listing_number(special->right, 1, &number);
		if (!known && (is(helper, "original") || is(helper, "reply")))
			known = true, number = is(helper, "reply");
		if (!known || (!equal && !special->inverted))
			return false;
		special->connection = true;
		buffer_printf(&special->out, " --ctdir %s",
			      number != special->inverted ? "REPLY" : "ORIGINAL");
		return true;
	}
	if (is(special->key, "protocol") && (equal || special->inverted)) {
		struct nft_left left = {.key = NFT_PROTOCOL, .max = UINT8_MAX, .mask = UINT8_MAX};
		struct address_range range;
		if (!listing_value_range(&left, special->right, &range) || range.low != range.high ||
		    !range.low)
			return false;
		special->connection = true;
		buffer_printf(&special->out, "%s --ctproto %u", not(special), (unsigned)range.low);
		return true;
	}
	if (is(special->key, "helper") && equal && helper && *helper && strlen(helper) < 16 &&
	    strspn(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_0123456789") ==
		strlen(helper)) {
		buffer_printf(&special->out, " -m helper --helper %s", helper);
		return true;
	}
	return special_tuple(special);
}

/* --- headers */

static int tcp_option_number(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {{"maxseg", 2},    {"window", 3},  {"sack-perm", 4}, {"sack-permitted", 4}, {"sack", 5},
		     {"timestamp", 8}, {"md5sig", 19}, {"mptcp", 30},    {"fastopen", 34}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is(name, names[i].name))
			return names[i].number;
	return -1;
}

/* An option that is missing is so of later fragments, too: nft_exthdr_tcp_eval(). */
static bool special_tcp_option(struct special *special)
{
	struct nft_rule *rule = special->rule;
	const char *name = listing_string(listing_get(special->value, "name"));
	const char *field = listing_string(listing_get(special->value, "field"));
	struct nft_segment *segment = listing_segment(rule);
	int number = tcp_option_number(name);
	uint64_t low, high, base;
	char option[64];

	if (!name && listing_number(listing_get(special->value, "base"), UINT8_MAX, &base) &&
	    listing_number(listing_get(special->value, "len"), UINT8_MAX, &low) && low == 8 &&
	    listing_number(listing_get(special->value, "offset"), UINT8_MAX, &high) && high == 0)
		number = (int)base;
	if (is(field, "size") && number == 2) {
		if (special->inverted || !read_range(special, UINT16_MAX, &low, &high))
			return false;
		listing_ask_protocol(rule, IPPROTO_TCP);
		buffer_printf(&special->out, " -m tcpmss --mss %" PRIu64, low);
		if (high != low)
			buffer_printf(&special->out, ":%" PRIu64, high);
		return true;
	}
	if (field || number < 2 || !is(special->op, "==") ||
	    !json_object_is_type(special->right, json_type_boolean))
		return false;
	/* nft(8) asks for TCP before, and does not list it: expr_evaluate_exthdr(). */
	listing_ask_protocol(rule, IPPROTO_TCP);
	if (json_object_get_boolean(special->right)) {
		buffer_printf(&special->out, " -m tcp --tcp-option %d", number);
	} else if (segment->ranged[NFT_SPORT] || segment->ranged[NFT_DPORT]) {
		buffer_printf(&special->out, " -m tcp ! --tcp-option %d", number);
	} else {
		snprintf(option, sizeof(option), " -p 6 -m tcp --tcp-option %d", number);
		listing_axis_add(rule, &segment->excludes, option);
	}
	return true;
}

/* The octet of service, which nft(8) has no name for. */
static bool special_octet(struct special *special, uint64_t mask)
{
	bool six = special->rule->family == FAMILY_IPV6;
	unsigned shift = six ? 4 : 0;
	uint64_t low, high, offset, size;

	if (!is(listing_string(listing_get(special->value, "base")), "nh") ||
	    !listing_number(listing_get(special->value, "offset"), 64, &offset) ||
	    !listing_number(listing_get(special->value, "len"), 64, &size) || offset != (six ? 0 : 8) ||
	    size != (six ? 16 : 8) || !read_range(special, UINT16_MAX, &low, &high) || low != high)
		return false;
	if (mask == UINT64_MAX)
		mask = 0xffu << shift;
	if (mask & ~(0xffull << shift) || low & ~(0xffull << shift))
		return false;
	buffer_printf(&special->out, " -m tos%s --tos 0x%02x/0x%02x", not(special), (unsigned)(low >> shift),
		      (unsigned)(mask >> shift));
	return true;
}

static bool special_payload(struct special *special)
{
	const char *header = listing_string(listing_get(special->value, "protocol"));
	const char *field = listing_string(listing_get(special->value, "field"));
	uint64_t low, high;

	if (listing_get(special->value, "base"))
		return special_octet(special, UINT64_MAX);
	if (is(field, "ecn") && (is(header, "ip") || is(header, "ip6")) &&
	    special->rule->family == (is(header, "ip6") ? FAMILY_IPV6 : FAMILY_IPV4) &&
	    read_range(special, 3, &low, &high) && low == high) {
		buffer_printf(&special->out, " -m ecn%s --ecn-ip-ect %" PRIu64, not(special), low);
		return true;
	}
	/* ip6 length: what is behind the header. */
	if (!is(header, "ip6") || !is(field, "length") || special->rule->family != FAMILY_IPV6 ||
	    !read_range(special, UINT16_MAX, &low, &high) || low + IPV6_HEADER > UINT16_MAX)
		return false;
	high += IPV6_HEADER;
	buffer_printf(&special->out, " -m length%s --length %" PRIu64 ":%" PRIu64, not(special),
		      low + IPV6_HEADER, high > UINT16_MAX ? UINT16_MAX : high);
	return true;
}

/* --- the host */

static bool special_number(struct special *special, const char *options, uint64_t mask)
{
	uint64_t low, high;

	if (!read_range(special, UINT32_MAX, &low, &high) || low != high)
		return false;
	const char *option = strstr(options, "--");
	buffer_printf(&special->out, " -m %.*s%s %s 0x%" PRIx64, (int)(option - options - 1), options,
		      not(special), option, low);
	if (mask != UINT64_MAX)
		buffer_printf(&special->out, "/0x%" PRIx64, mask);
	return true;
}

static bool special_ipsec(struct special *special, bool in)
{
	const unsigned incoming = 1u << HOOK_PREROUTING | 1u << HOOK_INPUT | 1u << HOOK_FORWARD,
		       outgoing = 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING;

	if ((special->rule->copy->hooks & ~(in ? incoming : outgoing)) || !is(special->op, "==") ||
	    !json_object_is_type(special->right, json_type_boolean))
		return false;
	buffer_printf(&special->out, " -m policy --dir %s --pol %s", in ? "in" : "out",
		      json_object_get_boolean(special->right) ? "ipsec" : "none");
	return true;
}

static bool special_meta(struct special *special, uint64_t mask)
{
	uint64_t number;

	if (is(special->key, "iifgroup"))
		return special_number(special, "devgroup --src-group", mask);
	if (is(special->key, "oifgroup"))
		return special_number(special, "devgroup --dst-group", mask);
	if (is(special->key, "cpu") && mask == UINT64_MAX &&
	    listing_number(special->right, UINT32_MAX, &number) &&
	    (is(special->op, "==") || special->inverted)) {
		buffer_printf(&special->out, " -m cpu%s --cpu %" PRIu64, not(special), number);
		return true;
	}
	return is(special->key, "ipsec") && special_ipsec(special, true);
}

/* --- what counts */

static bool special_numgen(struct special *special)
{
	struct json_object *mod = listing_get(special->value, "mod");
	const char *mode = listing_string(listing_get(special->value, "mode"));
	uint64_t modulus, offset, low, high;

	/* nft(8) 1.0.6 prints 2147483648 as a negative number. */
	if (json_object_is_type(mod, json_type_int) && json_object_get_int64(mod) == INT32_MIN)
		modulus = (uint64_t)INT32_MAX + 1;
	else if (!listing_number(mod, (uint64_t)INT32_MAX + 1, &modulus) || !modulus)
		return false;
	if (!listing_number(listing_get(special->value, "offset"), UINT32_MAX, &offset) || offset)
		return false;
	special->counts = true;
	if (is(mode, "inc")) {
		if (!read_range(special, modulus - 1, &low, &high) || low != high)
			return false;
		buffer_printf(&special->out,
			      " -m statistic --mode nth%s --every %" PRIu64 " --packet %" PRIu64,
			      not(special), modulus, low);
		return true;
	}
	bool below = is(special->op, "<"), from = is(special->op, ">=");
	if (!is(mode, "random") || (!below && !from) || !listing_number(special->right, modulus - 1, &low) ||
	    !low)
		return false;
	buffer_printf(&special->out, " -m statistic --mode random%s --probability %.11f", from ? " !" : "",
		      (double)low / (double)modulus);
	return true;
}

/* --- */

/* ICMP's type and code together, of one value. */
static bool special_icmp(struct special *special, struct json_object *keys)
{
	struct json_object *set = listing_get(special->right, "set");
	struct json_object *values =
	    json_object_is_type(set, json_type_array) && json_object_array_length(set) == 1
		? listing_get(listing_element_value(json_object_array_get_idx(set, 0)), "concat")
		: NULL;
	bool six = special->rule->family == FAMILY_IPV6;
	struct nft_left type, code;
	struct address_range first, second;

	if (json_object_array_length(keys) != 2 || !json_object_is_type(values, json_type_array) ||
	    json_object_array_length(values) != 2 || !special->inverted)
		return false;
	listing_left(json_object_array_get_idx(keys, 0), &type);
	listing_left(json_object_array_get_idx(keys, 1), &code);
	if (type.key != NFT_TYPE || code.key != NFT_CODE ||
	    !listing_value_range(&type, json_object_array_get_idx(values, 0), &first) ||
	    !listing_value_range(&code, json_object_array_get_idx(values, 1), &second) ||
	    first.low != first.high || second.low != second.high ||
	    !(type.families >> special->rule->family & 1))
		return false;
	listing_ask_protocol(special->rule, type.protocol);
	buffer_printf(&special->out, " -m icmp%s ! --icmp%s-type %u/%u", six ? "6" : "", six ? "v6" : "",
		      (unsigned)first.low, (unsigned)second.low);
	return true;
}

static bool special_one(struct special *special, struct json_object *left)
{
	struct json_object *value, *masked;
	const char *kind = listing_only_key(left, &value);
	uint64_t mask = UINT64_MAX;

	if (is(kind, "&") && json_object_is_type(value, json_type_array) &&
	    json_object_array_length(value) == 2) {
		masked = json_object_array_get_idx(value, 0);
		if (!listing_number(json_object_array_get_idx(value, 1), UINT32_MAX, &mask))
			return false;
		kind = listing_only_key(masked, &value);
	}
	special->value = value;
	special->key = listing_string(listing_get(value, "key"));
	if (is(kind, "meta"))
		return special_meta(special, mask);
	if (is(kind, "payload") && mask != UINT64_MAX)
		return special_octet(special, mask);
	if (mask != UINT64_MAX)
		return false;
	if (is(kind, "ct"))
		return special_connection(special);
	if (is(kind, "payload"))
		return special_payload(special);
	if (is(kind, "tcp option"))
		return special_tcp_option(special);
	if (is(kind, "numgen"))
		return special_numgen(special);
	if (is(kind, "rt") && is(special->key, "ipsec"))
		return special_ipsec(special, false);
	return is(kind, "concat") && json_object_is_type(value, json_type_array) &&
	       special_icmp(special, value);
}

/* In one match with the others of its kind, unless that has the option already. */
static void put_connection(struct nft_rule *rule, const char *options)
{
	struct nft_segment *segment = listing_segment(rule);
	const char *name = strstr(options, "--");
	char option[32];

	snprintf(option, sizeof(option), "%.*s", name ? (int)strcspn(name, " ") + 1 : 0, name ? name : "");
	if (segment->connection.size && strstr(segment->connection.data, option))
		buffer_printf(&segment->matches, " -m conntrack%s", options);
	else
		buffer_puts(&segment->connection, options);
}

bool listing_match_special(struct nft_rule *rule, struct json_object *match)
{
	struct special special = {.rule = rule,
				  .op = listing_string(listing_get(match, "op")),
				  .right = listing_get(match, "right")};

	special.inverted = is(special.op, "!=");
	bool done = special_one(&special, listing_get(match, "left"));
	if (done && special.connection)
		put_connection(rule, special.out.data ? special.out.data : "");
	else if (done && special.counts)
		listing_match_stateful(rule, special.out.data ? special.out.data : "", false);
	else if (done)
		buffer_add(&listing_segment(rule)->matches, special.out.data ? special.out.data : "",
			   special.out.size);
	rule->reader->failed |= special.out.failed;
	buffer_fini(&special.out);
	return done;
}
