/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What plane_build() grows: the blob, arrays, and a map from hashes to numbers. */
#include "plane/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int blob_reserve(struct blob *blob, size_t size, size_t align, uint32_t *offset)
{
	size_t at = (blob->size + align - 1) & ~(align - 1);
	if (size > PLANE_BYTES_MAX || at > PLANE_BYTES_MAX - size)
		return -E2BIG;
	if (at + size > blob->capacity) {
		size_t capacity = blob->capacity ? blob->capacity : 1u << 16;
		while (capacity < at + size)
			capacity *= 2;
		uint8_t *data = realloc(blob->data, capacity);
		if (!data)
			return -ENOMEM;
		blob->data = data;
		blob->capacity = capacity;
	}
	memset(blob->data + blob->size, 0, at + size - blob->size);
	blob->size = at + size;
	*offset = (uint32_t)at;
	return 0;
}

int hot_reserve(struct blob *blob, struct hot *hot, size_t size, size_t align, uint32_t *offset)
{
	uint32_t at = (hot->at + (uint32_t)align - 1) & ~((uint32_t)align - 1);
	if (at > hot->end || size > hot->end - at)
		return blob_reserve(blob, size, align, offset);
	*offset = at;
	hot->at = at + (uint32_t)size;
	return 0;
}

int array_reserve(void **array, size_t *capacity, size_t count, size_t size)
{
	if (count <= *capacity)
		return 0;
	size_t room = *capacity ? *capacity : 16;
	while (room < count)
		if (__builtin_mul_overflow(room, 2, &room))
			return -ENOMEM;
	void *grown = reallocarray(*array, room, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*capacity = room;
	return 0;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

hash128 hash_pair(uint64_t a, uint64_t b)
{
	uint64_t high = mix(mix(a + 0x9e3779b97f4a7c15ull) + b);
	uint64_t low = mix(mix(b + 0xd1b54a32d192ed03ull) ^ (a * 0x8cb92ba72f3d8dd7ull));
	return (hash128)high << 64 | low;
}

static size_t find_slot(const struct hash_map *map, hash128 key)
{
	size_t at = mix((uint64_t)key) & (map->capacity - 1);
	while (map->values[at] != BUILD_NONE && map->keys[at] != key)
		at = (at + 1) & (map->capacity - 1);
	return at;
}

static int grow(struct hash_map *map)
{
	struct hash_map larger = {.capacity = map->capacity ? map->capacity * 4 : 64, .count = map->count};
	larger.keys = reallocarray(NULL, larger.capacity, sizeof(*larger.keys));
	larger.values = reallocarray(NULL, larger.capacity, sizeof(*larger.values));
	if (!larger.keys || !larger.values) {
		hash_map_fini(&larger);
		return -ENOMEM;
	}
	memset(larger.values, 0xff, larger.capacity * sizeof(*larger.values));
	for (size_t i = 0; i < map->capacity; i++)
		if (map->values[i] != BUILD_NONE) {
			size_t at = find_slot(&larger, map->keys[i]);
			larger.keys[at] = map->keys[i];
			larger.values[at] = map->values[i];
		}
	hash_map_fini(map);
	*map = larger;
	return 0;
}

int hash_map_add(struct hash_map *map, hash128 key, uint32_t fresh, uint32_t *value)
{
	if (map->count >= map->capacity / 2) {
		int result = grow(map);
		if (result)
			return result;
	}
	size_t at = find_slot(map, key);
	if (map->values[at] == BUILD_NONE) {
		map->keys[at] = key;
		map->values[at] = fresh;
		map->count++;
	}
	*value = map->values[at];
	return 0;
}

void hash_map_fini(struct hash_map *map)
{
	free(map->keys);
	free(map->values);
	*map = (struct hash_map){0};
}
