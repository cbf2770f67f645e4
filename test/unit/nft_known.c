/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members of a large set on record: what is read is what was kept with all changes since, at the generation
 * that they led to; at any other, of another boot or namespace, or damaged, nothing is on record. */
#include "kernel/nft_known.h"
#include "kernel/hash.h"
#include "kernel/nft_change.h"
#include "kernel/nft_member.h"

#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT 17000u /* intervals, of four of each eight addresses */
#define NAME "set-x"

static uint64_t chances;

static unsigned chance(unsigned limit)
{
	chances = chances * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)((chances >> 33) % limit);
}

static char path[64];
static int directory = -1;

static int begin(void **state)
{
	(void)state;
	strcpy(path, "/tmp/weir-known-XXXXXX");
	if (!mkdtemp(path))
		return -1;
	directory = open(path, O_RDONLY | O_DIRECTORY);
	nft_known_open(directory);
	nft_known_allow(directory, true);
	return 0;
}

static int end(void **state)
{
	(void)state;
	nft_known_close(directory);
	unlinkat(directory, "members", 0);
	close(directory);
	return rmdir(path);
}

static struct nft_set make_set(void)
{
	return (struct nft_set){
	    .name = NAME, .flags = NFT_SET_INTERVAL, .pairs = true, .key_type = 7, .key_size = 4};
}

/* The intervals of the set changed, and the messages that do it. */
static void change(struct arena *arena, struct nft_set *set, bool add, const struct nft_member *asked,
		   size_t count, struct nft_batch *batch)
{
	struct nft_member_change changes;
	struct nft_shape shape;
	size_t kept = 0;

	assert_int_equal(nft_set_shape(set, &shape), 0);
	assert_int_equal(add ? nft_members_add(arena, set, &shape, asked, count, &changes)
			     : nft_members_remove(arena, set, &shape, asked, count, &changes),
			 0);
	const struct nft_element **added = arena_array(arena, changes.added + 1, sizeof(*added));
	struct nft_element *elements = arena_array(arena, set->count + changes.added + 1, sizeof(*elements));
	for (size_t i = 0; i < changes.added; i++)
		added[i] = &changes.add[i];
	nft_put_elements(batch, FAMILY_IPV4, set, true, changes.remove, changes.removed);
	nft_put_elements(batch, FAMILY_IPV4, set, false, added, changes.added);
	/* both are ascending */
	for (size_t i = 0, r = 0, a = 0; i < set->count || a < changes.added;) {
		if (i < set->count && r < changes.removed && changes.remove[r] == &set->elements[i]) {
			r++;
			i++;
		} else if (a == changes.added ||
			   (i < set->count && nft_element_compare(&set->elements[i], added[a]) < 0)) {
			elements[kept++] = set->elements[i++];
		} else {
			elements[kept++] = *added[a++];
		}
	}
	set->elements = elements;
	set->count = kept;
}

static void fill(struct arena *arena, struct nft_set *set)
{
	struct nft_member *members = arena_array(arena, COUNT, sizeof(*members));
	struct nft_batch batch;

	for (unsigned i = 0; i < COUNT; i++)
		members[i] =
		    (struct nft_member){.low = i * 8, .high = i * 8 + 3, .comment = i % 7 ? NULL : "c"};
	nft_batch_begin(&batch, 0);
	change(arena, set, true, members, COUNT, &batch);
	nft_batch_fini(&batch);
}

/* What is on record, as an image would have it; the set must be it. */
static bool holds(uint32_t generation, const struct nft_set *set)
{
	struct nft_known *known;
	struct nft_image *image;
	struct nft_batch batch;
	struct buffer raw = {0};

	nft_known_read(generation, &known);
	if (!known)
		return false;
	nft_batch_begin(&batch, 0);
	nft_batch_message(&batch, FAMILY_IPV4, NFT_MSG_NEWSET, 0);
	nft_put_string(&batch, NFTA_SET_TABLE, NFT_TABLE);
	nft_put_string(&batch, NFTA_SET_NAME, NAME);
	nft_put_u32(&batch, NFTA_SET_FLAGS, set->flags);
	nft_put_u32(&batch, NFTA_SET_KEY_TYPE, set->key_type);
	nft_put_u32(&batch, NFTA_SET_KEY_LEN, set->key_size);
	nft_batch_take(&batch, &raw);
	assert_true(nft_known_members(known, FAMILY_IPV4, NAME, &raw));
	assert_false(nft_known_members(known, FAMILY_IPV4, "set-y", &raw));
	assert_false(nft_known_members(known, FAMILY_IPV6, NAME, &raw));
	assert_int_equal(nft_image_parse_copy(&raw, &image), 0);
	const struct nft_set *read = &image->tables[FAMILY_IPV4].sets[0];
	assert_int_equal(read->count, set->count);
	for (size_t i = 0; i < set->count; i++)
		assert_true(nft_element_same(&read->elements[i], &set->elements[i]));
	nft_image_free(image);
	nft_known_free(known);
	nft_batch_fini(&batch);
	buffer_fini(&raw);
	return true;
}

static struct nft_image image_of(struct nft_set *set)
{
	struct nft_image image = {0};

	image.tables[FAMILY_IPV4] = (struct nft_table){.present = true, .set_count = 1, .sets = set};
	return image;
}

static void changes_are_added_to_what_is_on_record(void **state)
{
	struct arena *arena = arena_new();
	struct nft_set set = make_set();
	uint32_t generation = UINT32_MAX - 3; /* it comes round */

	(void)state;
	fill(arena, &set);
	struct nft_image image = image_of(&set);
	nft_known_keep(&image, generation);
	if (!nft_known_holds(generation)) {
		arena_free(arena);
		skip(); /* the kernel does not say which network namespace this is */
	}
	assert_true(holds(generation, &set));
	for (unsigned i = 0; i < 40; i++) {
		struct nft_member asked[8];
		struct nft_batch batch;
		size_t count = 1 + chance(8);
		for (size_t k = 0; k < count; k++) {
			unsigned low = chance(2) ? chance(200) : chance(COUNT * 8);
			asked[k] = (struct nft_member){
			    .low = low, .high = low + chance(30), .comment = chance(2) ? "d" : NULL};
		}
		count = nft_members_sort(asked, count, true);
		nft_batch_begin(&batch, generation);
		change(arena, &set, chance(2), asked, count, &batch);
		if (batch.count > 1) {
			struct buffer ignored = {0};
			nft_batch_take(&batch, &ignored); /* its last message ends */
			nft_known_append(generation, &batch);
			assert_false(nft_known_holds(generation));
			generation = nft_generation_behind(generation);
			buffer_fini(&ignored);
		}
		nft_batch_fini(&batch);
		if (i % 8 == 7)
			assert_true(holds(generation, &set));
	}
	assert_true(generation < 100 && generation > 0);
	assert_true(holds(generation, &set));
	arena_free(arena);
}

static void what_does_not_follow_is_not_believed(void **state)
{
	struct arena *arena = arena_new();
	struct nft_set set = make_set();
	struct nft_member one = {.low = 5, .high = 5};
	struct nft_batch batch;
	struct buffer ignored = {0};
	struct stat status;

	(void)state;
	fill(arena, &set);
	struct nft_image image = image_of(&set);
	nft_known_keep(&image, 10);
	if (!nft_known_holds(10)) {
		arena_free(arena);
		skip();
	}
	assert_false(holds(9, &set));
	assert_false(holds(11, &set));
	assert_false(holds(0, &set));
	nft_batch_begin(&batch, 12);
	change(arena, &set, true, &one, 1, &batch);
	nft_batch_take(&batch, &ignored);
	nft_known_append(12, &batch); /* somebody else led from 10 to 12 */
	assert_false(nft_known_holds(10) || nft_known_holds(12) || nft_known_holds(13));
	image = image_of(&set);
	nft_known_keep(&image, 13);
	assert_true(holds(13, &set));
	/* each byte counts */
	assert_int_equal(fstatat(directory, "members", &status, 0), 0);
	for (off_t at = 0; at < status.st_size; at += 1 + at * (off_t)(1 + chance(3)) / 4) {
		int file = openat(directory, "members", O_RDWR);
		unsigned char byte, other;
		assert_int_equal(pread(file, &byte, 1, at), 1);
		other = (unsigned char)(byte ^ 0x10);
		assert_int_equal(pwrite(file, &other, 1, at), 1);
		assert_false(holds(13, &set));
		assert_int_equal(pwrite(file, &byte, 1, at), 1);
		close(file);
	}
	assert_true(holds(13, &set));
	for (unsigned cut = 1; cut < 5000; cut += cut) {
		int file = openat(directory, "members", O_RDWR);
		status.st_size -= cut;
		assert_int_equal(ftruncate(file, status.st_size), 0);
		close(file);
		assert_false(nft_known_holds(13));
	}
	nft_batch_fini(&batch);
	buffer_fini(&ignored);
	arena_free(arena);
}

/* As somebody writes it who means it. */
static void a_length_that_is_no_length_is_no_member(void **state)
{
	const off_t part = 72, messages = part + 24; /* struct head, struct part */
	struct arena *arena = arena_new();
	struct nft_set set = make_set();
	struct nft_known *known;
	struct buffer raw = {0};
	struct stat status;
	uint32_t length = 0xf0000000u;
	uint64_t sum;
	char *data;

	(void)state;
	fill(arena, &set);
	struct nft_image image = image_of(&set);
	nft_known_keep(&image, 13);
	if (!nft_known_holds(13)) {
		arena_free(arena);
		skip();
	}
	int file = openat(directory, "members", O_RDWR);
	assert_int_equal(fstat(file, &status), 0);
	data = arena_alloc(arena, (size_t)(status.st_size - messages));
	assert_int_equal(pread(file, data, (size_t)(status.st_size - messages), messages),
			 status.st_size - messages);
	memcpy(data, &length, sizeof(length));
	assert_int_equal(pwrite(file, data, sizeof(length), messages), sizeof(length));
	sum = hash_bytes(data, (size_t)(status.st_size - messages), 13);
	assert_int_equal(pwrite(file, &sum, sizeof(sum), part + 16), sizeof(sum));
	close(file);
	nft_known_read(13, &known);
	assert_non_null(known);
	assert_false(nft_known_members(known, FAMILY_IPV4, NAME, &raw));
	nft_known_free(known);
	buffer_fini(&raw);
	arena_free(arena);
}

static void who_has_no_lock_writes_nothing(void **state)
{
	struct arena *arena = arena_new();
	struct nft_set set = make_set();
	struct nft_image image;

	(void)state;
	fill(arena, &set);
	image = image_of(&set);
	nft_known_allow(directory, false);
	nft_known_keep(&image, 10);
	assert_int_equal(faccessat(directory, "members", F_OK, 0), -1);
	arena_free(arena);
}

int main(void)
{
	const char *seed = getenv("SEED");
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(changes_are_added_to_what_is_on_record, begin, end),
	    cmocka_unit_test_setup_teardown(what_does_not_follow_is_not_believed, begin, end),
	    cmocka_unit_test_setup_teardown(a_length_that_is_no_length_is_no_member, begin, end),
	    cmocka_unit_test_setup_teardown(who_has_no_lock_writes_nothing, begin, end),
	};

	chances = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	print_message("# SEED=%llu\n", (unsigned long long)chances);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
