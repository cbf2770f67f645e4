/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a rule of nftables does, as targets of iptables.
 *
 * A statement that is not known may do anything: the target NFT. One of which it is known that the packet
 * goes on as it is (it writes a mark elsewhere, adds to a set) is a rule without a target, with a match of
 * which nobody knows what evaluating it does. */
#include "read/nft_reader.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

static struct nft_target *target_new(struct nft_rule *rule)
{
	if (rule->target_count == NFT_TARGETS_MAX) {
		rule->opaque_end = true;
		rule->target_count--;
		buffer_fini(&rule->targets[rule->target_count].text);
	}
	struct nft_target *target = &rule->targets[rule->target_count++];
	*target = (struct nft_target){0};
	return target;
}

static void put(struct nft_rule *rule, const char *options, bool ends)
{
	struct nft_target *target = target_new(rule);

	buffer_puts(&target->text, options);
	target->ends = ends;
}

/* -j NFT: anything may happen, and it may go on. */
static void put_unknown(struct nft_rule *rule, struct json_object *statement)
{
	struct nft_target *target = target_new(rule);

	buffer_puts(&target->text, " -j NFT --statement ");
	listing_opaque(rule->reader, statement, "", &target->text);
	rule->changed = ~0u;
}

void listing_effect(struct nft_rule *rule, struct json_object *json)
{
	struct nft_target *target = target_new(rule);

	buffer_puts(&target->text, " -m nft --expression ");
	listing_opaque(rule->reader, json, "", &target->text);
}

/* The name and value again as one object, for its text. Owned by the rule's JSON. */
static struct json_object *whole(struct nft_rule *rule, const char *name, struct json_object *value)
{
	struct json_object *object = json_object_new_object(),
			   *list = listing_get(rule->reader->root, "weir-kept");

	if (!object || !list || json_object_object_add(object, name, json_object_get(value)) < 0 ||
	    json_object_array_add(list, object) < 0)
		rule->reader->failed = true;
	return object;
}

/* --- Verdicts */

static void jump(struct nft_rule *rule, struct json_object *value, bool is_goto)
{
	struct nft_reader *reader = rule->reader;
	const char *name = listing_string(listing_get(value, "target"));
	struct nft_chain *chain = listing_find_chain(reader, rule->table, name);

	if (!chain || chain->base) {
		listing_error(reader, "nft-no-chain", NULL,
			      "table %s: a rule of chain %s jumps to %s, which is %s", rule->table->name,
			      rule->copy->chain ? rule->copy->chain->name : "?", name ? name : "nothing",
			      chain ? "a base chain" : "not there");
		return;
	}
	/* Behind a jump that was made for this rule alone, what it goes to would return to the rule. */
	if (is_goto && rule->copy->part && !rule->copy->ends) {
		put_unknown(rule, whole(rule, "goto", value));
		return;
	}
	struct nft_target *target = target_new(rule);
	target->is_goto = is_goto;
	target->ends = is_goto;
	target->jump = listing_copy_of(reader, chain, rule->copy, is_goto && rule->copy->ends);
	if (!target->jump)
		target->jump = rule->copy; /* nothing will be printed */
}

static void end(struct nft_rule *rule, bool drops)
{
	struct nft_target *target = target_new(rule);

	target->ends = true;
	if (!drops && rule->copy->next) {
		target->jump = rule->copy->next;
		target->is_goto = true;
	} else {
		buffer_puts(&target->text, drops ? " -j DROP" : " -j ACCEPT");
	}
}

static void leave(struct nft_rule *rule)
{
	/* In a chain that ends with a verdict of its own this is what returning comes to. */
	if (rule->copy->ends) {
		end(rule, rule->copy->drops);
		return;
	}
	if (rule->copy->part) {
		put_unknown(rule, whole(rule, "return", NULL));
		return;
	}
	struct nft_target *target = target_new(rule);
	buffer_puts(&target->text, " -j RETURN");
	target->ends = target->is_return = true;
}

static bool verdict(struct nft_rule *rule, const char *name, struct json_object *value)
{
	if (is(name, "accept") || is(name, "drop"))
		end(rule, name[0] == 'd');
	else if (is(name, "return"))
		leave(rule);
	else if (is(name, "jump") || is(name, "goto"))
		jump(rule, value, name[0] == 'g');
	else
		return is(name, "continue");
	return true;
}

void listing_verdict(struct nft_rule *rule, struct json_object *json)
{
	struct json_object *value;
	const char *name = listing_only_key(json, &value);

	if (!verdict(rule, name, value))
		put_unknown(rule, json);
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
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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

static bool asks_for_tcp(const struct nft_rule *rule)
{
	for (size_t i = 0; i < rule->segment_count; i++) {
		const struct nft_ranges *ranges = &rule->segments[i].ranges[NFT_PROTOCOL];
		if (rule->segments[i].ranged[NFT_PROTOCOL] && ranges->count == 1 &&
		    ranges->ranges[0].low == IPPROTO_TCP && ranges->ranges[0].high == IPPROTO_TCP)
			return true;
	}
	return false;
}

static void reject(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	const char *type = listing_string(listing_get(value, "type")), *word = NULL;
	bool reset = is(type, "tcp reset");
	struct buffer text = {0};

	if (!reset)
		word = reject_word(rule, value);
	if (rule->copy->table != TABLE_FILTER || (!reset && !word)) {
		listing_effect(rule, statement);
		put(rule, " -j DROP", true);
		return;
	}
	if (reset && asks_for_tcp(rule)) {
		put(rule, " -j REJECT --reject-with tcp-reset", true);
		return;
	}
	if (reset && rule->asked >> NFT_PROTOCOL & 1) {
		listing_effect(rule, statement);
		put(rule, " -j DROP", true);
		return;
	}
	if (reset) {
		struct nft_target *target = target_new(rule);
		buffer_puts(&target->text, " -j REJECT --reject-with tcp-reset");
		target->ends = target->tcp = true;
		/* Of what is not TCP there is nothing to reset: nft_reject_ipv4_eval(). */
		put(rule, " -j DROP", true);
		return;
	}
	buffer_printf(&text, " -j REJECT --reject-with icmp%s-%s", rule->family == FAMILY_IPV6 ? "6" : "",
		      word);
	put(rule, text.data ? text.data : "", true);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

/* --- Log */

static bool has_flag(struct json_object *flags, const char *flag)
{
	if (is(listing_string(flags), flag) || (is(listing_string(flags), "all") && strcmp(flag, "all") != 0))
		return true;
	for (size_t i = 0; json_object_is_type(flags, json_type_array) && i < json_object_array_length(flags);
	     i++)
		if (is(listing_string(json_object_array_get_idx(flags, i)), flag))
			return true;
	return false;
}

static bool put_prefix(struct json_object *prefix, const char *option, size_t max, struct buffer *out)
{
	const char *text = listing_string(prefix);

	if (!prefix)
		return true;
	if (!text || strlen(text) > max)
		return false;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			return false;
	buffer_printf(out, " %s ", option);
	listing_quote(text, strlen(text), out);
	return true;
}

static bool log_to_group(struct json_object *value, struct buffer *out)
{
	static const struct {
		const char *key, *option;
		uint64_t max;
	} numbers[] = {{"group", "--nflog-group", UINT16_MAX},
		       {"snaplen", "--nflog-size", UINT32_MAX},
		       {"queue-threshold", "--nflog-threshold", UINT16_MAX}};
	uint64_t number;

	buffer_puts(out, " -j NFLOG");
	for (size_t i = 0; i < 3; i++) {
		if (!listing_get(value, numbers[i].key))
			continue;
		if (!listing_number(listing_get(value, numbers[i].key), numbers[i].max, &number))
			return false;
		buffer_printf(out, " %s %" PRIu64, numbers[i].option, number);
	}
	return put_prefix(listing_get(value, "prefix"), "--nflog-prefix", 63, out);
}

static bool log_to_kernel(struct json_object *value, struct buffer *out)
{
	static const char *const levels[] = {"emerg", "alert",  "crit", "err",
					     "warn",  "notice", "info", "debug"};
	static const char *const flags[][2] = {{"tcp sequence", "--log-tcp-sequence"},
					       {"tcp options", "--log-tcp-options"},
					       {"ip options", "--log-ip-options"},
					       {"skuid", "--log-uid"},
					       {"ether", "--log-macdecode"}};
	const char *level = listing_string(listing_get(value, "level"));
	struct json_object *given = listing_get(value, "flags");
	size_t i = 0;

	buffer_puts(out, " -j LOG");
	if (!put_prefix(listing_get(value, "prefix"), "--log-prefix", 29, out))
		return false;
	while (level && i < COUNT_OF(levels) && !is(level, levels[i]))
		i++;
	if (level && i == COUNT_OF(levels))
		return false;
	if (level)
		buffer_printf(out, " --log-level %zu", i);
	for (size_t k = 0; k < COUNT_OF(flags); k++)
		if (has_flag(given, flags[k][0]))
			buffer_printf(out, " %s", flags[k][1]);
	return true;
}

static void log_packet(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	struct buffer text = {0};
	bool done = listing_get(value, "group") ? log_to_group(value, &text) : log_to_kernel(value, &text);

	if (done)
		put(rule, text.data ? text.data : "", false);
	else
		listing_effect(rule, statement);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

/* --- NAT */

static bool put_nat_addresses(struct nft_rule *rule, struct json_object *json, bool brackets,
			      struct buffer *out)
{
	struct nft_left left = {.key = NFT_SADDR, .family = rule->family, .max = family_max(rule->family)};
	struct address_range range;

	left.mask = left.max;
	if (listing_get(json, "prefix") || !listing_value_range(&left, json, &range))
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

	if (rule->copy->table != TABLE_NAT || is(listing_string(listing_get(value, "type")), "prefix") ||
	    has_flag(flags, "netmap"))
		return false;
	if (to && !(to = of_map(rule, to, &port)))
		return false;
	if ((port && !one_protocol(rule)) || ((source || destination) && !to && !port))
		return false;
	if (source || destination) {
		buffer_printf(out, " -j %s --to-%s ", source ? "SNAT" : "DNAT",
			      source ? "source" : "destination");
		if (to && !put_nat_addresses(rule, to, rule->family == FAMILY_IPV6 && port, out))
			return false;
		buffer_puts(out, port ? ":" : "");
	} else {
		buffer_printf(out, " -j %s%s", is(name, "redirect") ? "REDIRECT" : "MASQUERADE",
			      port ? " --to-ports " : "");
	}
	if (port && !put_nat_ports(port, out))
		return false;
	if (has_flag(flags, "random"))
		buffer_puts(out, " --random");
	if (has_flag(flags, "fully-random"))
		buffer_puts(out, " --random-fully");
	if (has_flag(flags, "persistent") && (source || destination))
		buffer_puts(out, " --persistent");
	/* DNAT and REDIRECT have one kind of random. */
	return !(has_flag(flags, "fully-random") && (destination || is(name, "redirect")));
}

/* nft_nat_eval() ends the table whatever comes of it, as the targets do. */
static void nat(struct nft_rule *rule, const char *name, struct json_object *value,
		struct json_object *statement)
{
	struct buffer text = {0};
	const char *family = listing_string(listing_get(value, "family"));

	if (family && !is(family, rule->family == FAMILY_IPV4 ? "ip" : "ip6")) {
		rule->never = true;
	} else if (translate_nat(rule, name, value, &text)) {
		put(rule, text.data ? text.data : "", true);
	} else {
		put_unknown(rule, statement);
		/* As it ends, what would come behind it is not met. */
		if (rule->copy->table == TABLE_NAT)
			put(rule, " -j ACCEPT", true);
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
	put(rule, text.data ? text.data : "", false);
	rule->changed |= 1u << (connection ? NFT_CTMARK : NFT_MARK);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return true;
}

static void write_to(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	struct json_object *key = listing_get(value, "key"), *to = listing_get(value, "value"), *inner;
	const char *kind = listing_only_key(key, &inner), *name = listing_string(listing_get(inner, "key"));
	const char *field = listing_string(listing_get(inner, "field"));
	struct nft_left left;
	struct address_range range;

	listing_left(key, &left);
	if (is(name, "mark") && (is(kind, "meta") || is(kind, "ct")) &&
	    write_mark(rule, is(kind, "ct"), key, to))
		return;
	if (!(left.families >> rule->family & 1)) {
		rule->never = true;
		return;
	}
	if (is(kind, "payload") && left.key == NFT_DSCP && rule->copy->table == TABLE_MANGLE &&
	    listing_value_range(&left, to, &range) && range.low == range.high) {
		struct buffer text = {0};
		buffer_printf(&text, " -j DSCP --set-dscp 0x%02x", (unsigned)range.low);
		put(rule, text.data ? text.data : "", false);
		rule->changed |= 1u << NFT_DSCP;
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
		put_unknown(rule, statement);
}

/* --- Sets */

static void add_to_set(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	struct nft_set *set =
	    listing_find_set(rule->reader, rule->table, listing_string(listing_get(value, "set")));
	const char *op = listing_string(listing_get(value, "op"));
	struct json_object *elem = listing_get(value, "elem"), *inner = listing_get(elem, "elem");
	struct json_object *key = inner ? listing_get(inner, "val") : elem;
	struct json_object *elements = set ? listing_get(set->json, "elem") : NULL;
	struct buffer text = {0};
	struct nft_left left;
	uint64_t timeout;

	listing_left(key, &left);
	if (!(left.families >> rule->family & 1)) {
		rule->never = true;
		return;
	}
	if (!elements)
		elements = listing_get(rule->reader->root, "weir-nothing");
	bool adds = is(op, "add") || is(op, "update"),
	     done = set && !set->unfollowed && (adds || is(op, "delete"));
	buffer_printf(&text, " -j SET --%s-set ", adds ? "add" : "del");
	done = done && listing_set_reference(rule, key, elements, set, &text);
	/* Where nothing times out, nothing is renewed, and it is the same with and without. */
	if (done && is(op, "update"))
		buffer_puts(&text, " --exist");
	if (done && adds && listing_number(listing_get(inner, "timeout"), 2147483, &timeout))
		buffer_printf(&text, " --timeout %" PRIu64, timeout);
	if (done)
		put(rule, text.data ? text.data : "", false);
	else
		listing_effect(rule, statement);
	/* The rule ends here where the set is full, or what it asks in the set is not so; or the target NFT.
	 */
	if (listing_get(value, "stmt") || !done || (adds && !rule->at_last))
		listing_match_opaque(rule, statement, " (and goes on)");
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

/* --- Limits and their kind, which are conditions that count */

static void limit(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	static const char *const units[][2] = {
	    {"second", "sec"}, {"minute", "min"}, {"hour", "hour"}, {"day", "day"}};
	struct nft_object *named = listing_find_limit(rule->reader, rule->table, listing_string(value));
	struct buffer text = {0};
	uint64_t rate, burst = 5;
	size_t unit = 0;

	if (named)
		value = named->json;
	const char *per = listing_string(listing_get(value, "per"));
	while (unit < 4 && !is(per, units[unit][0]))
		unit++;
	bool plain =
	    !(named && named->uses > 1) && unit < 4 && !listing_get(value, "rate_unit") &&
	    listing_number(listing_get(value, "rate"), 10000, &rate) && rate &&
	    (!listing_get(value, "burst") || listing_number(listing_get(value, "burst"), 10000, &burst)) &&
	    burst;
	if (plain) {
		buffer_printf(&text, " -m limit --limit %" PRIu64 "/%s --limit-burst %" PRIu64, rate,
			      units[unit][1], burst);
		listing_match_stateful(rule, text.data ? text.data : "",
				       json_object_get_boolean(listing_get(value, "inv")));
	} else {
		buffer_puts(&text, " -m nft --expression ");
		listing_opaque(rule->reader, statement, "", &text);
		listing_match_stateful(rule, text.data ? text.data : "", false);
	}
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

static void count_unknown(struct nft_rule *rule, struct json_object *statement)
{
	struct buffer text = {0};

	buffer_puts(&text, " -m nft --expression ");
	listing_opaque(rule->reader, statement, "", &text);
	listing_match_stateful(rule, text.data ? text.data : "", false);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}

/* --- Others */

static bool queue(struct nft_rule *rule, struct json_object *value)
{
	struct json_object *num = listing_get(value, "num"), *flags = listing_get(value, "flags"), *range;
	struct buffer text = {0};
	uint64_t low = 0, high = 0;

	range = listing_get(num, "range");
	if (json_object_is_type(range, json_type_array) && json_object_array_length(range) == 2) {
		if (!listing_number(json_object_array_get_idx(range, 0), UINT16_MAX, &low) ||
		    !listing_number(json_object_array_get_idx(range, 1), UINT16_MAX, &high))
			return false;
	} else if (num && !listing_number(num, UINT16_MAX, &low)) {
		return false;
	}
	if (high > low)
		buffer_printf(&text, " -j NFQUEUE --queue-balance %" PRIu64 ":%" PRIu64, low, high);
	else
		buffer_printf(&text, " -j NFQUEUE --queue-num %" PRIu64, low);
	if (has_flag(flags, "bypass"))
		buffer_puts(&text, " --queue-bypass");
	if (has_flag(flags, "fanout"))
		buffer_puts(&text, " --queue-cpu-fanout");
	put(rule, text.data ? text.data : "", true);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return true;
}

static bool duplicate(struct nft_rule *rule, struct json_object *value)
{
	struct buffer text = {0};
	bool done;

	buffer_puts(&text, " -j TEE --gateway ");
	done = put_nat_addresses(rule, listing_get(value, "addr"), false, &text);
	if (done && listing_get(value, "dev")) {
		buffer_puts(&text, " --oif ");
		done = listing_interface(listing_get(value, "dev"), &text) && !strchr(text.data, '+');
	}
	if (done)
		put(rule, text.data ? text.data : "", false);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return done;
}

static bool ends_rule(struct json_object *verdict)
{
	struct json_object *value;
	const char *name = listing_only_key(verdict, &value);

	return is(name, "accept") || is(name, "drop") || is(name, "return") || is(name, "goto");
}

/* Of all but the last one. */
static bool ends_but_last(struct json_object *list)
{
	for (size_t i = 0; i + 1 < json_object_array_length(list); i++)
		if (!ends_rule(json_object_array_get_idx(json_object_array_get_idx(list, i), 1)))
			return false;
	return true;
}

#define GROUPED_MIN 1001 /* elements: fewer make a rule each */

/* Elements of one verdict together, each as a set of its own. */
static struct json_object *grouped(struct nft_rule *rule, struct json_object *elements)
{
	struct json_object *groups = json_object_new_object(), *list = json_object_new_array(), *set, *pair;
	bool failed = !groups || !list;

	for (size_t i = 0; i < json_object_array_length(elements) && !failed; i++) {
		struct json_object *element = json_object_array_get_idx(elements, i);
		struct json_object *key = json_object_array_get_idx(element, 0);
		struct json_object *verdict = json_object_array_get_idx(element, 1);
		const char *text = json_object_to_json_string_ext(verdict, JSON_C_TO_STRING_PLAIN);
		if (!json_object_object_get_ex(groups, text, &set)) {
			struct json_object *object = json_object_new_object();
			pair = json_object_new_array();
			set = json_object_new_array();
			failed = !object || !pair || !set || json_object_object_add(object, "set", set) < 0 ||
				 json_object_array_add(pair, object) < 0 ||
				 json_object_array_add(pair, json_object_get(verdict)) < 0 ||
				 json_object_array_add(list, pair) < 0 ||
				 json_object_object_add(groups, text, json_object_get(set)) < 0;
		}
		failed = failed || json_object_array_add(set, json_object_get(key)) < 0;
	}
	json_object_put(groups);
	rule->reader->failed |= failed;
	return list;
}

/* The elements as they are to be asked: the one that is for all others last. NULL: that is no order. */
static struct json_object *in_order(struct nft_rule *rule, struct json_object *elements)
{
	struct nft_reader *reader = rule->reader;
	struct json_object *list, *rest = NULL;
	char *key = arena_printf(reader->arena, "%p", (void *)elements);
	size_t count = json_object_array_length(elements);
	bool ends = true;

	list = key ? name_index_find(reader->set_cache, text_of(key)) : NULL;
	if (list || !key)
		return list;
	list = json_object_new_array();
	for (size_t i = 0; i < count && list; i++) {
		struct json_object *pair = json_object_array_get_idx(elements, i);
		if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2) {
			json_object_put(list);
			return NULL;
		}
		struct json_object *member = listing_element_value(json_object_array_get_idx(pair, 0));
		if (is(listing_string(member), "*"))
			rest = pair;
		else
			reader->failed |= json_object_array_add(list, json_object_get(pair)) < 0;
		ends &= ends_rule(json_object_array_get_idx(pair, 1));
	}
	if (list && json_object_array_length(list) >= GROUPED_MIN) {
		struct json_object *groups = grouped(rule, list);
		json_object_put(list);
		list = groups;
	}
	if (list && rest)
		reader->failed |= json_object_array_add(list, json_object_get(rest)) < 0;
	if (!list || (rest && !ends && !ends_but_last(list))) {
		json_object_put(list);
		return NULL;
	}
	reader->failed |= json_object_array_add(listing_get(reader->root, "weir-kept"), list) < 0 ||
			  name_index_add(reader->arena, &reader->set_cache, text_of(key), list) != 0;
	return list;
}

/* A chain that a map jumps to may change what its other elements are compared with. */
static bool may_change(struct json_object *key, struct json_object *verdict)
{
	struct json_object *keys = listing_get(key, "concat");
	size_t count = json_object_is_type(keys, json_type_array) ? json_object_array_length(keys) : 1;

	for (size_t i = 0; i < count && !ends_rule(verdict); i++) {
		struct nft_left left;
		listing_left(json_object_is_type(keys, json_type_array) ? json_object_array_get_idx(keys, i)
									: key,
			     &left);
		if (NFT_CHANGEABLE >> left.key & 1)
			return true;
	}
	return false;
}

/* A map of verdicts: each of its elements makes a rule. */
static void verdict_map(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	struct json_object *data = listing_get(value, "data"), *key = listing_get(value, "key");
	struct nft_set *named = listing_find_set(rule->reader, rule->table, listing_string(data));
	struct json_object *elements = named ? listing_get(named->json, "elem") : listing_get(data, "set");

	if (named && !elements && !named->changed) {
		rule->never = true;
		return;
	}
	struct json_object *list =
	    json_object_is_type(elements, json_type_array) && !(named && named->changed)
		? in_order(rule, elements)
		: NULL;
	struct json_object *pair = list ? listing_expand(rule, value, list) : NULL;
	if (!pair) {
		put_unknown(rule, statement);
		return;
	}
	struct json_object *member = listing_element_value(json_object_array_get_idx(pair, 0));
	struct json_object *verdict_json = json_object_array_get_idx(pair, 1);
	struct json_object *set = listing_get(member, "set");
	bool known = true;
	if (set) { /* several of one verdict */
		struct json_object *match = json_object_new_object();
		known = match && json_object_object_add(match, "left", json_object_get(key)) == 0 &&
			json_object_object_add(match, "op", json_object_new_string("==")) == 0 &&
			json_object_object_add(match, "right", json_object_get(member)) == 0;
		struct json_object *kept = listing_get(rule->reader->root, "weir-kept");
		if (match && kept && json_object_array_add(kept, match) == 0)
			listing_match(rule, match);
		rule->reader->failed |= !known;
	} else if (!is(listing_string(member), "*")) {
		known = listing_match_value(rule, key, member);
	}
	if (!known || (rule->expanded_count > 1 && may_change(key, verdict_json)))
		listing_match_opaque(rule, statement, "");
	listing_verdict(rule, verdict_json);
}

static void counter(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	uint64_t packets, bytes;

	if (listing_string(value)) {
		listing_effect(rule, statement); /* of its own, with a name */
		return;
	}
	if (listing_number(listing_get(value, "packets"), UINT64_MAX, &packets) &&
	    listing_number(listing_get(value, "bytes"), UINT64_MAX, &bytes)) {
		rule->packets = packets;
		rule->bytes = bytes;
	}
}

static bool known_statement(struct nft_rule *rule, const char *name, struct json_object *value,
			    struct json_object *statement)
{
	static const char *const counting[] = {"quota", "ct count", "meter", "connlimit", "last", NULL};
	static const char *const nats[] = {"snat", "dnat", "masquerade", "redirect", NULL};
	static const char *const effects[] = {"ct helper", "ct timeout", "ct expectation",
					      "secmark",   "flow",       NULL};

	for (size_t i = 0; counting[i]; i++)
		if (is(name, counting[i]))
			return count_unknown(rule, statement), true;
	for (size_t i = 0; nats[i]; i++)
		if (is(name, nats[i]))
			return nat(rule, name, value, statement), true;
	for (size_t i = 0; effects[i]; i++)
		if (is(name, effects[i]))
			return listing_effect(rule, statement), true;
	if (is(name, "counter"))
		counter(rule, value, statement);
	else if (is(name, "limit"))
		limit(rule, value, statement);
	else if (is(name, "log"))
		log_packet(rule, value, statement);
	else if (is(name, "reject"))
		reject(rule, value, statement);
	else if (is(name, "vmap"))
		verdict_map(rule, value, statement);
	else if (is(name, "mangle"))
		write_to(rule, value, statement);
	else if (is(name, "set"))
		add_to_set(rule, value, statement);
	else if (is(name, "queue"))
		return queue(rule, value);
	else if (is(name, "dup"))
		return duplicate(rule, value);
	else
		return false;
	return true;
}

void listing_statement(struct nft_rule *rule, const char *name, struct json_object *value)
{
	struct json_object *statement = name ? whole(rule, name, value) : value;

	if (is(name, "match")) {
		listing_match(rule, value);
	} else if (is(name, "notrack")) {
		if (rule->copy->table == TABLE_RAW)
			put(rule, " -j CT --notrack", false);
		else
			put_unknown(rule, statement);
		rule->changed |= 1u << NFT_STATE;
	} else if (!name || (!verdict(rule, name, value) && !known_statement(rule, name, value, statement))) {
		put_unknown(rule, statement);
	}
}
