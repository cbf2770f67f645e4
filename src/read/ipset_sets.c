/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands on whole sets, as net/netfilter/ipset/ip_set_core.c does them: a set that a list holds can be
 * neither destroyed nor renamed, and only sets of the same kind are swapped. What must stay true: a struct
 * set is the set of its name for as long as it lives, so that lists, which point to it, hold what bears that
 * name. */
#include "read/ipset.h"

#include <errno.h>

int ipset_name_check(struct ipset_reader *reader, const struct word *word)
{
	if (word->text.size > 0 && word->text.size <= SET_NAME_MAX &&
	    !memchr(word->text.data, '\0', word->text.size))
		return 0;
	diagnostic_hint(ipset_error(reader, word->span, "bad-set-name", "not a name for a set"),
			"names have 1 to %d characters", SET_NAME_MAX);
	return -EINVAL;
}

static int missing(struct ipset_reader *reader, const struct word *words, const char *hint)
{
	diagnostic_hint(
	    ipset_error(reader, words[-1].span, "missing-argument", "the name of a set must follow"), "%s",
	    hint);
	return -EINVAL;
}

static int in_use(struct ipset_reader *reader, struct span span, const struct builder *builder)
{
	diagnostic_hint(ipset_error(reader, span, "set-in-use", "set %.*s is in a list",
				    (int)builder->set->name.size, builder->set->name.data),
			"take it out of its lists first");
	return -EINVAL;
}

static int drop(struct ipset_reader *reader, struct builder *builder)
{
	int result = builder_clear(reader, builder);
	if (result < 0)
		return result;
	struct binding *binding = ipset_binding(reader, builder->set->name);
	if (!binding)
		return -ENOMEM;
	binding->builder = NULL;
	reader->places[builder->place] = NULL;
	if (builder->place < reader->first_free)
		reader->first_free = builder->place;
	if (reader->last == builder)
		reader->last = NULL;
	builder_fini(builder);
	return 0;
}

int ipset_destroy(struct ipset_reader *reader, const struct word *words, size_t count)
{
	if (ipset_no_more(reader, words, count, 1) < 0)
		return -EINVAL;
	if (count == 1) {
		struct builder *builder = ipset_find(reader, &words[0]);
		if (!builder)
			return -EINVAL;
		return builder->references ? in_use(reader, words[0].span, builder) : drop(reader, builder);
	}
	if (!ipset_charge(reader, words[-1].span, reader->place_count))
		return -EINVAL;
	for (size_t i = 0; i < reader->place_count; i++)
		if (reader->places[i] && reader->places[i]->references)
			return in_use(reader, words[-1].span, reader->places[i]);
	int result = 0;
	for (size_t i = 0; i < reader->place_count && result == 0; i++)
		if (reader->places[i])
			result = drop(reader, reader->places[i]);
	reader->place_count = reader->first_free = 0;
	return result;
}

int ipset_flush(struct ipset_reader *reader, const struct word *words, size_t count)
{
	if (ipset_no_more(reader, words, count, 1) < 0)
		return -EINVAL;
	if (count == 1) {
		struct builder *builder = ipset_find(reader, &words[0]);
		return builder ? builder_clear(reader, builder) : -EINVAL;
	}
	if (!ipset_charge(reader, words[-1].span, reader->place_count))
		return -EINVAL;
	int result = 0;
	for (size_t i = 0; i < reader->place_count && result == 0; i++)
		if (reader->places[i])
			result = builder_clear(reader, reader->places[i]);
	return result;
}

int ipset_rename(struct ipset_reader *reader, const struct word *words, size_t count)
{
	if (count < 2)
		return missing(reader, words, "rename FROM TO");
	if (ipset_no_more(reader, words, count, 2) < 0 || ipset_name_check(reader, &words[1]) < 0)
		return -EINVAL;
	struct builder *builder = ipset_find(reader, &words[0]);
	if (!builder)
		return -EINVAL;
	if (builder->references)
		return in_use(reader, words[0].span, builder);
	struct text name = {arena_copy(reader->ruleset->arena, words[1].text.data, words[1].text.size),
			    words[1].text.size};
	struct binding *from = ipset_binding(reader, builder->set->name);
	struct binding *to = name.data ? ipset_binding(reader, name) : NULL;
	if (!from || !to)
		return -ENOMEM;
	const struct set *other =
	    to->builder ? to->builder->set : ruleset_find_set(reader->ruleset, words[1].text);
	if (other) {
		struct diagnostic *error =
		    ipset_error(reader, words[1].span, "duplicate-set", "there is a set %.*s already",
				(int)words[1].text.size, words[1].text.data);
		diagnostic_label(error, other->span, "created here");
		diagnostic_hint(error, "swap exchanges two sets");
		return -EINVAL;
	}
	from->builder = NULL;
	to->builder = builder;
	builder->set->name = name;
	reader->last = NULL;
	return 0;
}

/* IPSET_TYPE_* of the set's type: include/uapi/linux/netfilter/ipset/ip_set.h. What tells hashes from bitmaps
 * is not among it. */
static unsigned features(const struct set *set)
{
	unsigned features = set_types[set->type].nomatch ? 1 : 0;
	bool second = false;
	for (int i = 0; i < SET_PARTS_MAX; i++) {
		enum set_part part = set_types[set->type].parts[i];
		bool is_address = part == SET_PART_ADDRESS || part == SET_PART_NET;
		if (is_address)
			features |= second ? 2 : 4;
		else if (part == SET_PART_PORT || part == SET_PART_BARE_PORT)
			features |= 8;
		else if (part != SET_PART_NONE)
			features |= 16u << part;
		second |= is_address;
	}
	return features;
}

int ipset_swap(struct ipset_reader *reader, const struct word *words, size_t count)
{
	if (count < 2)
		return missing(reader, words, "swap ONE OTHER");
	if (ipset_no_more(reader, words, count, 2) < 0)
		return -EINVAL;
	struct builder *a = ipset_find(reader, &words[0]), *b = ipset_find(reader, &words[1]);
	if (!a || !b)
		return -EINVAL;
	if (features(a->set) != features(b->set) ||
	    (a->set->family != b->set->family &&
	     !(set_types[a->set->type].any_family && set_types[b->set->type].any_family))) {
		struct diagnostic *error = ipset_error(reader, span_join(words[0].span, words[1].span),
						       "wrong-type", "sets of different kinds");
		diagnostic_label(error, a->set->span, "the one");
		diagnostic_label(error, b->set->span, "the other");
		diagnostic_hint(error, "only sets of like type and of the same family can be swapped");
		return -EINVAL;
	}
	if (a == b)
		return 0;
	/* All but what belongs to the names: those, the places and the references. */
	struct text name_a = a->set->name, name_b = b->set->name;
	struct set set = *a->set;
	*a->set = *b->set;
	*b->set = set;
	a->set->name = name_a;
	b->set->name = name_b;
	struct builder builder = *a;
	*a = *b;
	*b = builder;
	struct set *keep = a->set;
	a->set = b->set;
	b->set = keep;
	size_t place = a->place, references = a->references;
	a->place = b->place;
	b->place = place;
	a->references = b->references;
	b->references = references;
	return 0;
}
