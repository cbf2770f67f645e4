/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16u
#define BLOCK_SIZE (64u << 10)
#define LARGE_SIZE (BLOCK_SIZE / 4) /* gets a block of its own */

struct block {
	struct block *next;
	size_t size, used; /* of the bytes behind the header */
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena {
	struct block *blocks; /* the first one is being filled */
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size == 0)
		size = ALIGNMENT;
	struct block *block = arena->blocks;
	if (!block || block->size - block->used < size) {
		size_t room = size > LARGE_SIZE ? size : BLOCK_SIZE;
		struct block *fresh = calloc(1, sizeof(*fresh) + room);
		if (!fresh)
			return NULL;
		fresh->size = room;
		if (block && room == size) { /* keep filling the block in front */
			fresh->next = block->next;
			block->next = fresh;
		} else {
			fresh->next = block;
			arena->blocks = fresh;
		}
		block = fresh;
	}
	void *object = block->bytes + block->used;
	block->used += size;
	return object;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return arena_alloc(arena, total);
}

char *arena_copy(struct arena *arena, const char *data, size_t size)
{
	if (size == SIZE_MAX)
		return NULL;
	char *copy = arena_alloc(arena, size + 1);
	if (copy && size)
		memcpy(copy, data, size);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	char *text = NULL;
	int size = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (size < 0)
		return NULL;
	char *copy = arena_copy(arena, text, (size_t)size);
	free(text);
	return copy;
}

void *arena_push(struct arena *arena, void **array, size_t *count, size_t *capacity, size_t size)
{
	if (*count == *capacity) {
		size_t room = *capacity ? *capacity : 4;
		if (*capacity && __builtin_mul_overflow(room, 2, &room))
			return NULL;
		void *moved = arena_array(arena, room, size);
		if (!moved)
			return NULL;
		if (*count)
			memcpy(moved, *array, *count * size);
		*array = moved;
		*capacity = room;
	}
	return (unsigned char *)*array + (*count)++ * size;
}
