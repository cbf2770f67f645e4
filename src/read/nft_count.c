/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What remembers packets: sets that rules fill, limits and their kind. */
#include "read/nft_reader.h"

#include <inttypes.h>
#include <string.h>

static bool is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

/* --- Sets */

/* A limit for each address: -m hashlimit. Addresses may be masked; one that is masked away is that of all
 * packets, and so is a limit for all of them: nftables/match_rate.c. */
static bool put_mode(struct nft_rule *rule, struct json_object *key, struct buffer *out)
{
	struct json_object *keys = listing_get(key, "concat");
	size_t count = json_object_is_type(keys, json_type_array) ? json_object_array_length(keys) : 1;
	struct buffer masks = {0};
	bool done = true;
	unsigned seen = 0;
	struct nft_left all;

	listing_left(key, &all);
	if (all.key == NFT_SADDR && all.mask == 0)
		return true;
	buffer_puts(out, " --hashlimit-mode ");
	for (size_t i = 0; i < count && done; i++) {
		struct nft_left left;
		listing_left(json_object_is_type(keys, json_type_array) ? json_object_array_get_idx(keys, i)
									: key,
			     &left);
		bool source = left.key == NFT_SADDR;
		done = (source || left.key == NFT_DADDR) && !(seen >> left.key & 1) &&
		       mask_length(rule->family, left.mask) > 0;
		seen |= 1u << left.key;
		buffer_printf(out, "%s%s", i ? "," : "", source ? "srcip" : "dstip");
		if (left.mask != left.max)
			buffer_printf(&masks, " --hashlimit-%smask %d", source ? "src" : "dst",
				      mask_length(rule->family, left.mask));
	}
	buffer_puts(out, masks.data ? masks.data : "");
	rule->reader->failed |= masks.failed;
	buffer_fini(&masks);
	return done;
}

static bool limit_each(struct nft_rule *rule, struct json_object *value, struct nft_set *set)
{
	static const char *const units[][2] = {
	    {"second", "sec"}, {"minute", "min"}, {"hour", "hour"}, {"day", "day"}};
	static const unsigned seconds[] = {1, 60, 3600, 86400};
	struct json_object *statements = listing_get(value, "stmt"), *elem = listing_get(value, "elem");
	struct json_object *limit =
	    json_object_is_type(statements, json_type_array) && json_object_array_length(statements) == 1
		? listing_get(json_object_array_get_idx(statements, 0), "limit")
		: NULL;
	const char *per = listing_string(listing_get(limit, "per"));
	struct buffer text = {0};
	uint64_t rate, burst = 5, timeout = 0, size = 0;
	size_t unit = 0;
	bool renews = is(listing_string(listing_get(value, "op")), "update");

	while (unit < 4 && !is(per, units[unit][0]))
		unit++;
	if (!set || !renews || unit == 4 || listing_get(limit, "rate_unit") || listing_get(elem, "elem") ||
	    !listing_number(listing_get(limit, "rate"), 1000000, &rate) || !rate ||
	    (listing_get(limit, "burst") && !listing_number(listing_get(limit, "burst"), 1000000, &burst)) ||
	    !burst || !listing_number(listing_get(set->json, "timeout"), UINT32_MAX / 1000, &timeout) ||
	    !timeout)
		return false;
	const char *name = strncmp(set->name, "hashlimit-", 10) == 0 ? set->name + 10 : set->name;
	buffer_printf(&text, " -m hashlimit --hashlimit-%s %" PRIu64 "/%s --hashlimit-burst %" PRIu64,
		      json_object_get_boolean(listing_get(limit, "inv")) ? "above" : "upto", rate,
		      units[unit][1], burst);
	bool done = *name && strlen(name) < 64 &&
		    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
			strlen(name) &&
		    put_mode(rule, elem, &text);
	buffer_printf(&text, " --hashlimit-name %s", name);
	if (listing_number(listing_get(set->json, "size"), UINT32_MAX, &size) && size && size != 65536 &&
	    size != 65535)
		buffer_printf(&text, " --hashlimit-htable-max %" PRIu64, size);
	if (timeout != seconds[unit])
		buffer_printf(&text, " --hashlimit-htable-expire %" PRIu64, timeout * 1000);
	if (done)
		listing_match_stateful(rule, text.data ? text.data : "", false);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
	return done;
}

void listing_add_to_set(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
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
	if (listing_get(value, "stmt") && limit_each(rule, value, set))
		return;
	if (!elements)
		elements = listing_get(rule->reader->root, "weir-nothing");
	bool adds = is(op, "add") || is(op, "update"),
	     done = set && !set->unfollowed && (adds || is(op, "delete"));
	buffer_printf(&text, " -j SET --%s-set ", adds ? "add" : "del");
	done = done && listing_set_reference(rule, key, elements, set, &text);
	/* Where nothing times out, nothing is renewed, and it is the same with and without. */
	if (done && is(op, "update"))
		buffer_puts(&text, " --exist");
	if (adds && listing_get(inner, "timeout")) {
		done = done && listing_number(listing_get(inner, "timeout"), 2147483, &timeout);
		buffer_printf(&text, " --timeout %" PRIu64, done ? timeout : 0);
	}
	if (done)
		listing_put(rule, text.data ? text.data : "", false);
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

void listing_limit(struct nft_rule *rule, struct json_object *value, struct json_object *statement)
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

void listing_count_unknown(struct nft_rule *rule, struct json_object *statement)
{
	struct buffer text = {0};

	buffer_puts(&text, " -m nft --expression ");
	listing_opaque(rule->reader, statement, "", &text);
	listing_match_stateful(rule, text.data ? text.data : "", false);
	rule->reader->failed |= text.failed;
	buffer_fini(&text);
}
