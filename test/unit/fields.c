/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What sets say is held against the kernel's lookup done member by member, with every choice of timed members
 * gone; interface patterns against the kernel's comparison; packets and assignments against each other. */
#include "extension/fields.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BUDGET 1000000
#define BASE ((address)0xc6120000) /* 198.18.0.0 */

static uint64_t state;
static struct arena *arena; /* of the sets */

static uint64_t random_next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static int seed_random(void **context)
{
	(void)context;
	const char *seed = getenv("WEIR_TEST_SEED");
	state = seed ? strtoull(seed, NULL, 0) | 1 : 0x9e3779b97f4a7c15u;
	print_message("# WEIR_TEST_SEED=%#llx\n", (unsigned long long)state);
	arena = arena_new();
	return arena ? 0 : -1;
}

static int free_sets(void **context)
{
	(void)context;
	arena_free(arena);
	return 0;
}

static const bool src[2] = {true, true}, dst[2] = {false, false}, src_dst[2] = {true, false},
		  dst_src[2] = {false, true};

static void fill(struct set *set, const struct set_member *members, size_t count)
{
	set_prepare(set);
	for (size_t i = 0; i < count; i++) {
		struct set_member member = members[i];
		member.timeout = member.timed;
		assert_int_equal(set_member_append(arena, set, &member), 0);
	}
}

static struct set make_set(const char *name, enum set_type type, const struct set_member *members,
			   size_t count)
{
	struct set set = {
	    .name = {name, strlen(name)},
	    .type = type,
	    .dimensions = set_types[type].dimensions,
	    .family = FAMILY_IPV4,
	    .netmask = 32,
	    .has_timeout = true,
	};
	fill(&set, members, count);
	return set;
}

/* Ascending, disjoint, as the header promises. */
static void check_ranges(const struct predicate *predicate)
{
	for (size_t i = 0; i < predicate->range_count; i++) {
		assert_true(predicate->ranges[i].low <= predicate->ranges[i].high);
		assert_true(i == 0 || predicate->ranges[i - 1].high < predicate->ranges[i].low);
	}
}

/* The member that the kernel would find, by trying all; -1: not in the set. `gone` has a bit for each timed
 * one. */
static int kernel_lookup(const struct set *set, address value, uint32_t gone)
{
	int best = -1;
	struct set_member found = {0};
	if (set->type == SET_HASH_IP && set_masked(set, value) == 0)
		return -1;
	for (size_t i = 0; i < set->member_count; i++) {
		struct set_member member;
		set_member_get(set, i, &member);
		if (value < member.low || value > member.high || (best >= 0 && member.prefix < found.prefix))
			continue;
		/* A later add of the same element replaces the earlier one before anything expires. */
		bool replaced = false;
		for (size_t j = i + 1; j < set->member_count; j++) {
			struct set_member other;
			set_member_get(set, j, &other);
			replaced |= other.low == member.low && other.prefix == member.prefix;
		}
		if (!replaced && !(member.timed && gone >> i & 1)) {
			best = (int)i;
			found = member;
		}
	}
	return best >= 0 && found.nomatch ? -1 : best;
}

static void check_set(const struct set *set, address low, address high)
{
	struct fields *fields = fields_new(FAMILY_IPV4);
	struct set_meaning meaning, again;
	assert_int_equal(fields_need_set(fields, set, 1, src, &meaning), 0);
	assert_int_equal(fields_need_set(fields, set, 1, src, &again), 0);
	assert_memory_equal(&meaning, &again, sizeof(meaning));
	assert_non_null(meaning.certain);
	check_ranges(meaning.certain);
	if (meaning.timed)
		check_ranges(meaning.timed);
	for (address value = low; value <= high; value++) {
		bool always = true, sometimes = false;
		for (uint32_t gone = 0; gone < 1u << set->member_count; gone++) {
			bool found = kernel_lookup(set, value, gone) >= 0;
			always &= found;
			sometimes |= found;
		}
		int64_t certain = predicate_find(meaning.certain, value);
		int64_t timed = meaning.timed ? predicate_find(meaning.timed, value) : -1;
		assert_int_equal(certain >= 0, always);
		assert_int_equal(timed >= 0, sometimes && !always);
		int64_t element = certain >= 0 ? certain : timed;
		if (element >= 0) {
			assert_true((size_t)element < set->member_count);
			struct set_member member;
			set_member_get(set, (size_t)element, &member);
			assert_false(member.nomatch);
			assert_true(value >= member.low && value <= member.high);
		}
		bool any_timed = false;
		for (size_t i = 0; i < set->member_count; i++) {
			struct set_member member;
			set_member_get(set, i, &member);
			any_timed |= member.timed;
		}
		if (!any_timed)
			assert_int_equal(element, kernel_lookup(set, value, 0));
	}
	fields_free(fields);
}

static void test_addresses_as_the_kernel_finds_them(void **context)
{
	(void)context;
	struct set_member members[7];
	for (int round = 0; round < 300; round++) {
		struct set set = {.name = TEXT("bans"), .type = SET_HASH_IP, .has_timeout = true};
		size_t count = random_next() % 8;
		address base = round % 5 ? BASE : 0;
		if (round % 4 == 3) {
			set.type = SET_BITMAP_IP;
			set.high = family_max(FAMILY_IPV4);
		}
		set.netmask = round % 3 ? 32 : 32 - random_next() % 5;
		memset(members, 0, sizeof(members));
		for (size_t i = 0; i < count; i++) {
			members[i].low = (base + random_next() % 60) & prefix_mask(FAMILY_IPV4, set.netmask);
			members[i].timed = random_next() % 3 == 0;
		}
		fill(&set, members, count);
		check_set(&set, base, base + 100);
	}
}

static void test_networks_as_the_kernel_finds_them(void **context)
{
	(void)context;
	struct set_member members[7];
	for (int round = 0; round < 300; round++) {
		size_t count = random_next() % 8;
		memset(members, 0, sizeof(members));
		for (size_t i = 0; i < count; i++) {
			members[i].prefix = 26 + random_next() % 7;
			members[i].low =
			    (BASE + random_next() % 64) & prefix_mask(FAMILY_IPV4, members[i].prefix);
			members[i].timed = round % 2 && random_next() % 2;
			members[i].nomatch = random_next() % 3 == 0;
		}
		struct set set = make_set("nets", SET_HASH_NET, members, count);
		check_set(&set, BASE, BASE + 66);
	}
}

static void test_the_ends_of_the_address_space(void **context)
{
	(void)context;
	struct set_member members[] = {
	    {.low = 0, .prefix = 1},
	    {.low = 0x80000000, .prefix = 1},
	    {.low = 0xffffffff, .prefix = 32, .nomatch = true},
	};
	struct set set = make_set("all", SET_HASH_NET, members, 3);
	check_set(&set, 0, 3);
	check_set(&set, 0xfffffffd, 0xffffffff);
	set = (struct set){.name = TEXT("halves"), .type = SET_HASH_IP, .netmask = 1};
	fill(&set, members, 2);
	check_set(&set, 0, 3);
	check_set(&set, 0xfffffffd, 0xffffffff);
	struct set_member six[] = {{.low = 0, .prefix = 0}, {.low = 7, .prefix = 128}};
	set = (struct set){.name = TEXT("six"), .type = SET_HASH_NET, .family = FAMILY_IPV6};
	fill(&set, six, 2);
	struct fields *fields = fields_new(FAMILY_IPV6);
	struct set_meaning meaning;
	assert_int_equal(fields_need_set(fields, &set, 1, dst, &meaning), 0);
	assert_int_equal(meaning.certain->kind, PREDICATE_DESTINATION);
	assert_int_equal(predicate_find(meaning.certain, 7), 1);
	assert_int_equal(predicate_find(meaning.certain, 0), 0);
	assert_int_equal(predicate_find(meaning.certain, ~(address)0), 0);
	fields_free(fields);
}

static void test_pairs(void **context)
{
	(void)context;
	struct set_member members[] = {
	    {.low = BASE, .protocol = IPPROTO_TCP, .port = 80},
	    {.low = BASE + 1, .protocol = IPPROTO_ICMP, .port = 8 << 8},
	    {.low = BASE + 1, .protocol = IPPROTO_GRE, .port = 99}, /* kept as port 0 */
	    {.low = BASE + 5, .protocol = IPPROTO_UDP, .port = 53, .timed = true},
	    {.low = BASE + 2, .protocol = IPPROTO_TCP, .port = 80},
	    {.low = BASE + 1, .protocol = IPPROTO_ICMPV6, .port = 5}, /* port 0 in IPv4 */
	    {.low = BASE + 2, .protocol = IPPROTO_TCP, .port = 80},
	};
	struct set set = make_set("pairs", SET_HASH_IP_PORT, members, 7);
	struct fields *fields = fields_new(FAMILY_IPV4);
	struct set_meaning meaning, other;
	assert_int_equal(fields_need_set(fields, &set, 2, src_dst, &meaning), 0);
	assert_int_equal(fields_need_set(fields, &set, 2, dst_src, &other), 0);
	assert_ptr_not_equal(meaning.certain, other.certain);
	assert_int_equal(meaning.certain->kind, PREDICATE_PAIR);
	assert_true(meaning.certain->pair_source_address);
	assert_false(meaning.certain->pair_source_port);
	assert_int_equal(meaning.certain->point_count, 5); /* the repeated one counts once */
	assert_int_equal(meaning.timed->point_count, 1);
	assert_int_equal(predicate_find_point(meaning.certain, BASE, IPPROTO_TCP, 80), 0);
	assert_int_equal(predicate_find_point(meaning.certain, BASE + 2, IPPROTO_TCP, 80), 6);
	assert_int_equal(predicate_find_point(meaning.certain, BASE + 1, IPPROTO_GRE, 0), 2);
	assert_int_equal(predicate_find_point(meaning.certain, BASE + 1, IPPROTO_GRE, 99), -1);
	assert_int_equal(predicate_find_point(meaning.certain, BASE + 1, IPPROTO_ICMPV6, 0), 5);
	assert_int_equal(predicate_find_point(meaning.certain, BASE + 3, IPPROTO_TCP, 80), -1);
	assert_int_equal(predicate_find_point(meaning.timed, BASE + 5, IPPROTO_UDP, 53), 3);
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	bool *bits = calloc(diagram_variables(fields->diagram), sizeof(*bits));
	struct packet packet = {.protocol = IPPROTO_TCP, .source_port = 7, .destination_port = 80};
	address_to_bytes(FAMILY_IPV4, BASE, packet.source);
	fields_assign(fields, &packet, STATE_NEW, NULL, bits);
	assert_true(bits[meaning.certain->variable]);
	assert_false(bits[other.certain->variable]);
	packet.more_fragments = true; /* a first fragment has its header */
	fields_assign(fields, &packet, STATE_NEW, NULL, bits);
	assert_true(bits[meaning.certain->variable]);
	packet.fragment_offset = 1; /* a later one has none: ipset does not match */
	fields_assign(fields, &packet, STATE_NEW, NULL, bits);
	assert_false(bits[meaning.certain->variable]);
	free(bits);
	fields_free(fields);
}

static void test_sets_that_never_match_and_sets_not_understood(void **context)
{
	(void)context;
	struct set_member members[] = {{.low = BASE, .prefix = 30, .protocol = 6, .port = 1}};
	struct set pairs = make_set("pairs", SET_HASH_IP_PORT, members, 1);
	struct set nets = make_set("nets", SET_HASH_NET, members, 1);
	struct set opaque = make_set("list", SET_HASH_NET_PORT, members, 1);
	struct fields *fields = fields_new(FAMILY_IPV4), *six = fields_new(FAMILY_IPV6);
	struct set_meaning few, family, unknown, again, odd;
	assert_int_equal(fields_need_set(fields, &pairs, 1, src, &few), 0);
	assert_int_equal(few.certain->range_count, 0);
	assert_null(few.timed);
	assert_int_equal(fields_need_set(six, &nets, 1, src, &family), 0);
	assert_int_equal(family.certain->range_count, 0);
	assert_int_equal(fields_need_set(fields, &opaque, 1, src, &unknown), 0);
	assert_int_equal(fields_need_set(fields, &opaque, 1, src, &again), 0);
	assert_null(unknown.certain);
	assert_int_equal(unknown.expiry->kind, PREDICATE_OPAQUE);
	assert_ptr_equal(unknown.expiry, again.expiry);
	assert_string_equal(unknown.expiry->name, "set list src");
	/* A mask with holes makes no ranges. */
	struct set holes = {
	    .name = TEXT("holes"), .type = SET_HASH_IP, .has_bitmask = true, .mask = 0xff0000ff};
	fill(&holes, members, 1);
	assert_int_equal(fields_need_set(fields, &holes, 1, src, &odd), 0);
	assert_null(odd.certain);
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	assert_int_equal(fields_set(fields, &few), DIAGRAM_FALSE);
	assert_int_equal(fields_set(fields, &unknown), fields_predicate(fields, unknown.expiry));
	assert_int_equal(fields_need_set(fields, &pairs, 2, src, &few), -EBUSY);
	assert_int_equal(fields_need_set(fields, &pairs, 1, src, &few), 0);
	fields_free(fields);
	fields_free(six);
}

static void test_layout(void **context)
{
	(void)context;
	struct set_member members[] = {{.low = BASE, .high = BASE, .prefix = 32, .protocol = 6, .port = 1},
				       {.low = BASE + 1, .high = BASE + 1, .prefix = 32, .timed = true}};
	struct set bans = make_set("bans", SET_HASH_IP, members, 2);
	struct set pairs = make_set("pairs", SET_HASH_IP_PORT, members, 1);
	struct fields *fields = fields_new(FAMILY_IPV4);
	struct set_meaning from, to, pair;
	struct predicate *mac, *same, *limit, *other_limit;
	struct interface_match eth = {.name = "eth0"}, any = {.name = ""};
	assert_int_equal(fields_need_opaque(fields, "-m mac", false, &mac), 0);
	assert_int_equal(fields_need_opaque(fields, "-m mac", false, &same), 0);
	assert_int_equal(fields_need_opaque(fields, "-m limit", true, &limit), 0);
	assert_int_equal(fields_need_opaque(fields, "-m limit", true, &other_limit), 0);
	assert_ptr_equal(mac, same);
	assert_ptr_not_equal(limit, other_limit);
	assert_int_equal(fields_need_interface(fields, &eth), 0);
	assert_int_equal(fields_need_interface(fields, &any), 0);
	assert_int_equal(fields_need_set(fields, &bans, 1, src, &from), 0);
	assert_int_equal(fields_need_set(fields, &bans, 1, dst, &to), 0);
	assert_int_equal(fields_need_set(fields, &pairs, 2, src, &pair), 0);
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	assert_int_equal(fields_seal(fields, BUDGET), -EBUSY);
	assert_true(from.certain->variable < fields->first[FIELD_SOURCE]);
	assert_true(from.timed->variable < fields->first[FIELD_SOURCE]);
	assert_true(to.certain->variable > fields->first[FIELD_SOURCE]);
	assert_true(to.certain->variable < fields->first[FIELD_DESTINATION]);
	for (enum field field = FIELD_SOURCE; field < FIELD_PAYLOAD; field++)
		assert_true(fields->first[field] + fields->bits[field] <= fields->first[field + 1]);
	assert_true(pair.certain->variable > fields->first[FIELD_PAYLOAD]);
	/* Each variable has one use, and unknown are just those of interfaces, state and opaque predicates.
	 */
	uint32_t variables = diagram_variables(fields->diagram), used = 0;
	bool *uses = calloc(variables, sizeof(*uses)), *unknown = calloc(variables, sizeof(*unknown));
	for (enum field field = FIELD_SOURCE; field < FIELD_COUNT; field++)
		for (uint32_t i = 0; i < fields->bits[field]; i++, used++) {
			assert_false(uses[fields->first[field] + i]);
			uses[fields->first[field] + i] = true;
			unknown[fields->first[field] + i] = field >= FIELD_IN;
		}
	for (size_t i = 0; i < fields->predicate_count; i++, used++) {
		assert_false(uses[fields->predicates[i]->variable]);
		uses[fields->predicates[i]->variable] = true;
		unknown[fields->predicates[i]->variable] = fields->predicates[i]->kind == PREDICATE_OPAQUE;
	}
	assert_int_equal(used, variables);
	assert_memory_equal(unknown, fields->unknown, variables * sizeof(*unknown));
	free(uses);
	free(unknown);
	assert_int_equal(fields->bits[FIELD_IN], 1);
	fields_free(fields);
}

static void test_too_many_predicates_are_refused(void **context)
{
	(void)context;
	struct fields *fields = fields_new(FAMILY_IPV6);
	struct predicate *predicate;
	for (uint32_t i = 0; i < DIAGRAM_VARIABLES_MAX; i++)
		assert_int_equal(fields_need_opaque(fields, "-m limit", true, &predicate), 0);
	assert_int_equal(fields_seal(fields, BUDGET), -E2BIG);
	assert_null(fields->diagram);
	fields_free(fields);
}

/* ifname_compare_aligned() and ip_packet_match() */
static bool kernel_matches(const struct interface_match *match, const char *name)
{
	size_t mask = strlen(match->name) + !(match->wildcard || !match->name[0]);
	return (strncmp(name, match->name, mask) == 0) != match->inverted;
}

static uint32_t value_of(const struct fields *fields, diagram_node node, const char *in, const char *out)
{
	bool *bits = calloc(diagram_variables(fields->diagram), sizeof(*bits));
	struct packet packet = {.family = fields->family};
	snprintf(packet.in, sizeof(packet.in), "%s", in);
	snprintf(packet.out, sizeof(packet.out), "%s", out);
	fields_assign(fields, &packet, STATE_NEW, NULL, bits);
	assert_int_equal(diagram_evaluate(fields->diagram, fields_domain(fields), bits), 1);
	uint32_t value = diagram_evaluate(fields->diagram, node, bits);
	free(bits);
	return value;
}

static void random_name(char *name, size_t shortest)
{
	size_t length = shortest + random_next() % 4;
	for (size_t i = 0; i < length; i++)
		name[i] = "0a1"[random_next() % 3];
	name[length] = '\0';
}

static void test_interfaces_as_the_kernel_compares_them(void **context)
{
	(void)context;
	for (int round = 0; round < 40; round++) {
		struct fields *fields = fields_new(FAMILY_IPV4);
		struct interface_match patterns[12];
		size_t count = random_next() % 12;
		for (size_t i = 0; i < count; i++) {
			memset(&patterns[i], 0, sizeof(patterns[i]));
			random_name(patterns[i].name, random_next() % 3 ? 1 : 0);
			patterns[i].wildcard = patterns[i].name[0] && random_next() % 2;
			patterns[i].inverted = random_next() % 2;
			assert_int_equal(fields_need_interface(fields, &patterns[i]), 0);
		}
		assert_int_equal(fields_seal(fields, BUDGET), 0);
		assert_true(fields->interface_count <= count + 1);
		for (size_t i = 0; i < count; i++) {
			diagram_node in = fields_interface(fields, FIELD_IN, &patterns[i]);
			diagram_node out = fields_interface(fields, FIELD_OUT, &patterns[i]);
			for (int j = 0; j < 60; j++) {
				char name[INTERFACE_NAME_MAX];
				random_name(name, 0);
				bool expected = kernel_matches(&patterns[i], name);
				assert_int_equal(value_of(fields, in, name, ""), expected);
				assert_int_equal(value_of(fields, out, "", name), expected);
			}
			for (size_t j = 0; j < fields->interface_count; j++) { /* the representatives too */
				const char *name = fields->interfaces[j];
				assert_int_equal(value_of(fields, in, name, ""),
						 kernel_matches(&patterns[i], name));
			}
		}
		for (size_t j = 0; j + 1 < fields->interface_count; j++) /* no class without a difference */
			for (size_t k = j + 1; k < fields->interface_count; k++) {
				bool differ = false;
				for (size_t i = 0; i < count; i++)
					differ |= kernel_matches(&patterns[i], fields->interfaces[j]) !=
						  kernel_matches(&patterns[i], fields->interfaces[k]);
				assert_true(differ);
			}
		fields_free(fields);
	}
}

static void test_interface_corner_cases(void **context)
{
	(void)context;
	struct fields *fields = fields_new(FAMILY_IPV4);
	struct interface_match any = {.name = ""}, none = {.name = "", .inverted = true};
	struct interface_match full = {.name = "abcdefghijklmno", .wildcard = true},
			       exact = {.name = "abcdefghijklmno"};
	struct interface_match wide = {.name = "a", .wildcard = true}, unseen = {.name = "eth7"};
	assert_int_equal(fields_need_interface(fields, &any), 0);
	assert_int_equal(fields_need_interface(fields, &full), 0);
	assert_int_equal(fields_need_interface(fields, &exact), 0);
	assert_int_equal(fields_need_interface(fields, &wide), 0);
	assert_int_equal(fields_need_interface(fields, &wide), 0);
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	/* full and exact match the same one name; then a+ and another. */
	assert_int_equal(fields->interface_count, 3);
	assert_int_equal(fields_interface(fields, FIELD_IN, &any), DIAGRAM_TRUE);
	assert_int_equal(fields_interface(fields, FIELD_OUT, &none), DIAGRAM_FALSE);
	assert_int_equal(fields_interface(fields, FIELD_IN, &full),
			 fields_interface(fields, FIELD_IN, &exact));
	assert_int_equal(fields_interface(fields, FIELD_IN, &unseen), DIAGRAM_UNDECIDED);
	assert_int_equal(value_of(fields, fields_interface(fields, FIELD_IN, &wide), "another", ""), 1);
	assert_int_equal(
	    value_of(fields, fields_interface(fields, FIELD_IN, &wide), fields->interfaces[2], ""), 0);
	fields_free(fields);

	fields = fields_new(FAMILY_IPV4); /* nothing to tell apart: no variables */
	assert_int_equal(fields_need_interface(fields, &any), 0);
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	assert_int_equal(fields->bits[FIELD_IN], 0);
	assert_int_equal(fields_value(fields, FIELD_IN, 0), DIAGRAM_TRUE);
	assert_int_equal(fields_value(fields, FIELD_IN, 1), DIAGRAM_FALSE);
	fields_free(fields);

	/* Every one-letter ending is written out, so the wildcard's own name must be longer. */
	fields = fields_new(FAMILY_IPV4);
	struct interface_match ending = {.name = "e?"}, e = {.name = "e"},
			       all = {.name = "e", .wildcard = true};
	assert_int_equal(fields_need_interface(fields, &e), 0);
	assert_int_equal(fields_need_interface(fields, &all), 0);
	for (unsigned c = 1; c < 256; c++) {
		ending.name[1] = (char)c;
		assert_int_equal(fields_need_interface(fields, &ending), 0);
	}
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	assert_int_equal(fields->interface_count, 1 + 255 + 1 + 1);
	assert_int_equal(value_of(fields, fields_interface(fields, FIELD_IN, &all), "e0x", ""), 1);
	assert_int_equal(value_of(fields, fields_interface(fields, FIELD_IN, &e), "e0x", ""), 0);
	fields_free(fields);
}

static void test_single_fields(void **context)
{
	(void)context;
	struct fields *fields = fields_new(FAMILY_IPV4);
	assert_int_equal(fields_seal(fields, BUDGET), 0);
	struct packet packet = {
	    .protocol = IPPROTO_TCP, .source_port = 1024, .destination_port = 443, .tcp_flags = 0x12};
	address_to_bytes(FAMILY_IPV4, BASE + 0x0a05, packet.source);
	bool *bits = calloc(diagram_variables(fields->diagram), sizeof(*bits));
	fields_assign(fields, &packet, STATE_RELATED, NULL, bits);
	const struct {
		diagram_node node;
		uint32_t value;
	} cases[] = {
	    {fields_value(fields, FIELD_PROTOCOL, 6), 1},
	    {fields_value(fields, FIELD_PROTOCOL, 256 + 6), 0},
	    {fields_range(fields, FIELD_SPORT, 1024, 65535), 1},
	    {fields_range(fields, FIELD_DPORT, 0, 442), 0},
	    {fields_masked(fields, FIELD_TCP_FLAGS, 0x02, 0x06), 1},
	    {fields_masked(fields, FIELD_TCP_FLAGS, 0x02, 0x17), 0},
	    {fields_masked(fields, FIELD_SOURCE, BASE + 5, 0xffff00ff), 1}, /* a mask with a hole */
	    {fields_masked(fields, FIELD_PROTOCOL, 0x106, 0x1ff), 0},
	    {fields_value(fields, FIELD_STATE, STATE_RELATED), 1},
	    {fields_value(fields, FIELD_FRAGMENT, FRAGMENT_WHOLE), 1},
	    {fields_domain(fields), 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(diagram_evaluate(fields->diagram, cases[i].node, bits), cases[i].value);
	assert_int_equal(
	    diagram_and(fields->diagram, fields_domain(fields), fields_value(fields, FIELD_STATE, 5)),
	    DIAGRAM_FALSE);
	assert_int_equal(
	    diagram_and(fields->diagram, fields_domain(fields), fields_value(fields, FIELD_FRAGMENT, 3)),
	    DIAGRAM_FALSE);
	free(bits);
	fields_free(fields);
}

struct world {
	struct fields *fields;
	struct set_member members[24];
	struct set sets[4];
};

static void world_init(struct world *world, enum family family)
{
	address base = family == FAMILY_IPV4 ? BASE : (address)0x20010db8 << 96;
	memset(world, 0, sizeof(*world));
	world->fields = fields_new(family);
	for (size_t i = 0; i < 24; i++) {
		struct set_member *member = &world->members[i];
		member->low = base + random_next() % 32;
		member->protocol = (uint8_t[]){6, 17, 1, 58, 47, 33}[random_next() % 6];
		member->port = random_next() % 3 + 79;
		member->timed = i % 5 == 0;
	}
	static const char *const names[] = {"a", "b", "c", "d"};
	struct set_meaning meaning;
	for (size_t i = 0; i < 4; i++) {
		world->sets[i] = (struct set){.name = text_of(names[i]),
					      .type = i < 2 ? SET_HASH_IP : SET_HASH_IP_PORT,
					      .family = family,
					      .has_timeout = true};
		fill(&world->sets[i], world->members + 6 * i, 6);
		assert_int_equal(fields_need_set(world->fields, &world->sets[i], 2, src_dst, &meaning), 0);
		assert_int_equal(fields_need_set(world->fields, &world->sets[i], 2, dst, &meaning), 0);
	}
	struct interface_match eth = {.name = "eth0"}, lan = {.name = "lan", .wildcard = true};
	assert_int_equal(fields_need_interface(world->fields, &eth), 0);
	assert_int_equal(fields_need_interface(world->fields, &lan), 0);
	assert_int_equal(fields_seal(world->fields, BUDGET), 0);
}

static struct packet random_packet(enum family family)
{
	static const char *const names[] = {"eth0", "lan5", "ppp0", ""};
	struct packet packet = {.family = family};
	address base = family == FAMILY_IPV4 ? BASE : (address)0x20010db8 << 96;
	address_to_bytes(family, base + random_next() % 40, packet.source);
	address_to_bytes(family, base + random_next() % 40, packet.destination);
	packet.protocol =
	    random_next() % 4 ? (uint8_t[]){6, 17, 1, 58, 47, 33}[random_next() % 6] : random_next();
	packet.source_port = random_next() % 2 ? random_next() % 3 + 79 : random_next();
	packet.destination_port = random_next() % 2 ? random_next() % 3 + 79 : random_next();
	packet.icmp_type = random_next() % 2 ? 0 : random_next();
	packet.icmp_code = random_next() % 2 ? random_next() % 3 + 79 : random_next();
	packet.tcp_flags = random_next();
	packet.payload = random_next() % 2;
	packet.fragment_offset = random_next() % 8 ? 0 : 1 + random_next() % 100;
	packet.more_fragments = random_next() % 8 == 0;
	packet.state = random_next() % STATE_COUNT;
	snprintf(packet.in, sizeof(packet.in), "%s", names[random_next() % 3]);
	snprintf(packet.out, sizeof(packet.out), "%s", names[random_next() % 4]);
	return packet;
}

/* A random packet's assignment with part of it left open always has a packet: that one, if no other. */
static void test_packets_for_assignments(void **context)
{
	(void)context;
	int found = 0, rounds = 0;
	for (int round = 0; round < 8; round++) {
		struct world world;
		enum family family = round % 2 ? FAMILY_IPV4 : FAMILY_IPV6;
		world_init(&world, family);
		uint32_t variables = diagram_variables(world.fields->diagram);
		bool *bits = calloc(variables, sizeof(*bits)), *opaque = calloc(variables, sizeof(*opaque));
		int8_t *values = calloc(variables, sizeof(*values));
		for (int i = 0; i < 150; i++, rounds++) {
			struct packet packet = random_packet(family), again;
			unsigned open = random_next() % 4;
			for (size_t j = 0; j < world.fields->predicate_count; j++)
				opaque[j] = random_next() % 2;
			fields_assign(world.fields, &packet, packet.state, opaque, bits);
			for (uint32_t v = 0; v < variables; v++)
				values[v] = random_next() % 4 < open ? -1 : bits[v];
			int result = fields_packet(world.fields, values, &again);
			if (result) {
				assert_int_equal(result, -ESRCH);
				continue;
			}
			found++;
			const uint32_t wanted = KNOWN_IN | KNOWN_OUT | KNOWN_PROTOCOL | KNOWN_SOURCE |
						KNOWN_DESTINATION | KNOWN_STATE | KNOWN_FRAGMENT |
						KNOWN_LENGTH;
			assert_int_equal(again.known & wanted, wanted);
			fields_assign(world.fields, &again, again.state, opaque, bits);
			for (uint32_t v = 0; v < variables; v++)
				assert_true(values[v] < 0 || bits[v] == values[v]);
		}
		free(bits);
		free(opaque);
		free(values);
		fields_free(world.fields);
	}
	print_message("# %d of %d assignments\n", found, rounds);
	assert_int_equal(found, rounds);
}

static void test_contradictions_have_no_packet(void **context)
{
	(void)context;
	struct world world;
	world_init(&world, FAMILY_IPV4);
	struct fields *fields = world.fields;
	int8_t *values = malloc(diagram_variables(fields->diagram));
	struct packet packet;
	diagram_node inside = DIAGRAM_UNDECIDED;
	for (size_t i = 0; i < fields->predicate_count; i++)
		if (fields->predicates[i]->kind == PREDICATE_SOURCE && inside == DIAGRAM_UNDECIDED)
			inside = fields_predicate(fields, fields->predicates[i]);
	diagram_node away = fields_masked(fields, FIELD_SOURCE, 0x0a000000, 0xff000000);
	diagram_node both = diagram_and(fields->diagram, inside, away);
	assert_true(
	    diagram_witness(fields->diagram, both, 0, values)); /* as variables they are independent */
	assert_int_equal(fields_packet(fields, values, &packet), -ESRCH);
	assert_true(diagram_witness(fields->diagram, inside, 0, values));
	assert_int_equal(fields_packet(fields, values, &packet), 0);
	assert_true(diagram_witness(fields->diagram, fields_value(fields, FIELD_STATE, 7), 0, values));
	assert_int_equal(fields_packet(fields, values, &packet), -ESRCH);
	free(values);
	fields_free(fields);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses_as_the_kernel_finds_them),
	    cmocka_unit_test(test_networks_as_the_kernel_finds_them),
	    cmocka_unit_test(test_the_ends_of_the_address_space),
	    cmocka_unit_test(test_pairs),
	    cmocka_unit_test(test_sets_that_never_match_and_sets_not_understood),
	    cmocka_unit_test(test_layout),
	    cmocka_unit_test(test_too_many_predicates_are_refused),
	    cmocka_unit_test(test_interfaces_as_the_kernel_compares_them),
	    cmocka_unit_test(test_interface_corner_cases),
	    cmocka_unit_test(test_single_fields),
	    cmocka_unit_test(test_packets_for_assignments),
	    cmocka_unit_test(test_contradictions_have_no_packet),
	};
	return cmocka_run_group_tests(tests, seed_random, free_sets);
}
