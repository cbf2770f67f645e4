/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One arena for each thing that lives and dies together. Memory is zeroed, aligned for any object, and goes
 * away with arena_free() only. */
#ifndef WEIR_BASE_ARENA_H
#define WEIR_BASE_ARENA_H

#include <stddef.h>

struct arena;

/* NULL when memory is short. */
struct arena *arena_new(void);
void arena_free(struct arena *arena);
static inline void arena_cleanup(struct arena **arena)
{
	if (*arena)
		arena_free(*arena);
}

/* size bytes, zeroed; NULL when memory is short. A size of 0 gives a valid pointer. */
void *arena_alloc(struct arena *arena, size_t size);
/* count objects of size bytes; NULL also when count * size overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A copy with a NUL after it. */
char *arena_copy(struct arena *arena, const char *data, size_t size);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *arena, const char *format, ...);

/* Append space for one object to a growing array that lives in the arena: *array is moved when it must grow
 * (capacity doubles). Returns the new object's address, zeroed, or NULL when memory is short (array as it
 * was). */
void *arena_push(struct arena *arena, void **array, size_t *count, size_t *capacity, size_t size);

#endif
