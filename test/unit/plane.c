/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plane: tables answer as the region does, the proof holds, and no damage to a table escapes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>

#include "plane/layout.h"
#include "plane_regions.h"

#define KEYS 400

static uint64_t seed_of(int round)
{
	random_state = 0x5eed0000u + (uint64_t)round;
	return random_state;
}

static void build_and_compare(const struct region *const regions[FAMILY_COUNT], uint64_t seed)
{
	struct plane *plane = NULL;
	assert_int_equal(plane_build(regions, &plane), 0);
	struct buffer why = {0};
	int proof = plane_prove(plane, regions, &why);
	if (proof)
		print_error("seed %#llx: %s\n", (unsigned long long)seed, why.data);
	assert_int_equal(proof, 0);
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (int i = 0; regions[family] && i < KEYS; i++) {
			struct packet_key key = random_key(regions[family]);
			struct plane_answer answer;
			plane_look_up(plane, &key, &answer);
			if (!answer_is_right(plane, regions[family], &key, &answer))
				print_error("seed %#llx, key %d\n", (unsigned long long)seed, i);
			assert_true(answer_is_right(plane, regions[family], &key, &answer));
		}
	buffer_fini(&why);
	plane_free(plane);
}

static void tables_answer_as_the_region(void **state)
{
	(void)state;
	for (int round = 0; round < 40; round++) {
		uint64_t seed = seed_of(round);
		struct region *four = random_region(FAMILY_IPV4, 1u << random_below(10));
		struct region *six = random_region(FAMILY_IPV6, 1u << random_below(10));
		const struct region *regions[FAMILY_COUNT] = {four, six};
		build_and_compare(regions, seed);
		random_region_free(four);
		random_region_free(six);
	}
}

static void no_region_drops_nothing(void **state)
{
	(void)state;
	const struct region *regions[FAMILY_COUNT] = {NULL, NULL};
	struct plane *plane = NULL;
	assert_int_equal(plane_build(regions, &plane), 0);
	struct buffer why = {0};
	assert_int_equal(plane_prove(plane, regions, &why), 0);
	struct packet_key key = {.family = 4, .protocol = 6};
	struct plane_answer answer;
	plane_look_up(plane, &key, &answer);
	assert_int_equal(answer.drop, 0);
	plane_free(plane);
}

/* Words all over the blob, up to 1,500 for each region, are changed one at a time: the proof fails, or none
 * of 30 random keys is answered in another way. */
static void damage_is_found(void **state)
{
	(void)state;
	for (int round = 0; round < 6; round++) {
		uint64_t seed = seed_of(1000 + round);
		struct region *region = random_region(round % 2 ? FAMILY_IPV6 : FAMILY_IPV4, 30);
		const struct region *regions[FAMILY_COUNT] = {NULL, NULL};
		regions[region->family] = region;
		struct plane *plane = NULL;
		assert_int_equal(plane_build(regions, &plane), 0);
		uint32_t *words = (uint32_t *)plane->blob;
		size_t count = ((struct plane_header *)plane->blob)->size / 4;
		size_t found = 0, tried = 0;
		for (size_t i = 0; i < count; i += words[i] ? 1 : 1 + random_below(2000)) {
			if (i >= 1 + count / 2 && round < 2 && random_below(40))
				continue;
			uint32_t before = words[i];
			words[i] ^= random_below(2) ? 1u << random_below(32) : (uint32_t)random_next();
			struct buffer why = {0};
			int proof = words[i] == before ? -EILSEQ : plane_prove(plane, regions, &why);
			tried++;
			found += proof != 0;
			for (int k = 0; proof == 0 && k < 30; k++) {
				struct packet_key key = random_key(region);
				struct plane_answer answer;
				plane_look_up(plane, &key, &answer);
				if (!answer_is_right(plane, region, &key, &answer))
					print_error("seed %#llx: word %zu\n", (unsigned long long)seed, i);
				assert_true(answer_is_right(plane, region, &key, &answer));
			}
			words[i] = before;
			buffer_fini(&why);
			if (tried > 1500)
				break;
		}
		assert_true(found > 0);
		plane_free(plane);
		random_region_free(region);
	}
}

/* Bans and listeners take the short ways: single sources by hash, everybody else passes at once, pairs in the
 * table of the first run, counters by leaf. */
static void hosts_take_the_short_ways(void **state)
{
	(void)state;
	for (int family = 0; family < FAMILY_COUNT; family++)
		for (uint32_t bans = 1; bans <= 3000; bans = bans * 3 + 5) {
			uint64_t seed = seed_of(3000 + (int)bans);
			struct region *region = host_region((enum family)family, bans);
			const struct region *regions[FAMILY_COUNT] = {NULL, NULL};
			regions[family] = region;
			build_and_compare(regions, seed);
			struct plane *plane = NULL;
			assert_int_equal(plane_build(regions, &plane), 0);
			const struct plane_family *tables =
			    &((const struct plane_header *)plane->blob)->families[family];
			assert_int_equal(tables->source.entries != 0, bans >= 8);
			assert_int_equal(tables->others_pass, bans >= 8);
			assert_true(tables->fast.entries != 0);
			struct packet_key key = {.family = family ? 6 : 4, .protocol = 6, .length = 60};
			struct plane_answer answer;
			put_address(region->family, region->units[0].predicate->ranges[0].low, key.source);
			plane_look_up(plane, &key, &answer);
			assert_int_equal(answer.drop, 1);
			assert_int_equal(answer.hit_count, 1);
			key.source[family] += 1;
			plane_look_up(plane, &key, &answer);
			assert_int_equal(answer.drop, 0);
			plane_free(plane);
			random_region_free(region);
		}
}

static int prove(const struct plane *plane, const struct region *const regions[FAMILY_COUNT])
{
	struct buffer why = {0};
	int proof = plane_prove(plane, regions, &why);
	buffer_fini(&why);
	return proof;
}

/* Each word of the short ways, changed alone, is found by the proof itself. */
static void damage_to_the_short_ways_is_found(void **state)
{
	(void)state;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		seed_of(4000);
		struct region *region = host_region((enum family)family, 100);
		const struct region *regions[FAMILY_COUNT] = {NULL, NULL};
		regions[family] = region;
		struct plane *plane = NULL;
		assert_int_equal(plane_build(regions, &plane), 0);
		struct plane_family *tables = &((struct plane_header *)plane->blob)->families[family];
		uint32_t *words[] = {&tables->direct_slot, &tables->direct_pair_slot, &tables->fast.entries,
				     &tables->fast.displacements, &tables->root};
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			*words[i] += 64;
			assert_int_equal(prove(plane, regions), -EILSEQ);
			*words[i] -= 64;
		}
		size_t size = family ? sizeof(struct plane_exact6) : sizeof(struct plane_exact4);
		size_t next =
		    family ? offsetof(struct plane_exact6, next) : offsetof(struct plane_exact4, next);
		size_t count = (size_t)1 << (64 - tables->source.shift), damaged = 0;
		for (size_t i = 0; i < count; i++) {
			uint32_t *entry =
			    (uint32_t *)(plane->blob + tables->source.entries + i * size + next);
			if (!*entry)
				continue;
			*entry ^= PLANE_DROP;
			assert_int_equal(prove(plane, regions), -EILSEQ);
			*entry ^= PLANE_DROP;
			damaged++;
		}
		assert_int_equal(damaged, 100);
		/* A displacement that sends a ban elsewhere lets it through: the region says drop. Those of
		 * buckets with nothing in them do not matter. */
		uint16_t *displacements = (uint16_t *)(plane->blob + tables->source.displacements);
		size_t buckets = (size_t)1 << (64 - tables->source.bucket_shift), found = 0;
		for (size_t i = 0; i < buckets; i++) {
			displacements[i] ^= 0x5555;
			bool through = false;
			for (size_t k = 0; k < 100; k++) {
				struct packet_key key = {
				    .family = family ? 6 : 4, .protocol = 6, .length = 60};
				struct plane_answer answer;
				put_address(region->family, region->units[0].predicate->ranges[k].low,
					    key.source);
				plane_look_up(plane, &key, &answer);
				through |= !answer.drop;
			}
			int proof = prove(plane, regions);
			assert_true(!through || proof == -EILSEQ);
			found += through;
			displacements[i] ^= 0x5555;
		}
		assert_true(found > 0);
		assert_int_equal(prove(plane, regions), 0);
		plane_free(plane);
		random_region_free(region);
	}
	/* Not all others pass where a prefix is banned, too. */
	seed_of(4001);
	struct region *region = random_region(FAMILY_IPV4, 100);
	const struct region *regions[FAMILY_COUNT] = {region, NULL};
	struct plane *plane = NULL;
	assert_int_equal(plane_build(regions, &plane), 0);
	struct plane_family *tables = &((struct plane_header *)plane->blob)->families[0];
	assert_int_equal(tables->others_pass, 0);
	tables->others_pass = 1;
	assert_int_equal(prove(plane, regions), -EILSEQ);
	plane_free(plane);
	random_region_free(region);
}

static void credits_are_proven(void **state)
{
	(void)state;
	seed_of(2000);
	struct region *region = random_region(FAMILY_IPV4, 50);
	const struct region *regions[FAMILY_COUNT] = {region, NULL};
	struct plane *plane = NULL;
	assert_int_equal(plane_build(regions, &plane), 0);
	assert_true(plane->credit_count > 10);
	for (size_t i = 0; i < plane->credit_count; i++) {
		struct plane_credit before = plane->credits[i];
		struct buffer why = {0};
		if (i % 2)
			plane->credits[i].element++;
		else
			plane->credits[i].unit = (before.unit + 1) % (uint32_t)region->unit_count;
		int proof = plane_prove(plane, regions, &why);
		plane->credits[i] = before;
		/* Slots of leaves that no terminal reaches are never bumped, and all others are in use here.
		 */
		assert_int_equal(proof, -EILSEQ);
		buffer_fini(&why);
	}
	plane_free(plane);
	random_region_free(region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tables_answer_as_the_region),
	    cmocka_unit_test(no_region_drops_nothing),
	    cmocka_unit_test(damage_is_found),
	    cmocka_unit_test(hosts_take_the_short_ways),
	    cmocka_unit_test(damage_to_the_short_ways_is_found),
	    cmocka_unit_test(credits_are_proven),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
