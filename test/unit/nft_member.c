/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members of nftables' sets: intervals that are added and taken away are those of the addresses, whatever was
 * there; an image of the tables comes back from the messages that make it; damaged bytes are refused. */
#include "kernel/nft_member.h"
#include "kernel/nft_change.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define SPACE 64 /* addresses that the random tests use, the last of them the last there is */

static uint64_t state;

static unsigned chance(unsigned limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((state >> 33) % limit);
}

/* nft(8) calls ipv4_addr 7, inet_proto 12, inet_service 13. */
static struct nft_set make_set(bool intervals, bool ports)
{
	return (struct nft_set){.name = "set-x",
				.flags = intervals ? NFT_SET_INTERVAL | (ports ? NFT_SET_CONCAT : 0) : 0,
				.pairs = intervals && !ports,
				.key_type = ports ? 7u << 12 | 12u << 6 | 13u : 7,
				.key_size = ports ? 12 : 4};
}

/* What a change makes of a set. */
static void change_set(struct arena *arena, struct nft_set *set, const struct nft_member_change *change)
{
	struct nft_element *elements = arena_array(arena, set->count + change->added + 1, sizeof(*elements));
	size_t count = 0;

	for (size_t i = 0; i < set->count; i++) {
		bool gone = false;
		for (size_t k = 0; k < change->removed; k++)
			gone |= change->remove[k] == &set->elements[i];
		if (!gone)
			elements[count++] = set->elements[i];
	}
	for (size_t i = 0; i < change->added; i++) {
		size_t at = count++;
		for (; at > 0 && nft_element_compare(&change->add[i], &elements[at - 1]) < 0; at--)
			elements[at] = elements[at - 1];
		elements[at] = change->add[i];
	}
	set->elements = elements;
	set->count = count;
}

static address place(unsigned number)
{
	return UINT32_MAX - SPACE + 1 + number;
}

/* The addresses that the set holds, and that its intervals do not overlap. */
static void look(struct arena *arena, const struct nft_set *set, const struct nft_shape *shape,
		 bool held[SPACE])
{
	struct nft_member *members;

	memset(held, 0, SPACE * sizeof(*held));
	assert_int_equal(nft_members(arena, set, shape, &members), 0);
	for (size_t i = 0; i < set->count; i++)
		for (address at = members[i].low;; at++) {
			unsigned number = (unsigned)(at - place(0));
			assert_true(number < SPACE);
			assert_false(held[number]);
			held[number] = true;
			if (at == members[i].high)
				break;
		}
}

static void step(struct arena *arena, struct nft_set *set, const struct nft_shape *shape, bool model[SPACE])
{
	struct nft_member asked[4];
	struct nft_member_change change;
	bool held[SPACE], in[4], add = chance(2);
	size_t count = 1 + chance(4);

	for (size_t i = 0; i < count; i++) {
		unsigned low = chance(SPACE), size = chance(2) ? 1 : 1 + chance(12);
		if (low + size > SPACE)
			size = SPACE - low;
		asked[i] =
		    (struct nft_member){.low = place(low), .high = place(low + size - 1), .comment = "c"};
		if (shape->ports)
			asked[i].protocol = 6;
	}
	count = nft_members_sort(asked, count, true);
	assert_int_equal(nft_members_test(arena, set, shape, asked, count, in), 0);
	for (size_t i = 0; i < count; i++) {
		bool all = true;
		for (address at = asked[i].low; at <= asked[i].high; at++)
			all &= model[at - place(0)];
		assert_int_equal(in[i], all);
	}
	assert_int_equal(add ? nft_members_add(arena, set, shape, asked, count, &change)
			     : nft_members_remove(arena, set, shape, asked, count, &change),
			 0);
	bool changes = false;
	for (size_t i = 0; i < count; i++)
		for (address at = asked[i].low; at <= asked[i].high; at++) {
			changes |= model[at - place(0)] != add;
			model[at - place(0)] = add;
		}
	assert_int_equal(change.changed > 0, changes);
	if (!changes)
		assert_int_equal(change.added + change.removed, 0);
	change_set(arena, set, &change);
	look(arena, set, shape, held);
	assert_memory_equal(held, model, sizeof(held));
}

static void check_random(bool intervals, bool ports)
{
	for (unsigned round = 0; round < 200; round++) {
		struct arena *arena = arena_new();
		struct nft_set set = make_set(intervals, ports);
		struct nft_shape shape;
		bool model[SPACE] = {false};

		assert_int_equal(nft_set_shape(&set, &shape), 0);
		for (unsigned i = 0; i < 20; i++)
			step(arena, &set, &shape, model);
		arena_free(arena);
	}
}

static void test_intervals(void **context)
{
	(void)context;
	check_random(true, false);
}

static void test_ranges_with_ports(void **context)
{
	(void)context;
	check_random(true, true);
}

static void test_single_addresses(void **context)
{
	(void)context;
	check_random(false, false);
	check_random(false, true);
}

/* --- Members that go by themselves */

#define FOR_EVER UINT32_MAX

/* Until when each address is in: seconds; 0: it is not. */
static void look_times(struct arena *arena, struct nft_set *set, const struct nft_shape *shape,
		       uint32_t until[SPACE])
{
	struct nft_member *members;

	memset(until, 0, SPACE * sizeof(*until));
	for (size_t i = 0; i < set->count; i++) {
		struct nft_element *element = &set->elements[i];
		if (element->timeout && !element->timed) { /* as the kernel has it, once it has it */
			element->timed = true;
			element->expires = element->timeout;
		}
	}
	assert_int_equal(nft_members(arena, set, shape, &members), 0);
	for (size_t i = 0; i < set->count; i++)
		for (address at = members[i].low; at <= members[i].high; at++) {
			const struct nft_element *element = members[i].element;
			assert_int_equal(until[at - place(0)], 0);
			until[at - place(0)] =
			    element->timed ? (uint32_t)(element->expires / 1000) : FOR_EVER;
		}
}

/* An address stays as long as the longest that was asked for it, and what was there keeps its time. */
static void step_timed(struct arena *arena, struct nft_set *set, const struct nft_shape *shape,
		       uint32_t model[SPACE])
{
	struct nft_member asked[4];
	struct nft_member_change change;
	uint32_t until[SPACE];
	bool add = chance(3);
	size_t count = 1 + chance(4), changed = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned low = chance(SPACE), size = chance(2) ? 1 : 1 + chance(12);
		if (low + size > SPACE)
			size = SPACE - low;
		asked[i] = (struct nft_member){
		    .low = place(low), .high = place(low + size - 1), .timeout = chance(4) * 10};
		if (shape->ports)
			asked[i].protocol = 6;
	}
	count = nft_members_sort(asked, count, true);
	for (size_t i = 0; i < count; i++) {
		bool other = false;
		for (address at = asked[i].low; at <= asked[i].high; at++) {
			uint32_t *place_of = &model[at - place(0)];
			uint32_t time = !add ? 0 : asked[i].timeout ? asked[i].timeout : FOR_EVER;
			other |= add ? time > *place_of : *place_of != 0;
			if (!add || time > *place_of)
				*place_of = time;
		}
		changed += other;
	}
	assert_int_equal(add ? nft_members_add(arena, set, shape, asked, count, &change)
			     : nft_members_remove(arena, set, shape, asked, count, &change),
			 0);
	assert_int_equal(change.changed, changed);
	change_set(arena, set, &change);
	look_times(arena, set, shape, until);
	assert_memory_equal(until, model, sizeof(until));
}

static void check_times(bool intervals, bool ports)
{
	for (unsigned round = 0; round < 200; round++) {
		struct arena *arena = arena_new();
		struct nft_set set = make_set(intervals, ports);
		struct nft_shape shape;
		uint32_t model[SPACE] = {0};

		set.flags |= NFT_SET_TIMEOUT;
		assert_int_equal(nft_set_shape(&set, &shape), 0);
		for (unsigned i = 0; i < 20; i++)
			step_timed(arena, &set, &shape, model);
		arena_free(arena);
	}
}

static void test_times(void **context)
{
	(void)context;
	check_times(true, false);
	check_times(true, true);
	check_times(false, false);
}

static void test_other_sets_are_refused(void **context)
{
	struct nft_set set = make_set(true, false);
	struct nft_shape shape;

	(void)context;
	set.key_type = 19; /* mark */
	assert_int_equal(nft_set_shape(&set, &shape), -ENOTSUP);
	set = make_set(true, false);
	set.flags |= NFT_SET_MAP;
	assert_int_equal(nft_set_shape(&set, &shape), -ENOTSUP);
	set = make_set(true, true);
	set.key_size = 4;
	assert_int_equal(nft_set_shape(&set, &shape), -ENOTSUP);
}

/* --- Images */

static void begin(struct nft_batch *batch, unsigned type)
{
	nft_batch_message(batch, FAMILY_IPV4, type, 0);
	nft_put_string(batch, NFTA_TABLE_NAME, NFT_TABLE);
}

static void put_element(struct nft_batch *batch, uint32_t value, bool end)
{
	size_t element = nft_nest_begin(batch, NFTA_LIST_ELEM),
	       key = nft_nest_begin(batch, NFTA_SET_ELEM_KEY);

	nft_put_u32(batch, NFTA_DATA_VALUE, value);
	nft_nest_end(batch, key);
	if (end)
		nft_put_u32(batch, NFTA_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
	nft_nest_end(batch, element);
}

static void put_lookup(struct nft_batch *batch, const char *set)
{
	size_t expression = nft_nest_begin(batch, NFTA_LIST_ELEM), data;

	nft_put_string(batch, NFTA_EXPR_NAME, "lookup");
	data = nft_nest_begin(batch, NFTA_EXPR_DATA);
	nft_put_string(batch, NFTA_LOOKUP_SET, set);
	nft_put_u32(batch, NFTA_LOOKUP_SREG, 1);
	nft_nest_end(batch, data);
	nft_nest_end(batch, expression);
}

static void put_rule(struct nft_batch *batch, const char *set, uint64_t handle)
{
	size_t expressions;

	begin(batch, NFT_MSG_NEWRULE);
	nft_put_string(batch, NFTA_RULE_CHAIN, "filter-INPUT");
	nft_put_u64(batch, NFTA_RULE_HANDLE, handle);
	expressions = nft_nest_begin(batch, NFTA_RULE_EXPRESSIONS);
	put_lookup(batch, set);
	nft_nest_end(batch, expressions);
}

static void put_set(struct nft_batch *batch, const char *name, uint32_t flags, const uint32_t *values,
		    size_t count)
{
	size_t elements;

	begin(batch, NFT_MSG_NEWSET);
	nft_put_string(batch, NFTA_SET_NAME, name);
	nft_put_u32(batch, NFTA_SET_FLAGS, flags);
	nft_put_u32(batch, NFTA_SET_KEY_TYPE, 7);
	nft_put_u32(batch, NFTA_SET_KEY_LEN, 4);
	begin(batch, NFT_MSG_NEWSETELEM);
	nft_put_string(batch, NFTA_SET_ELEM_LIST_SET, name);
	elements = nft_nest_begin(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < count; i++)
		put_element(batch, values[i], i % 2);
	nft_nest_end(batch, elements);
}

/* As the kernel would tell it: begins and ends of intervals in descending order. */
static struct text make_image(struct nft_batch *batch, const char *anonymous, const uint32_t *values)
{
	nft_batch_begin(batch, 1);
	size_t head = batch->bytes.size;
	begin(batch, NFT_MSG_NEWTABLE);
	put_set(batch, "set-x", NFT_SET_INTERVAL, (const uint32_t[]){10, 20, 20, 30}, 4);
	put_set(batch, anonymous, NFT_SET_INTERVAL | NFT_SET_ANONYMOUS | NFT_SET_CONSTANT, values, 2);
	begin(batch, NFT_MSG_NEWCHAIN);
	nft_put_string(batch, NFTA_CHAIN_NAME, "filter-INPUT");
	put_rule(batch, "set-x", 4);
	put_rule(batch, anonymous, 5);
	begin(batch, NFT_MSG_NEWTABLE); /* ends the one before */
	assert_false(batch->bytes.failed);
	/* The last message has no length yet: it is left out. */
	return (struct text){batch->bytes.data + head, batch->message - head};
}

static void test_an_image_comes_back(void **context)
{
	static const uint32_t values[] = {100, 101}, others[] = {100, 102};
	struct nft_batch batches[4];
	struct nft_image *image, *same, *differs, *none;
	struct nft_changes *changes;
	struct text raw = make_image(&batches[0], "__set0", values);

	(void)context;
	assert_int_equal(nft_image_parse(raw.data, raw.size, &image), 0);
	assert_true(image->tables[FAMILY_IPV4].present);
	assert_false(image->tables[FAMILY_IPV6].present);
	const struct nft_set *set = nft_image_set(&image->tables[FAMILY_IPV4], "set-x");
	assert_non_null(set);
	assert_int_equal(set->count, 2); /* intervals that touch */
	assert_int_equal(image->tables[FAMILY_IPV4].chains[0].count, 2);
	/* The names of anonymous sets say nothing, what is in them does. */
	raw = make_image(&batches[1], "__set7", values);
	assert_int_equal(nft_image_parse(raw.data, raw.size, &same), 0);
	assert_int_equal(nft_changes_find(image, same, &changes), 0);
	assert_int_equal(changes->count, 0);
	nft_changes_free(changes);
	raw = make_image(&batches[2], "__set0", others);
	assert_int_equal(nft_image_parse(raw.data, raw.size, &differs), 0);
	assert_int_equal(nft_changes_find(image, differs, &changes), 0);
	assert_int_equal(changes->count, 1);
	assert_int_equal(changes->list[0].head, 1);
	assert_int_equal(changes->list[0].added, 1);
	assert_int_equal(changes->list[0].removed, 1);
	nft_changes_free(changes);
	/* From nothing, and back to nothing. */
	assert_int_equal(nft_image_parse("", 0, &none), 0);
	assert_int_equal(nft_changes_find(none, image, &changes), 0);
	assert_int_equal(changes->count, 3); /* table, set, chain */
	nft_batch_begin(&batches[3], 1);
	assert_int_equal(nft_changes_put(changes, &batches[3]), 0);
	assert_int_equal(batches[3].count, 9); /* begin, table, chain, 2 sets with members, 2 rules */
	nft_changes_free(changes);
	assert_int_equal(nft_changes_find(image, none, &changes), 0);
	assert_int_equal(changes->count, 1);
	nft_changes_free(changes);
	nft_image_free(none);
	nft_image_free(differs);
	nft_image_free(same);
	nft_image_free(image);
	for (size_t i = 0; i < 4; i++)
		nft_batch_fini(&batches[i]);
}

static void test_damaged_images_are_refused_or_read(void **context)
{
	static const uint32_t values[] = {100, 101};
	struct nft_batch batch;
	struct text raw = make_image(&batch, "__set0", values);
	unsigned refused = 0;

	(void)context;
	for (size_t size = 0; size < raw.size; size++) {
		char *copy = malloc(size + 1);
		struct nft_image *image;
		memcpy(copy, raw.data, size);
		if (nft_image_parse(copy, size, &image) == 0)
			nft_image_free(image);
		free(copy);
	}
	for (unsigned i = 0; i < 20000; i++) {
		char *copy = malloc(raw.size);
		struct nft_image *image;
		memcpy(copy, raw.data, raw.size);
		for (unsigned n = 1 + chance(4); n; n--)
			copy[chance((unsigned)raw.size)] = (char)chance(256);
		if (nft_image_parse(copy, raw.size, &image) == 0)
			nft_image_free(image);
		else
			refused++;
		free(copy);
	}
	assert_true(refused > 0);
	nft_batch_fini(&batch);
}

int main(void)
{
	const char *seed = getenv("SEED");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_intervals),
	    cmocka_unit_test(test_ranges_with_ports),
	    cmocka_unit_test(test_single_addresses),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_other_sets_are_refused),
	    cmocka_unit_test(test_an_image_comes_back),
	    cmocka_unit_test(test_damaged_images_are_refused_or_read),
	};

	state = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	print_message("# SEED=%llu\n", (unsigned long long)state);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
