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

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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

void listing_put(struct nft_rule *rule, const char *options, bool ends)
{
	struct nft_target *target = target_new(rule);

	buffer_puts(&target->text, options);
	target->ends = ends;
}

/* -j NFT: anything may happen, and it may go on. */
void listing_put_unknown(struct nft_rule *rule, struct json_object *statement)
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
		listing_put_unknown(rule, whole(rule, "goto", value));
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
		listing_put_unknown(rule, whole(rule, "return", NULL));
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
		listing_put_unknown(rule, json);
}

/* --- Log */

bool listing_has_flag(struct json_object *flags, const char *flag)
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
		if (listing_has_flag(given, flags[k][0]))
			buffer_printf(out, " %s", flags[k][1]);
	return true;
}

static void log_packet(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
{
	struct buffer text = {0};
	bool done = listing_get(value, "group") ? log_to_group(value, &text) : log_to_kernel(value, &text);

	if (done)
		listing_put(rule, text.data ? text.data : "", false);
	else
		listing_effect(rule, statement);
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
	if (listing_has_flag(flags, "bypass"))
		buffer_puts(&text, " --queue-bypass");
	if (listing_has_flag(flags, "fanout"))
		buffer_puts(&text, " --queue-cpu-fanout");
	listing_put(rule, text.data ? text.data : "", true);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return true;
}

static bool duplicate(struct nft_rule *rule, struct json_object *value)
{
	struct buffer text = {0};
	bool done;

	buffer_puts(&text, " -j TEE --gateway ");
	done = listing_put_addresses(rule, listing_get(value, "addr"), false, &text);
	if (done && listing_get(value, "dev")) {
		buffer_puts(&text, " --oif ");
		done = listing_interface(listing_get(value, "dev"), &text) && !strchr(text.data, '+');
	}
	if (done)
		listing_put(rule, text.data ? text.data : "", false);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return done;
}

bool listing_guards_synproxy(struct json_object *statements, size_t number)
{
	size_t count = json_object_array_length(statements);
	struct json_object *match = listing_get(json_object_array_get_idx(statements, number), "match"),
			   *value;
	struct json_object *set = listing_get(listing_get(match, "right"), "set");
	struct nft_left left;
	uint32_t one, other;

	if (!match || number + 2 != count ||
	    !is(listing_only_key(json_object_array_get_idx(statements, count - 1), &value), "synproxy") ||
	    !is(listing_string(listing_get(match, "op")), "==") ||
	    !json_object_is_type(set, json_type_array) || json_object_array_length(set) != 2)
		return false;
	listing_left(listing_get(match, "left"), &left);
	return left.key == NFT_FLAGS && left.mask == 0x17 &&
	       listing_value_bits(&left, json_object_array_get_idx(set, 0), &one) &&
	       listing_value_bits(&left, json_object_array_get_idx(set, 1), &other) &&
	       ((one == 0x02 && other == 0x10) || (one == 0x10 && other == 0x02));
}

static bool synproxy(struct nft_rule *rule, struct json_object *value)
{
	struct json_object *scale = listing_get(value, "wscale"), *size = listing_get(value, "mss");
	struct json_object *flags = listing_get(value, "flags");
	struct buffer text = {0};
	uint64_t number = 0;
	bool done = rule->guarded;

	buffer_puts(&text, " -j SYNPROXY");
	if (listing_has_flag(flags, "sack-perm"))
		buffer_puts(&text, " --sack-perm");
	if (listing_has_flag(flags, "timestamp"))
		buffer_puts(&text, " --timestamp");
	if (scale && (done = done && listing_number(scale, UINT8_MAX, &number)))
		buffer_printf(&text, " --wscale %" PRIu64, number);
	if (size && (done = done && listing_number(size, UINT16_MAX, &number)))
		buffer_printf(&text, " --mss %" PRIu64, number);
	if (done) {
		/* nft(8) does not list what is asked of the protocol just before. */
		listing_ask_protocol(rule, IPPROTO_TCP);
		listing_put(rule, text.data ? text.data : "", false);
		rule->targets[rule->target_count - 1].tcp = true;
	}
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
		listing_put_unknown(rule, statement);
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
			return listing_count_unknown(rule, statement), true;
	for (size_t i = 0; nats[i]; i++)
		if (is(name, nats[i]))
			return listing_nat(rule, name, value, statement), true;
	for (size_t i = 0; effects[i]; i++)
		if (is(name, effects[i]))
			return listing_effect(rule, statement), true;
	if (is(name, "counter"))
		counter(rule, value, statement);
	else if (is(name, "limit"))
		listing_limit(rule, value, statement);
	else if (is(name, "log"))
		log_packet(rule, value, statement);
	else if (is(name, "reject"))
		listing_reject(rule, value, statement);
	else if (is(name, "vmap"))
		verdict_map(rule, value, statement);
	else if (is(name, "mangle"))
		listing_write(rule, value, statement);
	else if (is(name, "set"))
		listing_add_to_set(rule, value, statement);
	else if (is(name, "queue"))
		return queue(rule, value);
	else if (is(name, "dup"))
		return duplicate(rule, value);
	else if (is(name, "synproxy"))
		return synproxy(rule, value);
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
			listing_put(rule, " -j CT --notrack", false);
		else
			listing_put_unknown(rule, statement);
		rule->changed |= 1u << NFT_STATE;
	} else if (!name || (!verdict(rule, name, value) && !known_statement(rule, name, value, statement))) {
		listing_put_unknown(rule, statement);
	}
}
