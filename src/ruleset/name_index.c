/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset/name_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

struct entry {
	struct text name;
	void *object; /* NULL: free */
};

struct name_index {
	uint64_t seed;
	size_t count, capacity; /* capacity is a power of two */
	struct entry *entries;
};

uint64_t name_index_seed(void)
{
	uint64_t seed = 0x9e3779b97f4a7c15u;
	const void *random =
	    (const void *)getauxval(AT_RANDOM); /* 16 bytes from the kernel, see getauxval(3) */
	if (random)
		memcpy(&seed, random, sizeof(seed));
	return seed;
}

static uint64_t name_hash(uint64_t seed, struct text name)
{
	uint64_t hash = seed ^ name.size;
	for (size_t i = 0; i < name.size; i++) {
		hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	return hash * 0xff51afd7ed558ccdu;
}

static struct entry *entry_find(const struct name_index *index, struct text name)
{
	size_t at = (size_t)(name_hash(index->seed, name) >> 20);
	for (;; at++) { /* ends: a quarter of the entries is free */
		struct entry *entry = &index->entries[at & (index->capacity - 1)];
		if (!entry->object || text_equal(entry->name, name))
			return entry;
	}
}

static int index_grow(struct arena *arena, struct name_index *index)
{
	struct name_index grown = *index;
	grown.capacity = index->capacity ? index->capacity * 2 : 16;
	grown.entries = arena_array(arena, grown.capacity, sizeof(*grown.entries));
	if (!grown.entries)
		return -ENOMEM;
	for (size_t i = 0; i < index->capacity; i++)
		if (index->entries[i].object)
			*entry_find(&grown, index->entries[i].name) = index->entries[i];
	*index = grown;
	return 0;
}

int name_index_add(struct arena *arena, struct name_index **index, struct text name, void *object)
{
	if (!*index) {
		struct name_index *fresh = arena_alloc(arena, sizeof(*fresh));
		if (!fresh)
			return -ENOMEM;
		fresh->seed = name_index_seed();
		*index = fresh;
	}
	if (name_index_find(*index, name))
		return -EEXIST;
	if ((*index)->count >= (*index)->capacity / 4 * 3 && index_grow(arena, *index) < 0)
		return -ENOMEM;
	*entry_find(*index, name) = (struct entry){name, object};
	(*index)->count++;
	return 0;
}

void *name_index_find(const struct name_index *index, struct text name)
{
	return index && index->capacity ? entry_find(index, name)->object : NULL;
}
