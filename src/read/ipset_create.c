/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * create NAME TYPE OPTIONS: ipset(8), "SET TYPES". Types and options that are not modelled make a set of
 * which nothing is known but that it is there; it is never taken for an empty one. */
#include "read/ipset.h"
#include "read/names.h"
#include "ruleset/name_index.h"

#include <errno.h>
#include <string.h>

struct type_name {
	const char *name, *canonical;
	enum set_type type;
};

static const struct type_name types[] = {
    {"hash:ip", "hash:ip", SET_HASH_IP},
    {"iphash", "hash:ip", SET_HASH_IP},
    {"hash:net", "hash:net", SET_HASH_NET},
    {"nethash", "hash:net", SET_HASH_NET},
    {"hash:ip,port", "hash:ip,port", SET_HASH_IP_PORT},
    {"ipporthash", "hash:ip,port", SET_HASH_IP_PORT},
    {"hash:mac", "hash:mac", SET_OPAQUE},
    {"hash:ip,mac", "hash:ip,mac", SET_OPAQUE},
    {"hash:ip,mark", "hash:ip,mark", SET_OPAQUE},
    {"hash:net,net", "hash:net,net", SET_OPAQUE},
    {"hash:net,port", "hash:net,port", SET_OPAQUE},
    {"hash:net,iface", "hash:net,iface", SET_OPAQUE},
    {"hash:ip,port,ip", "hash:ip,port,ip", SET_OPAQUE},
    {"ipportiphash", "hash:ip,port,ip", SET_OPAQUE},
    {"hash:ip,port,net", "hash:ip,port,net", SET_OPAQUE},
    {"ipportnethash", "hash:ip,port,net", SET_OPAQUE},
    {"hash:net,port,net", "hash:net,port,net", SET_OPAQUE},
    {"bitmap:ip", "bitmap:ip", SET_OPAQUE},
    {"ipmap", "bitmap:ip", SET_OPAQUE},
    {"bitmap:ip,mac", "bitmap:ip,mac", SET_OPAQUE},
    {"macipmap", "bitmap:ip,mac", SET_OPAQUE},
    {"bitmap:port", "bitmap:port", SET_OPAQUE},
    {"portmap", "bitmap:port", SET_OPAQUE},
    {"list:set", "list:set", SET_OPAQUE},
    {"setlist", "list:set", SET_OPAQUE},
};
#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

static const struct type_name *type_find(struct ipset_reader *reader, const struct word *word)
{
	const char *names[TYPE_COUNT];
	for (size_t i = 0; i < TYPE_COUNT; i++) {
		names[i] = types[i].name;
		if (text_is(word->text, types[i].name))
			return &types[i];
	}
	struct diagnostic *error =
	    ipset_error(reader, word->span, "unknown-set-type", "there is no set type `%.*s'",
			(int)word->text.size, word->text.data);
	const char *nearest = error ? nearest_name(word->text, names, TYPE_COUNT) : NULL;
	if (nearest)
		diagnostic_hint(error, "did you mean %s?", nearest);
	else
		diagnostic_hint(error, "ipset help lists the types");
	return NULL;
}

int ipset_number(struct ipset_reader *reader, const struct word *word, const char *what, uint64_t min,
		 uint64_t max, uint64_t *number)
{
	/* cppcheck-suppress ctunullpointer ; only options without an argument have no word */
	if (number_parse(word->text, max, number) == 0 && *number >= min)
		return 0;
	diagnostic_hint(ipset_error(reader, word->span, "bad-number", "`%.*s' is not a %s",
				    (int)word->text.size, word->text.data, what),
			"a number from %llu to %llu", (unsigned long long)min, (unsigned long long)max);
	return -EINVAL;
}

enum create_option {
	CREATE_FAMILY,
	CREATE_HASHSIZE,
	CREATE_MAXELEM,
	CREATE_TIMEOUT,
	CREATE_NETMASK,
	CREATE_BITMASK,
	CREATE_OTHER, /* an argument that changes nothing a packet meets */
	CREATE_FLAG,
};

static const struct {
	const char *name;
	enum create_option option;
} create_options[] = {
    {"family", CREATE_FAMILY},   {"hashsize", CREATE_HASHSIZE}, {"maxelem", CREATE_MAXELEM},
    {"timeout", CREATE_TIMEOUT}, {"netmask", CREATE_NETMASK},   {"bitmask", CREATE_BITMASK},
    {"range", CREATE_OTHER},     {"size", CREATE_OTHER},        {"bucketsize", CREATE_OTHER},
    {"initval", CREATE_OTHER},   {"markmask", CREATE_OTHER},    {"probes", CREATE_OTHER},
    {"resize", CREATE_OTHER},    {"gc", CREATE_OTHER},          {"counters", CREATE_FLAG},
    {"comment", CREATE_FLAG},    {"skbinfo", CREATE_FLAG},      {"forceadd", CREATE_FLAG},
    {"-4", CREATE_FLAG},         {"-6", CREATE_FLAG},
};
#define CREATE_OPTION_COUNT (sizeof(create_options) / sizeof(create_options[0]))

static void create_flag(struct set *set, struct text name)
{
	if (text_is(name, "counters"))
		set->counters = true;
	else if (text_is(name, "comment"))
		set->comment = true;
	else if (text_is(name, "skbinfo"))
		set->skbinfo = true;
	else if (text_is(name, "forceadd"))
		set->forceadd = true;
	else if (text_is(name, "-4"))
		set->family = FAMILY_IPV4;
	else
		set->family = FAMILY_IPV6;
}

static int create_family(struct ipset_reader *reader, struct set *set, const struct word *word)
{
	if (text_is(word->text, "inet"))
		set->family = FAMILY_IPV4;
	else if (text_is(word->text, "inet6"))
		set->family = FAMILY_IPV6;
	else if (!text_is(word->text, "unspec")) {
		diagnostic_hint(ipset_error(reader, word->span, "bad-family",
					    "`%.*s' is not an address family", (int)word->text.size,
					    word->text.data),
				"inet or inet6");
		return -EINVAL;
	}
	return 0;
}

/* Checked at the end, when the family is known. */
static int create_netmask(struct ipset_reader *reader, struct set *set, const struct word *word)
{
	uint64_t number;
	if (!word)
		return 0;
	if (set->type != SET_HASH_IP) {
		/* hash:ip,port has it since kernel 6.2, and bitmap:ip; as an address mask in hash:net it has
		 * none. */
		if (set->type == SET_HASH_NET) {
			diagnostic_hint(
			    ipset_error(reader, word->span, "unknown-option", "hash:net takes no netmask"),
			    "each of its members has a prefix length of its own");
			return -EINVAL;
		}
		set->type = SET_OPAQUE;
		return 0;
	}
	int result = ipset_number(reader, word, "netmask", 1, family_bits(set->family), &number);
	if (result == 0)
		set->netmask = (uint8_t)number;
	return result;
}

static int create_value(struct ipset_reader *reader, struct set *set, enum create_option option,
			const struct word *word)
{
	uint64_t number = 0;
	int result = 0;
	switch (option) {
	case CREATE_FAMILY:
		return create_family(reader, set, word);
	case CREATE_HASHSIZE:
		result = ipset_number(reader, word, "hash size", 1, UINT32_MAX, &number);
		set->hashsize = (uint32_t)number;
		return result;
	case CREATE_MAXELEM:
		result = ipset_number(reader, word, "number of elements", 1, UINT32_MAX, &number);
		set->maxelem = (uint32_t)number;
		return result;
	case CREATE_TIMEOUT:
		result = ipset_number(reader, word, "timeout", 0, SET_TIMEOUT_MAX, &number);
		set->timeout = (uint32_t)number;
		set->has_timeout = true;
		return result;
	case CREATE_BITMASK:
		set->type = SET_OPAQUE;
		return 0;
	default:
		return 0;
	}
}

static int create_options_read(struct ipset_reader *reader, struct set *set, const struct word *words,
			       size_t count)
{
	const struct word *netmask = NULL;
	for (size_t i = 0; i < count; i++) {
		struct text name = words[i].text;
		size_t at = 0;
		while (at < CREATE_OPTION_COUNT && !text_is(name, create_options[at].name))
			at++;
		if (at == CREATE_OPTION_COUNT) {
			const char *names[CREATE_OPTION_COUNT];
			for (size_t j = 0; j < CREATE_OPTION_COUNT; j++)
				names[j] = create_options[j].name;
			struct diagnostic *error =
			    ipset_error(reader, words[i].span, "unknown-option",
					"create has no option `%.*s'", (int)name.size, name.data);
			const char *nearest = error ? nearest_name(name, names, CREATE_OPTION_COUNT) : NULL;
			if (nearest)
				diagnostic_hint(error, "did you mean %s?", nearest);
			else
				diagnostic_hint(error, "ipset help %.*s lists them", (int)set->type_name.size,
						set->type_name.data);
			return -EINVAL;
		}
		if (create_options[at].option == CREATE_FLAG) {
			create_flag(set, name);
			continue;
		}
		if (++i == count) {
			diagnostic_hint(ipset_error(reader, words[i - 1].span, "missing-argument",
						    "%.*s needs an argument", (int)name.size, name.data),
					"the line ends here");
			return -EINVAL;
		}
		if (create_options[at].option == CREATE_NETMASK)
			netmask = &words[i];
		int result = create_value(reader, set, create_options[at].option, &words[i]);
		if (result < 0)
			return result;
	}
	return create_netmask(reader, set, netmask);
}

static int set_name_check(struct ipset_reader *reader, const struct word *word)
{
	if (word->text.size > 0 && word->text.size <= SET_NAME_MAX &&
	    !memchr(word->text.data, '\0', word->text.size))
		return 0;
	diagnostic_hint(ipset_error(reader, word->span, "bad-set-name", "not a name for a set"),
			"names have 1 to %d characters", SET_NAME_MAX);
	return -EINVAL;
}

static bool same_create(const struct set *a, const struct set *b)
{
	return text_equal(a->type_name, b->type_name) && a->family == b->family && a->type == b->type &&
	       a->netmask == b->netmask && a->counters == b->counters && a->comment == b->comment &&
	       a->has_timeout == b->has_timeout && a->timeout == b->timeout && a->maxelem == b->maxelem &&
	       a->skbinfo == b->skbinfo && a->forceadd == b->forceadd;
}

int ipset_create(struct ipset_reader *reader, const struct word *words, size_t count, bool exist)
{
	struct arena *arena = reader->ruleset->arena;
	if (count < 2) {
		diagnostic_hint(ipset_error(reader, words[count ? 0 : -1].span, "missing-argument",
					    "create needs a name and a type"),
				"create NAME TYPE OPTIONS");
		return -EINVAL;
	}
	if (set_name_check(reader, &words[0]) < 0)
		return -EINVAL;
	const struct type_name *type = type_find(reader, &words[1]);
	if (!type)
		return -EINVAL;
	struct set *set = arena_alloc(arena, sizeof(*set));
	struct builder *builder = arena_alloc(reader->scratch, sizeof(*builder));
	if (!set || !builder)
		return -ENOMEM;
	builder->set = set;
	builder->seed = name_index_seed();
	set->name =
	    (struct text){arena_copy(arena, words[0].text.data, words[0].text.size), words[0].text.size};
	if (!set->name.data)
		return -ENOMEM;
	set->type = type->type;
	set->type_name = text_of(type->canonical);
	set->dimensions = 1;
	for (const char *c = type->canonical; *c; c++)
		set->dimensions += *c == ',';
	set->span = span_join(words[-1].span, words[count - 1].span);
	set->source = reader->source;
	set->hashsize = 1024; /* the kernel's defaults: IPSET_DEFAULT_HASHSIZE, _MAXELEM */
	set->maxelem = 65536;
	int result = create_options_read(reader, set, words + 2, count - 2);
	if (result < 0)
		return result;
	if (set->netmask == 0)
		set->netmask = (uint8_t)family_bits(set->family);
	const struct set *before = ruleset_find_set(reader->ruleset, set->name);
	if (before && exist && same_create(before, set))
		return 0;
	if (before) {
		struct diagnostic *error =
		    ipset_error(reader, words[0].span, "duplicate-set", "set %.*s is created a second time",
				(int)set->name.size, set->name.data);
		diagnostic_label(error, before->span, "here");
		diagnostic_hint(error, exist ? "the two are not alike" : "leave out one of them");
		return -EINVAL;
	}
	result = ruleset_add_set(reader->ruleset, set);
	if (result == 0)
		result = name_index_add(reader->scratch, &reader->builders, set->name, builder);
	return result;
}
