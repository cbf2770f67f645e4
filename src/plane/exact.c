/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Exact tables: a perfect hash of keys that are an address and a point (layout.h). Buckets are given their
 * displacements one by one, those with most keys first, while there is most room. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FACTORS 16
#define ROOM_MAX 4 /* times that the table is doubled for want of a hash */
#define DISPLACEMENTS 65536u

/* Odd numbers without a pattern (splitmix64). */
static uint64_t factor_of(uint32_t i)
{
	uint64_t z = (i + 1) * 0x9e3779b97f4a7c15ull;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) | 1;
}

struct placing {
	enum family family;
	const struct exact_key *keys;
	size_t count;
	struct plane_exact exact;
	size_t bucket_count;
	uint64_t *hashes;        /* by key */
	uint32_t *first;         /* of each bucket, in members; one more at the end */
	uint32_t *members;       /* keys by bucket */
	uint32_t *order;         /* buckets, the fullest first */
	uint16_t *displacements; /* by bucket */
	uint8_t *used;           /* by entry */
	uint32_t *entry_of;      /* by key */
};

static void placing_fini(struct placing *placing)
{
	free(placing->hashes);
	free(placing->first);
	free(placing->members);
	free(placing->order);
	free(placing->displacements);
	free(placing->used);
	free(placing->entry_of);
}

static int placing_init(struct placing *placing, uint32_t bits)
{
	uint32_t bucket_bits = bits > 2 ? bits - 2 : 1;
	size_t count = placing->count;

	placing->exact.shift = 64 - bits;
	placing->exact.bucket_shift = 64 - bucket_bits;
	placing->bucket_count = (size_t)1 << bucket_bits;
	placing->hashes = calloc(count + 1, sizeof(*placing->hashes));
	placing->first = calloc(placing->bucket_count + 2, sizeof(*placing->first));
	placing->members = calloc(count + 1, sizeof(*placing->members));
	placing->order = calloc(placing->bucket_count, sizeof(*placing->order));
	placing->displacements = calloc(placing->bucket_count, sizeof(*placing->displacements));
	placing->used = calloc((size_t)1 << bits, 1);
	placing->entry_of = calloc(count + 1, sizeof(*placing->entry_of));
	return placing->hashes && placing->first && placing->members && placing->order &&
		       placing->displacements && placing->used && placing->entry_of
		   ? 0
		   : -ENOMEM;
}

static void fill_buckets(struct placing *placing)
{
	uint32_t *first = placing->first;

	memset(first, 0, (placing->bucket_count + 2) * sizeof(*first));
	for (size_t i = 0; i < placing->count; i++) {
		const struct exact_key *key = &placing->keys[i];
		placing->hashes[i] =
		    placing->family == FAMILY_IPV4
			? plane_exact_hash(&placing->exact, (uint64_t)key->address, 0, key->point, 4)
			: plane_exact_hash(&placing->exact, (uint64_t)(key->address >> 64),
					   (uint64_t)key->address, key->point, 6);
		first[plane_exact_bucket(&placing->exact, placing->hashes[i]) + 2]++;
	}
	for (size_t i = 2; i < placing->bucket_count + 2; i++)
		first[i] += first[i - 1];
	for (size_t i = 0; i < placing->count; i++)
		placing->members[first[plane_exact_bucket(&placing->exact, placing->hashes[i]) + 1]++] =
		    (uint32_t)i;
}

static uint32_t bucket_size(const struct placing *placing, size_t bucket)
{
	return placing->first[bucket + 1] - placing->first[bucket];
}

static int order_buckets(struct placing *placing)
{
	uint32_t most = 0, at = 0;

	for (size_t i = 0; i < placing->bucket_count; i++)
		most = bucket_size(placing, i) > most ? bucket_size(placing, i) : most;
	uint32_t *begin = calloc((size_t)most + 2, sizeof(*begin));
	if (!begin)
		return -ENOMEM;
	for (size_t i = 0; i < placing->bucket_count; i++)
		begin[bucket_size(placing, i)]++;
	for (uint32_t size = most + 1; size-- > 0;) {
		uint32_t count = begin[size];
		begin[size] = at;
		at += count;
	}
	for (size_t i = 0; i < placing->bucket_count; i++)
		placing->order[begin[bucket_size(placing, i)]++] = (uint32_t)i;
	free(begin);
	return 0;
}

/* Takes the entries that the bucket's keys have with that displacement, if all of them are free. */
static bool try_displacement(struct placing *placing, uint32_t bucket, uint32_t displacement)
{
	uint32_t begin = placing->first[bucket], end = placing->first[bucket + 1], i;

	for (i = begin; i < end; i++) {
		uint32_t key = placing->members[i];
		uint64_t entry = plane_exact_index(&placing->exact, placing->hashes[key], displacement);
		if (placing->used[entry])
			break;
		placing->used[entry] = 1;
		placing->entry_of[key] = (uint32_t)entry;
	}
	if (i == end)
		return true;
	while (i > begin)
		placing->used[placing->entry_of[placing->members[--i]]] = 0;
	return false;
}

/* 1: every key has an entry of its own. */
static int place(struct placing *placing)
{
	fill_buckets(placing);
	int result = order_buckets(placing);
	if (result)
		return result;
	memset(placing->used, 0, (size_t)1 << (64 - placing->exact.shift));
	for (size_t i = 0; i < placing->bucket_count; i++) {
		uint32_t bucket = placing->order[i], displacement = 0;
		while (displacement < DISPLACEMENTS && !try_displacement(placing, bucket, displacement))
			displacement++;
		if (displacement == DISPLACEMENTS)
			return 0;
		placing->displacements[bucket] = (uint16_t)displacement;
	}
	return 1;
}

static void write_entry(uint8_t *entries, enum family family, const struct exact_key *key, uint32_t index)
{
	if (family == FAMILY_IPV4) {
		struct plane_exact4 four = {(uint64_t)key->address << 24 | key->point, key->value, 0};
		memcpy(entries + (size_t)index * sizeof(four), &four, sizeof(four));
		return;
	}
	struct plane_exact6 six = {.address = {(uint64_t)(key->address >> 64), (uint64_t)key->address},
				   .value = key->value,
				   .point = key->point};
	memcpy(entries + (size_t)index * sizeof(six), &six, sizeof(six));
}

static size_t entry_size(enum family family)
{
	return family == FAMILY_IPV4 ? sizeof(struct plane_exact4) : sizeof(struct plane_exact6);
}

static int write_table(struct build *build, struct placing *placing, struct plane_exact *exact)
{
	size_t entries = (size_t)1 << (64 - placing->exact.shift);
	int result =
	    blob_reserve(build->blob, entries * entry_size(build->family), 64, &placing->exact.entries);

	if (result == 0)
		result = blob_reserve(build->blob, placing->bucket_count * sizeof(uint16_t), 64,
				      &placing->exact.displacements);
	if (result)
		return result;
	memcpy(blob_at(build->blob, placing->exact.displacements), placing->displacements,
	       placing->bucket_count * sizeof(uint16_t));
	for (size_t i = 0; i < placing->count; i++)
		write_entry(blob_at(build->blob, placing->exact.entries), build->family, &placing->keys[i],
			    placing->entry_of[i]);
	*exact = placing->exact;
	return 0;
}

uint32_t exact_bits(size_t count)
{
	uint32_t bits = 1;

	while (((size_t)3 << bits) / 4 < count)
		bits++;
	return bits;
}

int exact_build(struct build *build, const struct exact_key *keys, size_t count, struct plane_exact *exact)
{
	uint32_t bits = exact_bits(count);
	int result = 0;

	for (uint32_t end = bits + ROOM_MAX; result == 0 && bits < end; bits++) {
		struct placing placing = {.family = build->family, .keys = keys, .count = count};
		result = placing_init(&placing, bits);
		for (uint32_t i = 0; result == 0 && i < FACTORS; i++) {
			placing.exact.factor = factor_of(i);
			result = place(&placing);
		}
		if (result > 0) {
			result = write_table(build, &placing, exact);
			placing_fini(&placing);
			return result;
		}
		placing_fini(&placing);
	}
	return result ? result : -E2BIG;
}

void exact_set_next(const struct build *build, const struct plane_exact *exact,
		    uint32_t (*next)(const void *context, uint32_t value), const void *context)
{
	size_t size = entry_size(build->family), count = (size_t)1 << (64 - exact->shift);
	uint8_t *entries = blob_at(build->blob, exact->entries);
	size_t value = build->family == FAMILY_IPV4 ? offsetof(struct plane_exact4, value)
						    : offsetof(struct plane_exact6, value);
	for (size_t at = 0; at < count * size; at += size) {
		uint32_t words[2]; /* value and next, side by side in both */
		memcpy(words, entries + at + value, sizeof(words));
		if (!words[0])
			continue;
		words[1] = next(context, words[0]);
		memcpy(entries + at + value, words, sizeof(words));
	}
}
