/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * -m recent: lists of addresses seen, recent_mt() in net/netfilter/xt_recent.c. A list belongs to all rules
 * of both families that have its name: its mask is that of the rule that came first, and it keeps as many
 * times of each address as any of them wants. Where the masks differ the list is not known. */
#include "extension/guided.h"
#include "extension/rate.h"
#include "extension/session.h"
#include "extension/types.h"
#include "extension/unseen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

enum {
	RECENT_SET,
	RECENT_RCHECK,
	RECENT_UPDATE,
	RECENT_REMOVE,
	RECENT_SECONDS,
	RECENT_REAP,
	RECENT_HITCOUNT,
	RECENT_RTTL,
	RECENT_NAME,
	RECENT_MASK,
	RECENT_RSOURCE,
	RECENT_RDEST,
	RECENT_COUNT,
};

#define BIT(option) (1u << (option))
#define OPERATIONS (BIT(RECENT_SET) | BIT(RECENT_RCHECK) | BIT(RECENT_UPDATE) | BIT(RECENT_REMOVE))
#define NAME_SIZE_MAX 199u  /* XT_RECENT_NAME_LEN with its NUL: what is longer is cut off */
#define HITCOUNT_MAX 65535u /* 255 before Linux 6.11 */
#define LIST_MAX 100u       /* the module's ip_list_tot, unless it was told another */
#define STAMPS_DEFAULT 32u

struct recent_match {
	struct guided guided;
	unsigned operation;
	bool destination;
	uint32_t seconds, hitcount;
	uint8_t mask[16]; /* behind an IPv4 mask all ones, as iptables leaves them */
	struct text name;
	const struct ruleset *ruleset;
	char *memory_name;
};

struct recent_entry {
	uint8_t address[16];
	enum family family;
	uint8_t ttl;
	uint32_t index, count; /* where the next time goes, and how many there are */
	uint64_t *stamps;      /* jiffies */
};

/* Least recently seen first. */
struct recent_list {
	struct rate_memory common;
	uint32_t stamps; /* of each entry, a power of two */
	bool uses_ttl;
	uint64_t latest;
	unsigned count, made;
	struct recent_entry entries[LIST_MAX];
	uint64_t *free[LIST_MAX]; /* stamps of entries that went */
	unsigned free_count;
};

/* --- reading and printing */

static int name_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	struct text *name = &value->text;

	if (name->size > NAME_SIZE_MAX)
		name->size = NAME_SIZE_MAX;
	if (!name->size || memchr(name->data, '/', name->size) || text_is(*name, ".") || text_is(*name, ".."))
		return guided_refuse(parser, word, "a name without /");
	return 0;
}

/* As inet_aton() reads it, so that 24 is 0.0.0.24. */
static int mask_value(struct rule_parser *parser, const struct word *word, struct guided_value *value)
{
	char copy[64];
	struct in_addr mask;

	if (parser->family == FAMILY_IPV6 && address_parse(FAMILY_IPV6, word->text, &value->address) == 0)
		return 0;
	if (parser->family == FAMILY_IPV4 && word->text.size < sizeof(copy)) {
		memcpy(copy, word->text.data, word->text.size);
		copy[word->text.size] = '\0';
		if (inet_aton(copy, &mask)) {
			value->address = ntohl(mask.s_addr);
			return 0;
		}
	}
	return guided_refuse(parser, word, "an address mask such as 255.255.255.0 or ffff:ffff::");
}

static const struct guide guides[RECENT_COUNT] = {
    [RECENT_SET] = {.name = "--set", .flags = GUIDE_INVERTIBLE, .excludes = OPERATIONS},
    [RECENT_RCHECK] = {.name = "--rcheck", .flags = GUIDE_INVERTIBLE, .excludes = OPERATIONS},
    [RECENT_UPDATE] = {.name = "--update", .flags = GUIDE_INVERTIBLE, .excludes = OPERATIONS},
    [RECENT_REMOVE] = {.name = "--remove", .flags = GUIDE_INVERTIBLE, .excludes = OPERATIONS},
    [RECENT_SECONDS] = {.name = "--seconds", .kind = GUIDE_NUMBER, .min = 1, .max = UINT32_MAX},
    [RECENT_REAP] = {.name = "--reap", .needs = BIT(RECENT_SECONDS)},
    [RECENT_HITCOUNT] = {.name = "--hitcount", .kind = GUIDE_NUMBER, .max = HITCOUNT_MAX},
    [RECENT_RTTL] = {.name = "--rttl"},
    [RECENT_NAME] = {.name = "--name", .kind = GUIDE_OWN, .parse = name_value},
    [RECENT_MASK] = {.name = "--mask", .kind = GUIDE_OWN, .parse = mask_value},
    [RECENT_RSOURCE] = {.name = "--rsource"},
    [RECENT_RDEST] = {.name = "--rdest"},
};

static int recent_parse(struct rule_parser *parser, struct match *match)
{
	int taken = guided_parse(parser, &match->data, sizeof(struct recent_match), guides, RECENT_COUNT);

	if (taken == 1) { /* the last one counts */
		struct recent_match *recent = match->data;
		if (parser_option_is(parser, guides[RECENT_RSOURCE].name))
			recent->destination = false;
		else if (parser_option_is(parser, guides[RECENT_RDEST].name))
			recent->destination = true;
	}
	return taken;
}

static int refuse(struct rule_parser *parser, const struct match *match, const char *what, const char *hint)
{
	diagnostic_hint(option_error(parser, match->span, "conflicting-options", "%s", what), "%s", hint);
	return -EINVAL;
}

static int recent_finish(struct rule_parser *parser, struct match *match)
{
	int error = guided_finish(parser, &match->data, sizeof(struct recent_match), guides, RECENT_COUNT,
				  match->span, "-m recent");
	if (error)
		return error;
	struct recent_match *recent = match->data;
	const struct guided *guided = &recent->guided;
	while (recent->operation <= RECENT_REMOVE && !guided_seen(guided, recent->operation))
		recent->operation++;
	if (recent->operation > RECENT_REMOVE)
		return refuse(parser, match, "-m recent does nothing",
			      "write --set, --rcheck, --update or --remove");
	recent->seconds = (uint32_t)guided->values[RECENT_SECONDS].number;
	recent->hitcount = (uint32_t)guided->values[RECENT_HITCOUNT].number;
	if ((recent->operation == RECENT_SET || recent->operation == RECENT_REMOVE) &&
	    (recent->seconds || recent->hitcount || guided_seen(guided, RECENT_RTTL)))
		return refuse(parser, match,
			      "--seconds, --hitcount and --rttl go with --rcheck or --update only",
			      "the kernel refuses the rule");
	memset(recent->mask, 0xff, sizeof(recent->mask));
	if (guided_seen(guided, RECENT_MASK))
		address_to_bytes(parser->family, guided->values[RECENT_MASK].address, recent->mask);
	recent->name = guided_seen(guided, RECENT_NAME) ? guided->values[RECENT_NAME].text : TEXT("DEFAULT");
	recent->ruleset = parser->ruleset;
	recent->memory_name =
	    arena_printf(parser->ruleset->arena, "recent %.*s", (int)recent->name.size, recent->name.data);
	return recent->memory_name ? 0 : -ENOMEM;
}

static void recent_print(const struct match *match, const struct rule *rule, struct buffer *out)
{
	const struct recent_match *recent = match->data;
	const struct guided *guided = &recent->guided;
	enum family family = rule->chain->table->family;

	buffer_printf(out, "-m recent%s %s", guided_inverted(guided, recent->operation) ? " !" : "",
		      guides[recent->operation].name);
	if (recent->seconds) /* printed as it is in C, with a sign */
		buffer_printf(out, " --seconds %d", (int)recent->seconds);
	if (guided_seen(guided, RECENT_REAP))
		buffer_puts(out, " --reap");
	if (recent->hitcount)
		buffer_printf(out, " --hitcount %u", recent->hitcount);
	if (guided_seen(guided, RECENT_RTTL))
		buffer_puts(out, " --rttl");
	buffer_puts(out, " --name ");
	buffer_add(out, recent->name.data, recent->name.size);
	buffer_puts(out, " --mask ");
	address_print(family, address_from_bytes(family, recent->mask), out);
	buffer_puts(out, recent->destination ? " --rdest" : " --rsource");
}

/* --- evaluation */

static uint32_t power_above(uint32_t number)
{
	uint32_t power = 1;

	while (power < number)
		power *= 2;
	return power;
}

/* What the rule asks of the list; false: it asks for another mask. recent_mt_check(). */
static bool ask(const struct recent_match *recent, const struct match *match, struct recent_list *list)
{
	const struct recent_match *other = match->data;

	if (match->type != &match_recent || !text_equal(other->name, recent->name))
		return true;
	uint32_t stamps = other->hitcount ? power_above(other->hitcount) : STAMPS_DEFAULT;
	if (stamps > list->stamps)
		list->stamps = stamps;
	list->uses_ttl |= guided_seen(&other->guided, RECENT_RTTL);
	return memcmp(other->mask, recent->mask, sizeof(recent->mask)) == 0;
}

static bool ask_table(const struct recent_match *recent, const struct table *table, struct recent_list *list)
{
	for (size_t i = 0; i < table->chain_count; i++)
		for (size_t j = 0; j < table->chains[i]->rule_count; j++) {
			const struct rule *rule = &table->chains[i]->rules[j];
			for (uint32_t k = 0; k < rule->match_count; k++)
				if (!ask(recent, &rule->matches[k], list))
					return false;
		}
	return true;
}

static bool list_begin(struct recent_list *list, const struct recent_match *recent)
{
	for (unsigned family = 0; family < FAMILY_COUNT; family++)
		for (unsigned id = 0; id < TABLE_COUNT; id++)
			if (!ask_table(recent, &recent->ruleset->tables[family][id], list))
				return false;
	return true;
}

static void entry_remove(struct recent_list *list, unsigned at)
{
	list->free[list->free_count++] = list->entries[at].stamps;
	list->count--;
	memmove(&list->entries[at], &list->entries[at + 1], (list->count - at) * sizeof(*list->entries));
}

/* Moves it to the end, as seen last. */
static void entry_update(struct recent_list *list, unsigned at, uint8_t ttl, uint64_t now)
{
	struct recent_entry entry = list->entries[at];

	entry.index &= list->stamps - 1;
	entry.stamps[entry.index++] = now;
	if (entry.index > entry.count)
		entry.count = entry.index;
	entry.ttl = ttl;
	memmove(&list->entries[at], &list->entries[at + 1], (list->count - at - 1) * sizeof(*list->entries));
	list->entries[list->count - 1] = entry;
}

static bool entry_add(struct recent_list *list, struct session *session, const struct recent_entry *wanted,
		      uint64_t now)
{
	if (list->count == LIST_MAX)
		entry_remove(list, 0);
	uint64_t *stamps = list->free_count
			       ? list->free[--list->free_count]
			       : session_alloc(session, list->stamps * sizeof(*list->entries->stamps));
	if (!stamps)
		return false;
	struct recent_entry *entry = &list->entries[list->count++];
	*entry = *wanted;
	entry->stamps = stamps;
	entry->stamps[0] = now;
	entry->index = entry->count = 1;
	return true;
}

static unsigned entry_find(const struct recent_list *list, const struct recent_entry *wanted, bool with_ttl)
{
	for (unsigned i = 0; i < list->count; i++) {
		const struct recent_entry *entry = &list->entries[i];
		if (entry->family == wanted->family &&
		    memcmp(entry->address, wanted->address, sizeof(entry->address)) == 0 &&
		    (!with_ttl || !wanted->ttl || !entry->ttl || entry->ttl == wanted->ttl))
			return i;
	}
	return LIST_MAX;
}

static bool seen_enough(const struct recent_match *recent, const struct recent_entry *entry, uint64_t since)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < entry->count; i++) {
		if (recent->seconds && (int64_t)(entry->stamps[i] - since) < 0)
			continue;
		if (!recent->hitcount || ++hits >= recent->hitcount)
			return true;
	}
	return false;
}

/* recent_mt() with the list at hand. */
static enum truth list_match(struct recent_list *list, const struct recent_match *recent,
			     struct session *session, const struct recent_entry *wanted, uint64_t now)
{
	bool answer = guided_inverted(&recent->guided, recent->operation);
	unsigned at = entry_find(list, wanted, guided_seen(&recent->guided, RECENT_RTTL));

	if (at == LIST_MAX) {
		if (recent->operation != RECENT_SET)
			return truth_of(answer);
		if (!entry_add(list, session, wanted, now))
			return TRUTH_UNKNOWN;
		return truth_of(!answer);
	}
	if (recent->operation == RECENT_SET) {
		entry_update(list, at, wanted->ttl, now);
		return truth_of(!answer);
	}
	if (recent->operation == RECENT_REMOVE) {
		entry_remove(list, at);
		return truth_of(!answer);
	}
	uint64_t since = now - (uint32_t)(recent->seconds * RATE_HZ); /* 32 bits, as there */
	answer ^= seen_enough(recent, &list->entries[at], since);
	bool update = recent->operation == RECENT_UPDATE && answer;
	if (guided_seen(&recent->guided, RECENT_REAP) && !(at == 0 && update)) {
		const struct recent_entry *oldest = &list->entries[0];
		if ((int64_t)(oldest->stamps[oldest->index - 1] - since) < 0) {
			entry_remove(list, 0);
			if (at-- == 0)
				return truth_of(answer);
		}
	}
	if (update)
		entry_update(list, at, wanted->ttl, now);
	return truth_of(answer);
}

static bool wanted_of(const struct recent_match *recent, const struct packet *packet, enum hook hook,
		      bool uses_ttl, struct recent_entry *wanted)
{
	const uint8_t *bytes = recent->destination ? packet->destination : packet->source;
	bool sent = hook == HOOK_OUTPUT || hook == HOOK_POSTROUTING;

	*wanted = (struct recent_entry){.family = packet->family};
	if (!(packet->known & (recent->destination ? KNOWN_DESTINATION : KNOWN_SOURCE)))
		return false;
	/* With an outgoing interface one is added, as forwarding has taken one, but not with a socket:
	 * whether there is one is not known behind FORWARD. */
	if (uses_ttl && (!(packet->known & KNOWN_TTL) || sent))
		return false;
	wanted->ttl = (uint8_t)(packet->ttl + (hook == HOOK_FORWARD));
	for (unsigned i = 0; i < (packet->family == FAMILY_IPV4 ? 4 : 16); i++)
		wanted->address[i] = bytes[i] & recent->mask[i];
	return true;
}

static enum truth recent_evaluate(const struct match *match, const struct rule *rule,
				  const struct packet *packet, struct evaluation *evaluation)
{
	const struct recent_match *recent = match->data;
	struct recent_list *list = rate_memory(match, rule, recent->memory_name, sizeof(*list),
					       packet->known & KNOWN_TIME, evaluation);
	struct recent_entry wanted;
	enum truth truth = TRUTH_UNKNOWN;

	if (!list)
		return TRUTH_UNKNOWN;
	if (!list->common.begun) {
		list->common.begun = true;
		list->common.lost = !list_begin(list, recent);
	}
	uint64_t now = rate_jiffies(packet);
	if (now < list->latest) /* a capture may step back in time */
		now = list->latest;
	list->latest = now;
	if (!list->common.lost && wanted_of(recent, packet, evaluation->hook, list->uses_ttl, &wanted))
		truth = list_match(list, recent, evaluation->session, &wanted, now);
	list->common.lost |= truth == TRUTH_UNKNOWN;
	return truth;
}

/* To look is not to touch. */
static unsigned recent_effects(const struct match *match)
{
	const struct recent_match *recent = match->data;

	return recent->operation == RECENT_RCHECK && !guided_seen(&recent->guided, RECENT_REAP)
		   ? 0
		   : EFFECT_STATE;
}

const struct match_type match_recent = {
    .name = "recent",
    .modelled = true,
    .unseen = &(const struct unseen){OPAQUE_RULE, false},
    .parse = recent_parse,
    .finish = recent_finish,
    .print = recent_print,
    .evaluate = recent_evaluate,
    .declare = unseen_declare,
    .mean = unseen_mean,
    .effects = recent_effects,
};
