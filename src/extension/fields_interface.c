/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Interface names, as far as rules can tell them apart. iptables compares with a mask (ip_packet_match() and
 * ifname_compare_aligned() in the kernel): a pattern with + matches every name that begins so, the name
 * itself included; the empty pattern (that is "+", or none given) matches whatever there is, even no device,
 * and inverted matches nothing.
 *
 * So names fall into classes: each literal name of a rule is one; each wildcard has one, of the names for
 * which it is the longest wildcard that matches and which no rule writes in full; and "another" is matched by
 * no pattern. No device (the output device in INPUT) is matched by no pattern either, and belongs to
 * "another". Each class is stood for by one name. These are sorted, so the classes of a wildcard are an
 * interval of indexes: all names with one beginning are neighbours. */
#include "extension/fields_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 'i', the name, and '+' for a wildcard. */
static size_t pattern_key(const struct interface_match *match, char *key)
{
	size_t size = strnlen(match->name, INTERFACE_NAME_MAX - 1);
	key[0] = 'i';
	memcpy(key + 1, match->name, size);
	key[1 + size] = match->wildcard ? '+' : '\0';
	return size + 2;
}

int fields_need_interface(struct fields *fields, const struct interface_match *match)
{
	struct fields_private *own = fields_private(fields);
	char key[INTERFACE_NAME_MAX + 2];
	size_t size = pattern_key(match, key);
	if (match->name[0] == '\0' || fields_find(fields, key, size))
		return 0;
	if (fields->diagram)
		return -EBUSY;
	struct interface_match *slot = arena_push(fields->arena, (void **)&own->patterns, &own->pattern_count,
						  &own->pattern_capacity, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	memcpy(slot->name, key + 1, size - 2);
	slot->wildcard = match->wildcard;
	int result = fields_keep(fields, key, size, fields);
	if (result)
		own->pattern_count--;
	return result;
}

static bool is_declared(const struct fields *fields, const char *name, bool wildcard)
{
	struct interface_match match = {.wildcard = wildcard};
	char key[INTERFACE_NAME_MAX + 2];
	memcpy(match.name, name, strnlen(name, INTERFACE_NAME_MAX - 1));
	return fields_find(fields, key, pattern_key(&match, key));
}

/* dev_valid_name() in the kernel, whose isspace() knows Latin-1. */
static bool may_be_in_name(uint8_t byte)
{
	return byte && byte != '/' && byte != ':' && byte != ' ' && byte != 0xa0 &&
	       !(byte >= '\t' && byte <= '\r');
}

/* Extends name (of `length` bytes) to one that no rule writes in full and that matches no wildcard but those
 * that are at most `within` bytes long. Goes deeper only below names that rules write, so that it ends. */
static bool find_name(const struct fields *fields, char *name, size_t length, size_t within)
{
	name[length] = '\0';
	if (length > within && is_declared(fields, name, true))
		return false;
	bool usable = length > 0 && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
	if (length > within && usable && !is_declared(fields, name, false))
		return true;
	for (unsigned i = 0; length < INTERFACE_NAME_MAX - 1 && i <= UINT8_MAX; i++) {
		uint8_t ending = (uint8_t)('0' + i); /* digits and letters first; all but NUL in the end */
		if (!may_be_in_name(ending))
			continue;
		name[length] = (char)ending;
		if (find_name(fields, name, length + 1, within))
			return true;
	}
	name[length] = '\0';
	return length == within && usable && !is_declared(fields, name, false);
}

static int compare_names(const void *a, const void *b)
{
	return strncmp(a, b, INTERFACE_NAME_MAX);
}

static int compare_wildcards(const void *a, const void *b)
{
	return strcmp(((const struct interface_wildcard *)a)->prefix,
		      ((const struct interface_wildcard *)b)->prefix);
}

/* Index of the first class, "another" left out, whose name is not before `name`, with the first `size` bytes
 * compared. */
static size_t first_class(const struct fields *fields, const char *name, size_t size, bool behind)
{
	size_t begin = 0, end = fields->interface_count - 1;
	while (begin < end) {
		size_t probe = begin + (end - begin) / 2;
		int order = strncmp(fields->interfaces[probe], name, size);
		if (order < 0 || (behind && order == 0))
			begin = probe + 1;
		else
			end = probe;
	}
	return begin;
}

static size_t class_named(const struct fields *fields, const char *name)
{
	size_t class = first_class(fields, name, INTERFACE_NAME_MAX, false);
	bool found = class + 1 < fields->interface_count && strcmp(fields->interfaces[class], name) == 0;
	return found ? class : SIZE_MAX;
}

int interfaces_seal(struct fields *fields)
{
	struct fields_private *own = fields_private(fields);
	size_t most = own->pattern_count + 1, count = 0, wildcards = 0;
	char(*names)[INTERFACE_NAME_MAX] = arena_array(fields->arena, most, sizeof(*names));
	char(*chosen)[INTERFACE_NAME_MAX] = arena_array(fields->arena, most, sizeof(*chosen));
	struct interface_wildcard *list = arena_array(fields->arena, most, sizeof(*list));
	if (!names || !chosen || !list)
		return -ENOMEM;
	for (size_t i = 0; i < own->pattern_count; i++) {
		const struct interface_match *pattern = &own->patterns[i];
		size_t length = strlen(pattern->name);
		if (!pattern->wildcard) {
			memcpy(names[count++], pattern->name, INTERFACE_NAME_MAX);
			continue;
		}
		char *name = chosen[wildcards];
		memcpy(name, pattern->name, INTERFACE_NAME_MAX);
		list[wildcards].prefix = pattern->name;
		if (find_name(fields, name, length, length))
			memcpy(names[count++], name, INTERFACE_NAME_MAX);
		else
			name[0] = '\0'; /* no name is left that only this one matches */
		wildcards++;
	}
	qsort(names, count, sizeof(*names), compare_names);
	char another[INTERFACE_NAME_MAX] = "another";
	bool taken = is_declared(fields, another, false);
	for (size_t length = 1; another[length - 1]; length++) {
		char prefix[INTERFACE_NAME_MAX] = {0};
		memcpy(prefix, another, length);
		taken |= is_declared(fields, prefix, true);
	}
	if (taken && !find_name(fields, another, 0, 0))
		another[0] = '\0'; /* every name matches some pattern; no device is left */
	memset(names[count], 0, sizeof(*names));
	memcpy(names[count++], another, sizeof(another));
	fields->interfaces = names;
	fields->interface_count = fields->interface_capacity = count;
	for (size_t i = 0; i < wildcards; i++)
		list[i].class = chosen[i][0] ? class_named(fields, chosen[i]) : SIZE_MAX;
	qsort(list, wildcards, sizeof(*list), compare_wildcards);
	own->wildcards = list;
	own->wildcard_count = wildcards;
	return 0;
}

size_t interface_class(const struct fields *fields, const char *name)
{
	const struct fields_private *own = fields_private(fields);
	char prefix[INTERFACE_NAME_MAX] = {0};
	strncpy(prefix, name, INTERFACE_NAME_MAX - 1);
	if (prefix[0] && is_declared(fields, prefix, false))
		return class_named(fields, prefix);
	for (size_t length = strlen(prefix); length > 0; length--) {
		prefix[length] = '\0';
		struct interface_wildcard wanted = {.prefix = prefix};
		const struct interface_wildcard *found = NULL;
		if (own->wildcard_count)
			found = bsearch(&wanted, own->wildcards, own->wildcard_count, sizeof(wanted),
					compare_wildcards);
		if (found && found->class != SIZE_MAX)
			return found->class;
	}
	return fields->interface_count - 1;
}

diagram_node fields_interface(const struct fields *fields, enum field field,
			      const struct interface_match *match)
{
	size_t size = strnlen(match->name, INTERFACE_NAME_MAX - 1);
	if (size == 0)
		return match->inverted ? DIAGRAM_FALSE : DIAGRAM_TRUE;
	if (!is_declared(fields, match->name, match->wildcard))
		return DIAGRAM_UNDECIDED; /* its classes were not worked out */
	size_t compared = match->wildcard ? size : INTERFACE_NAME_MAX;
	size_t first = first_class(fields, match->name, compared, false);
	size_t end = first_class(fields, match->name, compared, true);
	diagram_node node = first < end ? fields_range(fields, field, first, end - 1) : DIAGRAM_FALSE;
	return match->inverted ? diagram_not(fields->diagram, node) : node;
}
