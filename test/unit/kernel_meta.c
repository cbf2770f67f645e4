/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The description of an attached program: a damaged one is refused, and counters are carried by what a rule
 * says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/hash.h"
#include "kernel/meta.h"

/* SipHash's own test vectors: key 00 to 0f, input 00 01 02 ... */
static void hash_agrees_with_published_vectors(void **state)
{
	uint8_t input[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(input); i++)
		input[i] = (uint8_t)i;
	assert_int_equal(hash_bytes(input, 0, 0), 0x726fdb47dd0e0e31u);
	assert_int_equal(hash_bytes(input, 1, 0), 0x74f839c593dc67fdu);
	assert_int_equal(hash_bytes(input, 8, 0), 0x93f5f5799a932462u);
	assert_int_equal(hash_bytes(input, 15, 0), 0xa129ca6149be45e5u);
}

#define ITEMS_MAX 8
struct made {
	struct meta_header header;
	struct meta_item items[ITEMS_MAX];
	struct meta_credit credits[ITEMS_MAX];
	char strings[512];
};
_Static_assert(sizeof(struct meta_item) % 8 == 0 || ITEMS_MAX % 2 == 0, "credits stand at a multiple of 8");

static struct meta_text text(struct made *made, const char *string)
{
	struct meta_text text = {(uint32_t)made->header.strings.count, (uint32_t)strlen(string)};

	memcpy(made->strings + text.offset, string, text.size);
	made->header.strings.count += text.size;
	return text;
}

static void begin(struct made *made)
{
	memset(made, 0, sizeof(*made));
	memcpy(made->header.magic, META_MAGIC, 8);
	made->header.version = META_VERSION;
	made->header.header_size = sizeof(made->header);
	made->header.size = sizeof(*made) & ~(size_t)7;
	made->header.slot_count = ITEMS_MAX;
	made->header.items.offset = offsetof(struct made, items);
	made->header.credits.offset = offsetof(struct made, credits);
	made->header.locals.offset = offsetof(struct made, credits);
	made->header.strings.offset = offsetof(struct made, strings);
}

/* Adds an item that slot number `items` is credited to; parent META_NONE: a rule. */
static uint32_t item(struct made *made, uint32_t parent, const char *chain, const char *rule)
{
	uint32_t index = (uint32_t)made->header.items.count++;

	made->items[index].kind = parent == META_NONE ? META_RULE : META_MEMBER;
	made->items[index].parent = parent;
	made->items[index].chain = text(made, chain);
	made->items[index].text = text(made, rule);
	made->credits[made->header.credits.count++] = (struct meta_credit){index, index};
	return index;
}

static void a_description_is_read_back(void **state)
{
	static struct made made;
	struct meta meta;
	struct tally slots[ITEMS_MAX] = {{0}}, items[ITEMS_MAX] = {{0}};

	(void)state;
	begin(&made);
	item(&made, META_NONE, "INPUT", "-s 192.0.2.1/32 -j DROP");
	item(&made, META_NONE, "INPUT", "-j DROP");
	assert_int_equal(meta_open(&made, sizeof(made), &meta), 0);
	assert_true(text_is(meta_text(&meta, meta.items[1].text), "-j DROP"));
	slots[1] = (struct tally){3, 180};
	meta_add_slots(&meta, slots, ITEMS_MAX, items);
	assert_int_equal(items[0].packets, 0);
	assert_int_equal(items[1].packets, 3);
	assert_int_equal(items[1].bytes, 180);
}

static void what_points_outside_is_refused(void **state)
{
	static struct made good, bad;
	struct meta meta;

	(void)state;
	begin(&good);
	item(&good, META_NONE, "INPUT", "-j DROP");
	item(&good, 0, "INPUT", "192.0.2.7");
	assert_int_equal(meta_open(&good, sizeof(good), &meta), 0);
#define REFUSED(change, error)                                                                               \
	do {                                                                                                 \
		bad = good;                                                                                  \
		change;                                                                                      \
		assert_int_equal(meta_open(&bad, sizeof(bad), &meta), error);                                \
	} while (0)
	REFUSED(bad.header.magic[0] = 'x', -EBADMSG);
	REFUSED(bad.header.version = 99, -EPROTO);
	REFUSED(bad.header.size = UINT64_MAX, -EBADMSG);
	REFUSED(bad.header.size = 8, -EBADMSG);
	REFUSED(bad.header.items.count = UINT64_MAX / 2, -EBADMSG);
	REFUSED(bad.header.items.offset = UINT64_MAX - 7, -EBADMSG);
	REFUSED(bad.header.items.offset += 1, -EBADMSG);
	REFUSED(bad.header.strings.count = sizeof(good), -EBADMSG);
	REFUSED(bad.header.reach[1].table = 200, -EBADMSG);
	REFUSED(memset(bad.header.interface, 'a', sizeof(bad.header.interface)), -EBADMSG);
	REFUSED(bad.items[0].text.size = UINT32_MAX, -EBADMSG);
	REFUSED(bad.items[0].text.offset = UINT32_MAX, -EBADMSG);
	REFUSED(bad.items[0].family = 2, -EBADMSG);
	REFUSED(bad.items[0].kind = 9, -EBADMSG);
	REFUSED(bad.items[1].parent = 1, -EBADMSG);
	REFUSED(bad.items[1].parent = META_NONE, -EBADMSG);
	REFUSED(bad.items[0].parent = 0, -EBADMSG);
	REFUSED(bad.credits[0].item = 2, -EBADMSG);
	REFUSED(bad.credits[0].slot = ITEMS_MAX, -EBADMSG);
	for (size_t size = 0; size < offsetof(struct made, strings); size += 8)
		assert_int_equal(meta_open(&good, size, &meta), -EBADMSG);
}

/* Whatever bytes change: it is refused, or everything in it can be read. The sanitisers see to the rest. */
static void random_damage_is_survived(void **state)
{
	unsigned seed = 20240607;
	static struct made good;
	size_t opened = 0;

	(void)state;
	print_message("seed %u\n", seed);
	srandom(seed);
	begin(&good);
	item(&good, META_NONE, "INPUT", "-m set --match-set bans src -j DROP");
	item(&good, 0, "INPUT", "192.0.2.7");
	for (int round = 0; round < 20000; round++) {
		struct made *bad = malloc(sizeof(*bad));
		struct tally slots[ITEMS_MAX] = {{0}}, *items, *others;
		struct meta meta;

		assert_non_null(bad);
		*bad = good;
		for (int change = 0; change <= round % 3; change++)
			((uint8_t *)bad)[(size_t)random() % offsetof(struct made, strings)] ^=
			    (uint8_t)(1u << random() % 8);
		if (!meta_open(bad, sizeof(*bad), &meta)) {
			opened++;
			items = calloc(meta.header->items.count + 1, sizeof(*items));
			others = calloc(meta.header->items.count + 1, sizeof(*others));
			assert_non_null(items);
			assert_non_null(others);
			meta_add_slots(&meta, slots, ITEMS_MAX, items);
			assert_int_equal(meta_carry(&meta, others, &meta, items), 0);
			free(items);
			free(others);
		}
		free(bad);
	}
	assert_true(opened > 0);
}

static void counters_follow_the_rule(void **state)
{
	static struct made old_made, new_made;
	struct tally old_tallies[ITEMS_MAX], tallies[ITEMS_MAX] = {{0}};
	struct meta old, new;

	(void)state;
	begin(&old_made);
	item(&old_made, META_NONE, "INPUT", "-s 192.0.2.1/32 -j DROP"); /* goes */
	item(&old_made, META_NONE, "INPUT", "-s 192.0.2.2/32 -j DROP"); /* first of two */
	item(&old_made, META_NONE, "INPUT", "-s 192.0.2.2/32 -j DROP"); /* second */
	item(&old_made, META_NONE, "FORWARD", "-s 192.0.2.2/32 -j DROP");
	item(&old_made, META_NONE, "INPUT", "-m set --match-set bans src -j DROP");
	item(&old_made, 4, "INPUT", "198.51.100.1");
	item(&old_made, 4, "INPUT", "198.51.100.2");
	begin(&new_made);
	item(&new_made, META_NONE, "INPUT", "-m set --match-set bans src -j DROP");
	item(&new_made, META_NONE, "INPUT", "-s 192.0.2.2/32 -j DROP");
	item(&new_made, META_NONE, "INPUT", "-s 192.0.2.3/32 -j DROP"); /* new */
	item(&new_made, META_NONE, "INPUT", "-s 192.0.2.2/32 -j DROP");
	item(&new_made, 0, "INPUT", "198.51.100.2");
	item(&new_made, 0, "INPUT", "198.51.100.3");
	assert_int_equal(meta_open(&old_made, sizeof(old_made), &old), 0);
	assert_int_equal(meta_open(&new_made, sizeof(new_made), &new), 0);
	for (unsigned i = 0; i < ITEMS_MAX; i++)
		old_tallies[i] = (struct tally){1u << i, 100u << i};
	tallies[1].packets = 1000; /* has counted by itself meanwhile */
	assert_int_equal(meta_carry(&new, tallies, &old, old_tallies), 0);
	assert_int_equal(tallies[0].packets, 1 << 4);
	assert_int_equal(tallies[1].packets, 1000 + (1 << 1));
	assert_int_equal(tallies[2].packets, 0);
	assert_int_equal(tallies[3].packets, 1 << 2);
	assert_int_equal(tallies[3].bytes, 100 << 2);
	assert_int_equal(tallies[4].packets, 1 << 6);
	assert_int_equal(tallies[5].packets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hash_agrees_with_published_vectors),
	    cmocka_unit_test(a_description_is_read_back),
	    cmocka_unit_test(what_points_outside_is_refused),
	    cmocka_unit_test(random_damage_is_survived),
	    cmocka_unit_test(counters_follow_the_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
