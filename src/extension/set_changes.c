/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Members that packets added or deleted: ip_set_add() and ip_set_del() of the kernel
 * (net/netfilter/ipset/ip_set_core.c), mtype_add() and mtype_del() (ip_set_hash_gen.h).
 *
 * An addition from a rule cannot make the set's table grow: it fails when its bucket, which hangs on a random
 * number of the kernel's, is full. As long as a set has no more members than buckets that does not happen;
 * beyond that nothing is known of it. */
#include "extension/set_changes.h"

#include "extension/option.h"
#include "extension/session.h"
#include "extension/types.h"

#include <stdlib.h>
#include <string.h>

#define HASHSIZE_DEFAULT 1024u
#define MEMBERS_MAX (1u << 16)
#define SECOND 1000000000u
#define SLACK (SECOND / 50) /* a timeout is kept in ticks of at most 10 ms */

struct set_key {
	address value;
	uint8_t protocol;
	uint16_t port;
};

struct set_entry {
	struct set_key key;
	bool used;
	enum truth member;
	uint64_t expires; /* 0: never */
};

struct set_changes {
	bool unknown; /* the whole set */
	uint32_t count, capacity;
	struct set_entry *entries; /* open addressing */
};

static struct set_changes *changes_of(const struct evaluation *evaluation, const struct set *set)
{
	return evaluation->session
		   ? session_memory(evaluation->session, set, NULL, sizeof(struct set_changes))
		   : NULL;
}

/* A list:set hands additions on to the sets in it, whichever they are: then none is known. */
static bool *all_unknown(const struct evaluation *evaluation)
{
	return session_memory(evaluation->session, NULL, "SET list:set", sizeof(bool));
}

/* Which member the packet stands for. NO: none, adding and deleting do nothing. UNKNOWN: it is not known, or
 * the set's type is not followed. */
static enum truth key_of(const struct set_reference *reference, const struct packet *packet,
			 struct set_key *key)
{
	const struct set *set = reference->set;
	bool source = reference->source[0];

	memset(key, 0, sizeof(*key));
	if (reference->dimensions < set->dimensions)
		return TRUTH_NO;
	if (set->type != SET_HASH_IP && set->type != SET_HASH_IP_PORT)
		return TRUTH_UNKNOWN;
	if (set->type == SET_HASH_IP_PORT) {
		enum truth at_hand = match_set_port(packet, reference->source[1], &key->port);
		if (at_hand != TRUTH_YES)
			return at_hand;
		key->protocol = packet->protocol;
	}
	if (set->type == SET_HASH_NET || !(packet->known & (source ? KNOWN_SOURCE : KNOWN_DESTINATION)))
		return TRUTH_UNKNOWN;
	key->value = address_from_bytes(packet->family, source ? packet->source : packet->destination);
	key->value = set_masked(set, key->value);
	return truth_of(key->value != 0); /* hash_ip4_kadt(), hash_ipport4_kadt() */
}

static bool key_equal(const struct set_key *a, const struct set_key *b)
{
	return a->value == b->value && a->protocol == b->protocol && a->port == b->port;
}

static struct set_entry *place_of(const struct set_changes *changes, const struct set_key *key)
{
	uint64_t mixed = ((uint64_t)key->value ^ (uint64_t)(key->value >> 64) ^ (uint64_t)key->port << 40 ^
			  (uint64_t)key->protocol << 56) *
			 0x9e3779b97f4a7c15u;
	uint32_t at = (uint32_t)(mixed >> 32) & (changes->capacity - 1);

	while (changes->entries[at].used && !key_equal(&changes->entries[at].key, key))
		at = (at + 1) & (changes->capacity - 1);
	return &changes->entries[at];
}

static bool grow(struct set_changes *changes, struct session *session)
{
	struct set_changes grown = {.count = changes->count, .capacity = changes->capacity * 2};

	if (!grown.capacity)
		grown.capacity = 64;
	grown.entries = session_alloc(session, grown.capacity * sizeof(*grown.entries));
	if (!grown.entries)
		return false;
	memset(grown.entries, 0, grown.capacity * sizeof(*grown.entries));
	for (uint32_t i = 0; i < changes->capacity; i++)
		if (changes->entries[i].used)
			*place_of(&grown, &changes->entries[i].key) = changes->entries[i];
	*changes = grown;
	return true;
}

/* The entry of that key, made when there is none; NULL when there is no room. */
static struct set_entry *entry_of(struct set_changes *changes, struct session *session, const struct set *set,
				  const struct set_key *key)
{
	uint32_t hashsize = set->hashsize ? set->hashsize : HASHSIZE_DEFAULT;
	uint32_t limit = hashsize < set->maxelem ? hashsize : set->maxelem;

	if (limit > MEMBERS_MAX)
		limit = MEMBERS_MAX;
	if (changes->capacity) {
		struct set_entry *entry = place_of(changes, key);
		if (entry->used)
			return entry;
	}
	if (set->member_count >= limit || changes->count >= limit - set->member_count)
		return NULL;
	if (changes->count >= changes->capacity / 2 && !grow(changes, session))
		return NULL;
	struct set_entry *entry = place_of(changes, key);
	*entry = (struct set_entry){.key = *key, .used = true};
	changes->count++;
	return entry;
}

static enum truth entry_test(const struct set_entry *entry, const struct packet *packet)
{
	if (entry->member != TRUTH_YES || !entry->expires)
		return entry->member;
	if (!(packet->known & KNOWN_TIME) ||
	    (packet->time + SLACK >= entry->expires && packet->time <= entry->expires + SLACK))
		return TRUTH_UNKNOWN;
	return truth_of(packet->time < entry->expires);
}

static enum truth key_test(const struct set_changes *changes, const struct set_key *key,
			   const struct packet *packet, enum truth content)
{
	if (!changes->capacity)
		return content;
	const struct set_entry *entry = place_of(changes, key);
	return entry->used ? entry_test(entry, packet) : content;
}

enum truth set_changes_test(const struct set_reference *reference, const struct packet *packet,
			    const struct evaluation *evaluation, enum truth content)
{
	const struct set_changes *changes = changes_of(evaluation, reference->set);
	const bool *all = changes ? all_unknown(evaluation) : NULL;
	struct set_key key;

	if (reference->dimensions < reference->set->dimensions)
		return content;
	if (!all || *all || changes->unknown)
		return TRUTH_UNKNOWN;
	enum truth known = changes->capacity ? key_of(reference, packet, &key) : TRUTH_NO;
	if (known == TRUTH_NO)
		return content;
	return known == TRUTH_YES ? key_test(changes, &key, packet, content) : TRUTH_UNKNOWN;
}

/* The timeout starts; when the packet's time is not known, it may end at any time. */
static void entry_start(struct set_entry *entry, const struct set *set, const struct packet *packet,
			uint32_t timeout)
{
	if (timeout == SET_TIMEOUT_DEFAULT)
		timeout = set->timeout;
	entry->member = TRUTH_YES;
	entry->expires = 0;
	if (!set->has_timeout || !timeout)
		return;
	if (packet->known & KNOWN_TIME)
		entry->expires = packet->time + (uint64_t)timeout * SECOND;
	else
		entry->member = TRUTH_UNKNOWN;
}

void set_changes_note(const struct set_reference *reference, const struct packet *packet,
		      const struct evaluation *evaluation, enum set_change change, uint32_t timeout,
		      enum truth content)
{
	const struct set *set = reference->set;
	struct set_changes *changes = changes_of(evaluation, set);
	bool *all = changes ? all_unknown(evaluation) : NULL;
	struct set_key key;

	if (!all || *all || changes->unknown)
		return; /* without memory every test is UNKNOWN */
	enum truth known = key_of(reference, packet, &key);
	if (known == TRUTH_NO)
		return;
	*all |= text_is(set->type_name, "list:set");
	struct set_entry *entry = NULL;
	enum truth before = TRUTH_UNKNOWN;
	if (known == TRUTH_YES) {
		before = key_test(changes, &key, packet, content);
		entry = entry_of(changes, evaluation->session, set, &key);
	}
	if (!entry) {
		changes->unknown = true;
		return;
	}
	if (!evaluation->certain) {
		entry->member = TRUTH_UNKNOWN;
	} else if (change == SET_CHANGE_DELETE) {
		entry->member = TRUTH_NO;
	} else if (before == TRUTH_NO || change == SET_CHANGE_RENEW || !set->has_timeout) {
		entry_start(entry, set, packet, timeout);
	} else if (before == TRUTH_UNKNOWN) { /* its old timeout goes on, or a new one has begun */
		entry->member = TRUTH_UNKNOWN;
	} else if (entry->member != TRUTH_YES) { /* of the input, and without a timeout */
		entry->member = TRUTH_YES;
		entry->expires = 0;
	}
}
