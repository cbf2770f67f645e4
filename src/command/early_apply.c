/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Behind a change of the rules, or without one: XDP is made what the state in force drops early. */
#include "command/early_apply.h"
#include "command/early_private.h"
#include "command/early_state.h"
#include "kernel/nft_fingerprint.h"
#include "kernel/state_overlay.h"
#include "kernel/state_switch.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

/* Names of all devices of this network namespace. */
static int list_devices(struct arena *arena, const char ***names, size_t *count)
{
	struct if_nameindex *devices = if_nameindex();
	size_t all = 0;
	int error = 0;

	if (!devices)
		return -errno;
	while (devices[all].if_index)
		all++;
	*names = arena_array(arena, all + 1, sizeof(**names));
	if (!*names)
		error = -ENOMEM;
	for (*count = 0; *count < all && !error; ++*count) {
		(*names)[*count] = arena_printf(arena, "%s", devices[*count].if_name);
		if (!(*names)[*count])
			error = -ENOMEM;
	}
	if_freenameindex(devices);
	return error;
}

struct widening {
	struct state_store *store;
	uint32_t number;
	bool narrowed; /* what is attached is sound, though of other rules */
	struct early_report *report;
	struct buffer *why;
	struct arena *arena;
	struct early_devices devices;
	struct nft_image *live;
	uint64_t fingerprint;
	const char *sources;
	bool loaded;
	struct ruleset *rules; /* NULL: not to be known, and `unknown` says why */
	struct buffer unknown;
};

static int read_rules(struct widening *widening)
{
	int error;

	if (widening->loaded)
		return 0;
	error = early_state_rules(widening->store, widening->arena, widening->number, widening->live,
				  &widening->rules, &widening->unknown);
	widening->loaded = true;
	if (error && !widening->unknown.size)
		buffer_puts(&widening->unknown, strerror(-error));
	return error == -ENOMEM ? error : 0;
}

/* Whether weir's tables are still those that the program was made of. */
static int look_again(struct attaching *attaching)
{
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer why = {0};
	uint64_t fingerprint;
	int error = nft_image_read(&live, &why);

	buffer_fini(&why);
	fingerprint = error ? ~attaching->fingerprint : nft_fingerprint(live);
	return attaching_look_again(attaching, &fingerprint);
}

static void tell_attached(struct early_report *report, const char *device, const struct attaching *attaching)
{
	struct attaching_totals totals = attaching_count(attaching);
	const char *note = attaching->result.native_refused ? attaching_note(attaching) : NULL;
	struct buffer words = {0};

	buffer_printf(&words, "%zu of %zu rules and policies that drop, in %s mode%s%s",
		      totals.all + totals.some, totals.rules,
		      attaching->result.generic ? "generic" : "native", note ? "; " : "", note ? note : "");
	if (attaching->host.packet_listeners)
		buffer_printf(&words, "; %u packet socket%s (tcpdump and its kind) no longer see%s it",
			      attaching->host.packet_listeners,
			      attaching->host.packet_listeners == 1 ? "" : "s",
			      attaching->host.packet_listeners == 1 ? "s" : "");
	early_tell(report, device, attaching->result.swapped ? EARLY_SWAPPED : EARLY_ATTACHED, words.data);
	buffer_fini(&words);
}

/* true: it is attached now. */
static bool attach(struct widening *widening, const char *device, bool by_hand)
{
	struct attaching attaching;
	int code = 0;

	if (!widening->rules) {
		early_tell(widening->report, device, EARLY_NOT_ATTACHED, widening->unknown.data);
		return false;
	}
	attaching = early_attaching(device, widening->rules, NULL);
	attaching.sources = widening->sources;
	attaching.by_hand = by_hand;
	attaching.has_fingerprint = true;
	attaching.fingerprint = widening->fingerprint;
	code = attaching_examine(&attaching);
	if (!code)
		code = attaching_compute(&attaching);
	if (!code) {
		struct attaching_totals totals = attaching_count(&attaching);
		if (!totals.all && !totals.some) {
			buffer_puts(&attaching.why, "nothing in these rules can be dropped early");
			code = -1;
		}
	}
	if (!code)
		code = attaching_load(&attaching);
	if (!code)
		code = attaching_switch(&attaching);
	if (!code)
		code = look_again(&attaching);
	if (code)
		early_tell_first(widening->report, device, EARLY_NOT_ATTACHED, &attaching.why);
	else
		tell_attached(widening->report, device, &attaching);
	attaching_fini(&attaching);
	return !code;
}

/* What is attached and must go, or may stay until what follows it is there. */
struct standing {
	bool is_there, by_hand, stays;
	bool kept; /* it is what it shall be */
};

static int judge(struct widening *widening, const struct link *link, const struct attachment *attachment,
		 bool wanted, struct standing *standing)
{
	const struct meta_header *header = attachment->meta.header;
	const char *of_host, *of_rules;
	struct host host;
	int error = host_read(widening->arena, link->name, &host);

	bool between = header->rules == META_BETWEEN;
	if (error == -EPERM && !widening->narrowed &&
	    (between || header->fingerprint != widening->fingerprint))
		return early_take_away(link->name, link->index,
				       "the rules are others, and the host cannot be looked at",
				       widening->report, widening->why);
	if (error == -EPERM) { /* who attached it could look, and the rules are the same */
		early_tell(widening->report, link->name, EARLY_KEPT,
			   "the host cannot be looked at: not permitted");
		standing->kept = true;
		return 0;
	}
	if (!error)
		error = early_find_stale(widening->arena, attachment, &host, widening->fingerprint, &of_host,
					 &of_rules);
	if (error) {
		buffer_printf(widening->why, "%s: cannot look at XDP: %s", link->name, strerror(-error));
		return error;
	}
	bool sound = !of_host && (widening->narrowed || (!of_rules && !between));
	standing->is_there = true;
	standing->by_hand = header->by_hand;
	standing->kept = sound && !of_rules && !between &&
			 (header->by_hand || (wanted && early_same_facts(attachment, &host)));
	standing->stays = sound && (wanted || header->by_hand);
	if (standing->stays)
		return 0;
	standing->is_there = false;
	const char *reason = of_host  ? of_host
			     : !sound ? (between ? "a change of the rules was cut off" : of_rules)
				      : "no interface statement of the rules names it, or it has xdp off";
	return early_take_away(link->name, link->index, reason, widening->report, widening->why);
}

/* A device where nothing of others is. */
static int widen_weir(struct widening *widening, const struct link *link, const struct attachment *attachment,
		      bool wanted)
{
	struct standing standing = {.is_there = false};
	int error = attachment ? judge(widening, link, attachment, wanted, &standing) : 0;

	if (error)
		return error;
	if (standing.kept) {
		if (!early_find(widening->report, link->name))
			early_tell(widening->report, link->name, EARLY_KEPT, NULL);
		return 0;
	}
	if (!wanted && !standing.stays)
		return 0;
	error = read_rules(widening);
	if (error)
		return error;
	if (attach(widening, link->name, standing.by_hand && !wanted) || !standing.is_there)
		return 0;
	/* What was narrowed drops less than it could, and what is of a host that got better, too: but who
	 * cannot be told what stands there is better off without. */
	struct early_result *result = early_find(widening->report, link->name);
	return early_take_away(link->name, link->index, result ? result->words : NULL, widening->report,
			       widening->why);
}

static int widen_device(struct widening *widening, const char *device)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	bool wanted = early_devices_want(&widening->devices, device);
	enum presence presence;
	struct link link;
	int error = link_read(widening->arena, device, &link);

	if (error == -ENODEV)
		return 0;
	if (!error)
		error = early_look(&link, &attachment, &presence);
	if (error) {
		buffer_printf(widening->why, "%s: cannot look at XDP: %s", device, strerror(-error));
		return error;
	}
	switch (presence) {
	case PRESENT_NONE:
		return widen_weir(widening, &link, NULL, wanted);
	case PRESENT_APPLIED:
		return widen_weir(widening, &link, &attachment, wanted);
	case PRESENT_FOREIGN:
		if (wanted)
			early_tell(
			    widening->report, device, EARLY_NOT_ATTACHED,
			    "another XDP program is attached, and weir does not replace what is not its own");
		return 0;
	case PRESENT_LIVE:
		if (wanted)
			early_tell(widening->report, device, EARLY_NOT_ATTACHED,
				   "weir is attached there for the rules of iptables: weir detach it first");
		return 0;
	case PRESENT_UNKNOWN:
		if (wanted)
			early_tell(widening->report, device, EARLY_NOT_ATTACHED,
				   "another version of weir is attached there: weir detach it first");
		return 0;
	}
	return 0;
}

/* Devices by name that there are not now. */
static void tell_missing(struct widening *widening, const char *const *names, size_t count)
{
	for (size_t i = 0; i < widening->devices.count; i++) {
		const struct early_device *device = &widening->devices.list[i];
		bool there = device->name.wildcard || device->off;
		for (size_t k = 0; k < count && !there; k++)
			there = strcmp(names[k], device->name.name) == 0;
		if (!there)
			early_tell(widening->report, device->name.name, EARLY_NOT_ATTACHED,
				   "there is no such device now");
	}
}

static int prepare(struct widening *widening)
{
	struct state state = {.rules = ""};
	int error = early_devices_read(widening->store, widening->arena, widening->number, &widening->devices,
				       widening->why);

	if (!error && widening->number)
		error = state_get(widening->store, widening->arena, widening->number, &state, widening->why);
	widening->sources = state.rules;
	if (!error)
		error = nft_image_read(&widening->live, widening->why);
	if (!error)
		widening->fingerprint = nft_fingerprint(widening->live);
	if (!error)
		error = state_overlay_lift(widening->store, widening->number, &widening->live);
	return error;
}

int early_widen(struct state_store *store, uint32_t number, const char *device, bool narrowed,
		struct early_report *report, struct buffer *why)
{
	struct widening widening = {.store = store,
				    .number = number,
				    .narrowed = narrowed,
				    .report = report,
				    .why = why,
				    .arena = arena_new()};
	const char **names = &device;
	size_t count = 1;
	int error = widening.arena ? prepare(&widening) : -ENOMEM;

	if (!error && !device)
		error = list_devices(widening.arena, &names, &count);
	bool ready = !error;
	/* what must go from one device goes whatever stands at the others */
	for (size_t i = 0; i < count && ready; i++) {
		int failed = widen_device(&widening, names[i]);
		error = error ? error : failed;
	}
	if (!error && !device)
		tell_missing(&widening, names, count);
	if (error && !why->size)
		buffer_puts(why, strerror(-error));
	ruleset_free(widening.rules);
	nft_image_free(widening.live);
	buffer_fini(&widening.unknown);
	if (widening.arena)
		arena_free(widening.arena);
	return error;
}

int early_in_force(struct state_store *store, uint32_t *number, struct buffer *why)
{
	struct state_pending pending;
	int error = state_current(store, number, why);

	if (!error)
		error = state_pending(store, &pending, why);
	if (!error && pending.kind == STATE_PENDING_TRY && !state_pending_of_old(&pending))
		*number = pending.number;
	return error;
}

int early_withdraw(struct early_report *report, struct buffer *why)
{
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct link *links;
	size_t count = 0;
	int error = arena ? link_with_xdp(arena, &links, &count) : -ENOMEM;

	if (!error && count)
		error = nft_image_read(&live, why);
	for (size_t i = 0; i < count && live; i++) {
		struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
		enum presence presence;
		int failed = early_look(&links[i], &attachment, &presence);
		if (!failed && presence == PRESENT_APPLIED &&
		    (attachment.meta.header->rules == META_BETWEEN ||
		     attachment.meta.header->fingerprint != nft_fingerprint(live)))
			failed = early_take_away(links[i].name, links[i].index,
						 "the rules are others, and what was applied cannot be told",
						 report, why);
		error = error ? error : failed;
	}
	return error;
}

/* --- Without doing it */

static bool is_kept(struct arena *arena, const char *device, uint64_t fingerprint)
{
	struct attachment attachment __attribute__((cleanup(attachment_cleanup))) = ATTACHMENT_NONE;
	const char *of_host, *of_rules;
	enum presence presence;
	struct host host;

	if (host_read(arena, device, &host) || early_look(&host.link, &attachment, &presence) ||
	    presence != PRESENT_APPLIED ||
	    early_find_stale(arena, &attachment, &host, fingerprint, &of_host, &of_rules))
		return false;
	return !of_host && !of_rules && attachment.meta.header->rules == META_APPLIED &&
	       early_same_facts(&attachment, &host);
}

static void rehearse_device(const char *device, const struct ruleset *ruleset, struct early_report *report)
{
	struct attaching attaching = early_attaching(device, ruleset, NULL);
	int code;

	code = attaching_examine(&attaching);
	if (!code)
		code = attaching_compute(&attaching);
	struct attaching_totals totals = attaching_count(&attaching);
	if (!code && !totals.all && !totals.some) {
		buffer_puts(&attaching.why, "nothing in these rules can be dropped early");
		code = -1;
	}
	if (code) {
		early_tell_first(report, device, EARLY_NOT_ATTACHED, &attaching.why);
	} else {
		char words[128];
		snprintf(words, sizeof(words), "%zu of %zu rules and policies that drop",
			 totals.all + totals.some, totals.rules);
		early_tell(report, device, EARLY_WOULD_ATTACH, words);
	}
	attaching_fini(&attaching);
}

int early_rehearse(const struct ruleset *ruleset, const struct nft_image *target, struct early_report *report)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct early_devices devices;
	const char **names;
	size_t count = 0;
	int error = arena ? early_devices_of(arena, ruleset, &devices) : -ENOMEM;

	if (!error)
		error = list_devices(arena, &names, &count);
	for (size_t i = 0; i < count && !error; i++) {
		if (!early_devices_want(&devices, names[i]))
			continue;
		if (is_kept(arena, names[i], nft_fingerprint(target)))
			early_tell(report, names[i], EARLY_WOULD_KEEP, NULL);
		else
			rehearse_device(names[i], ruleset, report);
	}
	return error;
}
