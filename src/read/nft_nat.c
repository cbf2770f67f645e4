/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What answers a packet, and what changes it: reject, NAT, marks and fields. */
#include "read/nft_reader.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

/* --- Reject */

static const char *const icmp_codes[] = {"net-unreachable",
					 "host-unreachable",
					 "proto-unreachable",
					 "port-unreachable",
					 NULL,
					 NULL,
					 NULL,
					 NULL,
					 NULL,
					 "net-prohibited",
					 "host-prohibited",
					 NULL,
					 NULL,
					 "admin-prohibited"};
static const char *const icmp6_codes[] = {"no-route",         "adm-prohibited",   NULL,
					  "addr-unreachable", "port-unreachable", "policy-fail",
					  "reject-route"};
static const char *const nft_codes[] = {"net-unreachable",
					"host-unreachable",
					"prot-unreachable",
					"port-unreachable",
					NULL,
					NULL,
					NULL,
					NULL,
					NULL,
					"net-prohibited",
					"host-prohibited",
					NULL,
					NULL,
					"admin-prohibited"};
static const char *const nft6_codes[] = {"no-route",         "admin-prohibited", NULL,
					 "addr-unreachable", "port-unreachable", "policy-fail",
					 "reject-route"};
static const char *const icmpx_codes[] = {"no-route", "port-unreachable", "host-unreachable",
					  "admin-prohibited"};

static int code_of(struct json_object *json, const char *const *names, size_t count, int otherwise)
{
	uint64_t number;
	const char *text = listing_string(json);

	if (!json)
		return otherwise;
	if (listing_number(json, count - 1, &number))
		return (int)number;
	for (size_t i = 0; text && i < count; i++)
		if (is(names[i], text))
			return (int)i;
	return -1;
}

static const char *reject_word(struct nft_rule *rule, struct json_object *value)
{
	static const int from_x[2][4] = {{0, 3, 1, 13}, {0, 4, 3, 1}};
	const char *type = listing_string(listing_get(value, "type"));
	struct json_object *expression = listing_get(value, "expr");
	bool six = rule->family == FAMILY_IPV6;
	int code;

	if (!type || is(type, "icmpx")) {
		code = code_of(expression, icmpx_codes, COUNT_OF(icmpx_codes), 1);
		code = code < 0 ? code : from_x[six][code];
	} else if (is(type, "icmp") && !six) {
		code = code_of(expression, nft_codes, COUNT_OF(nft_codes), 3);
	} else if (is(type, "icmpv6") && six) {
		code = code_of(expression, nft6_codes, COUNT_OF(nft6_codes), 4);
	} else {
		return NULL;
	}
	return code < 0 ? NULL : six ? icmp6_codes[code] : icmp_codes[code];
}

void listing_reject(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	const char *type = listing_string(listing_get(value, "type")), *word = NULL;
	bool reset = is(type, "tcp reset");
	struct buffer text = {0};

	/* nft(8) puts what the answer is for before the rule, and does not list it:
	 * stmt_reject_gen_dependency(). */
	if (is(type, rule->family == FAMILY_IPV4 ? "icmpv6" : "icmp")) {
		rule->never = true;
		return;
	}
	if (reset)
		listing_ask_protocol(rule, IPPROTO_TCP);
	else
		word = reject_word(rule, value);
	if (rule->copy->table != TABLE_FILTER || (!reset && !word)) {
		listing_effect(rule, statement);
		listing_put(rule, " -j DROP", true);
		return;
	}
	if (reset) {
		listing_put(rule, " -j REJECT --reject-with tcp-reset", true);
		rule->targets[rule->target_count - 1].tcp = true;
		return;
	}
	buffer_printf(&text, " -j REJECT --reject-with icmp%s-%s", rule->family == FAMILY_IPV6 ? "6" : "",
		      word);
	listing_put(rule, text.data ? text.data : "", true);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

/* --- NAT */

bool listing_put_addresses(struct nft_rule *rule, struct json_object *json, bool brackets, struct buffer *out)
{
	struct nft_left left = {.key = NFT_SADDR, .family = rule->family, .max = family_max(rule->family)};
	struct address_range range;

	left.mask = left.max;
	if (!listing_value_range(&left, json, &range))
		return false;
	buffer_puts(out, brackets ? "[" : "");
	address_print(rule->family, range.low, out);
	buffer_puts(out, brackets ? "]" : "");
	if (range.low == range.high)
		return true;
	buffer_printf(out, "-%s", brackets ? "[" : "");
	address_print(rule->family, range.high, out);
	buffer_puts(out, brackets ? "]" : "");
	return true;
}

static bool put_nat_ports(struct json_object *json, struct buffer *out)
{
	struct nft_left left = {.key = NFT_DPORT, .max = UINT16_MAX, .mask = UINT16_MAX};
	struct address_range range;

	if (!listing_value_range(&left, json, &range))
		return false;
	buffer_printf(out, "%u", (unsigned)range.low);
	if (range.low != range.high)
		buffer_printf(out, "-%u", (unsigned)range.high);
	return true;
}

/* NAT's ports ask for a protocol: of one only, in iptables. */
static bool one_protocol(const struct nft_rule *rule)
{
	for (size_t i = 0; i < rule->segment_count; i++) {
		const struct nft_ranges *ranges = &rule->segments[i].ranges[NFT_PROTOCOL];
		if (!rule->segments[i].ranged[NFT_PROTOCOL])
			continue;
		address low = ranges->count ? ranges->ranges[0].low : 0;
		/* Each of several becomes a line of its own. */
		bool few = ranges->count > 0 && ranges->count < 8 && low;
		for (size_t k = 0; few && k < ranges->count; k++)
			few = ranges->ranges[k].high - ranges->ranges[k].low < 8;
		if (few)
			return true;
	}
	return false;
}

/* The address that a map gives: the map's element is this turn's. */
static struct json_object *of_map(struct nft_rule *rule, struct json_object *to, struct json_object **port)
{
	struct json_object *map = listing_get(to, "map"), *data = listing_get(map, "data");
	struct nft_set *named = listing_find_set(rule->reader, rule->table, listing_string(data));

	if (!map)
		return to;
	struct json_object *elements = named ? listing_get(named->json, "elem") : listing_get(data, "set");
	if (!json_object_is_type(elements, json_type_array) || (named && named->changed))
		return NULL;
	struct json_object *pair = listing_expand(rule, elements, elements);
	if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
		return NULL;
	struct json_object *key = listing_element_value(json_object_array_get_idx(pair, 0));
	struct json_object *value = json_object_array_get_idx(pair, 1);
	if (is(listing_string(key), "*") || !listing_match_value(rule, listing_get(map, "key"), key))
		return NULL;
	struct json_object *parts = listing_get(value, "concat");
	if (json_object_is_type(parts, json_type_array) && json_object_array_length(parts) == 2 && !*port) {
		*port = json_object_array_get_idx(parts, 1);
		return json_object_array_get_idx(parts, 0);
	}
	return parts ? NULL : value;
}

static bool translate_nat(struct nft_rule *rule, const char *name, struct json_object *value,
			  struct buffer *out)
{
	struct json_object *port = listing_get(value, "port"), *to = listing_get(value, "addr");
	struct json_object *flags = listing_get(value, "flags");
	bool source = is(name, "snat"), destination = is(name, "dnat");

	if (rule->copy->table != TABLE_NAT || listing_get(value, "type_flags") ||
	    listing_get(value, "type") || listing_has_flag(flags, "netmap"))
		return false;
	if (to && !(to = of_map(rule, to, &port)))
		return false;
	if ((port && !one_protocol(rule)) || ((source || destination) && !to && !port))
		return false;
	if (source || destination) {
		buffer_printf(out, " -j %s --to-%s ", source ? "SNAT" : "DNAT",
			      source ? "source" : "destination");
		if (to && !listing_put_addresses(rule, to, rule->family == FAMILY_IPV6 && port, out))
			return false;
		buffer_puts(out, port ? ":" : "");
	} else {
		buffer_printf(out, " -j %s%s", is(name, "redirect") ? "REDIRECT" : "MASQUERADE",
			      port ? " --to-ports " : "");
	}
	if (port && !put_nat_ports(port, out))
		return false;
	if (listing_has_flag(flags, "random"))
		buffer_puts(out, " --random");
	if (listing_has_flag(flags, "fully-random"))
		buffer_puts(out, " --random-fully");
	if (listing_has_flag(flags, "persistent") && (source || destination))
		buffer_puts(out, " --persistent");
	/* DNAT and REDIRECT have one kind of random. */
	return !(listing_has_flag(flags, "fully-random") && (destination || is(name, "redirect")));
}

/* nft_nat_eval() ends the table whatever comes of it, as the targets do. */
void listing_nat(struct nft_rule *rule, const char *name, struct json_object *value,
		 struct json_object *statement)
{
	struct buffer text = {0};
	const char *family = listing_string(listing_get(value, "family"));

	if (family && !is(family, rule->family == FAMILY_IPV4 ? "ip" : "ip6")) {
		rule->never = true;
	} else if (translate_nat(rule, name, value, &text)) {
		listing_put(rule, text.data ? text.data : "", true);
	} else {
		listing_put_unknown(rule, statement);
		/* As it ends, what would come behind it is not met. */
		if (rule->copy->table == TABLE_NAT)
			listing_put(rule, " -j ACCEPT", true);
	}
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

/* --- Marks and what else is written */

struct bits {
	uint32_t keep, toggle;
	bool known;
};

/* What becomes of the mark: (mark & keep) ^ toggle. Bounded by the depth that the JSON may have. */
static struct bits bits_of(struct json_object *json, struct json_object *key)
{
	struct json_object *value;
	const char *op = listing_only_key(json, &value);
	uint64_t number;

	if (listing_number(json, UINT32_MAX, &number))
		return (struct bits){0, (uint32_t)number, true};
	if (json_object_equal(json, key))
		return (struct bits){UINT32_MAX, 0, true};
	if ((!is(op, "&") && !is(op, "|") && !is(op, "^")) || !json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) != 2 ||
	    !listing_number(json_object_array_get_idx(value, 1), UINT32_MAX, &number))
		return (struct bits){0};
	struct bits bits = bits_of(json_object_array_get_idx(value, 0), key);
	uint32_t other = (uint32_t)number;
	if (op[0] == '&') {
		bits.keep &= other;
		bits.toggle &= other;
	} else if (op[0] == '|') {
		bits.keep &= ~other;
		bits.toggle |= other;
	} else {
		bits.toggle ^= other;
	}
	return bits;
}

static bool write_mark(struct nft_rule *rule, bool connection, struct json_object *key,
		       struct json_object *value)
{
	struct buffer text = {0};
	struct bits bits = bits_of(value, key);
	struct json_object *parts = listing_get(value, "&");
	uint64_t mask = UINT32_MAX;
	if (json_object_is_type(parts, json_type_array) && json_object_array_length(parts) == 2 &&
	    listing_number(json_object_array_get_idx(parts, 1), UINT32_MAX, &mask))
		value = json_object_array_get_idx(parts, 0);
	struct json_object *other = listing_get(value, connection ? "meta" : "ct");
	bool copied = is(listing_string(listing_get(other, "key")), "mark") && !listing_get(other, "dir");

	if (!bits.known && !copied)
		return false;
	if (copied && !bits.known)
		buffer_printf(&text, " -j CONNMARK --%s --nfmask 0x%x --ctmask 0x%x",
			      connection ? "save-mark" : "restore-mark",
			      connection ? (unsigned)mask : UINT32_MAX,
			      connection ? UINT32_MAX : (unsigned)mask);
	else
		buffer_printf(&text, " -j %s --set-xmark 0x%x/0x%x", connection ? "CONNMARK" : "MARK",
			      (unsigned)bits.toggle, (unsigned)~bits.keep);
	listing_put(rule, text.data ? text.data : "", false);
	rule->changed |= 1u << (connection ? NFT_CTMARK : NFT_MARK);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return true;
}

/* Targets of the table mangle alone. */
static bool write_field(struct nft_rule *rule, const struct nft_left *left, struct json_object *to)
{
	struct address_range range;
	struct buffer text = {0};

	if ((left->key != NFT_DSCP && left->key != NFT_TTL) || left->mask != left->max ||
	    rule->copy->table != TABLE_MANGLE || !listing_value_range(left, to, &range) ||
	    range.low != range.high)
		return false;
	if (left->key == NFT_DSCP)
		buffer_printf(&text, " -j DSCP --set-dscp 0x%02x", (unsigned)range.low);
	else
		buffer_printf(&text,
			      rule->family == FAMILY_IPV4 ? " -j TTL --ttl-set %u" : " -j HL --hl-set %u",
			      (unsigned)range.low);
	listing_put(rule, text.data ? text.data : "", false);
	rule->changed |= 1u << left->key;
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return true;
}

void listing_write(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	struct json_object *key = listing_get(value, "key"), *to = listing_get(value, "value"), *inner;
	const char *kind = listing_only_key(key, &inner), *name = listing_string(listing_get(inner, "key"));
	const char *field = listing_string(listing_get(inner, "field"));
	struct nft_left left;

	listing_left(key, &left);
	if (is(name, "mark") && (is(kind, "meta") || is(kind, "ct")) &&
	    write_mark(rule, is(kind, "ct"), key, to))
		return;
	if (!(left.families >> rule->family & 1)) {
		rule->never = true;
		return;
	}
	if (is(kind, "payload") && write_field(rule, &left, to))
		return;
	unsigned major, minor;
	char rest;
	const unsigned classified = 1u << HOOK_FORWARD | 1u << HOOK_OUTPUT | 1u << HOOK_POSTROUTING;
	if (is(kind, "meta") && is(name, "priority") && !(rule->copy->hooks & ~classified) &&
	    listing_string(to) && sscanf(listing_string(to), "%4x:%4x%c", &major, &minor, &rest) == 2) {
		struct buffer text = {0};
		buffer_printf(&text, " -j CLASSIFY --set-class %04x:%04x", major, minor);
		listing_put(rule, text.data ? text.data : "", false);
		rule->reader->failed |= text.failed;
		buffer_fini(&text);
		return;
	}
	/* Nothing that rules look at, but for what is not known anyway. */
	bool elsewhere = (is(kind, "tcp option") && is(field, "size")) ||
			 (is(kind, "meta") && (is(name, "priority") || is(name, "nftrace"))) ||
			 (is(kind, "ct") && (is(name, "label") || is(name, "event")));
	if (elsewhere)
		listing_effect(rule, statement);
	else
		listing_put_unknown(rule, statement);
}
