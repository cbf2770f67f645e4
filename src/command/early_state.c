/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A state keeps its rules as iptables-save and ipset save have them, and these are always read again from
 * there, so that what is computed from one state is always the same. Members that differ are put in as lines
 * of ipset save in place of the state's. */
#include "command/early_state.h"
#include "command/set.h"
#include "kernel/nft_change.h"
#include "kernel/state_overlay.h"
#include "kernel/state_switch.h"
#include "read/load.h"
#include "read/policy/policy.h"
#include "read/policy/render.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

const char *const state_rule_files[FAMILY_COUNT] = {"rules.v4", "rules.v6"};

/* --- Devices */

static int add_device(struct arena *arena, struct early_devices *devices, const struct interface_match *name,
		      bool off)
{
	struct early_device *device =
	    arena_push(arena, (void **)&devices->list, &devices->count, &devices->capacity, sizeof(*device));

	if (!device)
		return -ENOMEM;
	*device = (struct early_device){.name = *name, .off = off};
	return 0;
}

int early_devices_of(struct arena *arena, const struct ruleset *ruleset, struct early_devices *devices)
{
	int error = 0;

	*devices = (struct early_devices){0};
	for (size_t i = 0; i < ruleset->policy_count; i++) {
		const struct policy_tree *policy = ruleset->policies[i];
		for (size_t k = 0; k < policy->interface_count; k++) {
			const struct policy_interface *group = policy->interfaces[k];
			for (size_t d = 0; d < group->device_count && !error; d++)
				error = add_device(arena, devices, &group->devices[d], group->xdp_off);
		}
	}
	return error;
}

void early_devices_print(const struct early_devices *devices, struct buffer *out)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct early_device *device = &devices->list[i];
		buffer_printf(out, "%s %s%s\n", device->off ? "off" : "on", device->name.name,
			      device->name.wildcard ? "*" : "");
	}
}

static int parse_device(struct arena *arena, struct text line, struct early_devices *devices)
{
	struct interface_match name = {.wildcard = false};
	bool off = text_starts(line, "off ");
	size_t skip = off ? 4 : 3;

	if (!off && !text_starts(line, "on "))
		return -EBADMSG;
	line.data += skip;
	line.size -= skip;
	if (line.size && line.data[line.size - 1] == '*') {
		name.wildcard = true;
		line.size--;
	}
	if (line.size >= sizeof(name.name))
		return -EBADMSG;
	memcpy(name.name, line.data, line.size);
	return add_device(arena, devices, &name, off);
}

int early_devices_read(struct state_store *store, struct arena *arena, uint32_t number,
		       struct early_devices *devices, struct buffer *why)
{
	struct text text = {"", 0};
	size_t said = why->size;
	int error = number ? state_read(store, arena, number, STATE_EARLY, &text, why) : 0;

	*devices = (struct early_devices){0};
	if (error == -ENOENT) { /* of rules, or of a version of weir that had none */
		why->size = said;
		return 0;
	}
	while (!error && text.size) {
		const char *end = memchr(text.data, '\n', text.size);
		struct text line = {text.data, end ? (size_t)(end - text.data) : text.size};
		error = parse_device(arena, line, devices);
		text.data += line.size + (end != NULL);
		text.size -= line.size + (end != NULL);
		if (error == -EBADMSG)
			buffer_printf(why, "%s/states/%" PRIu32 "/" STATE_EARLY ": damaged", store->path,
				      number);
	}
	return error;
}

static bool names(const struct interface_match *match, const char *name)
{
	return match->wildcard ? strncmp(name, match->name, strlen(match->name)) == 0
			       : strcmp(name, match->name) == 0;
}

bool early_devices_want(const struct early_devices *devices, const char *name)
{
	bool named = false;

	for (size_t i = 0; i < devices->count; i++) {
		if (!names(&devices->list[i].name, name))
			continue;
		if (devices->list[i].off)
			return false;
		named = true;
	}
	/* a pattern is for devices where packets arrive */
	return named && strcmp(name, "lo") != 0;
}

/* --- Rules */

struct reading {
	struct state_store *store;
	uint32_t number;
	struct arena *arena;
	struct nft_changes *changes; /* from the image to the state: members alone */
	struct buffer *why;
};

__attribute__((format(printf, 2, 3))) static int stale(struct reading *reading, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	buffer_vprintf(reading->why, format, arguments);
	va_end(arguments);
	return -ESTALE;
}

/* The image's difference to the state. */
static int compare(struct reading *reading, const struct nft_image *image, struct nft_image **own)
{
	struct buffer words = {0};
	int error = state_image(reading->store, reading->arena, reading->number, false, own, reading->why);

	if (!error)
		error = nft_changes_look(image, *own, &reading->changes);
	for (size_t i = 0; !error && i < reading->changes->count; i++) {
		const struct nft_change *change = &reading->changes->list[i];
		if (change->kind == NFT_CHANGE_SET && change->verb == NFT_CHANGE_ALTER && !change->anew)
			continue;
		nft_change_print(change, &words);
		error = stale(reading, "weir's tables in the kernel are not those of state %" PRIu32 " (%s)",
			      reading->number, words.data ? words.data : "");
	}
	buffer_fini(&words);
	return error;
}

/* The name that the set has in ipset: nftables/set.c. */
static struct text ipset_name(const struct nft_set *set)
{
	struct text name = text_of(set->name);

	if (text_starts(name, "set-"))
		return (struct text){name.data + 4, name.size - 4};
	return name;
}

/* The set of which the line, "create NAME ..." or "add NAME ...", is, when its members are others. */
static const struct nft_change *changed_set(const struct reading *reading, struct text line, bool *create,
					    struct text *rest)
{
	*create = text_starts(line, "create ");
	size_t skip = *create ? 7 : 4;

	if (!*create && !text_starts(line, "add "))
		return NULL;
	struct text name = {line.data + skip, 0};
	while (name.size < line.size - skip && name.data[name.size] != ' ')
		name.size++;
	*rest = (struct text){name.data + name.size, line.size - skip - name.size};
	for (size_t i = 0; i < reading->changes->count; i++)
		if (text_equal(ipset_name(reading->changes->list[i].old_set), name))
			return &reading->changes->list[i];
	return NULL;
}

/* " hash:net family ...": the types that weir set changes. */
static bool may_write(struct text definition, bool *nets)
{
	static const char *const types[] = {" hash:net ", " hash:net,port ", " hash:ip ", " hash:ip,port "};
	static const char *const others[] = {" netmask ", " bitmask "};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (memmem(definition.data, definition.size, others[i], strlen(others[i])))
			return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (text_starts(definition, types[i])) {
			*nets = i < 2;
			return true;
		}
	return false;
}

static int put_member(struct reading *reading, const struct nft_change *change, const struct nft_shape *shape,
		      const struct nft_member *member, bool nets, struct buffer *out)
{
	static const struct {
		uint8_t number;
		const char *name;
	} protocols[] = {
	    {IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_UDPLITE, "udplite"}};
	struct text name = ipset_name(change->old_set);
	const char *protocol = NULL;

	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++)
		if (protocols[i].number == member->protocol)
			protocol = protocols[i].name;
	if ((shape->ports && !protocol) || (!nets && member->low != member->high))
		return stale(reading, "members of the set %.*s have no words", (int)name.size, name.data);
	for (address low = member->low, end = low;; low = end + 1) {
		unsigned length = policy_prefix(shape->family, low, member->high, &end);
		if (length == 0) { /* ipset has no prefix of no bits */
			length = 1;
			end = low + (family_max(shape->family) >> 1);
		}
		buffer_printf(out, "add %.*s ", (int)name.size, name.data);
		address_print(shape->family, low, out);
		if (nets)
			buffer_printf(out, "/%u", length);
		if (shape->ports)
			buffer_printf(out, ",%s:%u", protocol, member->port);
		if (member->element->timed)
			buffer_printf(out, " timeout %" PRIu64, member->element->expires / 1000 + 1);
		buffer_puts(out, "\n");
		if (end == member->high)
			return 0;
	}
}

/* What the kernel has in the set. */
static int put_members(struct reading *reading, const struct nft_change *change, struct text definition,
		       struct buffer *out)
{
	const struct nft_set *set = change->old_set;
	struct text name = ipset_name(set);
	struct nft_member *members;
	struct nft_shape shape;
	bool nets = false;
	int error;

	if (!may_write(definition, &nets) || nft_set_shape(set, &shape))
		return stale(reading,
			     "members of the set %.*s were changed, which is of a kind that is not "
			     "followed",
			     (int)name.size, name.data);
	error = nft_members(reading->arena, set, &shape, &members);
	for (size_t i = 0; i < set->count && !error; i++)
		error = put_member(reading, change, &shape, &members[i], nets, out);
	return error;
}

/* The state's sets with the members that the image has. */
static int put_sets(struct reading *reading, struct text text, struct buffer *out)
{
	size_t found = 0;
	int error = 0;

	while (text.size && !error) {
		const char *end = memchr(text.data, '\n', text.size);
		struct text line = {text.data, end ? (size_t)(end - text.data) : text.size}, rest;
		bool create;
		const struct nft_change *change = changed_set(reading, line, &create, &rest);
		if (!change || create) {
			buffer_add(out, line.data, line.size);
			buffer_puts(out, "\n");
		}
		if (change && create) {
			found++;
			error = put_members(reading, change, rest, out);
		}
		text.data += line.size + (end != NULL);
		text.size -= line.size + (end != NULL);
	}
	/* an anonymous set, or one that stands for something else */
	if (!error && found != reading->changes->count)
		error =
		    stale(reading, "sets were changed that are not those of state %" PRIu32, reading->number);
	return error;
}

static int load(struct reading *reading, struct buffer *sets, struct ruleset **ruleset)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct rules_text texts[FAMILY_COUNT + 1];
	struct text text;
	size_t count = 0;
	int error = sink ? 0 : -ENOMEM;

	for (int i = 0; i <= FAMILY_COUNT && !error; i++) {
		const char *file = i < FAMILY_COUNT ? state_rule_files[i] : STATE_SETS;
		size_t said = reading->why->size;
		error =
		    state_read(reading->store, reading->arena, reading->number, file, &text, reading->why);
		if (error == -ENOENT) {
			reading->why->size = said;
			error = 0;
			continue;
		}
		if (!error && i == FAMILY_COUNT && reading->changes->count) {
			error = put_sets(reading, text, sets);
			text = (struct text){sets->data ? sets->data : "", sets->size};
			if (!error && sets->failed)
				error = -ENOMEM;
		}
		const char *name = arena_printf(reading->arena, "%s/states/%" PRIu32 "/%s",
						reading->store->path, reading->number, file);
		if (!error && !name)
			error = -ENOMEM;
		texts[count++] = (struct rules_text){name, text};
	}
	if (!error)
		error = rules_load_texts(texts, count, sink, ruleset);
	if (error == -EINVAL)
		error = stale(reading, "the rules of state %" PRIu32 " cannot be read", reading->number);
	if (!error)
		policy_mark_limits(*ruleset);
	return error;
}

int early_state_rules(struct state_store *store, struct arena *arena, uint32_t number,
		      const struct nft_image *image, struct ruleset **ruleset, struct buffer *why)
{
	struct nft_image *lifted __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct nft_image *own __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct reading reading = {.store = store, .number = number, .arena = arena, .why = why};
	struct buffer sets = {0};
	int error = 0;

	if (!number) {
		for (int family = 0; family < FAMILY_COUNT && !error; family++)
			if (image->tables[family].present)
				error = stale(&reading, "weir's tables in the kernel are of no state");
		*ruleset = error ? NULL : ruleset_new();
		return error ? error : *ruleset ? 0 : -ENOMEM;
	}
	error = state_overlay_lifted(store, number, image, &lifted);
	if (!error)
		error = compare(&reading, lifted ? lifted : image, &own);
	if (!error)
		error = load(&reading, &sets, ruleset);
	nft_changes_free(reading.changes);
	buffer_fini(&sets);
	return error;
}
