/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * create NAME TYPE OPTIONS: ipset(8), "SET TYPES"; each type with the options of its newest revision in
 * ipset 7.17 (lib/ipset_*.c), and what the kernel refuses of them (the create functions of
 * net/netfilter/ipset). */
#include "read/ipset.h"
#include "read/names.h"
#include "ruleset/name_index.h"

#include <errno.h>
#include <string.h>

enum create_option {
	CREATE_FAMILY,
	CREATE_INET,
	CREATE_INET6,
	CREATE_HASHSIZE,
	CREATE_MAXELEM,
	CREATE_TIMEOUT,
	CREATE_NETMASK,
	CREATE_BITMASK,
	CREATE_MARKMASK,
	CREATE_BUCKETSIZE,
	CREATE_INITVAL,
	CREATE_SIZE,
	CREATE_RANGE,
	CREATE_FROM,
	CREATE_TO,
	CREATE_NETWORK,
	CREATE_PROBES,
	CREATE_RESIZE,
	CREATE_GC,
	CREATE_COUNTERS,
	CREATE_COMMENT,
	CREATE_SKBINFO,
	CREATE_FORCEADD,
	CREATE_OPTION_COUNT,
};

static const char *const option_names[CREATE_OPTION_COUNT] = {
    [CREATE_FAMILY] = "family",
    [CREATE_INET] = "-4",
    [CREATE_INET6] = "-6",
    [CREATE_HASHSIZE] = "hashsize",
    [CREATE_MAXELEM] = "maxelem",
    [CREATE_TIMEOUT] = "timeout",
    [CREATE_NETMASK] = "netmask",
    [CREATE_BITMASK] = "bitmask",
    [CREATE_MARKMASK] = "markmask",
    [CREATE_BUCKETSIZE] = "bucketsize",
    [CREATE_INITVAL] = "initval",
    [CREATE_SIZE] = "size",
    [CREATE_RANGE] = "range",
    [CREATE_FROM] = "from",
    [CREATE_TO] = "to",
    [CREATE_NETWORK] = "network",
    [CREATE_PROBES] = "probes",
    [CREATE_RESIZE] = "resize",
    [CREATE_GC] = "gc",
    [CREATE_COUNTERS] = "counters",
    [CREATE_COMMENT] = "comment",
    [CREATE_SKBINFO] = "skbinfo",
    [CREATE_FORCEADD] = "forceadd",
};

#define BIT(option) (1u << (option))
#define WITH_EXTENSIONS                                                                                      \
	(BIT(CREATE_TIMEOUT) | BIT(CREATE_COUNTERS) | BIT(CREATE_COMMENT) | BIT(CREATE_SKBINFO))
#define WITH_HASH                                                                                            \
	(WITH_EXTENSIONS | BIT(CREATE_HASHSIZE) | BIT(CREATE_MAXELEM) | BIT(CREATE_BUCKETSIZE) |             \
	 BIT(CREATE_INITVAL) | BIT(CREATE_FORCEADD))
#define WITH_FAMILY (WITH_HASH | BIT(CREATE_FAMILY) | BIT(CREATE_INET) | BIT(CREATE_INET6))
#define WITH_MASK (BIT(CREATE_NETMASK) | BIT(CREATE_BITMASK))
#define IGNORED (BIT(CREATE_PROBES) | BIT(CREATE_RESIZE))
#define RANGES (BIT(CREATE_FROM) | BIT(CREATE_TO) | BIT(CREATE_NETWORK))
#define NO_ARGUMENT                                                                                          \
	(BIT(CREATE_INET) | BIT(CREATE_INET6) | BIT(CREATE_COUNTERS) | BIT(CREATE_COMMENT) |                 \
	 BIT(CREATE_SKBINFO) | BIT(CREATE_FORCEADD))

static const unsigned type_options[SET_TYPE_COUNT] = {
    [SET_BITMAP_IP] = WITH_EXTENSIONS | BIT(CREATE_RANGE) | BIT(CREATE_NETMASK) | RANGES,
    [SET_BITMAP_IP_MAC] = WITH_EXTENSIONS | BIT(CREATE_RANGE) | RANGES,
    [SET_BITMAP_PORT] = WITH_EXTENSIONS | BIT(CREATE_RANGE) | BIT(CREATE_FROM) | BIT(CREATE_TO),
    [SET_HASH_IP] = WITH_FAMILY | WITH_MASK | IGNORED | BIT(CREATE_GC),
    [SET_HASH_MAC] = WITH_HASH,
    [SET_HASH_IP_MAC] = WITH_FAMILY,
    [SET_HASH_IP_MARK] = WITH_FAMILY | BIT(CREATE_MARKMASK),
    [SET_HASH_IP_PORT] = WITH_FAMILY | WITH_MASK | IGNORED | RANGES,
    [SET_HASH_IP_PORT_IP] = WITH_FAMILY | IGNORED | RANGES,
    [SET_HASH_IP_PORT_NET] = WITH_FAMILY | IGNORED | RANGES,
    [SET_HASH_NET] = WITH_FAMILY | IGNORED,
    [SET_HASH_NET_NET] = WITH_FAMILY | WITH_MASK,
    [SET_HASH_NET_PORT] = WITH_FAMILY,
    [SET_HASH_NET_PORT_NET] = WITH_FAMILY,
    [SET_HASH_NET_INTERFACE] = WITH_FAMILY,
    [SET_LIST] = WITH_EXTENSIONS | BIT(CREATE_SIZE),
};

/* Names of the ipset of long ago, too. */
static const struct {
	const char *name;
	enum set_type type;
} other_names[] = {
    {"ipmap", SET_BITMAP_IP},
    {"macipmap", SET_BITMAP_IP_MAC},
    {"portmap", SET_BITMAP_PORT},
    {"iphash", SET_HASH_IP},
    {"nethash", SET_HASH_NET},
    {"ipporthash", SET_HASH_IP_PORT},
    {"ipportiphash", SET_HASH_IP_PORT_IP},
    {"ipportnethash", SET_HASH_IP_PORT_NET},
    {"setlist", SET_LIST},
    {"netporthash", SET_HASH_NET_PORT},
    {"netifacehash", SET_HASH_NET_INTERFACE},
    {"machash", SET_HASH_MAC},
    {"ipmarkhash", SET_HASH_IP_MARK},
    {"netnethash", SET_HASH_NET_NET},
    {"netportnethash", SET_HASH_NET_PORT_NET},
};
#define OTHER_COUNT (sizeof(other_names) / sizeof(other_names[0]))

static int type_find(struct ipset_reader *reader, const struct word *word, enum set_type *type)
{
	const char *names[SET_TYPE_COUNT + OTHER_COUNT];
	for (size_t i = 0; i < SET_TYPE_COUNT + OTHER_COUNT; i++) {
		enum set_type one =
		    i < SET_TYPE_COUNT ? (enum set_type)i : other_names[i - SET_TYPE_COUNT].type;
		names[i] = i < SET_TYPE_COUNT ? set_types[i].name : other_names[i - SET_TYPE_COUNT].name;
		if (text_is(word->text, names[i])) {
			*type = one;
			return 0;
		}
	}
	struct diagnostic *error =
	    ipset_error(reader, word->span, "unknown-set-type", "there is no set type `%.*s'",
			(int)word->text.size, word->text.data);
	const char *nearest = error ? nearest_name(word->text, names, SET_TYPE_COUNT + OTHER_COUNT) : NULL;
	if (nearest)
		diagnostic_hint(error, "did you mean %s?", nearest);
	else
		diagnostic_hint(error, "ipset help lists the types");
	return -EINVAL;
}

/* What the options say that can be judged only when all are known. */
struct create_words {
	const struct word *words[CREATE_OPTION_COUNT];
	struct span end; /* where something is missing */
};

static int create_family(struct ipset_reader *reader, struct set *set, const struct word *word)
{
	if (text_is(word->text, "inet") || text_is(word->text, "ipv4") || text_is(word->text, "-4"))
		set->family = FAMILY_IPV4;
	else if (text_is(word->text, "inet6") || text_is(word->text, "ipv6") || text_is(word->text, "-6"))
		set->family = FAMILY_IPV6;
	else {
		diagnostic_hint(ipset_error(reader, word->span, "bad-family",
					    "`%.*s' is not an address family", (int)word->text.size,
					    word->text.data),
				"inet or inet6");
		return -EINVAL;
	}
	return 0;
}

static int create_number(struct ipset_reader *reader, const struct word *word, const char *what, uint64_t min,
			 uint64_t max, uint32_t *value)
{
	uint64_t number;
	if (!word)
		return 0;
	int result = ipset_number(reader, word, what, min, max, &number);
	if (result == 0)
		*value = (uint32_t)number;
	return result;
}

static int create_numbers(struct ipset_reader *reader, struct set *set, const struct create_words *given)
{
	const struct word *const *words = given->words;
	uint32_t bucketsize = set->bucketsize;
	if (create_number(reader, words[CREATE_HASHSIZE], "hash size", 0, UINT32_MAX, &set->hashsize) ||
	    create_number(reader, words[CREATE_MAXELEM], "number of elements", 0, UINT32_MAX,
			  &set->maxelem) ||
	    create_number(reader, words[CREATE_TIMEOUT], "timeout", 0, SET_TIMEOUT_MAX, &set->timeout) ||
	    create_number(reader, words[CREATE_BUCKETSIZE], "bucket size", 0, UINT8_MAX, &bucketsize) ||
	    create_number(reader, words[CREATE_INITVAL], "start value", 0, UINT32_MAX, &set->initval) ||
	    create_number(reader, words[CREATE_SIZE], "size", 0, UINT32_MAX, &set->size) ||
	    create_number(reader, words[CREATE_MARKMASK], "mask other than 0", 1, UINT32_MAX, &set->markmask))
		return -EINVAL;
	set->bucketsize = (uint8_t)bucketsize;
	set->has_timeout = words[CREATE_TIMEOUT];
	set->has_initval = words[CREATE_INITVAL];
	set->counters = words[CREATE_COUNTERS];
	set->comment = words[CREATE_COMMENT];
	set->skbinfo = words[CREATE_SKBINFO];
	set->forceadd = words[CREATE_FORCEADD];
	return 0;
}

static int create_mask(struct ipset_reader *reader, struct set *set, const struct create_words *given)
{
	const struct word *netmask = given->words[CREATE_NETMASK], *bitmask = given->words[CREATE_BITMASK];
	uint64_t number = family_bits(set->family);
	set->mask = family_max(set->family);
	if (netmask && bitmask) {
		diagnostic_hint(ipset_error(reader, bitmask->span, "conflicting-options",
					    "netmask and bitmask exclude each other"),
				"one says what the other does");
		return -EINVAL;
	}
	if (netmask) {
		int result = ipset_number(reader, netmask, "netmask", 1, family_bits(set->family), &number);
		if (result < 0)
			return result;
		set->has_netmask = true;
		set->mask = prefix_mask(set->family, (unsigned)number);
	}
	if (bitmask) {
		if (address_parse(set->family, bitmask->text, &set->mask) < 0 || set->mask == 0) {
			set->mask = family_max(set->family);
			diagnostic_hint(ipset_error(reader, bitmask->span, "bad-mask", "`%.*s' is not a mask",
						    (int)bitmask->text.size, bitmask->text.data),
					"an address of the set's family, other than zero");
			return -EINVAL;
		}
		set->has_bitmask = true;
		int length = mask_length(set->family, set->mask);
		if (length >= 0)
			number = (uint64_t)length;
	}
	set->netmask = (uint8_t)number;
	return 0;
}

#define BITMAP_SIZE_MAX 65536u /* IPSET_BITMAP_MAX_RANGE + 1 */

static int bad_range(struct ipset_reader *reader, struct span span, const char *what)
{
	diagnostic_hint(ipset_error(reader, span, "bad-range", "%s", what), "a bitmap has up to %u elements",
			BITMAP_SIZE_MAX);
	return -EINVAL;
}

/* bitmap_ip_create(): with a netmask both ends are rounded, and the range must be larger than a block. */
static int check_bitmap(struct ipset_reader *reader, struct set *set, struct span span)
{
	if (set->netmask == 32)
		return set->high - set->low < BITMAP_SIZE_MAX
			   ? 0
			   : bad_range(reader, span, "the range has too many addresses");
	set->low &= set->mask;
	set->high |= (address)UINT32_MAX & ~set->mask;
	unsigned bits = 31; /* of the smallest prefix that holds the range: range_to_mask() */
	while (bits > 0 && (set->high & prefix_mask(FAMILY_IPV4, bits)) != set->low)
		bits--;
	if ((bits == 0 && (set->low || set->high != UINT32_MAX)) || set->netmask <= bits)
		return bad_range(reader, span, "the range does not go with the netmask");
	if (set->netmask - bits > 16)
		return bad_range(reader, span, "the range has too many networks");
	return 0;
}

/* range, or what older ipsets have in its place: from and to, network. */
static int create_bitmap(struct ipset_reader *reader, struct set *set, const struct create_words *given)
{
	const struct word *range = given->words[CREATE_RANGE], *from = given->words[CREATE_FROM],
			  *to = given->words[CREATE_TO];
	struct entry_addresses addresses = {0};
	int result = 0;
	if (!range)
		range = given->words[CREATE_NETWORK];
	if (!range && !(from && to)) {
		diagnostic_hint(ipset_error(reader, given->end, "missing-option", "%.*s needs a range",
					    (int)set->type_name.size, set->type_name.data),
				set->type == SET_BITMAP_PORT ? "range 0-65535" : "range 192.0.2.0/24");
		return -EINVAL;
	}
	struct span span = range ? range->span : from->span;
	if (set->type == SET_BITMAP_PORT) {
		struct entry entry = {0};
		if (range) {
			if (!text_find(range->text, '-'))
				return bad_range(reader, span, "not a range of ports");
			result = entry_bare_port(reader, range, range->text, &entry);
		} else {
			result = entry_single_port(reader, from, from->text, &entry.first_port);
			if (result == 0)
				result = entry_single_port(reader, to, to->text, &entry.last_port);
		}
		set->low = entry.first_port < entry.last_port ? entry.first_port : entry.last_port;
		set->high = entry.first_port < entry.last_port ? entry.last_port : entry.first_port;
		return result;
	}
	if (range) {
		if (!text_find(range->text, '-') && !text_find(range->text, '/'))
			return bad_range(reader, span, "not a range of addresses");
		result = entry_range(reader, FAMILY_IPV4, range, range->text, &addresses);
		if (result == 0 && !addresses.is_range && addresses.prefix == 32)
			return bad_range(reader, span, "a range of one address is written A-A");
	} else {
		struct entry_addresses last;
		result = entry_range(reader, FAMILY_IPV4, from, from->text, &addresses);
		if (result == 0)
			result = entry_range(reader, FAMILY_IPV4, to, to->text, &last);
		if (result == 0) {
			addresses.high = last.high > addresses.low ? last.high : addresses.low;
			addresses.low = last.high > addresses.low ? addresses.low : last.high;
		}
	}
	if (result < 0)
		return result;
	set->low = addresses.low;
	set->high = addresses.high;
	return check_bitmap(reader, set, span);
}

static int option_find(struct ipset_reader *reader, const struct set *set, const struct word *word,
		       enum create_option *option)
{
	unsigned allowed = type_options[set->type];
	struct text name = word->text;
	if (text_starts(name, "--")) /* as iptables would have it */
		name = (struct text){name.data + 2, name.size - 2};
	for (enum create_option i = 0; i < CREATE_OPTION_COUNT; i++)
		if (allowed & BIT(i) && text_is(name, option_names[i])) {
			*option = i;
			return 0;
		}
	const char *names[CREATE_OPTION_COUNT];
	size_t count = 0;
	for (enum create_option i = 0; i < CREATE_OPTION_COUNT; i++)
		if (allowed & BIT(i))
			names[count++] = option_names[i];
	struct diagnostic *error =
	    ipset_error(reader, word->span, "unknown-option", "%.*s has no option `%.*s'",
			(int)set->type_name.size, set->type_name.data, (int)name.size, name.data);
	const char *nearest = error ? nearest_name(name, names, count) : NULL;
	if (nearest)
		diagnostic_hint(error, "did you mean %s?", nearest);
	else
		diagnostic_hint(error, "ipset help %.*s lists them", (int)set->type_name.size,
				set->type_name.data);
	return -EINVAL;
}

static int read_options(struct ipset_reader *reader, struct set *set, const struct word *words, size_t count,
			struct create_words *given)
{
	for (size_t i = 0; i < count; i++) {
		enum create_option option;
		const struct word *name = &words[i];
		if (option_find(reader, set, name, &option) < 0)
			return -EINVAL;
		bool alone = NO_ARGUMENT >> option & 1;
		if (!alone && ++i == count) {
			diagnostic_hint(ipset_error(reader, name->span, "missing-argument",
						    "%.*s needs an argument", (int)name->text.size,
						    name->text.data),
					"the line ends here");
			return -EINVAL;
		}
		if (option == CREATE_INET || option == CREATE_INET6)
			option = CREATE_FAMILY;
		if (given->words[option] && (!alone || option == CREATE_FAMILY)) {
			diagnostic_hint(ipset_error(reader, name->span, "duplicate-option",
						    "%.*s is given twice", (int)name->text.size,
						    name->text.data),
					"leave out one of them");
			return -EINVAL;
		}
		given->words[option] = &words[i];
	}
	const struct word *family = given->words[CREATE_FAMILY];
	int result = family ? create_family(reader, set, family) : 0;
	if (result == 0)
		result = create_numbers(reader, set, given);
	if (result == 0)
		result = create_mask(reader, set, given);
	if (result == 0 && set->type <= SET_BITMAP_PORT)
		result = create_bitmap(reader, set, given);
	return result;
}

/* What the kernel compares at create -exist: the same_set functions. */
static bool same_create(const struct set *a, const struct set *b)
{
	return a->type == b->type && a->family == b->family && a->mask == b->mask && a->low == b->low &&
	       a->high == b->high && a->counters == b->counters && a->comment == b->comment &&
	       a->has_timeout == b->has_timeout && a->timeout == b->timeout && a->maxelem == b->maxelem &&
	       a->skbinfo == b->skbinfo && a->markmask == b->markmask;
}

static int exists(struct ipset_reader *reader, const struct word *word, const struct set *before, bool exist)
{
	struct diagnostic *error =
	    ipset_error(reader, word->span, "duplicate-set", "set %.*s is created a second time",
			(int)word->text.size, word->text.data);
	diagnostic_label(error, before->span, "here");
	diagnostic_hint(error, exist ? "the two are not alike" : "leave out one of them");
	return -EINVAL;
}

/* Into the first free place, as the kernel numbers sets: find_free_id(). */
static int place_builder(struct ipset_reader *reader, struct builder *builder)
{
	size_t place = reader->first_free;
	while (place < reader->place_count && reader->places[place])
		place++;
	if (!ipset_charge(reader, builder->set->span, (place - reader->first_free) / 16))
		return -EINVAL;
	if (place == reader->place_count &&
	    !arena_push(reader->scratch, (void **)&reader->places, &reader->place_count,
			&reader->place_capacity, sizeof(struct builder *)))
		return -ENOMEM;
	reader->places[place] = builder;
	reader->first_free = place + 1;
	builder->place = place;
	return 0;
}

static struct set *set_make(struct ipset_reader *reader, enum set_type type, const struct word *words,
			    size_t count)
{
	struct arena *arena = reader->ruleset->arena;
	struct set *set = arena_alloc(arena, sizeof(*set));
	if (!set)
		return NULL;
	set->name =
	    (struct text){arena_copy(arena, words[0].text.data, words[0].text.size), words[0].text.size};
	set->type = type;
	set->type_name = text_of(set_types[type].name);
	set->dimensions = set_types[type].dimensions;
	set->span = span_join(words[-1].span, words[count - 1].span);
	set->source = reader->source;
	set->hashsize = 1024; /* the kernel's defaults: IPSET_DEFAULT_HASHSIZE, _MAXELEM, AHASH_MAX_SIZE */
	set->maxelem = 65536;
	set->bucketsize = 12;
	set->markmask = UINT32_MAX;
	set->size = 8; /* IP_SET_LIST_DEFAULT_SIZE */
	return set->name.data ? set : NULL;
}

int ipset_create(struct ipset_reader *reader, const struct word *words, size_t count, bool exist)
{
	enum set_type type;
	if (count < 2) {
		diagnostic_hint(ipset_error(reader, words[count ? 0 : -1].span, "missing-argument",
					    "create needs a name and a type"),
				"create NAME TYPE OPTIONS");
		return -EINVAL;
	}
	if (ipset_name_check(reader, &words[0]) < 0 || type_find(reader, &words[1], &type) < 0)
		return -EINVAL;
	struct set *set = set_make(reader, type, words, count);
	if (!set)
		return -ENOMEM;
	struct create_words given = {.end = words[1].span};
	int result = read_options(reader, set, words + 2, count - 2, &given);
	if (result < 0)
		return result;
	set_prepare(set);
	const struct set *before = ruleset_find_set(reader->ruleset, set->name);
	if (before)
		return exists(reader, &words[0], before, false);
	struct binding *binding = ipset_binding(reader, set->name);
	if (!binding)
		return -ENOMEM;
	if (binding->builder && exist && same_create(binding->builder->set, set))
		return 0;
	if (binding->builder)
		return exists(reader, &words[0], binding->builder->set, exist);
	struct builder *builder = arena_alloc(reader->scratch, sizeof(*builder));
	if (!builder)
		return -ENOMEM;
	builder->set = set;
	builder->first = builder->last = LINK_NONE;
	result = place_builder(reader, builder);
	if (result == 0)
		binding->builder = builder;
	return result;
}
