/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A session's memory, found by hash of the owner's address or of a name. */
#include "extension/session.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

struct memory {
	const void *owner;
	const char *name; /* or NULL */
	void *data;       /* NULL: free slot */
};

struct session {
	struct arena *arena;
	uint64_t state; /* of the random numbers */
	struct memory *slots;
	size_t count, capacity; /* capacity: a power of two */
};

struct session *session_new(uint64_t seed)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->state = seed;
	session->capacity = 64;
	session->arena = arena_new();
	session->slots = calloc(session->capacity, sizeof(*session->slots));
	if (!session->arena || !session->slots) {
		session_free(session);
		return NULL;
	}
	return session;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	arena_free(session->arena);
	free(session->slots);
	free(session);
}

static uint64_t mix(uint64_t z) /* splitmix64 */
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

static struct memory *slot_of(const struct session *session, const void *owner, const char *name)
{
	uint64_t hash = (uint64_t)(uintptr_t)owner;

	for (const char *at = name; at && *at; at++)
		hash = hash * 31 + (unsigned char)*at;
	for (size_t i = (size_t)mix(hash);; i++) {
		struct memory *slot = &session->slots[i & (session->capacity - 1)];
		if (!slot->data || (slot->owner == owner && !slot->name == !name &&
				    (!name || strcmp(slot->name, name) == 0)))
			return slot;
	}
}

static bool grow(struct session *session)
{
	struct memory *before = session->slots;
	size_t capacity = session->capacity;
	struct memory *slots = calloc(capacity * 2, sizeof(*slots));

	if (!slots)
		return false;
	session->slots = slots;
	session->capacity = capacity * 2;
	for (size_t i = 0; i < capacity; i++)
		if (before[i].data)
			*slot_of(session, before[i].owner, before[i].name) = before[i];
	free(before);
	return true;
}

void *session_memory(struct session *session, const void *owner, const char *name, size_t size)
{
	struct memory *slot = slot_of(session, owner, name);

	if (slot->data)
		return slot->data;
	if (session->count * 2 >= session->capacity) {
		if (!grow(session))
			return NULL;
		slot = slot_of(session, owner, name);
	}
	const char *kept = name ? arena_copy(session->arena, name, strlen(name)) : NULL;
	void *data = session_alloc(session, size ? size : 1);
	if (!data || (name && !kept))
		return NULL;
	*slot = (struct memory){owner, kept, data};
	session->count++;
	return data;
}

void *session_alloc(struct session *session, size_t size)
{
	return arena_array(session->arena, 1, size);
}

uint32_t session_random(struct session *session)
{
	session->state += 0x9e3779b97f4a7c15ull;
	return (uint32_t)(mix(session->state) >> 32);
}
