/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Token buckets by address and port: rateinfo_init(), rateinfo_recalc() and hashlimit_mt_common() in
 * net/netfilter/xt_hashlimit.c, revision 3. Time is in jiffies. Arithmetic wraps where the kernel's does. */
#include "extension/hashlimit.h"

#include "extension/session.h"

#include <errno.h>
#include <string.h>

#define BYTE_SHIFT 4 /* XT_HASHLIMIT_BYTE_SHIFT */
/* CREDITS_PER_JIFFY and CREDITS_PER_JIFFY_BYTES: powers of two below what lets a day's jiffies fit in 64
 * bits, and a second's in 32. */
#define CREDITS ((uint64_t)1 << 39)
#define CREDITS_BYTES ((uint64_t)1 << 24)
_Static_assert(CREDITS <= UINT64_MAX / ((uint64_t)RATE_HZ * 86400) &&
		   CREDITS * 2 > UINT64_MAX / ((uint64_t)RATE_HZ * 86400),
	       "credits a jiffy");
_Static_assert(CREDITS_BYTES <= UINT32_MAX / RATE_HZ && CREDITS_BYTES * 2 > UINT32_MAX / RATE_HZ,
	       "credits a jiffy, of bytes");
#define CREDIT_CAP_BYTES (CREDITS_BYTES * RATE_HZ)

/* A host of more than 1 GB takes 8192 buckets when no --hashlimit-htable-size is given, and eight entries for
 * each when there is no --hashlimit-htable-max. */
#define SIZE_DEFAULT 8192u
#define MAX_FACTOR 8u

#define NONE UINT32_MAX

struct entry {
	struct hashlimit_key key;
	uint32_t next; /* in its bucket, or of the free ones */
	bool window;   /* the last interval was above the rate */
	uint64_t expires, before;
	uint64_t credit, credit_cap;
	uint64_t current; /* of a rate match: counted in this interval */
};

struct hashlimit_table {
	struct rate_memory common;
	/* When the table was made, when old entries were last looked for, and the latest packet's time: a
	 * capture may step back, jiffies do not. */
	uint64_t begun, swept, latest;
	struct entry *entries;
	uint32_t *buckets; /* capacity of them, a power of two */
	uint32_t capacity, used, count, free;
};

size_t hashlimit_table_size(void)
{
	return sizeof(struct hashlimit_table);
}

static uint64_t credits_of(uint64_t user)
{
	return user * (RATE_HZ * CREDITS / HASHLIMIT_SCALE); /* user2credits() */
}

static uint32_t credits_of_bytes(uint32_t user)
{
	return (uint32_t)((uint64_t)user * CREDIT_CAP_BYTES >> 32); /* user2credits_byte() */
}

uint64_t hashlimit_bytes(uint64_t cost)
{
	uint64_t chunks = cost ? UINT32_MAX / cost : UINT32_MAX;

	return (chunks - 1) << BYTE_SHIFT;
}

uint64_t hashlimit_cost(uint64_t bytes)
{
	uint32_t chunks = (uint32_t)(bytes >> BYTE_SHIFT) + 1;

	return chunks ? UINT32_MAX / chunks : 0;
}

int hashlimit_check(const struct hashlimit *config)
{
	if (config->gc_interval == 0 || config->expire == 0)
		return -EINVAL;
	if (config->mode & HASHLIMIT_RATE_MATCH)
		return config->average == 0 || config->average > UINT32_MAX ? -ERANGE
		       : config->interval == 0                              ? -EINVAL
									    : 0;
	if (config->mode & HASHLIMIT_BYTES)
		return credits_of_bytes((uint32_t)config->average) ? 0 : -ERANGE;
	if (config->burst == 0 || credits_of(config->average * config->burst) < credits_of(config->average))
		return -ERANGE;
	return 0;
}

static uint64_t hash_of(const struct hashlimit_key *key)
{
	uint64_t hash = (uint64_t)key->source ^ (uint64_t)(key->source >> 64) * 0x9e3779b97f4a7c15ull;

	hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9ull;
	hash ^= (uint64_t)key->destination ^ (uint64_t)(key->destination >> 64) * 0x9e3779b97f4a7c15ull;
	hash = (hash ^ hash >> 32) * 0x94d049bb133111ebull;
	hash ^= (uint64_t)key->source_port << 16 | key->destination_port;
	hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9ull;
	return hash ^ hash >> 32;
}

static bool same_key(const struct hashlimit_key *a, const struct hashlimit_key *b)
{
	return a->source == b->source && a->destination == b->destination &&
	       a->source_port == b->source_port && a->destination_port == b->destination_port;
}

static bool grow(struct hashlimit_table *table, struct session *session)
{
	uint32_t capacity = table->capacity ? table->capacity * 2 : 64;
	struct entry *entries = session_alloc(session, capacity * sizeof(*entries));
	uint32_t *buckets = session_alloc(session, capacity * sizeof(*buckets));

	if (!entries || !buckets)
		return false;
	if (table->used)
		memcpy(entries, table->entries, table->used * sizeof(*entries));
	memset(buckets, 0xff, capacity * sizeof(*buckets)); /* NONE */
	for (uint32_t old = 0; old < table->capacity; old++)
		for (uint32_t i = table->buckets[old]; i != NONE;) {
			uint32_t next = entries[i].next, to = hash_of(&entries[i].key) & (capacity - 1);
			entries[i].next = buckets[to];
			buckets[to] = i;
			i = next;
		}
	if (!table->capacity)
		table->free = NONE;
	table->entries = entries;
	table->buckets = buckets;
	table->capacity = capacity;
	return true;
}

static uint64_t jiffies_of(uint32_t milliseconds)
{
	return ((uint64_t)milliseconds * RATE_HZ + 999) / 1000;
}

/* The last time that htable_gc() ran, which is every gc_interval. */
static uint64_t last_sweep(const struct hashlimit_table *table, const struct hashlimit *config, uint64_t now)
{
	uint64_t every = jiffies_of(config->gc_interval);

	return table->begun + (now - table->begun) / every * every;
}

/* Takes out what was swept away since. Found entries are looked at one by one; all of them only when there is
 * no place for another. */
static void sweep(struct hashlimit_table *table, uint64_t when)
{
	for (uint32_t bucket = 0; bucket < table->capacity; bucket++)
		for (uint32_t *link = &table->buckets[bucket]; *link != NONE;) {
			uint32_t index = *link;
			struct entry *entry = &table->entries[index];
			if (entry->expires > when) {
				link = &entry->next;
				continue;
			}
			*link = entry->next;
			entry->next = table->free;
			table->free = index;
			table->count--;
		}
	table->swept = when;
}

static void entry_begin(struct entry *entry, const struct hashlimit *config, uint64_t now)
{
	entry->before = now;
	entry->window = false;
	entry->current = 0;
	if (config->mode & HASHLIMIT_BYTES) {
		entry->credit = CREDIT_CAP_BYTES;
		entry->credit_cap = config->burst; /* how often it may be filled again at once */
	} else {
		entry->credit = entry->credit_cap = credits_of(config->average * config->burst);
	}
}

static uint64_t rate_of(const struct hashlimit *config)
{
	return config->mode & HASHLIMIT_BYTES ? hashlimit_bytes((uint32_t)config->average)
					      : HASHLIMIT_SCALE / config->average;
}

static void entry_refill(struct entry *entry, const struct hashlimit *config, uint64_t now)
{
	uint64_t passed = now - entry->before, cap = entry->credit_cap, credit = entry->credit;

	if (passed == 0)
		return;
	if (config->mode & HASHLIMIT_RATE_MATCH) {
		uint64_t interval = (uint64_t)config->interval * RATE_HZ;
		if (passed < interval)
			return;
		entry->before = now;
		entry->window = entry->current * interval > passed * rate_of(config);
		entry->current = 0;
		return;
	}
	entry->before = now;
	if (config->mode & HASHLIMIT_BYTES) {
		entry->credit += CREDITS_BYTES * passed;
		cap = CREDIT_CAP_BYTES;
		if (credit >= entry->credit)
			entry->credit = cap;
	} else {
		entry->credit += passed * CREDITS;
	}
	if (entry->credit > cap)
		entry->credit = cap;
}

static struct entry *find(struct hashlimit_table *table, struct session *session,
			  const struct hashlimit *config, const struct hashlimit_key *key, uint64_t now,
			  bool *full)
{
	uint32_t size = config->size ? config->size : SIZE_DEFAULT;
	uint32_t max = config->max == 0 ? MAX_FACTOR * size : config->max < size ? size : config->max;
	uint64_t swept = last_sweep(table, config, now);
	uint64_t hash = hash_of(key);

	for (uint32_t i = table->capacity ? table->buckets[hash & (table->capacity - 1)] : NONE; i != NONE;
	     i = table->entries[i].next) {
		struct entry *entry = &table->entries[i];
		if (!same_key(&entry->key, key))
			continue;
		if (entry->expires <= swept)
			entry_begin(entry, config, now);
		else
			entry_refill(entry, config, now);
		return entry;
	}
	if (table->count >= max && swept > table->swept)
		sweep(table, swept);
	if (table->count >= max) {
		*full = true;
		return NULL;
	}
	uint32_t index = table->capacity ? table->free : NONE;
	if (index == NONE) {
		if (table->used == table->capacity && !grow(table, session))
			return NULL;
		index = table->used++;
	} else {
		table->free = table->entries[index].next;
	}
	struct entry *entry = &table->entries[index];
	uint32_t *bucket = &table->buckets[hash & (table->capacity - 1)];
	*entry = (struct entry){.key = *key, .next = *bucket};
	*bucket = index;
	table->count++;
	entry_begin(entry, config, now);
	return entry;
}

static uint64_t cost_of(struct entry *entry, const struct hashlimit *config, uint32_t length)
{
	if (!(config->mode & HASHLIMIT_BYTES))
		return credits_of(config->average);
	uint64_t cost = (uint64_t)((length >> BYTE_SHIFT) + 1) * credits_of_bytes((uint32_t)config->average);
	if (cost > CREDIT_CAP_BYTES)
		cost = CREDIT_CAP_BYTES;
	if (entry->credit < cost && entry->credit_cap) {
		entry->credit_cap--;
		entry->credit = CREDIT_CAP_BYTES;
	}
	return cost;
}

static bool rate_match(struct entry *entry, const struct hashlimit *config, uint32_t length)
{
	uint64_t rate = rate_of(config), burst;

	if (config->mode & HASHLIMIT_BYTES)
		burst = config->burst ? config->burst * rate : rate;
	else
		burst = config->burst + rate;
	entry->current += config->mode & HASHLIMIT_BYTES ? length : 1;
	return !entry->window && entry->current <= burst;
}

enum truth hashlimit_count(struct hashlimit_table *table, struct session *session,
			   const struct hashlimit *config, const struct hashlimit_key *key, uint64_t now,
			   uint32_t length, bool *full)
{
	if (!table->capacity)
		table->begun = table->swept = now;
	if (now < table->latest)
		now = table->latest;
	table->latest = now;
	struct entry *entry = find(table, session, config, key, now, full);
	if (!entry)
		return TRUTH_UNKNOWN;
	entry->expires = now + jiffies_of(config->expire);
	if (config->mode & HASHLIMIT_RATE_MATCH)
		return truth_of(rate_match(entry, config, length));
	uint64_t cost = cost_of(entry, config, length);
	if (entry->credit < cost)
		return TRUTH_NO;
	entry->credit -= cost;
	return TRUTH_YES;
}
